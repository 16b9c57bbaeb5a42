package fake

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// image is a thing to make instances of. All have the same files: a busybox.
type image struct {
	ID, Name string
	Argv     []string // ENTRYPOINT and CMD
}

// The images of every engine. Those of the registry at "registry.test" must
// be pulled first, and "registry.test/private" needs a login that nobody has.
var builtin = []image{
	builtinImage("busybox", "sh"),
	builtinImage("sleep", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"),
	builtinImage("hello", "echo", "hello"),
	builtinImage("crash", "sh", "-c", "echo oops >&2; exit 3"),
	builtinImage("fails-to-start", "/no/such/entrypoint"),
	builtinImage("no-command"),
}

const registry = "registry.test/"

func builtinImage(name string, argv ...string) image {
	return image{ID: digest([]byte("image " + name)), Name: name, Argv: argv}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// image looks an image up by name or id among what the engine has.
func (e *Engine) image(ref string) (image, error) {
	ref = strings.TrimSuffix(ref, ":latest")
	for _, i := range builtin {
		if ref == i.Name || ref == i.ID {
			return i, nil
		}
	}
	files, err := filepath.Glob(e.path("images", "*.json"))
	if err != nil {
		return image{}, err
	}
	for _, file := range files {
		var i image
		if err := readJSON(file, &i); err != nil {
			return image{}, err
		}
		if ref == i.Name || ref == i.ID {
			return i, nil
		}
	}
	return image{}, fmt.Errorf("%w: %q", backends.ErrImageNotFound, ref)
}

func (e *Engine) keep(i image) error {
	if err := os.MkdirAll(e.path("images"), 0o700); err != nil {
		return err
	}
	return writeJSON(e.path("images", strings.TrimPrefix(i.ID, "sha256:")+".json"), i)
}

func (b *backend) ResolveImage(ctx context.Context, ref string, pull backends.Pull, say func(backends.Progress)) (img backends.Image, err error) {
	err = b.around(ctx, "image", "", func() error {
		i, err := b.resolve(ctx, ref, pull, say)
		img = backends.Image{ID: i.ID, Arch: runtime.GOARCH, Runs: len(i.Argv) > 0}
		if strings.HasPrefix(i.Name, registry) {
			img.Digest = i.Name + "@" + i.ID
		}
		return err
	})
	return img, err
}

func (b *backend) resolve(ctx context.Context, ref string, pull backends.Pull, say func(backends.Progress)) (image, error) {
	if filepath.IsAbs(ref) {
		return b.loadArchive(ref, say)
	}
	i, err := b.image(ref)
	remote, isRemote := strings.CutPrefix(strings.TrimSuffix(ref, ":latest"), registry)
	if err == nil && (pull != backends.PullAlways || !isRemote) || !isRemote || pull == backends.PullNever {
		return i, err
	}
	if remote == "private" {
		return image{}, fmt.Errorf("%w: %s", backends.ErrImageDenied, ref)
	}
	if i, err = b.image(remote); err != nil {
		return image{}, err
	}
	for done := int64(0); done <= 4<<20; done += 1 << 20 {
		say(backends.Progress{Step: "pull", Detail: ref, Done: done, Total: 4 << 20})
		if err := ctx.Err(); err != nil {
			return image{}, err
		}
	}
	i = builtinImage(registry+remote, i.Argv...)
	return i, b.keep(i)
}

// loadArchive takes the names and the command of an archive as `docker save`
// writes it; its files are not looked at.
func (b *backend) loadArchive(path string, say func(backends.Progress)) (image, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return image{}, fmt.Errorf("%w: %s", backends.ErrImageNotFound, path)
	}
	if err != nil {
		return image{}, err
	}
	defer f.Close()
	say(backends.Progress{Step: "load", Detail: path})
	hash := sha256.New()
	files := map[string][]byte{}
	for t := tar.NewReader(io.TeeReader(f, hash)); ; {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return image{}, fmt.Errorf("%w: %s is no image archive: %w", backends.ErrBadRequest, path, err)
		}
		if strings.HasSuffix(h.Name, ".json") || strings.HasPrefix(h.Name, "blobs/") {
			if files[h.Name], err = io.ReadAll(io.LimitReader(t, 1<<20)); err != nil {
				return image{}, err
			}
		}
	}
	var manifest []struct {
		Config   string
		RepoTags []string
	}
	var config struct {
		Config struct{ Entrypoint, Cmd []string }
	}
	err = json.Unmarshal(files["manifest.json"], &manifest)
	if err == nil && len(manifest) == 1 {
		err = json.Unmarshal(files[manifest[0].Config], &config)
	}
	if err != nil || len(manifest) != 1 {
		return image{}, fmt.Errorf("%w: %s is no archive of one image: %w", backends.ErrBadRequest, path, err)
	}
	i := image{ID: "sha256:" + hex.EncodeToString(hash.Sum(nil)), Argv: append(config.Config.Entrypoint, config.Config.Cmd...)}
	if len(manifest[0].RepoTags) > 0 {
		i.Name = manifest[0].RepoTags[0]
	}
	return i, b.keep(i)
}

// busybox is the program that guests have. It must be static.
const busybox = "/bin/busybox"

// tools makes the folder that every guest sees as /bin, once an engine.
func (e *Engine) tools(ctx context.Context) (string, error) {
	bin := e.path("images", "bin")
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	list, err := exec.CommandContext(ctx, busybox, "--list").Output()
	if err != nil {
		return "", fmt.Errorf("fake: %s (Debian: busybox-static): %w", busybox, err)
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return "", err
	}
	tmp := bin + "." + newID()
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := os.WriteFile(filepath.Join(tmp, "busybox"), program, 0o755); err != nil {
		return "", err
	}
	for _, applet := range strings.Fields(string(list)) {
		if applet != "busybox" {
			if err := os.Symlink("busybox", filepath.Join(tmp, applet)); err != nil {
				return "", err
			}
		}
	}
	if err := os.Rename(tmp, bin); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err // else somebody else was quicker
	}
	return bin, nil
}
