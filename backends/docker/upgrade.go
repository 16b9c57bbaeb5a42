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
func (c *conn) feed(in io.Reader, keys *keySequence) {
	if in != nil {
		buf := make([]byte, 32<<10)
		for {
			n, err := in.Read(buf)
			keys.see(buf[:n]) // before the engine sees them and closes the stream
			if n > 0 {
				if _, werr := c.Write(buf[:n]); werr != nil {
					return
				}
			}
			if err != nil {
				break
			}
		}
	}
	c.CloseWrite()
}

// resize passes the terminal's size on until ctx ends, first the one that is
// known already, if any. A terminal that is not there yet takes it later: set
// is tried again, unless a newer size comes.
func resize(ctx context.Context, want backends.Size, sizes <-chan backends.Size, set func(context.Context, backends.Size) error) {
	todo := want != backends.Size{}
	for wait := firstRetry; ; {
		var again <-chan time.Time
		if todo && set(ctx, want) != nil {
			again = time.After(wait)
			wait = min(2*wait, lastRetry)
		} else {
			todo, wait = false, firstRetry
		}
		select {
		case <-ctx.Done():
			return
		case size, open := <-sizes:
			if open {
				want, todo = size, true
			} else {
				sizes = nil
			}
		case <-again:
		}
	}
}

// watch looks for the keys in what the user types and drops the rest.
func (k *keySequence) watch(in io.Reader) {
	if k == nil || in == nil {
		return
	}
	buf := make([]byte, 256)
	for {
		n, err := in.Read(buf)
		k.see(buf[:n])
		if err != nil {
			return
		}
	}
}

// keySequence notices the keys that detach. The engine acts on them; here is
// only remembered that they were typed, since a stream ends the same way when
// the process does.
type keySequence struct {
	keys []byte
	next int
	done chan struct{} // closed when all of them were typed
}

func newKeySequence(keys []byte) *keySequence {
	return &keySequence{keys: keys, done: make(chan struct{})}
}

// see is for one goroutine only.
func (k *keySequence) see(p []byte) {
	if k == nil || k.next == len(k.keys) {
		return
	}
	for _, b := range p {
		if b != k.keys[k.next] {
			k.next = 0
		}
		if b == k.keys[k.next] {
			k.next++
		}
		if k.next == len(k.keys) {
			close(k.done)
			return
		}
	}
}

// typed is closed when the keys were typed; of no keys it never is.
func (k *keySequence) typed() <-chan struct{} {
	if k == nil {
		return nil
	}
	return k.done
}

// notRunning is what a stream of something that does not run is.
func notRunning(op string, err error) error {
	if err == nil {
		return fmt.Errorf("%s: %w", op, backends.ErrNotRunning)
	}
	return fmt.Errorf("%s: %w: %w", op, backends.ErrNotRunning, err)
}
