package fakesmolvm

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unpack makes the root of a machine from an archive of `docker save`, or from
// a folder. Registry references are for the real one.
func (w *world) unpack(r *record, image string) error {
	root := w.machineDir(r.Name, "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(w.machineDir(r.Name, "name"), []byte(r.Name), 0o644); err != nil {
		return err
	}
	for _, disk := range []string{"storage.raw", "overlay.raw"} {
		if err := os.WriteFile(w.machineDir(r.Name, disk), nil, 0o600); err != nil {
			return err
		}
	}
	switch {
	case image == "":
		return bare(root)
	case !strings.HasPrefix(image, "/") && !strings.HasPrefix(image, "./") && !strings.HasSuffix(image, ".tar"):
		r.Image = image
		return nil
	}
	r.Image = "local:" + hashed(image)
	parts, err := readTar(image)
	if err != nil {
		return failf("CONFIG_ERROR", "config operation failed: --image: cannot read archive %s: %v", image, err)
	}
	var manifest []struct {
		Config string
		Layers []string
	}
	if err := json.Unmarshal(parts["manifest.json"], &manifest); err != nil || len(manifest) != 1 {
		return failf("CONFIG_ERROR", "config operation failed: --image: %s is no image archive", image)
	}
	var config struct {
		Config struct{ Env, Entrypoint, Cmd []string }
	}
	if err := json.Unmarshal(parts[manifest[0].Config], &config); err != nil {
		return err
	}
	r.ImageEnv = config.Config.Env
	if len(r.Cmd) == 0 {
		r.Cmd = append(config.Config.Entrypoint, config.Config.Cmd...)
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	for _, l := range manifest[0].Layers {
		if err := layer(dir, strings.NewReader(string(parts[l]))); err != nil {
			return err
		}
	}
	return nil
}

// bare is the guest system of a machine without an image, as far as this host
// has a static busybox to make one of.
func bare(root string) error {
	busybox, err := os.ReadFile("/bin/busybox")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(root, "bin"), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "bin", "busybox"), busybox, 0o755)
	}
	for _, name := range []string{"sh", "true", "cat"} {
		err = errors.Join(err, os.Symlink("busybox", filepath.Join(root, "bin", name)))
	}
	return err
}

func readTar(path string) (map[string][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	parts := map[string][]byte{}
	for t := tar.NewReader(f); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return parts, nil
		}
		if err != nil {
			return nil, err
		}
		if parts[h.Name], err = io.ReadAll(t); err != nil {
			return nil, err
		}
	}
}

func layer(root *os.Root, r io.Reader) error {
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.Clean(strings.TrimPrefix(h.Name, "/"))
		mode := h.FileInfo().Mode()
		switch h.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, mode.Perm())
		case tar.TypeSymlink:
			err = root.Symlink(h.Linkname, name)
		case tar.TypeLink:
			err = root.Link(filepath.Clean(strings.TrimPrefix(h.Linkname, "/")), name)
		case tar.TypeReg:
			if err = root.MkdirAll(filepath.Dir(name), 0o755); err == nil {
				err = put(root, name, mode, t)
			}
		}
		if err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
}

func put(root *os.Root, name string, mode os.FileMode, r io.Reader) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode.Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
