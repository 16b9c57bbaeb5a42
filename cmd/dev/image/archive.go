package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// archive writes an image archive that holds nothing but busybox under the
// names of all its tools.
func archive(name, out string) error {
	layer, err := layer()
	if err != nil {
		return err
	}
	// https://github.com/moby/moby/blob/master/image/spec/v1.2.md
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       map[string]any{"Env": []string{"PATH=/bin"}, "Cmd": []string{"sh"}},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}},
	})
	if err != nil {
		return err
	}
	configName := fmt.Sprintf("%x.json", sha256.Sum256(config))
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": []string{name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	var image bytes.Buffer
	w := tar.NewWriter(&image)
	for _, f := range []struct {
		name string
		data []byte
	}{{"layer.tar", layer}, {configName, config}, {"manifest.json", manifest}} {
		if err := add(w, tar.Header{Name: f.name, Mode: 0o644}, f.data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, image.Bytes(), 0o644)
}

// layer is the image's file system. Nothing in it depends on the day, so that
// the same busybox always makes the same image.
func layer() ([]byte, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return nil, fmt.Errorf("find busybox (Debian's busybox-static): %w", err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	tools, err := exec.Command(path, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("ask busybox for its tools: %w", err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, dir := range []tar.Header{{Name: "bin/", Mode: 0o755}, {Name: "etc/", Mode: 0o755}, {Name: "root/", Mode: 0o700}, {Name: "tmp/", Mode: 0o1777}} {
		dir.Typeflag = tar.TypeDir
		if err := add(w, dir, nil); err != nil {
			return nil, err
		}
	}
	if err := add(w, tar.Header{Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0:root:/root:/bin/sh\n")); err != nil {
		return nil, err
	}
	if err := add(w, tar.Header{Name: "bin/busybox", Mode: 0o755}, program); err != nil {
		return nil, err
	}
	for tool := range strings.FieldsSeq(string(tools)) {
		if tool == "busybox" {
			continue
		}
		if err := add(w, tar.Header{Name: "bin/" + tool, Typeflag: tar.TypeLink, Linkname: "bin/busybox", Mode: 0o755}, nil); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func add(w *tar.Writer, h tar.Header, data []byte) error {
	if h.Typeflag == 0 {
		h.Typeflag = tar.TypeReg
	}
	h.Size = int64(len(data))
	if err := w.WriteHeader(&h); err != nil {
		return fmt.Errorf("pack %s: %w", h.Name, err)
	}
	_, err := w.Write(data)
	return err
}
