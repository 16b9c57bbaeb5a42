package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/creack/pty"
)

// prompt is the agent's, less the space behind it, which no redraw needs.
const prompt = "prompt#"

const (
	// keystrokes is how many are typed on each side: enough for a 99th
	// percentile.
	keystrokes = 600
	// much is how many bytes are printed to measure how fast that goes.
	much = 100 << 20
	// seatTime bounds each wait.
	seatTime = 30 * time.Second
)

// sessionAgent has a prompt, echoes what is typed, and prints a lot when the
// line says so.
const sessionAgent = `/busybox yes 'a line of seventy nine columns, of which there are very many in this big file' | /busybox head -c ` +
	`104857600 >/big; printf 'prompt# '; while read -r x; do case $x in big) /busybox cat /big; printf 'done prompt# ';; *) printf 'prompt# ';; esac; done`

// seat is a program on a terminal.
type seat struct {
	cmd  *exec.Cmd
	ptm  *os.File
	came chan []byte // what is printed; closed at its end
	got  []byte      // the end of it, since the last wait
}

func sit(cmd *exec.Cmd) (*seat, error) {
	ptm, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	s := &seat{cmd: cmd, ptm: ptm, came: make(chan []byte, 64)}
	if err != nil {
		return s, err
	}
	go func() {
		defer close(s.came)
		for {
			buf := make([]byte, 64<<10)
			n, err := ptm.Read(buf)
			s.came <- buf[:n]
			if err != nil { // of a terminal whose program ended
				return
			}
		}
	}()
	return s, nil
}

// leave ends the program however it takes that.
func (s *seat) leave() {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()
	go func() {
		for range s.came { // so that its reader ends
		}
		_ = s.ptm.Close()
	}()
}

func (s *seat) types(text string) error {
	_, err := s.ptm.WriteString(text)
	return err
}

// sees waits until text was printed.
func (s *seat) sees(text string) error {
	late := time.After(seatTime)
	for !bytes.Contains(s.got, []byte(text)) {
		select {
		case more, open := <-s.came:
			s.got = append(s.got[max(0, len(s.got)-len(text)):], more...)
			if !open {
				return fmt.Errorf("%q ended and showed no %q", s.cmd.Args, text)
			}
		case <-late:
			return fmt.Errorf("%q shows no %q within %s, but at last %q", s.cmd.Args, text, seatTime, s.got)
		}
	}
	s.got = s.got[:0]
	return nil
}

// quiet waits until nothing more comes.
func (s *seat) quiet() {
	for {
		select {
		case _, open := <-s.came:
			if !open {
				return
			}
		case <-time.After(200 * time.Millisecond):
			return
		}
	}
}

// sessions measures an attachment against the engine's own program, which runs
// one more command in the same container, each on a terminal.
func sessions(p program, rounds int) (rows []row, err error) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return nil, errors.New("no docker program to compare with (Debian: docker.io)")
	}
	if err := bare(importImage)(); err != nil {
		return nil, err
	}
	const slug, name = "bench-session", "bot-bottle-bench-session"
	defer func() {
		err = errors.Join(err, p.run("rm", "--force", slug), p.run("cleanup", "--yes"), removeImage())
	}()
	if err := p.run("start", "-d", "--backend", "docker", "--image", imageName, "--pull", "never", "--name", slug, "--",
		"/busybox", "sh", "-c", sessionAgent); err != nil {
		return nil, err
	}
	attach := func() *exec.Cmd { return p.command("attach", slug) }
	inside := func(argv ...string) func() *exec.Cmd {
		return func() *exec.Cmd { return exec.Command(docker, append([]string{"exec", "-it", name}, argv...)...) }
	}
	first := func(cmd func() *exec.Cmd, prompt string) func() (time.Duration, error) {
		return timed(func() error {
			s, err := sit(cmd())
			if err != nil {
				return err
			}
			defer s.leave()
			return s.sees(prompt)
		})
	}
	shell := inside("/busybox", "sh", "-c", sessionAgent[strings.Index(sessionAgent, "printf"):])
	if _, err := first(attach, prompt)(); err != nil { // the big file is there
		return nil, err
	}
	took, err := interleave(rounds/2, side{"attach", first(attach, prompt)}, side{"exec", first(inside("/busybox", "sh"), "# ")})
	if err != nil {
		return nil, err
	}
	rows = append(rows, atMost("attach, to the first redraw", "docker exec -it sh, to its prompt", took[0], took[1], 1.5))

	ours, theirs, err := echoes(attach, shell)
	if err != nil {
		return nil, err
	}
	rows = append(rows, atMost("a keystroke's echo, median", "docker exec -it", at(ours, 50), at(theirs, 50), 1.2),
		atMost("a keystroke's echo, 99 of 100", "docker exec -it", at(ours, 99), at(theirs, 99), 2))

	took, err = interleave(3, side{"attach", prints(attach)}, side{"exec", prints(shell)})
	if err != nil {
		return nil, err
	}
	rows = append(rows, fasterBy("cat of 100 MB", "docker exec -it", took[0], took[1], 0.8))
	idle, err := idles()
	return append(rows, idle...), err
}

// echoes types keys on both sides in turn, and says how long each took to
// show.
func echoes(a, b func() *exec.Cmd) (ours, theirs []time.Duration, err error) {
	seats := make([]*seat, 2)
	for i, cmd := range []func() *exec.Cmd{a, b} {
		if seats[i], err = sit(cmd()); err != nil {
			return nil, nil, err
		}
		defer seats[i].leave()
		if err := seats[i].sees(prompt); err != nil {
			return nil, nil, err
		}
		seats[i].quiet()
	}
	took := make([][]time.Duration, 2)
	for n := range keystrokes {
		for i, s := range seats {
			time.Sleep(time.Millisecond) // nobody types faster
			key := string(rune('a' + n%26))
			begin := time.Now()
			if err := s.types(key); err != nil {
				return nil, nil, err
			}
			if err := s.sees(key); err != nil {
				return nil, nil, err
			}
			took[i] = append(took[i], time.Since(begin))
			if n%40 == 39 { // a line has an end
				if err := errors.Join(s.types("\r"), s.sees(prompt)); err != nil {
					return nil, nil, err
				}
			}
		}
	}
	return took[0], took[1], nil
}

func at(took []time.Duration, percent int) time.Duration {
	slices.Sort(took)
	return took[len(took)*percent/100]
}

// prints has the big file printed.
func prints(cmd func() *exec.Cmd) func() (time.Duration, error) {
	return func() (took time.Duration, err error) {
		s, err := sit(cmd())
		if err != nil {
			return 0, err
		}
		defer s.leave()
		if err := s.sees(prompt); err != nil {
			return 0, err
		}
		s.quiet()
		begin := time.Now()
		err = errors.Join(s.types("big\r"), s.sees("done prompt#"))
		return time.Since(begin), err
	}
}

// idles is what a holder with nothing to do takes.
func idles() (rows []row, err error) {
	pid, err := holder()
	if err != nil {
		return nil, err
	}
	before, err := ticks(pid)
	if err != nil {
		return nil, err
	}
	time.Sleep(5 * time.Second)
	after, err := ticks(pid)
	if err != nil {
		return nil, err
	}
	rows = append(rows, row{what: "holder at rest for 5 s, CPU", against: "nothing", ours: time.Duration(after-before) * 10 * time.Millisecond,
		result: fmt.Sprintf("%d ticks", after-before), bar: "<= 1 tick", pass: after-before <= 1})
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kb, err := strconv.Atoi(fields[1])
			if err != nil {
				return nil, err
			}
			rows = append(rows, row{what: "holder at rest, memory", against: "nothing",
				result: fmt.Sprintf("%.1f MB", float64(kb)/1024), bar: "<= 15 MB", pass: kb <= 15<<10})
		}
	}
	return rows, nil
}

// holder finds the process that holds the agent, whatever number its engine has
// for it.
func holder() (pid int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		words, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err == nil && bytes.Contains(words, []byte("bot-bottle-guest\x00run\x00")) && bytes.Contains(words, []byte(sessionAgent)) {
			return strconv.Atoi(e.Name())
		}
	}
	return 0, errors.New("the holder is not seen: the engine is on another machine")
}

// ticks is the CPU time of a process in hundredths of a second (proc(5)).
func ticks(pid int) (int, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return user + system, errors.Join(err1, err2)
}
