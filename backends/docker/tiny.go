package docker

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/imageref"
)

// checkCode is what the program of a check ends with: no accident gives it.
const checkCode = 42

// A machine is what the program of a check is written for: the engine's word
// for it, the image's, the ELF number (elf(5), e_machine), and the code, which
// is exit_group(42) (syscall(2) has the registers and linux/unistd.h the
// numbers: 231 on x86-64, 94 on arm64).
type machine struct {
	uname, arch string
	elf         uint16
	code        []byte
}

var machines = []machine{
	{"x86_64", "amd64", 62, []byte{
		0xbf, checkCode, 0, 0, 0, // mov edi, 42
		0xb8, 231, 0, 0, 0, // mov eax, 231
		0x0f, 0x05, // syscall
	}},
	{"aarch64", "arm64", 183, []byte{
		0x40, 0x05, 0x80, 0xd2, // mov x0, 42
		0xc8, 0x0b, 0x80, 0xd2, // mov x8, 94
		0x01, 0x00, 0x00, 0xd4, // svc 0
	}},
}

// elfBase is where the program is loaded; a multiple of every page size.
const elfBase = 0x400000

// tinyProgram is a static Linux program that does nothing but end: the file
// header, one segment, the code (elf(5)).
func tinyProgram(m machine) []byte {
	const header, segment = 64, 56
	size := uint64(header + segment + len(m.code))
	var b bytes.Buffer
	b.WriteString("\x7fELF\x02\x01\x01")
	b.Write(make([]byte, 9))
	for _, v := range []any{
		uint16(2), m.elf, uint32(1), // executable, machine, version
		uint64(elfBase + header + segment), uint64(header), uint64(0), // entry, segments, no sections
		uint32(0), uint16(header), uint16(segment), uint16(1), uint16(0), uint16(0), uint16(0),
		uint32(1), uint32(5), uint64(0), // a segment to load, readable and executable, from the start
		uint64(elfBase), uint64(elfBase), size, size, uint64(0x10000),
	} {
		_ = binary.Write(&b, binary.LittleEndian, v) // a buffer takes everything
	}
	b.Write(m.code)
	return b.Bytes()
}

// checkArchive makes an archive, as docker save writes one, of an image that
// holds the program alone and carries the labels of one check.
func checkArchive(uname string, l backends.Labels) (*bytes.Reader, error) {
	var m machine
	for _, known := range machines {
		if known.uname == uname || known.arch == uname {
			m = known
		}
	}
	if m.elf == 0 {
		return nil, fmt.Errorf("%w: no program for a machine of kind %q is at hand; an image of yours with a shell will do", backends.ErrUnsupported, uname)
	}
	layer, err := tarOf(file{"exit", 0o755, tinyProgram(m)})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": m.arch, "os": "linux", "created": "1970-01-01T00:00:00Z",
		"config": map[string]any{"Cmd": []string{"/exit"}, "Labels": map[string]string{
			backends.LabelHome: l.Home, backends.LabelKind: backends.Throwaway, backends.LabelNonce: l.Nonce}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{imageref.IDPrefix + hex.EncodeToString(sum[:])}},
	})
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(config)
	name := hex.EncodeToString(id[:])
	list, err := json.Marshal([]map[string]any{{
		"Config": name + ".json", "RepoTags": []string{"bot-bottle-doctor:" + name[:12]}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return nil, err
	}
	whole, err := tarOf(file{name + ".json", 0o644, config}, file{"layer.tar", 0o644, layer}, file{"manifest.json", 0o644, list})
	return bytes.NewReader(whole), err
}

type file struct {
	name string
	mode int64
	data []byte
}

func tarOf(files ...file) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), Typeflag: tar.TypeReg}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}
