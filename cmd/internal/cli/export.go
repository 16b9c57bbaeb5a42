package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// exportCmd is `export`.
type exportCmd struct {
	Out string `placeholder:"F" help:"Write to this file, which must not exist; stdout otherwise."`
}

func (e *exportCmd) run(ctx context.Context, c *call) error {
	l, err := c.reader(ctx)
	if err != nil {
		return err
	}
	if l == nil {
		return &problem{Code: codeNotFound, Message: "export: there is no log yet"}
	}
	write := func(w io.Writer) error {
		return l.View(ctx, func(v *events.View) error { return events.Export(ctx, v, l.HomeID(), w) })
	}
	if e.Out == "" || e.Out == "-" {
		out := &streamOut{out: c.out}
		buffered := bufio.NewWriterSize(out, 1<<16)
		err := write(buffered)
		if err == nil {
			err = buffered.Flush()
		}
		if out.err != nil {
			return out.err
		}
		return err
	}
	return exportTo(c.abs(e.Out), write)
}

// exportTo writes beside the file and moves it there whole, synced: half an
// export must not look like one.
func exportTo(path string, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return usageError(fmt.Sprintf("export: %s exists already", path))
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-") // 0600: it holds argv and folders
	if err != nil {
		return usageError("export: " + err.Error())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	if err := write(w); err != nil {
		return err
	}
	if err := errors.Join(w.Flush(), f.Sync()); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil { // not Rename: it would replace what came meanwhile
		return fmt.Errorf("export: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// abs makes a path of the command line absolute.
func (c *call) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.env.Cwd, path)
}
