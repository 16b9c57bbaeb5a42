package events_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// exported is the export of a log.
func exported(t require, l viewer, homeID string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := l.View(context.Background(), func(v *events.View) error {
		return events.Export(context.Background(), v, homeID, &b)
	}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// wholeLog is a home with an event of every type and form, one of them
// redacted, and its export.
func wholeLog(t testing.TB) (home string, export []byte) {
	t.Helper()
	home = filepath.Join(t.TempDir(), "home")
	l := open(t, options(home))
	n := 0
	for _, eventType := range events.Types() {
		for _, x := range examples(t, eventType) {
			p, err := events.Decode(events.Event{Type: eventType, Data: x.Data, Erasable: x.Erasable})
			must(t, err)
			appendTo(t, l, id(n%5), int64(n/5), p)
			n++
		}
	}
	closed(t, l)
	db := another(t, home)
	execute(t, db, "DELETE FROM erasable WHERE seq = (SELECT min(seq) FROM erasable)")
	closed(t, db)
	l = open(t, options(home))
	defer closed(t, l)
	return home, exported(t, l, l.HomeID())
}

func TestExportAndRestore(t *testing.T) {
	_, export := wholeLog(t)
	header, lines, _ := strings.Cut(string(export), "\n")
	n := strings.Count(lines, "\n")
	var exporter string
	if _, err := fmt.Sscanf(header, `{"schema":1,"home":"%36s","log_schema":2,"events":%d}`, &exporter, new(int)); err != nil {
		t.Fatalf("%s: %v", header, err)
	}
	for _, takeOver := range []bool{false, true} {
		home := filepath.Join(t.TempDir(), "home")
		o := options(home)
		projector := &counter{revision: 1}
		o.Projector = projector
		l := open(t, o)
		own := l.HomeID()
		done, err := l.Restore(t.Context(), bytes.NewReader(export), takeOver)
		must(t, err)
		want := events.Restored{FromHome: exporter, Events: int64(n), HomeID: own}
		if takeOver {
			want.HomeID = exporter
		}
		if done != want || l.HomeID() != want.HomeID {
			t.Errorf("restored %+v, home %s; want %+v", done, l.HomeID(), want)
		}
		if projector.rebuilds != 2 { // first open and now
			t.Errorf("%d rebuilds", projector.rebuilds)
		}
		inStep(t, l)
		_, again, _ := strings.Cut(string(exported(t, l, l.HomeID())), "\n")
		if rest, ok := strings.CutPrefix(again, lines); !ok || strings.Count(rest, "\n") != 1 {
			t.Errorf("the export of what was restored differs:\n%s\nwas\n%s", again, lines)
		}
		last := scan(t, l, events.Filter{AfterSeq: int64(n)})
		note, err := events.Decode(last[0])
		must(t, err)
		if want := (&events.LogRestored{FromHome: exporter, Events: int64(n), TakeOver: takeOver}); last[0].Stream != done.HomeID || !reflect.DeepEqual(note, events.Payload(want)) {
			t.Errorf("noted %+v on %s", note, last[0].Stream)
		}
		appendTo(t, l, id(7), 0, created("z"))
		if _, err := l.Restore(t.Context(), bytes.NewReader(export), false); !errors.Is(err, events.ErrNotEmpty) {
			t.Errorf("into a log with events: %v", err)
		}
		closed(t, l)
		l = open(t, options(home))
		if l.HomeID() != done.HomeID {
			t.Errorf("reopened, the home is %s", l.HomeID())
		}
		closed(t, l)

		// A restored log is exported and restored like any other.
		l = open(t, options(home))
		second := exported(t, l, l.HomeID())
		closed(t, l)
		l = open(t, options(filepath.Join(t.TempDir(), "home")))
		_, err = l.Restore(t.Context(), bytes.NewReader(second), true)
		must(t, err)
		stream := scan(t, l, events.Filter{Stream: done.HomeID})
		if len(stream) != 2 || stream[1].Version != 2 {
			t.Errorf("the home's stream is %v", stream)
		}
		closed(t, l)
	}
}

// TestTakeOverWhileOpen lets a process go on that knows another home.
func TestTakeOverWhileOpen(t *testing.T) {
	_, export := wholeLog(t)
	home := filepath.Join(t.TempDir(), "home")
	late := open(t, options(home))
	defer closed(t, late)
	l := open(t, options(home))
	defer closed(t, l)
	_, err := l.Restore(t.Context(), bytes.NewReader(export), true)
	must(t, err)
	var foreign *events.Foreign
	if _, err := tryAppend(late, id(7), 0, created("z")); !errors.As(err, &foreign) {
		t.Errorf("%v", err)
	}
}

// TestBadExports changes an export in one place each: nothing is restored.
func TestBadExports(t *testing.T) {
	_, export := wholeLog(t)
	lines := strings.SplitAfter(strings.TrimSuffix(string(export), "\n"), "\n")
	swap := func(old, new string) func([]string) []string {
		return func(l []string) []string {
			for i := range l {
				if strings.Contains(l[i], old) {
					l[i] = strings.Replace(l[i], old, new, 1)
					return l
				}
			}
			t.Fatalf("nothing holds %s", old)
			return nil
		}
	}
	promised := func(more int) string { return fmt.Sprintf(`"events":%d`, len(lines)-1+more) }
	type change = func([]string) []string
	for name, c := range map[string]struct {
		change change
		is     any // *BadExport unless said otherwise
	}{
		"nothing":                   {func([]string) []string { return nil }, nil},
		"a header only":             {func(l []string) []string { return l[:1] }, nil},
		"no header":                 {func(l []string) []string { return l[1:] }, nil},
		"cut within a line":         {func(l []string) []string { l[5] = l[5][:40]; return l[:6] }, nil},
		"cut between lines":         {func(l []string) []string { return l[:6] }, nil},
		"a line missing":            {func(l []string) []string { return append(l[:5:5], l[6:]...) }, nil},
		"a line twice":              {func(l []string) []string { return append(l[:6:6], l[5:]...) }, nil},
		"two lines swapped":         {func(l []string) []string { l[5], l[6] = l[6], l[5]; return l }, nil},
		"an empty line":             {func(l []string) []string { l[5] = "\n" + l[5]; return l }, nil},
		"something behind an event": {func(l []string) []string { l[5] = strings.TrimSuffix(l[5], "\n") + " {}\n"; return l }, nil},
		"another version":           {swap(`"version":2`, `"version":3`), nil},
		"another seq":               {swap(`"seq":9`, `"seq":8`), nil},
		"seq 0":                     {swap(`"seq":1,`, `"seq":0,`), nil},
		"changed erasable":          {swap(`"erasable":{"argv0":"sh"}`, `"erasable":{"argv0":"su"}`), nil},
		"changed erasable, space":   {swap(`{"argv0":"sh"}`, `{"argv0": "sh"}`), nil},
		"no digest":                 {func(l []string) []string { return swap(digestOf(l, "ExecStarted"), "null")(l) }, nil},
		"short digest":              {func(l []string) []string { return swap(digestOf(l, "BottleCreated"), `"00"`)(l) }, nil},
		"digest of no hex":          {func(l []string) []string { return swap(digestOf(l, "BottleCreated"), `"xx"`)(l) }, nil},
		"a digest too much":         {swap(`"bytes":12},"erasable":null,"salt":null,"digest":null`, `"bytes":12},"erasable":null,"salt":null,"digest":"`+strings.Repeat("00", 32)+`"`), nil},
		"erasable too much":         {swap(`"bytes":12},"erasable":null`, `"bytes":12},"erasable":{}`), nil},
		"salt too much":             {swap(`"bytes":12},"erasable":null,"salt":null`, `"bytes":12},"erasable":null,"salt":"00"`), nil},
		"data of another kind":      {swap(`"data":{"bytes":12}`, `"data":{"bytes":"many"}`), nil},
		"data null":                 {swap(`"data":{"bytes":12}`, `"data":null`), nil},
		"data missing":              {swap(`"data":{"bytes":12},`, ``), nil},
		"origin null":               {swap(`"origin":{`, `"origin":null,"x":{`), nil},
		"origin of another kind":    {swap(`"pid":42`, `"pid":"x"`), nil},
		"an unknown field":          {swap(`"type"`, `"later":1,"type"`), nil},
		"hostile stream":            {swap(id(3), `../../../../../../../../etc/cron.d/xx`), nil},
		"hostile home":              {swap(`"home":"`, `"home":"../../`), nil},
		"header of another kind":    {swap(`{"schema":1`, `{"schema":"1"`), nil},
		"no schema":                 {swap(`{"schema":1`, `{"schema":0`), nil},
		"more events promised":      {swap(promised(0), promised(1)), nil},
		"fewer events promised":     {swap(promised(0), promised(-1)), nil},
		"a newer export":            {swap(`{"schema":1`, `{"schema":2`), new(*events.Newer)},
		"a newer log":               {swap(`"log_schema":2`, `"log_schema":3`), new(*events.Newer)},
		"an unknown type":           {swap(`"type":"InputSent"`, `"type":"InputUnsent"`), new(*events.UnknownType)},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t)
			changed := strings.Join(c.change(append([]string{}, lines...)), "")
			if len(changed) > 0 && !strings.HasSuffix(changed, "\n") && name != "cut within a line" {
				changed += "\n"
			}
			is := c.is
			if is == nil {
				is = new(*events.BadExport)
			}
			own := l.HomeID()
			for _, takeOver := range []bool{false, true} {
				if _, err := l.Restore(t.Context(), strings.NewReader(changed), takeOver); !errors.As(err, is) {
					t.Errorf("%T %v", err, err)
				}
			}
			if n := len(scan(t, l, events.Filter{})); n != 0 || l.HomeID() != own {
				t.Errorf("%d events, home %s", n, l.HomeID())
			}
			inStep(t, l)
			if _, err := l.Restore(t.Context(), bytes.NewReader(export), true); err != nil {
				t.Errorf("the whole one afterwards: %v", err)
			}
		})
	}
}

// digestOf is the digest, as it stands, of the first event of a type.
func digestOf(lines []string, eventType string) string {
	for _, l := range lines {
		if strings.Contains(l, `"type":"`+eventType+`"`) {
			_, rest, _ := strings.Cut(l, `"digest":`)
			digest, _, _ := strings.Cut(rest, ",")
			return digest
		}
	}
	return ""
}

// TestRestoreUndone lets the fold refuse what was read.
func TestRestoreUndone(t *testing.T) {
	_, export := wholeLog(t)
	o := options(filepath.Join(t.TempDir(), "home"))
	projector := &counter{revision: 1}
	o.Projector = projector
	l := open(t, o)
	own := l.HomeID()
	boom := errors.New("boom")
	projector.fail = boom
	if _, err := l.Restore(t.Context(), bytes.NewReader(export), true); !errors.Is(err, boom) {
		t.Errorf("%v", err)
	}
	if l.HomeID() != own {
		t.Errorf("the home became %s", l.HomeID())
	}
	closed(t, l)
	projector.fail = nil
	l = open(t, o) // home-id was removed before the commit and comes back
	defer closed(t, l)
	if n := len(scan(t, l, events.Filter{})); n != 0 || l.HomeID() != own {
		t.Errorf("%d events, home %s", n, l.HomeID())
	}
}

// TestExportOfDamage does not hand on what cannot be restored.
func TestExportOfDamage(t *testing.T) {
	home := newHome(t)
	db := another(t, home)
	execute(t, db, "DROP TRIGGER events_keep_values", "UPDATE events SET data = '{]' WHERE seq = 3")
	closed(t, db)
	l := open(t, options(home))
	defer closed(t, l)
	err := l.View(t.Context(), func(v *events.View) error {
		return events.Export(t.Context(), v, l.HomeID(), &bytes.Buffer{})
	})
	var damaged *events.Damaged
	if !errors.As(err, &damaged) || damaged.Seq != 3 {
		t.Errorf("%v", err)
	}
}
