package projections_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

var errUndone = errors.New("undone on purpose")

// loadsTheFold compares what is remembered with the stream as stored.
func (h *home) loadsTheFold(ctx context.Context, t require, tx *events.Tx, id string) projections.Bottle {
	t.Helper()
	stream, err := tx.Stream(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.tables.Load(ctx, tx, id)
	var none *projections.NoSuchBottle
	if len(stream) == 0 {
		if !errors.As(err, &none) {
			t.Fatalf("there is no %s, but: %v", id, err)
		}
		return got
	}
	if err != nil {
		t.Fatal(err)
	}
	if want := fold(t, stream); !reflect.DeepEqual(got, want) {
		t.Fatalf("remembered\n%+v\nstored\n%+v", got, want)
	}
	return got
}

// TestRolledBackWorkIsNotRemembered lets two processes share a home. Either
// may append, look at what it did, and have it undone; what follows takes the
// same versions and the same numbers in the log.
func TestRolledBackWorkIsNotRemembered(t *testing.T) {
	dir := template(t)
	undone := 0
	check(t, 30, func(t *rapid.T) {
		one := caseHome(t, dir)
		defer one.drop(t)
		two := open(t, one.dir)
		defer two.close(t)
		for i, s := range drawSteps(t, 2, 40) {
			h := rapid.SampledFrom([]*home{one, two}).Draw(t, "process")
			if rapid.IntRange(1, 3).Draw(t, "undone") > 1 {
				undone++
				err := h.log.Update(context.Background(), func(tx *events.Tx) error {
					ctx := context.Background()
					if rapid.Bool().Draw(t, "load before") {
						h.loadsTheFold(ctx, t, tx, s.stream)
					}
					ps := []events.Payload{&events.BottleProtected{On: true}, &events.BottleLabelled{Set: map[string]string{"undone": fmt.Sprint(i)}}}
					if s.expect == 0 {
						ps = append([]events.Payload{&events.BottleCreated{Slug: fmt.Sprintf("undone-%d", i), InstanceName: fmt.Sprintf("undone-%d", i)}}, ps...)
					}
					if _, err := tx.Append(ctx, s.stream, s.expect, ps...); err != nil {
						return err
					}
					if rapid.Bool().Draw(t, "load after") {
						h.loadsTheFold(ctx, t, tx, s.stream)
					}
					return errUndone
				})
				if !errors.Is(err, errUndone) {
					t.Fatal(err)
				}
			}
			if rapid.Bool().Draw(t, "the other one") {
				h = map[*home]*home{one: two, two: one}[h]
			}
			h.update(t, func(ctx context.Context, tx *events.Tx) error {
				if rapid.Bool().Draw(t, "load first") {
					h.loadsTheFold(ctx, t, tx, s.stream)
				}
				if _, err := tx.Append(ctx, s.stream, s.expect, s.events...); err != nil {
					return err
				}
				h.loadsTheFold(ctx, t, tx, s.stream)
				return nil
			})
			if rapid.Bool().Draw(t, "both look") {
				for _, h := range []*home{one, two} {
					h.update(t, func(ctx context.Context, tx *events.Tx) error { h.loadsTheFold(ctx, t, tx, s.stream); return nil })
				}
			}
		}
		one.sound(t)
	})
	t.Logf("%d transactions were undone", undone)
}

// TestFailedAppendIsNotRemembered goes on in the same transaction after an
// append that the tables refused.
func TestFailedAppendIsNotRemembered(t *testing.T) {
	h := newHome(t)
	h.append(t, "a", 0, &events.BottleCreated{Slug: "a", InstanceName: "a"})
	h.append(t, "b", 0, &events.BottleCreated{Slug: "b", InstanceName: "b"})
	ctx := context.Background()
	err := h.log.Update(ctx, func(tx *events.Tx) error {
		var taken *projections.NameTaken
		if _, err := tx.Append(ctx, "b", 1, &events.BottleRenamed{From: "b", To: "a"}); !errors.As(err, &taken) || taken.Holder.ID != "a" {
			t.Errorf("renamed to a taken name: %v", err)
		}
		return errUndone
	})
	if !errors.Is(err, errUndone) {
		t.Fatal(err)
	}
	h.update(t, func(ctx context.Context, tx *events.Tx) error {
		if b := h.loadsTheFold(ctx, t, tx, "b"); b.Slug != "b" {
			t.Errorf("b is called %s", b.Slug)
		}
		return nil
	})
	h.sound(t)
}

func TestLoadOfNothing(t *testing.T) {
	h := newHome(t)
	h.append(t, "home", 0, &events.LogRestored{FromHome: "x"})
	h.update(t, func(ctx context.Context, tx *events.Tx) error {
		for range 2 { // the second time out of memory
			for _, id := range []string{"home", "nowhere"} {
				var none *projections.NoSuchBottle
				if _, err := h.tables.Load(ctx, tx, id); !errors.As(err, &none) || none.Word != id {
					t.Errorf("%s: %v", id, err)
				}
				if _, err := projections.LoadView(ctx, &tx.View, id); !errors.As(err, &none) {
					t.Errorf("%s by a reader: %v", id, err)
				}
			}
		}
		return nil
	})
	h.append(t, "home", 1, &events.LogRestored{FromHome: "y"})
	if rows := h.list(t, projections.Query{All: true}); len(rows) != 0 {
		t.Errorf("the home's own stream is listed: %v", rows)
	}
	h.sound(t)
}

// TestLoadedBottleIsTheCallersOwn scribbles over all that can be reached from
// a loaded bottle and loads it again.
func TestLoadedBottleIsTheCallersOwn(t *testing.T) {
	h := newHome(t)
	full := fullBottle()
	h.append(t, "a", 0, full...)
	h.update(t, func(ctx context.Context, tx *events.Tx) error {
		for range 2 {
			b := h.loadsTheFold(ctx, t, tx, "a")
			if n := scribble(reflect.ValueOf(&b).Elem()); n < 60 {
				t.Errorf("only %d fields were found to scribble over", n)
			}
		}
		return nil
	})
	h.update(t, func(ctx context.Context, tx *events.Tx) error { h.loadsTheFold(ctx, t, tx, "a"); return nil })
}

// fullBottle is a life that fills every part of a bottle there is.
func fullBottle() []events.Payload {
	code := 3
	return []events.Payload{
		&events.BottleCreated{Slug: "a", InstanceName: "a", Imported: &events.Imported{Identity: "A", BottleNames: []string{"b"}},
			Spec: events.Spec{Ports: []events.Port{{HostPort: 1}}, Labels: map[string]string{"k": "v"}},
			Private: events.Private{Argv: []string{"a"}, ResumeArgv: []string{"b"},
				Env: []events.EnvVar{{Name: "A"}}, Mounts: []events.Mount{{Source: "/m"}},
				ImportedUnknown: map[string]json.RawMessage{"u": json.RawMessage("1")}}},
		&events.InstanceCreated{Generation: 1, InstanceName: "a", InstanceID: "i"},
		&events.ResourceCreated{Kind: "network", Ref: "n"},
		&events.BottleRemoved{LeftBehind: []string{"x"}},
		&events.AgentExited{ExitCode: &code},
		&events.ActionFailed{Action: "remove", LeftBehind: []string{"y"}},
		&events.ActionRequested{Action: "remove"},
	}
}

// scribble overwrites every value that can be reached, and counts them. A nil
// pointer, map or slice would hide one, so it panics: the bottle is not full.
func scribble(v reflect.Value) (n int) {
	switch v.Kind() {
	case reflect.Pointer:
		return scribble(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				n += scribble(v.Field(i))
			}
		}
		return n
	case reflect.Slice:
		if v.Len() == 0 {
			panic("empty " + v.Type().String())
		}
		for i := range v.Len() {
			n += scribble(v.Index(i))
		}
		return n
	case reflect.Map:
		if v.Len() == 0 {
			panic("empty " + v.Type().String())
		}
		for _, k := range v.MapKeys() {
			if v.Type().Elem().Kind() == reflect.Slice {
				n += scribble(v.MapIndex(k)) // what the map's copy shares
			}
			v.SetMapIndex(k, reflect.ValueOf("scribbled").Convert(v.Type().Elem()))
			n++
		}
		return n
	case reflect.String:
		v.SetString("scribbled")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Float64:
		v.SetFloat(-1)
	case reflect.Uint8:
		v.SetUint(99)
	default:
		v.SetInt(-99)
	}
	return 1
}
