package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// UnknownType says that the log holds an event that this program does not
// know: it was written by a newer bot-bottle. Such an event is never skipped.
type UnknownType struct {
	Type string
	Seq  int64
}

func (u *UnknownType) Error() string {
	return fmt.Sprintf("event %d is a %q, which this bot-bottle does not know: it was written by a newer one", u.Seq, u.Type)
}

// Malformed says that an event's stored JSON cannot be read.
type Malformed struct {
	Seq  int64
	Type string
	Err  error
}

func (m *Malformed) Error() string {
	return fmt.Sprintf("event %d (%s) cannot be read: %v", m.Seq, m.Type, m.Err)
}

func (m *Malformed) Unwrap() error { return m.Err }

// Types lists the catalogue in alphabetical order.
func Types() []string { return slices.Sorted(maps.Keys(catalogue)) }

// New makes an empty payload of a type of the catalogue, or nil.
func New(eventType string) Payload {
	if make := catalogue[eventType]; make != nil {
		return make()
	}
	return nil
}

// Decode reads an event's payload, its erasable part included where it is
// still there. Fields that this program does not know are ignored: JSON of a
// type only grows.
func Decode(e Event) (Payload, error) {
	p := New(e.Type)
	if p == nil {
		return nil, &UnknownType{Type: e.Type, Seq: e.Seq}
	}
	if err := json.Unmarshal(e.Data, p); err != nil {
		return nil, &Malformed{Seq: e.Seq, Type: e.Type, Err: err}
	}
	if er, ok := p.(Erasing); ok && e.Erasable != nil {
		if err := json.Unmarshal(e.Erasable, er.ErasablePart()); err != nil {
			return nil, &Malformed{Seq: e.Seq, Type: e.Type, Err: err}
		}
	}
	return p, nil
}

// Encode writes a payload and its erasable part; erasable is nil for a type
// that has none.
func Encode(p Payload) (data, erasable []byte, err error) {
	if data, err = marshal(p); err != nil {
		return nil, nil, err
	}
	if er, ok := p.(Erasing); ok {
		erasable, err = marshal(er.ErasablePart())
	}
	return data, erasable, err
}

// marshal is json.Marshal without the rewriting of <, > and &: what is
// stored is hashed and exported as it stands.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
