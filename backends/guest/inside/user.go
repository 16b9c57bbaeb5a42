package inside

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// who is a user as a process is.
type who struct {
	uid, gid uint32
	groups   []uint32
	home     string // of the entry; "" without one
}

// maxAccounts bounds what is read of /etc/passwd and /etc/group.
const maxAccounts = 4 << 20

// accounts are the lines of an image's passwd and group files.
type accounts struct{ passwd, group []string }

// readAccounts reads what the image has of them; an image needs neither.
func readAccounts() accounts {
	return accounts{readLines("/etc/passwd"), readLines("/etc/group")}
}

func readLines(name string) []string {
	// A named pipe in its place must not hold us up.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(f, maxAccounts))
	if err != nil {
		return nil
	}
	return strings.Split(string(text), "\n")
}

// find looks a user up: uid or name, perhaps with :gid or :group; "" is the
// user that asks. The rules are those of the usual engines: a uid needs no
// entry and then has group 0; groups besides the own are those of the entry,
// unless a group is asked for.
func (a accounts) find(asked string) (who, error) {
	name, group, grouped := strings.Cut(asked, ":")
	if name == "" {
		name = strconv.Itoa(os.Geteuid())
	}
	var w who
	user := "" // name of the entry
	entry := a.entry(name)
	switch {
	case entry != nil:
		uid, err1 := number(entry[2])
		gid, err2 := number(entry[3])
		if err1 != nil || err2 != nil {
			return w, fmt.Errorf("user %q: its entry in /etc/passwd is broken: %w", name, backends.ErrBadRequest)
		}
		user, w = entry[0], who{uid: uid, gid: gid, home: entry[5]}
	default:
		uid, err := number(name)
		if err != nil {
			return w, fmt.Errorf("user %q: no such user in the instance's /etc/passwd: %w", name, backends.ErrBadRequest)
		}
		w.uid = uid
	}
	if !grouped || group == "" {
		w.groups = a.groupsOf(user, w.gid)
		return w, nil
	}
	gid, err := a.gid(group)
	w.gid, w.groups = gid, []uint32{gid}
	return w, err
}

// entry is the line of passwd for a name or else for a uid.
func (a accounts) entry(name string) []string {
	var byID []string
	for _, line := range a.passwd {
		f := strings.Split(line, ":")
		if len(f) < 7 {
			continue
		}
		if f[0] == name {
			return f
		}
		if f[2] == name && byID == nil {
			byID = f
		}
	}
	return byID
}

func (a accounts) gid(name string) (uint32, error) {
	for _, line := range a.group {
		if f := strings.Split(line, ":"); len(f) >= 3 && f[0] == name {
			return number(f[2])
		}
	}
	gid, err := number(name)
	if err != nil {
		return 0, fmt.Errorf("group %q: no such group in the instance's /etc/group: %w", name, backends.ErrBadRequest)
	}
	return gid, nil
}

// groupsOf are the groups that list a user as a member, and his own.
func (a accounts) groupsOf(user string, own uint32) []uint32 {
	groups := []uint32{own}
	for _, line := range a.group {
		f := strings.Split(line, ":")
		if user == "" || len(f) < 4 || !slices.Contains(strings.Split(f[3], ","), user) {
			continue
		}
		if gid, err := number(f[2]); err == nil && !slices.Contains(groups, gid) && len(groups) < maxGroups {
			groups = append(groups, gid)
		}
	}
	return groups
}

// maxGroups is NGROUPS_MAX of Linux (include/uapi/linux/limits.h).
const maxGroups = 65536

func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if n == 1<<32-1 { // -1 means nobody's id to the kernel
		return 0, strconv.ErrRange
	}
	return uint32(n), err
}

// credential drops to the user; nil where that is who runs already and there
// is no right to change the groups.
func (w who) credential() *syscall.Credential {
	if os.Geteuid() != 0 && int(w.uid) == os.Geteuid() {
		return nil
	}
	return &syscall.Credential{Uid: w.uid, Gid: w.gid, Groups: w.groups}
}
