package images

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/imagefile"
)

// unpack takes the compression off a layer, by its first bytes. done ends it
// and says whether all went well.
func unpack(ctx context.Context, packed io.Reader) (r io.Reader, done func() error, err error) {
	b := bufio.NewReaderSize(packed, 64<<10)
	begin, err := b.Peek(imagefile.MagicLen)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	nothing := func() error { return nil }
	switch kind := imagefile.Packing(begin); kind {
	case "":
		return b, nothing, nil
	case imagefile.Gzip:
		z, err := gzip.NewReader(b)
		return readerFunc(func(p []byte) (int, error) {
			n, err := z.Read(p)
			return n, gzipError(err)
		}), nothing, gzipError(err)
	case imagefile.Zstd:
		return unzstd(ctx, b)
	default:
		return nil, nil, fmt.Errorf("%w: it is packed with %s", backends.ErrBadRequest, kind)
	}
}

// gzipError tells damage from trouble with the source.
func gzipError(err error) error {
	var corrupt flate.CorruptInputError
	if errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.As(err, &corrupt) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", imagefile.ErrDamaged, err)
	}
	return err
}

// unzstd runs the program zstd. Few images need it, and a library for it
// would make every command start later.
func unzstd(ctx context.Context, packed io.Reader) (io.Reader, func() error, error) {
	program, err := exec.LookPath("zstd")
	if err != nil {
		return nil, nil, fmt.Errorf("it is packed with zstd, and that program is missing (Debian: apt-get install zstd): %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, program, "-dcq", "--memory=128MB", "-")
	cmd.Stdin, cmd.WaitDelay = packed, time.Second
	var says bytes.Buffer
	cmd.Stderr = &says
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, nil, err
	}
	ended := false
	r := readerFunc(func(p []byte) (int, error) {
		n, err := out.Read(p)
		ended = ended || errors.Is(err, io.EOF)
		return n, err
	})
	return r, func() error {
		if !ended { // nobody wants the rest
			cancel()
		}
		err := cmd.Wait()
		cancel()
		if err != nil && ended {
			return fmt.Errorf("%w: zstd: %.200q", imagefile.ErrDamaged, says.String())
		}
		return nil
	}, nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
