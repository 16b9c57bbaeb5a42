package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

const (
	// blobTries is how often a broken connection is taken up again within one
	// blob.
	blobTries = 5
	// blobPause is how long a registry is let alone before.
	blobPause = 200 * time.Millisecond
)

// blob reads a layer. A connection that breaks is taken up again where it
// broke.
type blob struct {
	p     *puller
	ctx   context.Context
	d     descriptor
	say   string
	body  io.ReadCloser
	at    int64
	tries int
	said  int64
}

func (p *puller) blob(ctx context.Context, i int, d descriptor) io.ReadCloser {
	return &blob{p: p, ctx: ctx, d: d, say: fmt.Sprintf("layer %d, %.12s", i+1, d.Digest[len("sha256:"):])}
}

func (b *blob) open() error {
	header := http.Header{}
	if b.at > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", b.at))
	}
	answer, err := b.p.get(b.ctx, "blobs/"+b.d.Digest, header)
	if err != nil {
		return err
	}
	if b.at > 0 && answer.StatusCode != http.StatusPartialContent { // from the beginning
		if _, err := io.CopyN(io.Discard, answer.Body, b.at); err != nil {
			answer.Body.Close()
			return err
		}
	}
	b.body = answer.Body
	return nil
}

func (b *blob) Read(p []byte) (int, error) {
	if left := b.d.Size - b.at; left <= 0 {
		return 0, io.EOF
	} else if int64(len(p)) > left {
		p = p[:left]
	}
	n, err := b.read(p)
	if n > 0 {
		b.at += int64(n)
		b.p.done += int64(n)
		b.p.moved()
		if b.p.done>>20 != b.said>>20 || b.at == b.d.Size { // a word a megabyte
			b.said = b.p.done
			b.p.say(backends.Progress{Step: "pull", Detail: b.say, Done: b.p.done, Total: b.p.total})
		}
		return n, nil
	}
	if err == nil || b.ctx.Err() != nil || errors.Is(err, backends.ErrImageNotFound) || errors.Is(err, backends.ErrImageDenied) {
		return 0, err
	}
	b.Close()
	if b.tries++; b.tries > blobTries {
		return 0, fmt.Errorf("%s: the registry sent %d bytes of %d: %w", b.say, b.at, b.d.Size, short(err))
	}
	select {
	case <-b.ctx.Done():
	case <-time.After(blobPause):
	}
	return 0, b.ctx.Err()
}

// short is the end of a stream that came too early: to those who read, the
// end by itself would say that all is there.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (b *blob) read(p []byte) (int, error) {
	if b.body == nil {
		if err := b.open(); err != nil {
			return 0, err
		}
	}
	return b.body.Read(p)
}

func (b *blob) Close() error {
	if b.body == nil {
		return nil
	}
	body := b.body
	b.body = nil
	return body.Close()
}
