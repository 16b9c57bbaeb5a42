package inside

import (
	"slices"
	"strings"
	"testing"
)

func FuzzParseRun(f *testing.F) {
	f.Add("--tty\x00--user=a:b\x00--\x00sh\x00-c")
	f.Add("--pids=12\x00--\x00x")
	f.Add("--workdir=/x\x00--keep-home")
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		if _, argv, err := parseRun(args); err == nil && (len(argv) == 0 || !slices.Equal(args[len(args)-len(argv):], argv)) {
			t.Fatalf("%q: %q", args, argv)
		}
	})
}

func FuzzAccounts(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/sh\nu:x:1000:1001:::\n", "root:x:0:\ng:x:5:u,root\n", "u:g")
	f.Add("u:x:-1:99999999999:::", "g:x:4294967295:u", "4294967295:g")
	f.Fuzz(func(t *testing.T, passwd, group, asked string) {
		a := accounts{strings.Split(passwd, "\n"), strings.Split(group, "\n")}
		w, err := a.find(asked)
		if err != nil {
			return
		}
		if w.uid == 1<<32-1 || w.gid == 1<<32-1 || len(w.groups) == 0 || w.groups[0] != w.gid {
			t.Fatalf("%q is %+v", asked, w)
		}
	})
}

func TestFindUsers(t *testing.T) {
	a := accounts{
		passwd: []string{"# a comment", "root:x:0:0::/root:/bin/sh", "u:x:1000:1001:U:/home/u:/bin/sh", "12:x:77:78::/home/12:", "broken:x:y:z:::"},
		group:  []string{"root:x:0:", "staff:x:50:root,u", "wheel:x:10:u", "9:x:99:"},
	}
	for asked, want := range map[string]who{
		"u":       {1000, 1001, []uint32{1001, 50, 10}, "/home/u"},
		"1000":    {1000, 1001, []uint32{1001, 50, 10}, "/home/u"},
		"u:staff": {1000, 50, []uint32{50}, "/home/u"},
		"u:7":     {1000, 7, []uint32{7}, "/home/u"},
		"u:":      {1000, 1001, []uint32{1001, 50, 10}, "/home/u"},
		"4242":    {4242, 0, []uint32{0}, ""},
		"4242:5":  {4242, 5, []uint32{5}, ""},
		"12":      {77, 78, []uint32{78}, "/home/12"}, // a name before a number
		"u:9":     {1000, 99, []uint32{99}, "/home/u"},
	} {
		w, err := a.find(asked)
		if err != nil || w.uid != want.uid || w.gid != want.gid || w.home != want.home || !slices.Equal(w.groups, want.groups) {
			t.Errorf("%q is %+v, %v, want %+v", asked, w, err, want)
		}
	}
	for _, asked := range []string{"nobody", "u:nogroup", "-1", "4294967295", "broken", "u:-1", "0x10", "1000:1:2"} {
		if w, err := a.find(asked); err == nil {
			t.Errorf("%q is taken for %+v", asked, w)
		}
	}
}

func TestEnvironment(t *testing.T) {
	e := newEnvironment([]string{"A=1", "B=2", "A=3", "broken", "=x", "C=a=b", nameVar + "=x"})
	if !slices.Equal(e, environment{"A=3", "B=2", "C=a=b"}) {
		t.Errorf("got %q", e)
	}
	u := who{home: "/home/u"}
	if got := e.forUser(u, "/other", false, true); !slices.Equal(got, environment{"A=3", "B=2", "C=a=b", "HOME=/home/u", "TERM=xterm", "PATH=" + defaultPath}) {
		t.Errorf("got %q", got)
	}
	if got := e.with("HOME=/own", "PATH=/p").forUser(u, "", true, false); !slices.Equal(got, environment{"A=3", "B=2", "C=a=b", "HOME=/own", "PATH=/p"}) {
		t.Errorf("got %q", got)
	}
}

func TestKeptIsBounded(t *testing.T) {
	k := kept{most: maxKept}
	piece := make([]byte, readSize)
	for i := range maxKept/readSize + 100 {
		piece[0] = byte(i)
		k.add('1', piece)
		k.add('2', []byte("x"))
	}
	total := 0
	for _, f := range k.frames() {
		total += len(f) - 5
	}
	if total > maxKept || total < maxKept-keptChunk || k.missed == 0 {
		t.Errorf("%d bytes are kept, %d missed", total, k.missed)
	}
}
