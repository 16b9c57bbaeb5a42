package lifecycle_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
)

// entry is one entry of a guest's tar stream.
type entry struct {
	kind       byte
	name, link string
}

func (e entry) String() string { return fmt.Sprintf("%c %s → %s", e.kind, e.name, e.link) }

// archive packs entries; every file holds its own name.
func archive(t require, entries []entry) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Typeflag: e.kind, Name: e.name, Linkname: e.link, Mode: 0o644}
		if e.kind == tar.TypeReg {
			h.Size = int64(len(e.name))
		}
		must(t, w.WriteHeader(h))
		if e.kind == tar.TypeReg {
			_, err := w.Write([]byte(e.name))
			must(t, err)
		}
	}
	must(t, w.Close())
	return &b
}

const untouched = "not the guest's business"

// destination is a folder to copy to, with a secret above, beside and below
// it, and a link of the user's own inside an older copy.
func destination(t require, dir string) string {
	t.Helper()
	dst := filepath.Join(dir, "dst")
	must(t, os.MkdirAll(filepath.Join(dst, "copy"), 0o755))
	must(t, os.MkdirAll(filepath.Join(dst, "keys"), 0o755))
	for _, p := range []string{"secret", "dst/secret", "dst/keys/secret"} {
		must(t, os.WriteFile(filepath.Join(dir, p), []byte(untouched), 0o600))
	}
	must(t, os.Symlink("../keys", filepath.Join(dst, "copy", "mine")))
	return dst
}

// kept checks that nothing outside of the copy was touched, and that no link
// in it leads out.
func kept(dir string) error {
	found := 0
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside := strings.HasPrefix(p, filepath.Join(dir, "dst", "copy")+"/")
		switch {
		case !inside && d.Type().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil || string(b) != untouched {
				return fmt.Errorf("%s holds %q, %v", p, b, err)
			}
			found++
		case inside && d.Type()&fs.ModeSymlink != 0 && filepath.Base(p) != "mine":
			to, err := filepath.EvalSymlinks(p)
			in := func(part string) bool { return strings.HasPrefix(to+"/", filepath.Join(dir, "dst", part)+"/") }
			if err == nil && !in("copy") && !in("keys") { // keys is where the user's own link leads
				return fmt.Errorf("%s leads to %s", p, to)
			}
		}
		return nil
	})
	if err == nil && found != 3 {
		err = fmt.Errorf("%d secrets are left of 3", found)
	}
	return err
}

// Whatever a guest packs, nothing leaves the copy and nothing in it leads out.
func TestUnpackHostileStreams(t *testing.T) {
	tests := map[string][]entry{
		"link up through a link": {{'5', "copy/d/", ""}, {'2', "copy/d/up", ".."}, {'2', "copy/evil", "d/up/../secret"}},
		"link far up": {{'5', "copy/d/", ""}, {'2', "copy/d/up", ".."},
			{'2', "copy/evil", "d/up/d/up/d/up/../../secret"}},
		"hard link of a link, higher up": {{'5', "copy/a/", ""}, {'2', "copy/a/l", "../secret"}, {'1', "copy/evil", "copy/a/l"}},
		"through a link of the guest's":  {{'2', "copy/l", "d"}, {'5', "copy/d/", ""}, {'0', "copy/l/secret", ""}},
		"through a link of the user's":   {{'0', "copy/mine/secret", ""}},
		"folder in place of a user's link": {
			{'5', "copy/mine/", ""}, {'0', "copy/mine/new", ""}},
		"hard link of what a user's link leads to": {{'1', "copy/l", "copy/mine/secret"}, {'0', "copy/l", ""}},
		"up by name":                {{'0', "copy/../secret", ""}, {'0', "../secret", ""}, {'0', "/secret", ""}},
		"absolute link":             {{'2', "copy/evil", "/etc/passwd"}},
		"device, fifo and socket":   {{'3', "copy/null", ""}, {'6', "copy/fifo", ""}},
		"hard link out":             {{'1', "copy/evil", "../secret"}, {'1', "copy/evil2", "/etc/passwd"}},
		"file in place of its link": {{'2', "copy/l", "x"}, {'0', "copy/l", ""}, {'0', "copy/x", ""}},
	}
	for name, entries := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			dst := destination(t, dir)
			err := lifecycle.Unpack(dst, "copy", archive(t, entries))
			if kerr := kept(dir); kerr != nil {
				t.Errorf("%v (told %v)", kerr, err)
			}
		})
	}
}

// The sender has ended when the copy is over, whether or not it was read to
// its end.
func TestReceiveWaitsForTheSender(t *testing.T) {
	for _, hostile := range []bool{false, true} {
		entries := []entry{{'0', "copy/a", ""}}
		if hostile {
			entries = []entry{{'2', "copy", "/etc/passwd"}}
		}
		stream := archive(t, entries)
		sending := true
		err := lifecycle.Receive(t.Context(), destination(t, t.TempDir()), "copy", func(ctx context.Context, w io.Writer) error {
			defer func() { sending = false }()
			if _, err := stream.WriteTo(w); err != nil {
				return err
			}
			for { // and never ends by itself
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return err
				}
			}
		})
		if sending || (err != nil) != hostile {
			t.Errorf("hostile %v: sending %v, %v", hostile, sending, err)
		}
	}
}

func TestUnpackAnything(t *testing.T) {
	top := t.TempDir()
	words := rapid.SampledFrom([]string{"copy", "a", "b", "mine", "..", ".", "secret"})
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(top, "")
		must(t, err)
		defer os.RemoveAll(dir)
		dst := destination(t, dir)
		var entries []entry
		for range rapid.IntRange(1, 8).Draw(t, "entries") {
			e := entry{kind: rapid.SampledFrom([]byte("00125")).Draw(t, "kind"),
				name: "copy/" + strings.Join(rapid.SliceOfN(words, 1, 3).Draw(t, "name"), "/")}
			if e.kind == '1' || e.kind == '2' {
				e.link = strings.Join(rapid.SliceOfN(words, 1, 6).Draw(t, "link"), "/")
			}
			entries = append(entries, e)
		}
		err = lifecycle.Unpack(dst, "copy", archive(t, entries))
		if kerr := kept(dir); kerr != nil {
			t.Fatalf("%v\n%v (told %v)", entries, kerr, err)
		}
	})
}
