package cli

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/term"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/outer"
)

// fdOf finds the descriptor behind a stream; ok is false for one that has
// none, as in tests.
func fdOf(stream any) (fd int, ok bool) {
	f, ok := stream.(interface{ Fd() uintptr })
	if !ok {
		return 0, false
	}
	return int(f.Fd()), true
}

func isTerminal(stream any) bool {
	fd, ok := fdOf(stream)
	return ok && term.IsTerminal(fd)
}

// withTerminal runs f with the caller's terminal handed over to the agent:
// raw input, the size first and at every change. Whatever way f ends, by a
// panic too, the terminal is as it was before. Where stdin is no terminal
// nothing is changed.
func (c *call) withTerminal(readOnly bool, f func(backends.Streams) error) (err error) {
	streams := backends.Streams{In: c.env.Stdin, Out: c.env.Stdout, Err: c.env.Stderr}
	screen, err := c.guard(&streams, outer.Options{Deaf: readOnly || !isTerminal(c.env.Stdin)})
	if err != nil {
		return err
	}
	if fd, ok := fdOf(c.env.Stdin); ok && term.IsTerminal(fd) {
		raw := &rawInput{from: c.env.Stdin, fd: fd, entered: c.progress.handOver, screen: screen}
		streams.In = raw
		defer func() {
			if screen != nil && screen.Pending() {
				drain(fd)
			}
			rerr := raw.restore()
			c.progress.takeBack()
			if rerr != nil && err == nil {
				err = fmt.Errorf("restore the terminal: %w", rerr)
			}
		}()
	}
	if readOnly {
		streams.In = nil
	}
	if fd, ok := fdOf(c.env.Stdout); ok && term.IsTerminal(fd) {
		defer screen.Reset() // whether the terminal is still there or not
		sizes, stop := watchSize(fd)
		defer stop()
		streams.Resize = sizes
	}
	return f(streams)
}

// rawInput is a terminal that turns raw when it is first read from: until
// the agent is connected Ctrl-C must still reach us.
type rawInput struct {
	from    io.Reader
	fd      int
	entered func()
	screen  *outer.Terminal // is told what is read, for the answers in it; may be nil

	mu     sync.Mutex
	before *term.State
	over   bool
}

// Read reads what is typed, key by key.
func (r *rawInput) Read(p []byte) (int, error) {
	if err := r.enter(); err != nil {
		return 0, err
	}
	n, err := r.from.Read(p)
	if r.screen != nil {
		r.screen.Heard(p[:n])
	}
	return n, err
}

// enter makes the terminal raw, once. A reader that comes too late must not
// do it again.
func (r *rawInput) enter() (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.over:
		return io.EOF
	case r.before == nil:
		if r.before, err = term.MakeRaw(r.fd); err != nil {
			return fmt.Errorf("put the terminal into raw mode: %w", err)
		}
		r.entered()
	}
	return nil
}

func (r *rawInput) restore() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.before == nil {
		return nil
	}
	return term.Restore(r.fd, r.before)
}

// terminalSize is the size of the terminal behind a stream; zero where there
// is none.
func terminalSize(stream any) backends.Size {
	fd, ok := fdOf(stream)
	if !ok {
		return backends.Size{}
	}
	return sizeOf(fd)
}

func sizeOf(fd int) backends.Size {
	w, h, err := term.GetSize(fd)
	if err != nil || w <= 0 || h <= 0 || w > 0xffff || h > 0xffff {
		return backends.Size{}
	}
	return backends.Size{Rows: uint16(h), Cols: uint16(w)}
}

// watchSize delivers the terminal's size, first the current one. A size that
// nobody took yet is replaced by the newer one.
func watchSize(fd int) (<-chan backends.Size, func()) {
	sizes := make(chan backends.Size, 1)
	send := func() {
		s := sizeOf(fd)
		if s == (backends.Size{}) {
			return
		}
		select {
		case <-sizes:
		default:
		}
		sizes <- s
	}
	changed, done, left := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(changed, syscall.SIGWINCH)
	send()
	go func() {
		defer close(left)
		for {
			select {
			case <-changed:
				send()
			case <-done:
				return
			}
		}
	}()
	return sizes, func() {
		signal.Stop(changed)
		close(done)
		<-left
	}
}

// checkDetachKeys reads keys as docker writes them: single characters, and
// ctrl- with a letter or one of @ [ \ ] ^ _, separated by commas.
func checkDetachKeys(s string) error {
	if s == "" {
		return nil
	}
	for _, k := range strings.Split(s, ",") {
		ctrl, isCtrl := strings.CutPrefix(k, "ctrl-")
		switch {
		case isCtrl && len(ctrl) == 1 && (ctrl[0] >= 'a' && ctrl[0] <= 'z' || strings.Contains(`@[\]^_`, ctrl)):
		case !isCtrl && len(k) == 1 && k[0] > ' ' && k[0] < 0x7f:
		default:
			return usageError(fmt.Sprintf("detach keys %q: use single characters or ctrl-x, with commas between, as in ctrl-p,ctrl-q", clip(s)))
		}
	}
	return nil
}
