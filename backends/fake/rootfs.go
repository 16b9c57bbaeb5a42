package fake

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// envBin names the variable with the folder that guests see as /bin.
const envBin = "BOT_BOTTLE_FAKE_BIN"

// devices are the ones that programs expect.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// arrange puts together what a guest sees, in a mount namespace of its own.
func arrange(root, bin string, s backends.InstanceSpec) error {
	do := func(what, source, target, kind string, flags uintptr) error {
		if err := syscall.Mount(source, target, kind, flags, ""); err != nil {
			return fmt.Errorf("%s %s on %s: %w", what, source, target, err)
		}
		return nil
	}
	// nothing of this reaches the host, and a bind mount is what can be made
	// read-only
	err := errors.Join(do("keep private", "", "/", "", syscall.MS_REC|syscall.MS_PRIVATE),
		do("bind", root, root, "", syscall.MS_BIND|syscall.MS_REC))
	if err != nil {
		return err
	}
	files, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer files.Close()
	bind := func(source, target string, readOnly bool) error {
		if err := placeFor(files, source, inside(target)); err != nil {
			return err
		}
		at := filepath.Join(root, target)
		if err := do("bind", source, at, "", syscall.MS_BIND|syscall.MS_REC); err != nil || !readOnly {
			return err
		}
		return do("make read-only", "", at, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY|kept(at))
	}
	if err := bind(bin, "/bin", true); err != nil {
		return err
	}
	for _, d := range devices {
		if err := bind("/dev/"+d, "/dev/"+d, false); err != nil {
			return err
		}
	}
	if err := do("mount", "proc", filepath.Join(root, "proc"), "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC); err != nil {
		return err
	}
	for _, m := range s.Mounts {
		if err := bind(m.Source, m.Target, m.ReadOnly); err != nil {
			return fmt.Errorf("%w: %w", backends.ErrBadRequest, err)
		}
	}
	if s.ReadOnly {
		return do("make read-only", "", root, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY|kept(root))
	}
	return nil
}

// kept are the flags of a mount that a user namespace may not drop.
func kept(path string) uintptr {
	var st syscall.Statfs_t
	if syscall.Statfs(path, &st) != nil {
		return 0
	}
	// statfs and mount number these alike
	return uintptr(st.Flags) & (syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC | syscall.MS_NOATIME | syscall.MS_NODIRATIME)
}

// placeFor makes the file or folder that something is mounted on.
func placeFor(files *os.Root, source, target string) error {
	if _, err := files.Stat(target); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	st, err := os.Stat(source)
	if err != nil {
		return err
	}
	if st.IsDir() {
		return files.MkdirAll(target, 0o755)
	}
	if err := files.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return files.WriteFile(target, nil, 0o644)
}

// account is who runs a process.
type account struct {
	uid, gid uint32
	home     string // "" when the image does not know the user
}

// lookUp finds a user as "name", "uid" or "uid:gid" in the image.
func lookUp(root, user string) (a account, err error) {
	if user == "" {
		user = "0"
	}
	passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil {
		return a, err
	}
	name, group, _ := strings.Cut(user, ":")
	for line := range strings.Lines(string(passwd)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) == 7 && (f[0] == name || f[2] == name) {
			name, a.home = f[2], f[5]
			if group == "" {
				group = f[3]
			}
		}
	}
	if group == "" {
		group = "0"
	}
	if _, err := fmt.Sscanf(name+" "+group, "%d %d", &a.uid, &a.gid); err != nil {
		return a, fmt.Errorf("%w: no user %q in the image", backends.ErrBadRequest, user)
	}
	return a, nil
}
