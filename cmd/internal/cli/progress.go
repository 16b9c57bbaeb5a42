package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// redrawEvery bounds how often the live line is written anew.
const redrawEvery = 100 * time.Millisecond

// progress tells on stderr what goes on: on a terminal one live line a step,
// elsewhere one plain line a step. It is safe for several goroutines.
type progress struct {
	mu    sync.Mutex
	to    io.Writer
	live  bool // a terminal
	quiet bool // no steps, warnings only
	now   func() time.Time

	raw   bool   // the terminal is the agent's: steps would garble its screen
	open  bool   // a live line stands unfinished
	line  string // the live line's step
	drawn time.Time
}

// notice shows what a verb says.
func (p *progress) notice(n lifecycle.Notice) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch n.Level {
	case lifecycle.Warn:
		p.finish()
		fmt.Fprintf(p.to, "bot-bottle: warning: %s%s%s", prefixed(n.Slug), safe(n.Text), p.newline())
	case lifecycle.Step:
		if p.quiet || p.raw {
			return
		}
		p.finish()
		p.line = strings.TrimRight(fmt.Sprintf("%s%s %s", prefixed(n.Slug), safe(n.Step), safe(n.Text)), " ")
		p.draw("")
	case lifecycle.Progress:
		if p.quiet || !p.live || p.line == "" || p.now().Sub(p.drawn) < redrawEvery {
			return
		}
		p.draw(amount(n))
	}
}

// draw writes the line: to be written over on a terminal, for good elsewhere.
func (p *progress) draw(more string) {
	if !p.live {
		fmt.Fprintln(p.to, p.line)
		return
	}
	fmt.Fprintf(p.to, "\r\x1b[K%s%s", p.line, more)
	p.open, p.drawn = true, p.now()
}

// handOver gives the terminal to the agent, takeBack takes it again.
func (p *progress) handOver() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	p.raw = true
}

func (p *progress) takeBack() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.raw = false
}

// steady ends every line from now on: the agent prints between them.
func (p *progress) steady() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	p.live = false
}

// newline ends a line; a raw terminal does not return the carriage itself.
func (p *progress) newline() string {
	if p.raw {
		return "\r\n"
	}
	return "\n"
}

// end finishes the live line, before anything else is written.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
}

func (p *progress) finish() {
	if p.open {
		io.WriteString(p.to, p.newline())
		p.open = false
	}
	p.line = ""
}

func amount(n lifecycle.Notice) string {
	detail := clip(safe(orElse(n.Progress.Detail, n.Text)))
	switch {
	case n.Progress.Total > 0:
		return fmt.Sprintf(" %s %s/%s", detail, bytesText(n.Progress.Done), bytesText(n.Progress.Total))
	case n.Progress.Done > 0:
		return fmt.Sprintf(" %s %s", detail, bytesText(n.Progress.Done))
	}
	return " " + detail
}

func prefixed(slug string) string {
	if slug == "" {
		return ""
	}
	return safe(slug) + ": "
}

// say prints one plain line.
func (p *progress) say(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	io.WriteString(p.to, safe(line)+p.newline())
}

// warn tells of something that the user should know.
func (p *progress) warn(slug, text string) {
	p.notice(lifecycle.Notice{Level: lifecycle.Warn, Slug: slug, Text: text})
}
