package events

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"gitea.dideric.is/didericis/bot-bottle/migrations"
)

// exportSchema numbers the format of an export. It only grows, like the JSON
// of an event.
const exportSchema = 1

// exportHeader is the first line of an export.
type exportHeader struct {
	Schema    int    `json:"schema"`
	Home      string `json:"home"`       // id of the home that was exported
	LogSchema int64  `json:"log_schema"` // of its tables
	Events    int64  `json:"events"`     // how many lines follow
}

// exportLine is an event in an export. What is JSON in the log stands there
// as the very bytes of the log, so that its digests can be made again.
type exportLine struct {
	Seq      int64           `json:"seq"`
	Stream   string          `json:"bottle"`
	Version  int64           `json:"version"`
	Type     string          `json:"type"`
	Time     int64           `json:"time"` // milliseconds since 1970
	Data     json.RawMessage `json:"data"`
	Erasable json.RawMessage `json:"erasable"` // null: none, or redacted
	Salt     *string         `json:"salt"`     // hex; null with erasable
	Digest   *string         `json:"digest"`   // hex; null for a type without an erasable part
	Origin   json.RawMessage `json:"origin"`
}

// Export writes the whole log that a view sees as JSON lines: a header, then
// an event a line in their order. [Log.Restore] reads it.
func Export(ctx context.Context, v *View, homeID string, w io.Writer) error {
	head, err := v.Head(ctx)
	if err != nil {
		return err
	}
	line, err := marshal(exportHeader{Schema: exportSchema, Home: homeID, LogSchema: migrations.Latest, Events: head})
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	var seen int64
	err = v.Scan(ctx, Filter{}, func(e Event) error {
		seen++
		if line, err = appendLine(line[:0], e); err != nil {
			return &Damaged{Path: v.path, Seq: e.Seq, Err: err}
		}
		if _, err := w.Write(line); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		return nil
	})
	if err == nil && seen != head {
		err = &Damaged{Path: v.path, Seq: seen + 1, Why: "it is missing"}
	}
	return err
}

// appendLine writes an event. It is done by hand because encoding/json
// compacts and rewrites what is JSON already.
func appendLine(b []byte, e Event) ([]byte, error) {
	raw := func(key string, v []byte) error {
		b = append(append(b, key...), ':')
		switch {
		case v == nil:
			b = append(b, "null"...)
		case bytes.IndexByte(v, '\n') >= 0, !json.Valid(v):
			return fmt.Errorf("%s is not one line of JSON", key)
		default:
			b = append(b, v...)
		}
		return nil
	}
	text := func(key string, v any) error {
		j, err := marshal(v)
		if err != nil {
			return err
		}
		b = append(append(append(b, key...), ':'), j...)
		return nil
	}
	binary := func(key string, v []byte) {
		b = append(append(b, key...), ':')
		if v == nil {
			b = append(b, "null"...)
			return
		}
		b = append(hex.AppendEncode(append(b, '"'), v), '"')
	}
	b = strconv.AppendInt(append(b, `{"seq":`...), e.Seq, 10)
	if err := text(`,"bottle"`, e.Stream); err != nil {
		return nil, err
	}
	b = strconv.AppendInt(append(b, `,"version":`...), e.Version, 10)
	if err := text(`,"type"`, e.Type); err != nil {
		return nil, err
	}
	b = strconv.AppendInt(append(b, `,"time":`...), e.Time.UnixMilli(), 10)
	if err := raw(`,"data"`, e.Data); err != nil {
		return nil, err
	}
	if err := raw(`,"erasable"`, e.Erasable); err != nil {
		return nil, err
	}
	binary(`,"salt"`, e.Salt)
	binary(`,"digest"`, e.Digest)
	if err := raw(`,"origin"`, e.Origin); err != nil {
		return nil, err
	}
	return append(b, '}', '\n'), nil
}
