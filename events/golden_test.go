package events_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// example is a line of a golden file: an event as some release wrote it. Such
// lines are never changed and never removed; what a type gains is shown by a
// new line.
type example struct {
	Name     string          `json:"name"`
	Data     json.RawMessage `json:"data"`
	Erasable json.RawMessage `json:"erasable"`
}

func golden(eventType string) string { return filepath.Join("testdata", eventType+".jsonl") }

func examples(t testing.TB, eventType string) (out []example) {
	t.Helper()
	b, err := os.ReadFile(golden(eventType))
	must(t, err)
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		var e example
		strictly(t, lines.Bytes(), &e)
		if string(e.Erasable) == "null" {
			e.Erasable = nil
		}
		out = append(out, e)
	}
	must(t, lines.Err())
	return out
}

func strictly(t testing.TB, data []byte, v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
}

// TestGolden holds every type to the JSON that it was ever written as: all of
// it is read, and it is still written byte by byte the same, so that a new
// field must be left out when it says nothing.
func TestGolden(t *testing.T) {
	for _, eventType := range events.Types() {
		t.Run(eventType, func(t *testing.T) {
			all := examples(t, eventType)
			if len(all) < 2 {
				t.Errorf("%s holds %d examples, not a full and a minimal one", golden(eventType), len(all))
			}
			seen := map[string]bool{}
			for _, x := range all {
				p := events.New(eventType)
				strictly(t, x.Data, p)
				if e, ok := p.(events.Erasing); ok {
					strictly(t, x.Erasable, e.ErasablePart())
					pathsOf(t, x.Erasable, seen)
				}
				pathsOf(t, x.Data, seen)
				data, erasable, err := events.Encode(p)
				must(t, err)
				if !bytes.Equal(data, x.Data) || !bytes.Equal(erasable, x.Erasable) {
					t.Errorf("%s: written as\n%s %s\nonce\n%s %s", x.Name, data, erasable, x.Data, x.Erasable)
				}
				decoded, err := events.Decode(events.Event{Type: eventType, Data: x.Data, Erasable: x.Erasable})
				must(t, err)
				if !reflect.DeepEqual(decoded, p) {
					t.Errorf("%s: decoded %+v, not %+v", x.Name, decoded, p)
				}
			}
			p := events.New(eventType)
			declared := map[string]bool{}
			fieldsOf(reflect.TypeOf(p).Elem(), "", declared)
			if e, ok := p.(events.Erasing); ok {
				fieldsOf(reflect.TypeOf(e.ErasablePart()).Elem(), "", declared)
			}
			for _, path := range slices.Sorted(maps.Keys(declared)) {
				if !seen[path] {
					t.Errorf("no example of %s shows %s: add a line to %s", eventType, path, golden(eventType))
				}
			}
		})
	}
}

// TestGrown decodes what a later release may write: a type only grows.
func TestGrown(t *testing.T) {
	for _, eventType := range events.Types() {
		x := examples(t, eventType)[0]
		grown := append([]byte(`{"some_later_field":{"a":[1]},`), x.Data[1:]...)
		if string(x.Data) == "{}" {
			grown = []byte(`{"some_later_field":1}`)
		}
		now, err := events.Decode(events.Event{Type: eventType, Data: x.Data, Erasable: x.Erasable})
		must(t, err)
		later, err := events.Decode(events.Event{Type: eventType, Data: grown, Erasable: x.Erasable})
		if err != nil || !reflect.DeepEqual(now, later) {
			t.Errorf("%s: %+v %v", eventType, later, err)
		}
	}
}

// pathsOf collects the keys in a JSON value, nested ones with dots.
func pathsOf(t testing.TB, data []byte, into map[string]bool) {
	t.Helper()
	var v any
	must(t, json.Unmarshal(data, &v))
	var walk func(v any, at string)
	walk = func(v any, at string) {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				into[at+k] = true
				walk(inner, at+k+".")
			}
		case []any:
			for _, inner := range v {
				walk(inner, at)
			}
		}
	}
	walk(v, "")
}

// fieldsOf collects the keys that a struct declares, in the same form.
func fieldsOf(typ reflect.Type, at string, into map[string]bool) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() {
		return
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" {
			into[at+name] = true
			fieldsOf(f.Type, at+name+".", into)
		}
	}
}

// TestGoldenOrigin holds the origin to its JSON as well: it is hashed with
// the event.
func TestGoldenOrigin(t *testing.T) {
	b, err := os.ReadFile("testdata/origin.jsonl")
	must(t, err)
	seen, declared := map[string]bool{}, map[string]bool{}
	for line := range bytes.Lines(b) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		var o events.Origin
		strictly(t, line, &o)
		pathsOf(t, line, seen)
		opts := options(t.TempDir())
		opts.Origin = o
		l := open(t, opts)
		if e := appendTo(t, l, id(1), 0, created("a"))[0]; !bytes.Equal(e.Origin, line) {
			t.Errorf("written as\n%s\nonce\n%s", e.Origin, line)
		}
		closed(t, l)
	}
	fieldsOf(reflect.TypeFor[events.Origin](), "", declared)
	if !maps.Equal(seen, declared) {
		t.Errorf("the examples show %v, an origin has %v", slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(declared)))
	}
}
