package guest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// journal writes a log by hand.
type journal struct {
	bytes.Buffer
	run  string
	n    uint64
	time int64
}

func (j *journal) add(r wire.Record) *journal {
	r.Run, r.N, r.Time = j.run, j.n, j.time
	j.n++
	line, err := r.Line()
	if err != nil {
		panic(err)
	}
	j.Write(line)
	return j
}

func (j *journal) begin(run string) *journal {
	j.run, j.n = run, 0
	return j.add(wire.Record{Began: &wire.Began{}}).add(wire.Record{Started: &wire.Started{PID: 7}})
}

func (j *journal) out(s string) *journal { return j.add(wire.Record{Out: []byte(s)}) }
func (j *journal) err(s string) *journal { return j.add(wire.Record{Err: []byte(s)}) }
func (j *journal) exit(code int) *journal {
	return j.add(wire.Record{Exit: &wire.Exit{Code: code}})
}

func (j *journal) reader() io.Reader { return bytes.NewReader(j.Bytes()) }

func TestTail(t *testing.T) {
	j := (&journal{}).begin("a")
	for i := range 20 {
		j.out(fmt.Sprintln(i + 1))
	}
	j.begin("b").out("21\n22\n2").out("3\n24").err("!\n").out("25 without an end")
	for lines, want := range map[int]string{0: "", 1: "25 without an end", 2: "24!\n25 without an end", 3: "23\n24!\n25 without an end", 5: "21\n22\n23\n24!\n25 without an end", 6: "20\n21\n22\n23\n24!\n25 without an end"} {
		var both bytes.Buffer
		if err := guest.ReadLog(j.reader(), backends.LogOptions{Tail: lines}, &both, &both); err != nil || both.String() != want {
			t.Errorf("%d lines are %q, %v, want %q", lines, both.String(), err, want)
		}
	}
	var all, errs bytes.Buffer
	guest.ReadLog(j.reader(), backends.LogOptions{Tail: 1000}, &all, &errs)
	if !strings.HasPrefix(all.String(), "1\n2\n") || errs.String() != "!\n" {
		t.Errorf("all: %q, %q", all.String(), errs.String())
	}
}

func TestSinceAndRuns(t *testing.T) {
	j := (&journal{time: time.Unix(100, 0).UnixNano()}).begin("a").out("early\n")
	j.time = time.Unix(102, 0).UnixNano()
	j.out("late\n").exit(3).begin("b").out("second\n").exit(4)
	var out bytes.Buffer
	if err := guest.ReadLog(j.reader(), backends.LogOptions{Tail: -1, Since: time.Unix(101, 0)}, &out, nil); err != nil || out.String() != "late\nsecond\n" {
		t.Errorf("since: %q, %v", out.String(), err)
	}
	out.Reset()
	if err := guest.CopyRun(j.reader(), "b", &out, nil); err != nil || out.String() != "second\n" {
		t.Errorf("one run: %q, %v", out.String(), err)
	}
	r, err := guest.LastRun(j.reader())
	if err != nil || r.ID != "b" || *r.ExitCode != 4 || !r.Over() || !r.Began.Equal(time.Unix(102, 0)) || r.PID != 7 {
		t.Errorf("the last run: %+v, %v", r, err)
	}
	if _, err := guest.LastRun(strings.NewReader("chatter\n")); !errors.Is(err, backends.ErrNotFound) {
		t.Errorf("no run: %v", err)
	}
}

func TestFollowGoesOnWhereTheTailEnded(t *testing.T) {
	j := (&journal{}).begin("a").out("old\n").exit(0).begin("b").out("1\n2\n3\n")
	var l guest.Log
	var out bytes.Buffer
	if err := l.Copy(j.reader(), backends.LogOptions{Tail: 2}, &out, nil); err != nil || out.String() != "2\n3\n" {
		t.Fatalf("the tail: %q, %v", out.String(), err)
	}
	j.out("4\n").exit(5).begin("c").out("another run\n")
	r, w := io.Pipe() // whose end never comes
	go w.Write(j.Bytes())
	if err := l.Copy(r, backends.LogOptions{Tail: -1, Follow: true}, &out, nil); err != nil || out.String() != "2\n3\n4\n" {
		t.Errorf("followed: %q, %v", out.String(), err)
	}
	if last, _ := l.Last(); last.ID != "b" || *last.ExitCode != 5 {
		t.Errorf("it ended with %+v", last)
	}
	if err := l.Copy(r, backends.LogOptions{Tail: -1, Follow: true}, &out, nil); err != nil {
		t.Errorf("following what is over: %v", err)
	}
}

func TestAReaderOfTheLogThatLeft(t *testing.T) {
	j := (&journal{}).begin("a").out("x")
	broken := errors.New("broken pipe")
	if err := guest.ReadLog(j.reader(), backends.LogOptions{Tail: -1}, writer(func([]byte) (int, error) { return 0, broken }), nil); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func FuzzLog(f *testing.F) {
	f.Add((&journal{}).begin("a").out("x\ny").err("z\n").exit(3).Bytes(), 1)
	f.Add([]byte(`{"bot-bottle":1,"run":"r","failed":{"detail":"x"}}`+"\n"), -1)
	f.Fuzz(func(t *testing.T, data []byte, lines int) {
		var out bytes.Buffer
		if err := guest.ReadLog(bytes.NewReader(data), backends.LogOptions{Tail: lines}, &out, &out); err != nil {
			t.Fatal(err)
		}
		if lines >= 0 {
			if got := strings.Count(strings.TrimSuffix(out.String(), "\n"), "\n") + 1; out.Len() > 0 && got > lines {
				t.Fatalf("%d lines, wanted %d: %q", got, lines, out.String())
			}
		}
		if r, err := guest.LastRun(bytes.NewReader(data)); err == nil && r.ExitCode != nil && (*r.ExitCode < 0 || *r.ExitCode > 255) {
			t.Fatalf("exit code %d", *r.ExitCode)
		}
	})
}
