package guest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

func TestDigestIsThePrograms(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		sum, size, err := guest.Digest(arch)
		if err != nil {
			t.Skipf("no guest program was built in: %v", err)
		}
		program, err := guest.Program(arch)
		if err != nil {
			t.Fatal(err)
		}
		of := sha256.Sum256(program)
		if sum != hex.EncodeToString(of[:]) || size != int64(len(program)) {
			t.Errorf("%s: digest %s of %d bytes, and the program has %d", arch, sum, size, len(program))
		}
	}
	if _, _, err := guest.Digest("sparc"); err == nil {
		t.Error("there is a program for sparc")
	}
}

func TestRunArgvIsReadBack(t *testing.T) {
	o := guest.RunOptions{TTY: true, Stdin: true, Stay: true, Values: true, User: "a=b:c", Home: "/h=", KeepHome: true, Workdir: "/w --", Pids: 7}
	argv := []string{"echo", "--", "run", ""}
	program, read, of, ok := guest.ReadRunArgv(guest.RunArgv("/x/bot-bottle-guest", o, argv))
	if !ok || program != "/x/bot-bottle-guest" || !reflect.DeepEqual(read, o) || !reflect.DeepEqual(of, argv) {
		t.Errorf("read back %q %+v %q %v", program, read, of, ok)
	}
	_, read, of, ok = guest.ReadRunArgv([]string{"/x/bot-bottle-guest", "run", "--of-tomorrow=1", "--user=u", "--", "true"})
	if !ok || read.User != "u" || len(of) != 1 {
		t.Errorf("a newer program's words: %+v %q %v", read, of, ok)
	}
	for _, words := range [][]string{nil, {"sh", "run", "--", "true"}, {"/x/bot-bottle-guest", "serve"}, {"/x/bot-bottle-guest", "run", "true"}} {
		if _, _, _, ok := guest.ReadRunArgv(words); ok {
			t.Errorf("%q was taken for a run", words)
		}
	}
}

func TestBegun(t *testing.T) {
	const began = `{"bot-bottle":1,"t":1,"run":"r","n":0,"began":{"tty":true}}` + "\n"
	for name, c := range map[string]struct {
		log  string
		kind error
		fail error
	}{
		"started":   {began + `{"bot-bottle":1,"t":2,"run":"r","n":1,"started":{"pid":7}}` + "\n" + "more", nil, nil},
		"failed":    {began + `{"bot-bottle":1,"t":2,"run":"r","n":1,"failed":{"kind":"command-not-found","detail":"no"}}` + "\n", nil, backends.ErrCommandNotFound},
		"cut off":   {began + `{"bot-bottle":1,"t":2,"run":"r","n":1,"started":{"pid":7}}`, guest.ErrLost, nil},
		"not ours":  {"hello\n", guest.ErrLost, nil},
		"not there": {"", guest.ErrLost, nil},
	} {
		run, err := guest.Begun(strings.NewReader(c.log))
		if !errors.Is(err, c.kind) || !errors.Is(run.Err, c.fail) {
			t.Errorf("%s: %+v, %v", name, run, err)
		}
	}
}
