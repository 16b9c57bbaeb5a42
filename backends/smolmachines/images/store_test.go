package images_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/images"
)

func TestArchives(t *testing.T) {
	for name, pack := range map[string]func(image) []byte{
		"image.tar":    func(i image) []byte { return i.saved(t, i.layer) },
		"image.tar.gz": func(i image) []byte { return packed(t, i.saved(t, i.layer)) },
		"layer.tar":    func(i image) []byte { return i.saved(t, packed(t, i.layer)) },
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := newStore(t)
			i := newImage(t)
			from := t.TempDir()
			must(t, os.WriteFile(filepath.Join(from, name), pack(i), 0o600))
			t.Chdir(from)
			for _, word := range []string{"./" + name, filepath.Join(from, name), name} {
				got, err := s.Resolve(t.Context(), word, backends.PullNever, silent)
				must(t, err)
				i.check(t, s, got)
			}
			for _, word := range []string{i.id, i.id[7:], i.id[7:][:12]} {
				if got, err := s.Resolve(t.Context(), word, backends.PullNever, silent); err != nil || got.ID != i.id {
					t.Errorf("%s: %+v, %v", word, got, err)
				}
			}
			if left := filesIn(t, dir); len(left) != 1 {
				t.Errorf("the store holds %q", left)
			}
		})
	}
}

// TestLinkedLayers reads what older engines save: a layer that stands in the
// image twice is there once, and a link besides.
func TestLinkedLayers(t *testing.T) {
	s, _ := newStore(t)
	layer := tarOf(t, file{name: "x", text: "x"})
	config := asJSON(t, map[string]any{"os": "linux", "rootfs": map[string]any{"diff_ids": []string{digest(layer), digest(layer)}}})
	path := filepath.Join(t.TempDir(), "x.tar")
	must(t, os.WriteFile(path, tarOf(t, file{name: "a/layer.tar", text: string(layer)}, file{name: "b/layer.tar", link: "../a/layer.tar"}, file{name: "c.json", text: config},
		file{name: "manifest.json", text: `[{"Config":"c.json","Layers":["a/layer.tar","b/layer.tar"]}]`}), 0o600))
	got, err := s.Resolve(t.Context(), path, backends.PullNever, silent)
	if err != nil || got.ID != digest([]byte(config)) {
		t.Fatalf("%+v, %v", got, err)
	}
	st, err := s.Lookup(got.ID)
	must(t, err)
	if text, err := os.ReadFile(st.Path); err != nil || bytes.Count(text, layer) != 1 {
		t.Errorf("the layer is there %d times, %v", bytes.Count(text, layer), err)
	}
}

func TestZstdLayers(t *testing.T) {
	if _, err := exec.LookPath("zstd"); err != nil {
		t.Skip("no program zstd")
	}
	s, _ := newStore(t)
	i := newImage(t)
	pack := exec.Command("zstd", "-cq")
	pack.Stdin = bytes.NewReader(i.layer)
	layer, err := pack.Output()
	must(t, err)
	path := filepath.Join(t.TempDir(), "x.tar")
	must(t, os.WriteFile(path, i.saved(t, layer), 0o600))
	got, err := s.Resolve(t.Context(), path, backends.PullNever, silent)
	must(t, err)
	i.check(t, s, got)

	other, _ := newStore(t)
	must(t, os.WriteFile(path, i.saved(t, layer[:len(layer)/2]), 0o600))
	if _, err := other.Resolve(t.Context(), path, backends.PullNever, silent); !errors.Is(err, backends.ErrBadRequest) {
		t.Errorf("a layer cut off: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	must(t, os.WriteFile(path, i.saved(t, layer), 0o600))
	if _, err := other.Resolve(t.Context(), path, backends.PullNever, silent); err == nil || !strings.Contains(err.Error(), "apt-get install zstd") {
		t.Errorf("without the program: %v", err)
	}
}

// TestBadArchives leaves nothing behind of an archive that is none.
func TestBadArchives(t *testing.T) {
	one := newImage(t)
	whole := one.saved(t, one.layer)
	config := func(text string) []byte {
		return tarOf(t, file{name: "c", text: text}, file{name: "manifest.json", text: `[{"Config":"c"}]`})
	}
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"empty":             {nil, "manifest.json"},
		"prose":             {[]byte(strings.Repeat("no tar ", 200)), "no tar file"},
		"cut off":           {whole[:len(whole)/3], ""},
		"another layer":     {one.saved(t, tarOf(t, file{name: "evil", text: "x"})), "damaged"},
		"a damaged gzip":    {one.saved(t, packed(t, one.layer)[:100]), "damaged"},
		"packed by xz":      {[]byte("\xfd7zXZ\x00 and more"), "xz"},
		"a layer by xz":     {one.saved(t, []byte("\xfd7zXZ\x00 and more")), "xz"},
		"two images":        {tarOf(t, file{name: "manifest.json", text: `[{"Config":"a"},{"Config":"b"}]`}), "holds 2 images"},
		"no config":         {tarOf(t, file{name: "manifest.json", text: `[{"Config":"../../etc/passwd"}]`}), "missing"},
		"a circle of links": {tarOf(t, file{name: "a", link: "b"}, file{name: "b", link: "a"}, file{name: "manifest.json", text: `[{"Config":"a"}]`}), "missing"},
		"config no JSON":    {config("{"), "cannot be read"},
		"for windows":       {config(`{"os":"windows"}`), "windows"},
		"a path for digest": {config(`{"rootfs":{"diff_ids":["sha256:../../../etc/passwd"]}}`), "no sha256 digest"},
		"layers missing":    {config(`{"rootfs":{"diff_ids":["` + one.id + `"]}}`), "0 layers"},
		"a huge config":     {config(strings.Repeat(" ", 5<<20)), "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := newStore(t)
			path := filepath.Join(t.TempDir(), "x.tar")
			must(t, os.WriteFile(path, c.text, 0o600))
			got, err := s.Resolve(t.Context(), path, backends.PullMissing, silent)
			if err == nil || !errors.Is(err, backends.ErrBadRequest) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, %v; want a refusal with %q", got, err, c.want)
			}
			if _, err := os.Stat(dir); err == nil {
				if left := filesIn(t, dir); len(left) > 0 {
					t.Errorf("left behind: %q", left)
				}
			}
		})
	}
	s, _ := newStore(t)
	for _, missing := range []string{"./none.tar", "/none", "../x", "/dev/null"} {
		if _, err := s.Resolve(t.Context(), missing, backends.PullMissing, silent); !errors.Is(err, backends.ErrImageNotFound) {
			t.Errorf("%s: %v", missing, err)
		}
	}
	for _, ref := range []string{"", "UPPER", "a b", "x\x00", strings.Repeat("a/", 400), "../names/x", "sha256:" + strings.Repeat("0", 64)} {
		if _, err := s.Resolve(t.Context(), ref, backends.PullNever, silent); !errors.Is(err, backends.ErrImageNotFound) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	if _, err := s.Lookup("sha256:" + strings.Repeat("../", 21) + "x"); !errors.Is(err, backends.ErrImageNotFound) {
		t.Errorf("a path for an id: %v", err)
	}
}

// TestDamageIsSeen: what is no longer what it was is missing, and comes again.
func TestDamageIsSeen(t *testing.T) {
	i := newImage(t)
	path := filepath.Join(t.TempDir(), "x.tar")
	must(t, os.WriteFile(path, i.saved(t, i.layer), 0o600))
	for name, spoil := range map[string]func(text []byte) []byte{
		"cut off":        func(b []byte) []byte { return b[:len(b)-2000] },
		"empty":          func([]byte) []byte { return nil },
		"without layers": func(b []byte) []byte { return b[:bytes.Index(b, []byte("/layer.tar\x00"))-64] },
		"config changed": func(b []byte) []byte { return bytes.Replace(b, []byte("/bin/hello"), []byte("/bin/hullo"), 1) },
		"another image":  func([]byte) []byte { o := newImage(t); return o.saved(t, o.layer) },
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newStore(t)
			_, err := s.Resolve(t.Context(), path, backends.PullNever, silent)
			must(t, err)
			st, err := s.Lookup(i.id)
			must(t, err)
			text, err := os.ReadFile(st.Path)
			must(t, err)
			must(t, os.WriteFile(st.Path, spoil(text), 0o644))
			if _, err := s.Lookup(i.id); !errors.Is(err, backends.ErrImageNotFound) || !strings.Contains(err.Error(), "start with --image brings it again") {
				t.Errorf("spoiled: %v", err)
			}
			got, err := s.Resolve(t.Context(), path, backends.PullNever, silent)
			must(t, err)
			i.check(t, s, got)
		})
	}
}

func TestImport(t *testing.T) {
	s, dir := newStore(t)
	i := newImage(t)
	whole := i.saved(t, i.layer)
	known := "registry.example/box@" + digest([]byte("manifest"))
	got, err := s.Import(t.Context(), backends.Image{ID: i.id, Digest: known}, bytes.NewReader(whole))
	must(t, err)
	i.check(t, s, got)
	if st, err := s.Lookup(i.id); err != nil || st.Image.Digest != known {
		t.Errorf("the digest is %q, %v", st.Image.Digest, err)
	}
	if again, err := s.Resolve(t.Context(), known, backends.PullNever, silent); err != nil || again != got {
		t.Errorf("by its digest it is %+v, %v", again, err)
	}
	if _, err := s.Resolve(t.Context(), "some/name:1", backends.PullNever, silent); !errors.Is(err, backends.ErrImageNotFound) {
		t.Errorf("a name of the other engine's is taken over, though it may move there: %v", err)
	}

	other := newImage(t)
	if _, err := s.Import(t.Context(), backends.Image{ID: other.id}, bytes.NewReader(whole)); !errors.Is(err, backends.ErrBadRequest) || !strings.Contains(err.Error(), "another image") {
		t.Errorf("another image: %v", err)
	}
	broken := errors.New("the engine is gone")
	if _, err := s.Import(t.Context(), backends.Image{ID: other.id}, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a broken stream: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Import(ended, backends.Image{ID: other.id}, bytes.NewReader(other.saved(t, other.layer))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left := filesIn(t, dir); len(left) != 1 {
		t.Errorf("the store holds %q", left)
	}
}

// TestImportByManifest: engines that keep images as containerd does name them
// by their manifest.
func TestImportByManifest(t *testing.T) {
	s, _ := newStore(t)
	i := newImage(t)
	manifest := digest([]byte("its manifest"))
	archive := tarOf(t, file{name: "layer", text: string(packed(t, i.layer))}, file{name: "config", text: i.config},
		file{name: "index.json", text: `{"manifests":[{"digest":"` + manifest + `"}]}`}, file{name: "manifest.json", text: `[{"Config":"config","Layers":["layer"]}]`})
	got, err := s.Import(t.Context(), backends.Image{ID: manifest}, bytes.NewReader(archive))
	must(t, err)
	i.check(t, s, got)
	if again, err := s.Resolve(t.Context(), manifest, backends.PullNever, silent); err != nil || again.ID != i.id {
		t.Errorf("by the id of the other engine it is %+v, %v", again, err)
	}
}

// TestManyAtOnce brings one image by many hands, some of which end early.
func TestManyAtOnce(t *testing.T) {
	_, dir := newStore(t)
	i := newImage(t)
	whole := i.saved(t, i.layer)
	path := filepath.Join(t.TempDir(), "x.tar")
	must(t, os.WriteFile(path, whole, 0o600))
	var all sync.WaitGroup
	for n := range 24 {
		all.Go(func() {
			s := images.Open(dir, os.Getenv)
			var err error
			switch n % 3 {
			case 0:
				_, err = s.Resolve(t.Context(), path, backends.PullNever, silent)
			case 1:
				_, err = s.Import(t.Context(), backends.Image{ID: i.id}, bytes.NewReader(whole))
			default:
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_, err = s.Resolve(ctx, path, backends.PullNever, silent)
				if errors.Is(err, context.Canceled) {
					err = nil
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s := images.Open(dir, os.Getenv)
	st, err := s.Lookup(i.id)
	must(t, err)
	i.check(t, s, st.Image)
	if left := filesIn(t, dir); len(left) != 1 {
		t.Errorf("the store holds %q", left)
	}
}

// TestHalfWritten goes on where a process was killed, and waits for one that
// lives.
func TestHalfWritten(t *testing.T) {
	s, dir := newStore(t)
	i := newImage(t)
	hex := i.id[len("sha256:"):]
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, hex+".tar.part"), bytes.Repeat([]byte("x"), 1<<20), 0o600))
	lock, err := os.Create(filepath.Join(dir, "."+hex+".lock"))
	must(t, err)
	must(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	path := filepath.Join(t.TempDir(), "x.tar")
	must(t, os.WriteFile(path, i.saved(t, i.layer), 0o600))
	waits := make(chan struct{})
	got, err := s.Resolve(t.Context(), path, backends.PullNever, func(p backends.Progress) {
		if strings.Contains(p.Detail, "waiting") {
			close(waits)
			lock.Close()
		}
	})
	must(t, err)
	select {
	case <-waits:
	default:
		t.Error("it did not wait for the other")
	}
	i.check(t, s, got)
	if left := fmt.Sprint(filesIn(t, dir)); left != "["+hex+".tar]" {
		t.Errorf("the store holds %s", left)
	}
}
