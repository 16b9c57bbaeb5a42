package guest_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

func pack(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		body := h.PAXRecords["BODY"]
		h.PAXRecords = nil
		h.Size = int64(len(body))
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, body)
	}
	w.Close()
	return b.Bytes()
}

func file(name, body string, mode int64) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, PAXRecords: map[string]string{"BODY": body}, Uid: os.Getuid(), Gid: os.Getgid()}
}

func (in *instance) copyIn(dir string, stream io.Reader) error {
	in.t.Helper()
	return guest.CopyIn(in.ctx(), in.dial(guest.ServeArgv(program)), dir, stream)
}

// bare is where copies need no holder.
func bare(t *testing.T) *instance { return &instance{t: t, name: "nobody"} }

func TestCopyIn(t *testing.T) {
	in, dir := bare(t), t.TempDir()
	when := time.Unix(1e9, 0)
	folder := tar.Header{Typeflag: tar.TypeDir, Name: "sub/", Mode: 0o750, ModTime: when}
	old := file("sub/old", "x", 0o600)
	old.ModTime = when
	owned := file("owned", "x", 0o4755)
	if os.Getuid() == 0 {
		owned.Uid, owned.Gid = 1234, 567
	}
	big := strings.Repeat("0123456789abcdef", 1<<16)
	if err := in.copyIn(dir, bytes.NewReader(pack(t, tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o700}, file("a b", "hello\n", 0o640), folder, old,
		file("sub/big", big, 0), tar.Header{Typeflag: tar.TypeSymlink, Name: "link", Linkname: "a b"}, owned,
		tar.Header{Typeflag: tar.TypeLink, Name: "hard", Linkname: "a b"}, tar.Header{Typeflag: tar.TypeFifo, Name: "fifo", Mode: 0o600}, file("deep/er/f", "y", 0)))); err != nil {
		t.Fatal(err)
	}
	at := func(name string) fs.FileInfo {
		st, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "sub/big")); string(b) != big {
		t.Errorf("a megabyte arrived as %d bytes", len(b))
	}
	if at("a b").Mode() != 0o640 || at("sub").Mode().Perm() != 0o750 || !at("sub").ModTime().Equal(when) || !at("sub/old").ModTime().Equal(when) {
		t.Errorf("modes and times: %s, %s, %s", at("a b").Mode(), at("sub").Mode(), at("sub").ModTime())
	}
	if to, _ := os.Readlink(filepath.Join(dir, "link")); to != "a b" {
		t.Errorf("the link leads to %q", to)
	}
	if !os.SameFile(at("hard"), at("a b")) || at("fifo").Mode()&fs.ModeNamedPipe == 0 {
		t.Error("a hard link or a pipe is something else")
	}
	if st := at("owned").Sys().(*syscall.Stat_t); os.Getuid() == 0 && (st.Uid != 1234 || st.Gid != 567) || at("owned").Mode()&fs.ModeSetuid == 0 {
		t.Errorf("owned by %d:%d, %s", st.Uid, st.Gid, at("owned").Mode())
	}
	if err := in.copyIn(dir, bytes.NewReader(pack(t, file("a b", "second", 0)))); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "a b")); string(b) != "second" {
		t.Errorf("not replaced: %q", b)
	}
}

func TestCopyInNeverLeavesItsFolder(t *testing.T) {
	in, outside := bare(t), t.TempDir()
	dir := filepath.Join(outside, "dir")
	os.Mkdir(dir, 0o755)
	os.WriteFile(filepath.Join(outside, "precious"), []byte("whole"), 0o644)
	for _, c := range [][]tar.Header{
		{file("../precious", "x", 0)},
		{file("/../../precious", "x", 0)},
		{{Typeflag: tar.TypeSymlink, Name: "up", Linkname: ".."}, file("up/precious", "x", 0)},
		{{Typeflag: tar.TypeSymlink, Name: "abs", Linkname: outside}, file("abs/precious", "x", 0)},
		{{Typeflag: tar.TypeLink, Name: "hard", Linkname: "../precious"}, file("hard", "x", 0)},
		{{Typeflag: tar.TypeSymlink, Name: "f", Linkname: "../precious"}, file("f", "x", 0)},
	} {
		err := in.copyIn(dir, bytes.NewReader(pack(t, c...)))
		if b, _ := os.ReadFile(filepath.Join(outside, "precious")); string(b) != "whole" {
			t.Fatalf("%q wrote outside: %q (%v)", c[len(c)-1].Name, b, err)
		}
	}
}

func TestCopyInRefuses(t *testing.T) {
	in, dir := bare(t), t.TempDir()
	os.MkdirAll(filepath.Join(dir, "full/of"), 0o755)
	if err := in.copyIn("/no/such/folder", bytes.NewReader(pack(t, file("f", "x", 0)))); !errors.Is(err, backends.ErrNotFound) {
		t.Errorf("a missing folder: %v", err)
	}
	if err := in.copyIn(dir, bytes.NewReader(pack(t, file("full", "x", 0)))); !errors.Is(err, backends.ErrBadRequest) {
		t.Errorf("a file over a folder: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "full/of")); err != nil {
		t.Error("the folder is gone")
	}
	whole := pack(t, file("f", strings.Repeat("x", 4096), 0))
	broken := errors.New("broken")
	if err := in.copyIn(dir, io.MultiReader(bytes.NewReader(whole[:2048]), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("a stream that breaks: %v", err)
	}
	if err := in.copyIn(dir, bytes.NewReader(whole[:2048])); err == nil {
		t.Error("half a stream went in")
	}
	if err := in.copyIn(dir, strings.NewReader(strings.Repeat("rubbish", 1000))); err == nil {
		t.Error("rubbish went in")
	}
}

func TestCopyOut(t *testing.T) {
	in, dir := bare(t), t.TempDir()
	os.MkdirAll(filepath.Join(dir, "d/sub"), 0o755)
	os.WriteFile(filepath.Join(dir, "d/one"), []byte("1\n"), 0o640)
	os.Link(filepath.Join(dir, "d/one"), filepath.Join(dir, "d/sub/two"))
	os.Symlink("/etc/passwd", filepath.Join(dir, "d/link"))
	syscall.Mkfifo(filepath.Join(dir, "d/fifo"), 0o600) // must not hold us up
	list := func(path string) (names []string) {
		var b bytes.Buffer
		if err := guest.CopyOut(in.ctx(), in.dial(guest.ServeArgv(program)), path, &b); err != nil {
			t.Fatal(err)
		}
		for r := tar.NewReader(&b); ; {
			h, err := r.Next()
			if err == io.EOF {
				return names
			}
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(r)
			names = append(names, string(h.Typeflag)+" "+h.Name+" "+h.Linkname+" "+string(body))
		}
	}
	if got, want := list(dir+"/d"), []string{"5 d/  ", "6 d/fifo  ", "2 d/link /etc/passwd ", "0 d/one  1\n", "5 d/sub/  ", "1 d/sub/two d/one "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := list(dir + "/d/one"); !slices.Equal(got, []string{"0 one  1\n"}) {
		t.Errorf("got %q", got)
	}
	if got := list(dir + "/d/link"); !slices.Equal(got, []string{"2 link /etc/passwd "}) {
		t.Errorf("got %q", got)
	}
	if err := guest.CopyOut(in.ctx(), in.dial(guest.ServeArgv(program)), "/no/such/file", io.Discard); !errors.Is(err, backends.ErrNotFound) {
		t.Errorf("missing: %v", err)
	}
	broken := errors.New("disk full")
	os.WriteFile(filepath.Join(dir, "big"), make([]byte, 4<<20), 0o600)
	if err := guest.CopyOut(in.ctx(), in.dial(guest.ServeArgv(program)), dir+"/big", writer(func([]byte) (int, error) { return 0, broken })); !errors.Is(err, broken) {
		t.Errorf("a full disk: %v", err)
	}
}

func TestStat(t *testing.T) {
	in, dir := bare(t), t.TempDir()
	os.WriteFile(filepath.Join(dir, "f"), []byte("12345"), 0o600)
	os.Symlink("/etc", filepath.Join(dir, "link"))
	stat := func(path string) (backends.PathStat, error) {
		return guest.Stat(in.ctx(), in.dial(guest.ServeArgv(program)), path)
	}
	if st, err := stat(dir + "/f"); err != nil || st.Name != "f" || st.Size != 5 || fs.FileMode(st.Mode) != 0o600 {
		t.Errorf("a file is %+v, %v", st, err)
	}
	if st, err := stat("/"); err != nil || !fs.FileMode(st.Mode).IsDir() || st.Name != "/" {
		t.Errorf("the root is %+v, %v", st, err)
	}
	if st, err := stat(dir + "/link"); err != nil || st.Link != "/etc" || fs.FileMode(st.Mode)&fs.ModeSymlink == 0 {
		t.Errorf("a link is %+v, %v", st, err)
	}
	for _, missing := range []string{"/no/such/file", "/etc/passwd/x", ""} {
		if _, err := stat(missing); !errors.Is(err, backends.ErrNotFound) {
			t.Errorf("%q: %v", missing, err)
		}
	}
}
