package projections_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

var update = flag.Bool("update", false, "write the printed tables into docs/")

func TestTableIsComplete(t *testing.T) {
	if len(projections.Table) != len(projections.States) {
		t.Errorf("%d rows for %d states", len(projections.Table), len(projections.States))
	}
	for _, s := range projections.States {
		for _, a := range projections.Actions {
			c, ok := projections.Table[s][a]
			switch {
			case !ok:
				t.Errorf("%s %s: no cell", s, a)
			case c.To != "" && (c.Verdict != projections.Allow || projections.Table[c.To] == nil || c.To == s):
				t.Errorf("%s %s: leads to %q", s, a, c.To)
			case c.Next != "" && c.Verdict != projections.Refuse:
				t.Errorf("%s %s: is done and still has a hint", s, a)
			}
		}
		if n := len(projections.Table[s]); n != len(projections.Actions) {
			t.Errorf("%s: %d cells for %d actions", s, n, len(projections.Actions))
		}
	}
}

func TestEveryStateHasAWayOut(t *testing.T) {
	for _, s := range projections.States {
		leaves := slices.ContainsFunc(projections.Actions, func(a projections.Action) bool {
			c := projections.Table[s][a]
			return c.Verdict == projections.Allow && c.To != "" && c.To != s
		})
		if leaves != (s != projections.Removed) {
			t.Errorf("%s: some action leads out of it: %v", s, leaves)
		}
	}
}

// TestEveryStateReachesRunningAndRemoved walks the table by what it allows
// and what its hints name: no bottle is stuck short of use or of its end.
func TestEveryStateReachesRunningAndRemoved(t *testing.T) {
	for _, from := range projections.States[:len(projections.States)-1] {
		reached := map[projections.State]bool{from: true}
		for range projections.States {
			for s := range reached {
				for _, c := range projections.Table[s] {
					if c.Verdict == projections.Allow && c.To != "" {
						reached[c.To] = true
					}
				}
			}
		}
		for _, want := range []projections.State{projections.Running, projections.Removed} {
			if !reached[want] {
				t.Errorf("%s never gets to %s", from, want)
			}
		}
	}
}

// TestHintsWork asks the bottle for what its refusal told the user to do.
func TestHintsWork(t *testing.T) {
	for _, s := range projections.States {
		for _, protected := range []bool{false, true} {
			b := bottleIn(t, s)
			b.Protected = protected
			for _, a := range projections.Actions {
				done, err := b.Can(a)
				var r *projections.Refusal
				switch {
				case err == nil && done != (projections.Table[s][a].Verdict == projections.Already):
					t.Errorf("%s %s: done is %v", s, a, done)
				case err == nil:
					continue
				case !errors.As(err, &r):
					t.Fatalf("%s %s: %T %v", s, a, err, err)
				}
				next, of := actionOf(r.Next)
				switch {
				case s == projections.Removed:
					if r.Next != "bot-bottle history "+b.ID {
						t.Errorf("%s %s: next is %q", s, a, r.Next)
					}
				case r.Next == "bot-bottle unprotect "+b.Slug:
					if r.Kind != "protected" || !protected {
						t.Errorf("%s %s: told to unprotect for a %s", s, a, r.Kind)
					}
					if _, err := b.Can(projections.Edit); err != nil {
						t.Errorf("%s %s: told to unprotect, which says %v", s, a, err)
					}
				case of != b.Slug:
					t.Errorf("%s %s: next is %q", s, a, r.Next)
				default:
					if _, err := b.Can(next); err != nil {
						t.Errorf("%s %s: told to %s, which says %v", s, a, next, err)
					}
				}
			}
		}
	}
}

// TestComebackNamesWhatWorks asks for what show prints as the next command.
func TestComebackNamesWhatWorks(t *testing.T) {
	for _, s := range projections.States {
		b := bottleIn(t, s)
		c := b.Comeback(true)
		if s == projections.Removed {
			if c.Next != "bot-bottle history "+b.ID || len(c.BringsBack) > 0 {
				t.Errorf("%s: %+v", s, c)
			}
			continue
		}
		next, of := actionOf(c.Next)
		if _, err := b.Can(next); err != nil || of != b.Slug || len(c.BringsBack) == 0 || len(c.Loses) == 0 {
			t.Errorf("%s: %+v: %v", s, c, err)
		}
	}
}

func TestProtectionForbidsOnlyRemoval(t *testing.T) {
	for _, s := range projections.States {
		b := bottleIn(t, s)
		b.Protected = true
		for _, a := range projections.Actions {
			_, err := b.Can(a)
			var r *projections.Refusal
			protected := errors.As(err, &r) && r.Kind == "protected"
			if want := (a == projections.Remove || a == projections.ForceRemove) && s != projections.Removed; protected != want {
				t.Errorf("%s %s: refused by protection: %v", s, a, protected)
			}
		}
	}
}

// actionOf reads a hint back: the action and the bottle it names.
func actionOf(next string) (projections.Action, string) {
	for _, a := range projections.Actions {
		if of, ok := strings.CutPrefix(next, "bot-bottle "+string(a)+" "); ok && !strings.Contains(of, " ") {
			return a, of
		}
	}
	return "", ""
}

// TestPrintedTables keeps docs/recovery.md equal to the code.
func TestPrintedTables(t *testing.T) {
	section(t, "../docs/recovery.md", "actions", printActions())
	section(t, "../docs/recovery.md", "outcomes", printOutcomes(t))
}

func printActions() string {
	var s strings.Builder
	header(&s, "asked")
	for _, a := range projections.Actions {
		fmt.Fprintf(&s, "| `%s` |", a)
		for _, st := range projections.States {
			c := projections.Table[st][a]
			switch {
			case c.Verdict == projections.Already:
				s.WriteString(" already so |")
			case c.Verdict == projections.Allow && c.To != "":
				fmt.Fprintf(&s, " → **%s** |", c.To)
			case c.Verdict == projections.Allow:
				s.WriteString(" yes |")
			case c.Next != "":
				fmt.Fprintf(&s, " no: `%s` |", c.Next)
			default:
				s.WriteString(" no |")
			}
		}
		s.WriteByte('\n')
	}
	return s.String()
}

func printOutcomes(t *testing.T) string {
	observed := func(status string) events.Payload { return &events.BottleObserved{Status: status} }
	var s strings.Builder
	header(&s, "recorded")
	for _, row := range []struct {
		name string
		what events.Payload
	}{
		{"`ActionFailed` of start, resume", &events.ActionFailed{Action: events.ActionResume}},
		{"`ActionFailed` of stop, remove", &events.ActionFailed{Action: events.ActionStop}},
		{"`BottleStarted`", &events.BottleStarted{}},
		{"`BottleStopped`", &events.BottleStopped{}},
		{"`BottleRemoved`", &events.BottleRemoved{}},
		{"`BottleObserved` gone, replaced", observed("gone")},
		{"`BottleObserved` paused, unresponsive", observed("paused")},
		{"`BottleObserved` created", observed("created")},
		{"`BottleObserved` running", observed("running")},
		{"`BottleObserved` stopped", observed("stopped")},
	} {
		fmt.Fprintf(&s, "| %s |", row.name)
		for _, st := range projections.States {
			b := bottleIn(t, st)
			if apply(t, &b, row.what); b.State == st {
				s.WriteString(" · |")
			} else {
				fmt.Fprintf(&s, " → **%s** |", b.State)
			}
		}
		s.WriteByte('\n')
	}
	return s.String()
}

func header(s *strings.Builder, first string) {
	fmt.Fprintf(s, "| %s |", first)
	for _, st := range projections.States {
		fmt.Fprintf(s, " %s |", st)
	}
	s.WriteString("\n|---|" + strings.Repeat("---|", len(projections.States)) + "\n")
}

// section compares what stands between a file's markers with text, or writes
// it there.
func section(t *testing.T, file, name, text string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- printed: "+name+" -->\n", "<!-- end: "+name+" -->"
	before, rest, ok := strings.Cut(string(data), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s: no markers for %q", file, name)
	}
	if old == text {
		return
	}
	if !*update {
		t.Fatalf("%s: the table %q differs from the code; go test ./projections -run Printed -update writes it.\nwant:\n%s\ngot:\n%s", file, name, text, old)
	}
	if err := os.WriteFile(file, []byte(before+begin+text+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// bottleIn brings a bottle into a state by events.
func bottleIn(t require, s projections.State) projections.Bottle {
	t.Helper()
	b := bottle(t)
	switch s {
	case projections.Created:
		b = projections.Bottle{ID: b.ID}
		apply(t, &b, &events.BottleCreated{Slug: "a"})
	case projections.Stopped:
		apply(t, &b, &events.BottleStopped{Reason: events.ReasonUser})
	case projections.Failed:
		apply(t, &b, &events.BottleStopped{Reason: events.ReasonUser}, &events.ActionRequested{Action: "resume"}, &events.ActionFailed{Action: "resume"})
	case projections.Lost:
		apply(t, &b, &events.BottleObserved{Status: "gone"})
	case projections.Removed:
		apply(t, &b, &events.BottleRemoved{})
	}
	if b.State != s {
		t.Fatalf("brought to %s instead of %s", b.State, s)
	}
	return b
}
