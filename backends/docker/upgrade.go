package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/containerd/errdefs/pkg/errhttp"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/keys"
)

// conn is a connection to the engine that became a stream in both directions.
type conn struct {
	io.ReadWriteCloser
	stop func() bool // lets go of the context
}

// upgrade asks for a stream. The API client can, but waits for an engine that
// hangs whatever its context says, and keeps only the number of a refusal.
// The stream is closed when ctx ends.
func (b *Backend) upgrade(ctx context.Context, path string, query url.Values, ask any) (*conn, error) {
	var body io.Reader
	header := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"tcp"}, "Content-Type": {"text/plain"}}
	if ask != nil {
		text, err := json.Marshal(ask)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
		header.Set("Content-Type", "application/json")
	}
	path = "/v" + b.api.ClientVersion() + path
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	resp, err := b.request(ctx, http.MethodPost, path, body, header)
	if err != nil {
		return nil, err
	}
	stream, ok := resp.Body.(io.ReadWriteCloser)
	if resp.StatusCode != http.StatusSwitchingProtocols || !ok {
		defer resp.Body.Close()
		return nil, refusal(resp)
	}
	c := &conn{ReadWriteCloser: stream}
	c.stop = context.AfterFunc(ctx, func() { stream.Close() })
	return c, nil
}

func (c *conn) Close() error {
	c.stop()
	return c.ReadWriteCloser.Close()
}

// CloseWrite tells the other side that no more input comes.
func (c *conn) CloseWrite() error {
	if half, ok := c.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// maxRefusal bounds what is read of an engine's reason.
const maxRefusal = 64 << 10

// refusal reads an answer that is no stream, with the type of its status, as
// the API client types its own.
func refusal(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil {
		return err
	}
	var said struct{ Message string }
	words := strings.TrimSpace(string(text))
	if json.Unmarshal(text, &said) == nil && said.Message != "" {
		words = said.Message
	}
	err = errors.New(orElse(words, resp.Status))
	if kind := errhttp.ToNative(resp.StatusCode); kind != nil {
		return &typed{err, kind}
	}
	return err
}

// typed is an error of a kind that its words do not repeat.
type typed struct{ words, kind error }

func (t *typed) Error() string   { return t.words.Error() }
func (t *typed) Unwrap() []error { return []error{t.words, t.kind} }

// feed copies the caller's input to the engine until either ends. It is not
// waited for: a terminal where nobody types cannot be told to stop reading.
// Of input for a terminal the end is not told: there it means nothing, and
// dockerd would send no more output after it (attachStdin of
// container/stream/attach.go).
func (c *conn) feed(in io.Reader, let *keys.Sequence, terminal bool) {
	if in != nil {
		buf := make([]byte, 32<<10)
		for {
			n, err := in.Read(buf)
			typed := let.Pass(buf[:n])
			if err != nil {
				typed = append(typed, let.Release()...)
			}
			if len(typed) > 0 {
				if _, werr := c.Write(typed); werr != nil {
					return
				}
			}
			if let.IsTyped() {
				return
			}
			if err != nil {
				break
			}
		}
	}
	if !terminal {
		c.CloseWrite()
	}
}

// resize passes the terminal's size on until ctx ends, first the one that is
// known already, if any. A terminal that is not there yet takes it later: set
// is tried again, unless a newer size comes. What was set is set once more
// after a moment: Podman says yes to a size that came too early, and drops it.
func resize(ctx context.Context, want backends.Size, sizes <-chan backends.Size, set func(context.Context, backends.Size) error) {
	left := 0 // how often it is still to be set
	if want != (backends.Size{}) {
		left = 2
	}
	for wait := firstRetry; ; {
		var again <-chan time.Time
		if left > 0 {
			if set(ctx, want) == nil {
				left--
				wait = lastRetry
			}
			if left > 0 {
				again = time.After(wait)
			}
			wait = min(2*wait, lastRetry)
		}
		select {
		case <-ctx.Done():
			return
		case size, open := <-sizes:
			if open {
				want, left, wait = size, 2, firstRetry
			} else {
				sizes = nil
			}
		case <-again:
		}
	}
}

// notRunning is what a stream of something that does not run is.
func notRunning(op string, err error) error {
	if err == nil {
		return fmt.Errorf("%s: %w", op, backends.ErrNotRunning)
	}
	return fmt.Errorf("%s: %w: %w", op, backends.ErrNotRunning, err)
}
