package backendtest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// hostileValues must arrive in a guest as they were given.
var hostileValues = []string{
	"", " ", "a b", "a=b", "=", "two\nlines\n", "tab\there", `"quoted" 'twice'`, `back\slash`, "$HOME ${X} `id` $(id)",
	"snow ☃ 雪 é", "-rf", "--", "*", "%s%n", "\x1b[31mred", strings.Repeat("long ", 2000),
}

var specPoints = []point{
	{"spec/argv_arrives_as_it_is", nil, func(r *rig) {
		argv := append([]string{"sh", "-c", `printf '%s\0' "$@" > /argv; touch /written; sleep 3600`, "name"}, hostileValues...)
		ref := r.running(argv...)
		r.written(ref, "/argv", strings.Join(hostileValues, "\x00")+"\x00")
	}},
	{"spec/env_arrives_as_it_is", nil, func(r *rig) {
		s := r.spec()
		script := ""
		for i, v := range hostileValues {
			s.Env = append(s.Env, fmt.Sprintf("V%d=%s", i, v))
			script += fmt.Sprintf(`printf '%%s\0' "$V%d" >> /env; `, i)
		}
		s.Argv = sh(script + "touch /written; sleep 3600")
		r.written(r.runningSpec(s), "/env", strings.Join(hostileValues, "\x00")+"\x00")
	}},
	{"spec/env_values_are_in_no_error", nil, func(r *rig) {
		const secret = "sesame-open-up-4711"
		s := r.spec("/no/such/command")
		s.Env = []string{"TOKEN=" + secret}
		inst, err := r.b.Create(r.ctx(), s)
		r.must(err, "Create")
		ref := backends.Ref{Name: s.Name, ID: inst.ID, Labels: s.Labels}
		if err := r.b.Start(r.ctx(), ref, s.Env); err != nil && strings.Contains(err.Error(), secret) {
			r.Errorf("Start tells the value of a variable: %v", err)
		}
		if o := r.inspect(ref); strings.Contains(fmt.Sprintf("%+v", o), secret) {
			r.Errorf("Inspect tells the value of a variable: %+v", o)
		}
	}},
	{"spec/workdir", nil, func(r *rig) {
		s := r.spec(sh("pwd; sleep 3600")...)
		s.Workdir = "/work/some where"
		ref := r.runningSpec(s)
		r.printed(ref, "/work/some where\n")
		r.says(ref, "pwd", "/work/some where\n") // a command starts there too
	}},
	{"spec/user", need(Users), func(r *rig) {
		s := r.spec(sh("id -u; id -g; sleep 3600")...)
		s.User = "1234:567"
		ref := r.runningSpec(s)
		r.printed(ref, "1234\n567\n")
		r.says(ref, "id -u", "1234\n") // a command is the same user
	}},
	{"spec/home_of_a_user_without_an_entry", need(Users), func(r *rig) {
		s := r.spec(sh(`echo "$HOME"; sleep 3600`)...)
		s.User, s.Home = "1234:567", "/home/somebody"
		r.printed(r.runningSpec(s), "/home/somebody\n")
	}},
	{"spec/home_given_by_env_wins", need(Users), func(r *rig) {
		s := r.spec(sh(`echo "$HOME"; sleep 3600`)...)
		s.User, s.Home, s.Env = "1234:567", "/home/somebody", []string{"HOME=/elsewhere"}
		r.printed(r.runningSpec(s), "/elsewhere\n")
	}},
	{"spec/mount_read_write", need(Mounts), func(r *rig) {
		dir := r.hostDir()
		s := r.spec(idle()...)
		s.Mounts = []backends.Mount{{Source: dir, Target: "/mnt/shared"}}
		ref := r.runningSpec(s)
		r.says(ref, `cat /mnt/shared/from-host; echo inside > /mnt/shared/from-guest`, "outside\n")
		if got, err := os.ReadFile(filepath.Join(dir, "from-guest")); string(got) != "inside\n" {
			r.Errorf("the host sees %q, %v", got, err)
		}
	}},
	{"spec/mount_on_a_path_with_a_space", need(Mounts, OddTargets), func(r *rig) {
		s := r.spec(idle()...)
		s.Mounts = []backends.Mount{{Source: r.hostDir(), Target: "/mnt/shared dir"}}
		r.says(r.runningSpec(s), `cat '/mnt/shared dir/from-host'`, "outside\n")
	}},
	{"spec/mount_read_only", need(Mounts), func(r *rig) {
		dir := r.hostDir()
		s := r.spec(idle()...)
		s.Mounts = []backends.Mount{{Source: dir, Target: "/mnt/x", ReadOnly: true}}
		ref := r.runningSpec(s)
		r.says(ref, `cat /mnt/x/from-host; touch /mnt/x/new 2>/dev/null || echo refused`, "outside\nrefused\n")
	}},
	{"spec/mount_inside_a_mount_read_only", need(Mounts), func(r *rig) {
		dir := r.hostDir()
		r.must(os.Mkdir(filepath.Join(dir, "hooks"), 0o755), "make a folder")
		s := r.spec(idle()...)
		s.Mounts = []backends.Mount{{Source: dir, Target: "/mnt/x"},
			{Source: filepath.Join(dir, "hooks"), Target: "/mnt/x/hooks", ReadOnly: true}}
		ref := r.runningSpec(s)
		r.says(ref, `touch /mnt/x/new && echo one; touch /mnt/x/hooks/new 2>/dev/null || echo refused`, "one\nrefused\n")
	}},
	{"spec/mount_of_a_file", need(Mounts, FileMounts), func(r *rig) {
		s := r.spec(idle()...)
		s.Mounts = []backends.Mount{{Source: filepath.Join(r.hostDir(), "from-host"), Target: "/etc/one", ReadOnly: true}}
		r.says(r.runningSpec(s), "cat /etc/one", "outside\n")
	}},
	{"spec/mount_survives_a_restart", need(Mounts), func(r *rig) {
		s := r.spec(idle()...)
		s.Mounts = []backends.Mount{{Source: r.hostDir(), Target: "/mnt/x"}}
		ref := r.runningSpec(s)
		r.must(r.b.Stop(r.ctx(), ref, 0), "Stop")
		r.must(r.b.Start(r.ctx(), ref, nil), "Start")
		r.says(ref, "cat /mnt/x/from-host", "outside\n")
	}},
	{"spec/read_only_root", need(ReadOnlyRoot), func(r *rig) {
		s := r.spec(idle()...)
		s.ReadOnly = true
		r.says(r.runningSpec(s), "touch /new 2>/dev/null || echo refused", "refused\n")
	}},
	{"spec/network_none", need(NoNetwork), func(r *rig) {
		// A socket call may leave without any interface, so it is tried: all
		// that this host is called, its loopback included, must be far away.
		l, err := net.Listen("tcp", ":0")
		r.must(err, "listen")
		defer l.Close()
		port := l.Addr().(*net.TCPAddr).Port
		names := []string{"127.0.0.1"}
		addrs, err := net.InterfaceAddrs()
		r.must(err, "addresses of this host")
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
				names = append(names, n.IP.String())
			}
		}
		ref := r.running(idle()...)
		for _, name := range names[:min(len(names), 3)] {
			script := fmt.Sprintf("nc -w 3 %s %d </dev/null 2>/dev/null && echo reached || echo none", name, port)
			r.says(ref, script, "none\n")
		}
		// and no interface leads anywhere: a dummy is none
		r.says(ref, "grep -v -e lo: -e dummy0: /proc/net/dev | grep -c : || true", "0\n")
	}},
	{"spec/limits_hold_and_are_told", need(Limits), func(r *rig) {
		s := r.spec(idle()...)
		s.CPUs, s.Memory, s.Pids = 0.5, 64<<20, 50
		ref := r.runningSpec(s)
		if o := r.inspect(ref); o.CPUs != s.CPUs || o.Memory != s.Memory || o.Pids != s.Pids {
			r.Errorf("asked for %v CPUs, %d bytes, %d processes, told %v, %d, %d", s.CPUs, s.Memory, s.Pids, o.CPUs, o.Memory, o.Pids)
		}
		code, out, _ := r.exec(ref, backends.Command{
			Argv: sh(`i=0; while [ $i -lt 80 ]; do sleep 20 & i=$((i+1)); done 2>/dev/null; echo all`)}, "")
		if code == 0 && strings.Contains(out, "all") {
			r.Errorf("80 processes under a limit of 50: code %d, %q", code, out)
		}
	}},
	{"spec/port_is_published", need(Ports), func(r *rig) {
		s := r.full()
		s.Argv = sh("while :; do echo from-inside | nc -l -p 8080; done")
		port := freePort(r)
		s.Ports = []backends.Port{{HostIP: "127.0.0.1", HostPort: port, GuestPort: 8080, Protocol: "tcp"}}
		ref := r.runningSpec(s)
		o := r.inspect(ref)
		if len(o.Ports) != 1 || o.Ports[0] != s.Ports[0] {
			r.Errorf("published %v, told %v", s.Ports, o.Ports)
		}
		r.eventually("the port answers", func() bool {
			c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
			if err != nil {
				return false
			}
			defer c.Close()
			c.SetReadDeadline(time.Now().Add(time.Second))
			buf := make([]byte, 64)
			n, _ := c.Read(buf)
			return string(buf[:n]) == "from-inside\n"
		})
	}},
	{"spec/taken_port_is_refused", need(Ports), func(r *rig) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		r.must(err, "listen")
		defer l.Close()
		s := r.full()
		s.Ports = []backends.Port{{HostIP: "127.0.0.1", HostPort: l.Addr().(*net.TCPAddr).Port, GuestPort: 8080, Protocol: "tcp"}}
		inst, err := r.b.Create(r.ctx(), s)
		if err == nil {
			err = r.b.Start(r.ctx(), backends.Ref{Name: s.Name, ID: inst.ID, Labels: s.Labels}, nil)
		}
		r.is(err, backends.ErrBadRequest, "a port that is taken")
	}},
	{"spec/facts_can_be_read_back", need(Facts, Users, Mounts), func(r *rig) {
		s := r.spec("sh", "-c", "sleep 3600", "two words")
		dir := r.hostDir()
		s.Workdir, s.User, s.Mounts = "/work", "1234:567", []backends.Mount{{Source: dir, Target: "/mnt/x", ReadOnly: true}}
		o := r.inspect(r.create(s))
		if fmt.Sprint(o.Argv) != fmt.Sprint(s.Argv) || o.Workdir != s.Workdir || o.User != s.User || o.TTY != s.TTY || o.Network != s.Network {
			r.Errorf("made as %q %q %q, told %q %q %q %v %q", s.Argv, s.Workdir, s.User, o.Argv, o.Workdir, o.User, o.TTY, o.Network)
		}
		if len(o.Mounts) != 1 || o.Mounts[0] != s.Mounts[0] {
			r.Errorf("mounted %v, told %v", s.Mounts, o.Mounts)
		}
	}},
}

// hostDir is a folder of the host that any guest may use.
func (r *rig) hostDir() string {
	r.Helper()
	dir, err := filepath.EvalSymlinks(r.TempDir())
	r.must(err, "resolve the folder")
	dir = filepath.Join(dir, "host dir")
	r.must(os.Mkdir(dir, 0o777), "make a folder")
	r.must(os.Chmod(dir, 0o777), "open the folder")
	r.must(os.WriteFile(filepath.Join(dir, "from-host"), []byte("outside\n"), 0o644), "write a file")
	return dir
}

// written waits until the main process has written and compares a file.
func (r *rig) written(ref backends.Ref, path, want string) {
	r.Helper()
	r.eventually("the main process writes", func() bool {
		code, _, _ := r.exec(ref, backends.Command{Argv: []string{"test", "-e", "/written"}}, "")
		return code == 0
	})
	_, got, _ := r.exec(ref, backends.Command{Argv: []string{"cat", path}}, "")
	if got != want {
		r.Errorf("arrived as %q, want %q", clip(got), clip(want))
	}
}

func clip(s string) string {
	if len(s) > 600 {
		return s[:600] + "…"
	}
	return s
}

func freePort(r *rig) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err, "find a free port")
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
