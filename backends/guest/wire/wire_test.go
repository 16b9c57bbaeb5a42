package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

func TestFramesArriveAsTheyAre(t *testing.T) {
	var b bytes.Buffer
	w := wire.NewWriter(&b)
	sent := []wire.Frame{{wire.KindOut, []byte("hello")}, {wire.KindInEnd, nil}, {wire.KindErr, bytes.Repeat([]byte{0xff}, wire.MaxData)},
		{wire.KindRequest, bytes.Repeat([]byte("x"), 3<<20)}, {wire.KindSize, wire.PackSize(backends.Size{Rows: 24, Cols: 80})}, {wire.KindOut, []byte("bye")}}
	for _, f := range sent {
		if err := w.Send(f.Kind, f.Payload); err != nil {
			t.Fatal(err)
		}
	}
	r := wire.NewReader(iotest.HalfReader(&b))
	for _, want := range sent {
		f, err := r.Next()
		if err != nil || f.Kind != want.Kind || !bytes.Equal(f.Payload, want.Payload) {
			t.Fatalf("got %q with %d bytes, %v", f.Kind, len(f.Payload), err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestFramesAreBounded(t *testing.T) {
	w := wire.NewWriter(io.Discard)
	for kind, n := range map[byte]int{wire.KindOut: wire.MaxData + 1, wire.KindInEnd: 1, wire.KindSize: 5, wire.KindRequest: wire.MaxJSON + 1, 'Z': 0} {
		if err := w.Send(kind, make([]byte, n)); !errors.Is(err, wire.ErrFrame) {
			t.Errorf("%q with %d bytes is sent: %v", kind, n, err)
		}
		if _, err := wire.NewReader(bytes.NewReader(wire.Append(nil, kind, make([]byte, n)))).Next(); !errors.Is(err, wire.ErrFrame) {
			t.Errorf("%q with %d bytes is taken: %v", kind, n, err)
		}
	}
}

// TestALengthAloneCostsNothing: room is made for what arrives.
func TestALengthAloneCostsNothing(t *testing.T) {
	head := []byte{wire.KindRequest, 0, 0x8f, 0xff, 0xff}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := wire.NewReader(bytes.NewReader(head)).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 100*4*wire.MaxData {
		t.Errorf("%d bytes for 100 lengths", spent)
	}
}

func TestGreeting(t *testing.T) {
	r := strings.NewReader(wire.Greeting + "rest")
	if err := wire.Greet(r); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "rest" {
		t.Errorf("left %q", rest)
	}
	for said, want := range map[string]string{
		"the container `x` is not running\nmore": "the container `x` is not running",
		"bot-bottle holder/7\n":                  `version "7"`,
		"bot-bottle h":                           "and ends",
		"\x1b[31mred":                            `\x1b[31mred`,
	} {
		err := wire.Greet(strings.NewReader(said))
		if !errors.Is(err, wire.ErrFrame) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\x1b") || strings.Contains(err.Error(), "more") {
			t.Errorf("%q: %v", said, err)
		}
	}
	if err := wire.Greet(strings.NewReader("")); err != io.EOF {
		t.Errorf("silence: %v", err)
	}
}

func TestFailuresKeepTheirKindAndAreHarmless(t *testing.T) {
	for _, kind := range []error{backends.ErrNotFound, backends.ErrNotRunning, backends.ErrNotExecutable, backends.ErrCommandNotFound, backends.ErrBadRequest, backends.ErrInUse, nil} {
		err := errors.New("it failed")
		if kind != nil {
			err = fmt.Errorf("it failed: %w", kind)
		}
		b, _ := json.Marshal(wire.Failed(err))
		var f wire.Failure
		if json.Unmarshal(b, &f); f.Err().Error() != err.Error() || kind != nil && !errors.Is(f.Err(), kind) {
			t.Errorf("%v arrives as %v", err, f.Err())
		}
	}
	hostile := wire.Failure{Kind: "no-such-kind", Detail: "\x1b[2J\u009b31m\u202e\nnext" + strings.Repeat("x", 1<<20)}.Err().Error()
	if strings.ContainsAny(hostile, "\x1b\n\u009b") || len(hostile) > 16<<10 {
		t.Errorf("%.100q, %d bytes", hostile, len(hostile))
	}
}

func TestRecordsAmongRubbish(t *testing.T) {
	var log bytes.Buffer
	var want []string
	put := func(s string) {
		line, err := (&wire.Record{Run: "r", Out: []byte(s)}).Line()
		if err != nil {
			t.Fatal(err)
		}
		log.Write(line)
		want = append(want, s)
	}
	put("one\x1b[31m\xff")
	log.WriteString("chatter of an engine\n\n{}\n{\"bot-bottle\":1}\n{\"bot-bottle\":2,\"run\":\"r\",\"out\":\"eA==\"}\n[1,2]\nnull\n")
	log.WriteString(strings.Repeat("y", 1<<20) + "\n")
	log.WriteString(`{"bot-bottle":1,"run":"r","out":"` + strings.Repeat("eHh4", 1<<16) + "\"}\n")
	put(strings.Repeat("z", wire.RecordBytes))
	log.WriteString(`{"bot-bottle":1,"run":"r","out":"eA=="}`) // cut off
	r := wire.NewRecords(&log)
	for _, w := range want {
		rec, err := r.Next()
		if err != nil || string(rec.Out) != w {
			t.Fatalf("got %.40q, %v", rec.Out, err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("1\x00\x00\x00\x02hi"))
	f.Add(wire.Append(wire.Append(nil, wire.KindSize, []byte("abcd")), wire.KindTaken, []byte{0, 0, 1, 0}))
	f.Add([]byte("q\x00\x00\x00\x0c{\"Op\":\"exec\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, read := wire.NewReader(bytes.NewReader(data)), 0
		for {
			fr, err := r.Next()
			if err != nil {
				return
			}
			if read += 5 + len(fr.Payload); read > len(data) {
				t.Fatal("more came out than went in")
			}
			if again := wire.Append(nil, fr.Kind, fr.Payload); !bytes.Equal(again, data[read-len(again):read]) {
				t.Fatalf("%q was read as %q", data[read-len(again):read], again)
			}
			if n, err := fr.Taken(); err == nil && (n < 0 || n > wire.Window) {
				t.Fatalf("%d taken", n)
			}
			_, _ = fr.Size()
			for _, into := range []any{&wire.Request{}, &wire.Welcome{}, &wire.Exit{}, &wire.PathStat{}} {
				_ = fr.Decode(into)
			}
			var why wire.Failure
			if fr.Decode(&why) == nil && strings.ContainsFunc(why.Err().Error(), func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }) {
				t.Fatalf("%q drives a terminal", why.Err())
			}
		}
	})
}

func FuzzGreet(f *testing.F) {
	f.Add([]byte(wire.Greeting))
	f.Add([]byte("bot-bottle holder/2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := wire.Greet(bytes.NewReader(data))
		if (err == nil) != bytes.HasPrefix(data, []byte(wire.Greeting)) {
			t.Fatalf("%q: %v", data, err)
		}
		if err != nil && len(err.Error()) > 2000 {
			t.Fatalf("an error of %d bytes", len(err.Error()))
		}
	})
}

func FuzzRecords(f *testing.F) {
	line, _ := (&wire.Record{Run: "r", Out: []byte("x")}).Line()
	f.Add(line)
	f.Add([]byte("{\"bot-bottle\":1,\"run\":\"r\",\"exit\":{\"code\":-1}}\n\xff\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := wire.NewRecords(bytes.NewReader(data))
		for n := 0; ; n++ {
			rec, err := r.Next()
			if err != nil {
				return
			}
			if n > bytes.Count(data, []byte("\n")) || len(rec.Out) > len(data) || rec.Run == "" {
				t.Fatalf("record %d of %q: %+v", n, data, rec)
			}
		}
	})
}
