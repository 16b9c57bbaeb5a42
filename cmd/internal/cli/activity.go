package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// attention is what an agent wants, in one word; "" is nothing.
func attention(a *lifecycle.Activity) string {
	if a.Exited {
		return "exited"
	}
	return a.Attention
}

// activityKeys writes what an agent does; null: it was not asked, or is none.
func (b *bottleRow) activityKeys(j *jsonBuf) {
	if b.does == nil || *b.does == (lifecycle.Activity{}) {
		j.null("activity")
		return
	}
	j.open("activity", '{').time("last_output_at", b.does.LastOutput).time("bell_at", b.does.Bell).
		opt("title", b.does.Title).opt("attention", attention(b.does)).opt("note", b.does.Note).close('}')
}

// activityText is the same for a table.
func (b *bottleRow) activityText(now time.Time) string {
	if b.does == nil {
		return ""
	}
	var parts []string
	if want := attention(b.does); want != "" {
		parts = append(parts, strings.TrimSuffix(want+": "+b.does.Note, ": "))
	}
	if !b.does.LastOutput.IsZero() {
		parts = append(parts, "output "+age(b.does.LastOutput, now)+" ago")
	}
	if b.does.Title != "" {
		parts = append(parts, b.does.Title)
	}
	return strings.Join(parts, ", ")
}

// onAttention runs the command that the config has for an agent that wants
// attention. What the agent said is in the command's environment, where it is
// nobody's code. That it fails is told, and is no failure of who waits.
func (c *call) onAttention(ctx context.Context, conf *config, b projections.Bottle, a *lifecycle.Activity) {
	if len(conf.OnAttention) == 0 {
		return
	}
	cmd := exec.CommandContext(ctx, conf.OnAttention[0], conf.OnAttention[1:]...)
	cmd.Env = append(os.Environ(), "BOT_BOTTLE_BOTTLE="+b.Slug, "BOT_BOTTLE_ATTENTION="+attention(a),
		"BOT_BOTTLE_NOTE="+safe(strings.ReplaceAll(a.Note, "\x00", "")))
	if out, err := cmd.CombinedOutput(); err != nil {
		c.progress.warn(b.Slug, fmt.Sprintf("on_attention: %s: %v: %s", conf.OnAttention[0], err, clip(string(out))))
	}
}

// screenshot is what an agent's terminal shows.
type screenshot struct {
	guest.Status
	text []byte // lines
}

// screenshot asks for it: in colours for a person who wants some, plain
// otherwise.
func (c *call) screenshot(ctx context.Context, b projections.Bottle) (*screenshot, error) {
	m, err := c.manager(ctx, nil)
	if err != nil {
		return nil, err
	}
	styled := c.Output == asTable && c.colour()
	status, text, err := m.Screen(ctx, b, styled)
	return &screenshot{status, text}, err
}

// print writes it as far down as there is anything on it.
func (s *screenshot) print(to io.Writer) error {
	text := string(s.text)
	for text != "" {
		rest := strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\x1b[m")
		if rest != "" && !strings.HasSuffix(rest, "\n") {
			break
		}
		text = rest
	}
	_, err := io.WriteString(to, safeColoured(text))
	return err
}

func (s *screenshot) keys(j *jsonBuf) {
	lines := strings.Split(string(bytes.TrimSuffix(s.text, []byte("\n"))), "\n")
	j.open("screen", '{').num("rows", int64(s.Size.Rows)).num("cols", int64(s.Size.Cols)).
		num("cursor_row", int64(s.Row)).num("cursor_col", int64(s.Col)).opt("title", s.Title).strs("lines", lines).close('}')
}
