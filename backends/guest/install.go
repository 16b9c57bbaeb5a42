package guest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"embed"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"gitea.dideric.is/didericis/bot-bottle/backends/guest/inside"
)

// programs are what cmd/dev/guest.sh built, if it did.
//
//go:embed programs
var programs embed.FS

// acts says that this process would have been the guest program if it had
// been started as one.
var acts bool

// Act is the guest program where this process was started as one, by its base
// name: it then runs to its end, and code is what to exit with. It is called
// first thing, by a program that wants to be installed where no guest programs
// were built in.
func Act(argv []string, in, out, err *os.File) (code int, acted bool) {
	if acts = true; !inside.Named(argv) {
		return 0, false
	}
	return inside.Main(argv[1:], inside.Std{In: in, Out: out, Err: err}), true
}

// maxProgram bounds a program, unpacked.
const maxProgram = 256 << 20

// Install puts the guest program for an architecture, in Go's words, at
// dir/<sha256>/bot-bottle-guest, mode 0755 in a folder 0755, and returns that
// folder, for a read-only mount. It appears at once and whole, and what is
// there already is left as it is. A bot-bottle that was built without guest
// programs installs itself, where it is a static Linux program for the
// architecture: see [Act].
func Install(dir, arch string) (folder string, err error) {
	place := func(sum [sha256.Size]byte) (folder, file string) {
		folder = filepath.Join(dir, hex.EncodeToString(sum[:]))
		return folder, filepath.Join(folder, ProgramName)
	}
	// What was put there is named after its content and was put there at once:
	// to unpack and compare it each time would take longer than all the rest.
	if sum, size, ok := built(arch); ok {
		folder, file := place(sum)
		if st, err := os.Stat(file); err == nil && st.Mode() == 0o755 && st.Size() == size {
			return folder, nil
		}
	}
	program, err := program(arch)
	if err != nil {
		return "", fmt.Errorf("install the guest program: %w", err)
	}
	sum := sha256.Sum256(program)
	folder, file := place(sum)
	if whole(file, sum) {
		return folder, nil
	}
	if err := put(folder, file, program); err != nil {
		return "", fmt.Errorf("install the guest program: %w", err)
	}
	return folder, nil
}

// built is the sum and the size of the program that was built for an
// architecture, as it is unpacked, if they are known.
func built(arch string) (sum [sha256.Size]byte, size int64, ok bool) {
	name := "programs/" + ProgramName + "-" + arch
	text, err := programs.ReadFile(name + ".sha256")
	if err != nil {
		return sum, 0, false
	}
	packed, err := programs.Open(name + ".gz")
	if err != nil {
		return sum, 0, false
	}
	defer packed.Close()
	var last [4]byte // the size unpacked, says RFC 1952
	end, err := packed.(io.Seeker).Seek(-int64(len(last)), io.SeekEnd)
	if err == nil && end >= 0 {
		_, err = io.ReadFull(packed, last[:])
	}
	if err != nil {
		return sum, 0, false
	}
	n, err := hex.Decode(sum[:], bytes.TrimSpace(text[:min(len(text), 2*len(sum)+1)]))
	return sum, int64(binary.LittleEndian.Uint32(last[:])), err == nil && n == len(sum)
}

// program is what to install: the one that was built for it, or ourselves.
func program(arch string) ([]byte, error) {
	packed, err := programs.ReadFile("programs/" + ProgramName + "-" + arch + ".gz")
	if errors.Is(err, fs.ErrNotExist) {
		return itself(arch)
	}
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, maxProgram))
}

// itself is the running program, if it can run in any image.
func itself(arch string) ([]byte, error) {
	const without = "this bot-bottle was built without guest programs, and %s; build it with: make build"
	if runtime.GOOS != "linux" || runtime.GOARCH != arch {
		return nil, fmt.Errorf(without, fmt.Sprintf("is itself none for linux/%s", arch))
	}
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	e, err := elf.NewFile(f)
	if err != nil {
		return nil, err
	}
	for _, p := range e.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, fmt.Errorf(without, "needs libraries that an image may not have")
		}
	}
	if !acts {
		return nil, fmt.Errorf(without, "is another program that cannot act as one")
	}
	return io.ReadAll(io.LimitReader(f, maxProgram))
}

// whole says whether a file holds what it must.
func whole(file string, sum [sha256.Size]byte) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || st.Mode().Perm() != 0o755 {
		return false
	}
	h := sha256.New()
	_, err = io.Copy(h, io.LimitReader(f, maxProgram))
	return err == nil && bytes.Equal(h.Sum(nil), sum[:])
}

// put writes the program beside its place and renames it. Modes are set,
// not asked for: a machine's own user must be able to run it, whatever the
// umask says.
func put(folder, file string, program []byte) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, ".new-")
	if err != nil {
		return err
	}
	_, err = f.Write(program)
	err = errors.Join(err, f.Chmod(0o755), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
