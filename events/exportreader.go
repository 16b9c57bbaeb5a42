package events

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/migrations"
)

// longestLine bounds a line of an export: what one event can hold of an argv
// is limited by the system to a few megabytes.
const longestLine = 64 << 20

// exportReader reads an export line by line and trusts none of it.
type exportReader struct {
	r    *bufio.Reader
	line int64
}

func (in *exportReader) bad(err error) error { return &BadExport{Line: in.line, Err: err} }

// next reads one line into v; io.EOF after the last. A field that this
// program does not know would be lost, so it is refused.
func (in *exportReader) next(v any) error {
	in.line++
	var line []byte
	for {
		part, err := in.r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > longestLine {
			return in.bad(fmt.Errorf("it is longer than %d bytes", longestLine))
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(line) == 0:
			return io.EOF
		case err == io.EOF:
			return in.bad(io.ErrUnexpectedEOF)
		case err != nil:
			return fmt.Errorf("read the export: %w", err)
		}
		break
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return in.bad(err)
	}
	if rest := bytes.TrimSpace(line[dec.InputOffset():]); len(rest) > 0 {
		return in.bad(errors.New("something follows its object"))
	}
	return nil
}

func (in *exportReader) header() (exportHeader, error) {
	var h exportHeader
	switch err := in.next(&h); {
	case err == io.EOF:
		return h, in.bad(io.ErrUnexpectedEOF)
	case err != nil:
		return h, err
	}
	switch {
	case h.Schema > exportSchema:
		return h, &Newer{Path: "the export", What: "export", Have: int64(h.Schema), Know: exportSchema}
	case h.LogSchema > migrations.Latest:
		return h, &Newer{Path: "the export", What: "schema", Have: h.LogSchema, Know: migrations.Latest}
	case h.Schema < 1:
		return h, in.bad(errors.New("it is no header of an export"))
	}
	if !isID(h.Home) {
		return h, in.bad(fmt.Errorf("%q is no id of a home", h.Home))
	}
	return h, nil
}

// event reads and checks an event by itself; its place is the caller's to check.
func (in *exportReader) event() (Event, error) {
	var l exportLine
	if err := in.next(&l); err != nil {
		return Event{}, err
	}
	e := Event{Seq: l.Seq, Stream: l.Stream, Version: l.Version, Type: l.Type, Time: time.UnixMilli(l.Time).UTC(), Data: l.Data, Origin: l.Origin}
	if string(l.Erasable) != "null" {
		e.Erasable = l.Erasable
	}
	var err error
	if e.Salt, err = unhex(l.Salt); err == nil {
		e.Digest, err = unhex(l.Digest)
	}
	if err == nil {
		err = e.check()
	}
	var unknown *UnknownType
	if errors.As(err, &unknown) {
		return e, err
	}
	if err != nil {
		return e, in.bad(err)
	}
	return e, nil
}

func unhex(s *string) ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	return hex.DecodeString(*s)
}

// check says whether an event could have been appended by this program.
func (e Event) check() error {
	if !isID(e.Stream) { // such an id becomes the name of files
		return fmt.Errorf("%q is no id of a bottle", e.Stream)
	}
	if !bytes.HasPrefix(e.Data, []byte("{")) || !bytes.HasPrefix(e.Origin, []byte("{")) {
		return errors.New("its data or origin is no object")
	}
	p, err := Decode(e)
	if err != nil {
		return err
	}
	var o Origin
	if err := json.Unmarshal(e.Origin, &o); err != nil {
		return fmt.Errorf("its origin: %w", err)
	}
	_, erasing := p.(Erasing)
	switch {
	case erasing != (e.Digest != nil):
		return errors.New("its digest does not fit its type")
	case (e.Salt != nil) != (e.Erasable != nil):
		return errors.New("it has only one of salt and erasable part")
	case e.Erasable != nil && !erasing:
		return errors.New("its type has no erasable part")
	case e.Erasable != nil && !bytes.Equal(digest(e.Salt, e.Erasable), e.Digest):
		return errors.New("its erasable part does not match its digest")
	case e.Digest != nil && len(e.Digest) != digestSize:
		return errors.New("its digest has the wrong length")
	}
	return nil
}
