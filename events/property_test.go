package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// anyPayload draws an event of any type with texts of any kind.
func anyPayload(t *rapid.T) events.Payload {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "<&>", "\u2028", "\x00\n\"\\", "\xff", "🍾"}))
	texts := rapid.SliceOfN(text, 0, 3)
	number := rapid.IntRange(-1, 1<<31)
	switch name := rapid.SampledFrom(events.Types()).Draw(t, "type"); name {
	case "BottleCreated":
		b := created(text.Draw(t, "slug"))
		b.Argv, b.Cwd = texts.Draw(t, "argv"), text.Draw(t, "cwd")
		b.Spec.Labels = rapid.MapOfN(text, text, 0, 3).Draw(t, "labels")
		b.Spec.Limits.CPUs = rapid.Float64Range(0, 64).Draw(t, "cpus")
		return b
	case "ActionFailed":
		return &events.ActionFailed{Reason: text.Draw(t, "reason"), LeftBehind: texts.Draw(t, "left")}
	case "ExecStarted":
		return &events.ExecStarted{Argc: number.Draw(t, "argc"), ExecPrivate: events.ExecPrivate{Argv0: text.Draw(t, "argv0")}}
	case "FileCopied":
		return &events.FileCopied{Bytes: rapid.Int64().Draw(t, "bytes"), CopyPrivate: events.CopyPrivate{Path: text.Draw(t, "path")}}
	case "BottleLabelled":
		return &events.BottleLabelled{Set: rapid.MapOfN(text, text, 0, 3).Draw(t, "set"), Unset: texts.Draw(t, "unset")}
	case "BottleStopped":
		code := number.Draw(t, "code")
		return &events.BottleStopped{Reason: text.Draw(t, "reason"), ExitCode: &code}
	default:
		return events.New(name)
	}
}

// TestReadEqualsWritten appends at random, in one transaction or several,
// some of them undone, opens the log anew in between, and compares what is
// read with what was returned, byte by byte; then it goes through an export.
func TestReadEqualsWritten(t *testing.T) {
	empty, dir := copyOf(t, "empty"), t.TempDir()
	n := 0
	home := func(t *rapid.T) (string, func()) {
		n++
		home := filepath.Join(dir, strconv.Itoa(n))
		copyFiles(t, home, empty)
		return home, func() { os.RemoveAll(home) }
	}
	rapid.Check(t, func(t *rapid.T) {
		first, drop := home(t)
		defer drop()
		l := open(t, options(first))
		defer func() { closed(t, l) }()
		var written []events.Event
		versions := map[string]int64{}
		undone := errors.New("undone")
		for range rapid.IntRange(1, 4).Draw(t, "transactions") {
			if rapid.IntRange(0, 5).Draw(t, "reopen") == 0 {
				closed(t, l)
				l = open(t, options(first))
			}
			keep := rapid.IntRange(0, 4).Draw(t, "keep") > 0
			var part []events.Event
			now := map[string]int64{}
			err := l.Update(context.Background(), func(tx *events.Tx) error {
				for range rapid.IntRange(0, 4).Draw(t, "appends") {
					stream := id(rapid.IntRange(0, 3).Draw(t, "stream"))
					var ps []events.Payload
					for range rapid.IntRange(1, 3).Draw(t, "events") {
						ps = append(ps, anyPayload(t))
					}
					if _, ok := now[stream]; !ok {
						now[stream] = versions[stream]
					}
					out, err := tx.Append(context.Background(), stream, now[stream], ps...)
					if err != nil {
						return err
					}
					now[stream] += int64(len(ps))
					part = append(part, out...)
				}
				if !keep {
					return undone
				}
				return nil
			})
			if keep && err != nil || !keep && !errors.Is(err, undone) {
				t.Fatal(err)
			}
			if keep {
				written = append(written, part...)
				for s, v := range now {
					versions[s] = v
				}
			}
		}
		same(t, "the log", scan(t, l, events.Filter{}), written)
		inStep(t, l)
		for i, e := range written {
			if e.Seq != int64(i+1) || !json.Valid(e.Data) || !json.Valid(e.Origin) {
				t.Fatalf("event %d is %+v", i+1, e)
			}
		}
		export := exported(t, l, l.HomeID())
		second, drop := home(t)
		defer drop()
		m := open(t, options(second))
		defer closed(t, m)
		if _, err := m.Restore(context.Background(), bytes.NewReader(export), false); err != nil {
			t.Fatal(err)
		}
		restored := scan(t, m, events.Filter{})
		same(t, "the restored log", restored[:len(restored)-1], written) // less LogRestored
	})
}

func same(t require, what string, got, want []events.Event) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s holds %d events, not %d", what, len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("%s: event %d is\n%+v, not\n%+v", what, i+1, got[i], want[i])
		}
	}
}
