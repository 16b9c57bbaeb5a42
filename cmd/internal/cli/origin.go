package cli

import (
	"os"
	"os/user"
	"strconv"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// origin says which process this is and who is behind it, for the audit of
// every event. What cannot be found out stays empty: nothing depends on it
// but the machine id.
func (c *call) origin() events.Origin {
	o := events.Origin{
		Command:      c.command,
		User:         loginName(),
		UID:          os.Geteuid(),
		SudoUser:     c.getenv("SUDO_USER"),
		TTY:          ttyName(),
		MachineID:    machineID(),
		BootID:       bootID(),
		PID:          os.Getpid(),
		ProcessStart: processStart(),
		Build:        c.env.Build.Version,
		Reason:       c.Reason,
	}
	o.Host, _ = os.Hostname()
	if peer, _, ok := strings.Cut(c.getenv("SSH_CONNECTION"), " "); ok {
		o.SSHPeer = peer
	}
	return o
}

// loginName asks the user database, not the environment, which anyone sets.
func loginName() string {
	uid := strconv.Itoa(os.Geteuid())
	u, err := user.LookupId(uid)
	if err != nil {
		return "uid " + uid
	}
	return u.Username
}

// machineID is the id of this installation of the system (machine-id(5));
// "" where there is none.
func machineID() string {
	return firstLine("/etc/machine-id", "/var/lib/dbus/machine-id")
}

// bootID changes at each boot of the kernel (proc(5)); "" elsewhere.
func bootID() string { return firstLine("/proc/sys/kernel/random/boot_id") }

func firstLine(paths ...string) string {
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if line, _, _ := strings.Cut(string(b), "\n"); err == nil && line != "" {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// ttyName is the terminal that stdin, stdout or stderr is connected to.
func ttyName() string {
	for _, fd := range []string{"0", "1", "2"} {
		name, err := os.Readlink("/proc/self/fd/" + fd)
		if err == nil && (strings.HasPrefix(name, "/dev/pts/") || strings.HasPrefix(name, "/dev/tty")) {
			return name
		}
	}
	return ""
}

// processStart is field 22 of /proc/self/stat (proc_pid_stat(5)): clock ticks
// after boot at which this process began. 0 where there is no such file.
func processStart() int64 {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	// The name in field 2 may hold spaces and brackets: count from its end.
	_, rest, ok := strings.Cut(string(b[strings.LastIndexByte(string(b), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return 0
	}
	n, _ := strconv.ParseInt(fields[19], 10, 64)
	return n
}
