// Package fakesmolvm is a small faithful fake of the smolvm command line, for
// tests of whoever drives it. Its machines are real processes: a micro-VM is
// the first process of namespaces of its own, below the root of its image, and
// dies with all that runs in it. State is kept as smolvm keeps it: below
// SMOLVM_DATA_DIR, safe for any number of processes. What goes wrong in
// practice can be asked for, see [Faults].
//
// A test binary becomes the program: [Install] makes a link of the right name
// to it, and TestMain calls [Main] before anything else.
package fakesmolvm

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Version is the version that the fake plays unless told otherwise.
const Version = "1.32.2"

// Main plays the program if this process was started as it, and does not
// return then.
func Main() {
	if len(os.Args) == 3 && os.Args[1] == bootCommand {
		boot(os.Args[2])
	}
	if filepath.Base(os.Args[0]) == "smolvm" {
		end(run(os.Args[1:]))
	}
}

// end is os.Exit without the second that the race detector takes for it: each
// call of a driver would be that late.
func end(code int) {
	syscall.RawSyscall(syscall.SYS_EXIT_GROUP, uintptr(code), 0, 0)
}

// Install makes the program in a folder and returns its path.
func Install(dir string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "smolvm")
	return path, os.Symlink(self, path)
}

// fail is an error as smolvm tells it.
type fail struct{ code, text string }

func (f *fail) Error() string { return f.text }

func failf(code, format string, args ...any) error {
	return &fail{code, fmt.Sprintf(format, args...)}
}

// usage is a complaint of the parser of arguments.
type usage string

func (u usage) Error() string { return string(u) }

// status ends the program with a guest's own code.
type status int

func (s status) Error() string { return fmt.Sprintf("exit code %d", int(s)) }

func run(args []string) int {
	w, err := newWorld()
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		return 1
	}
	w.chatter()
	args, format := globals(args)
	err = w.dispatch(args)
	var code status
	var wrong usage
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &wrong):
		fmt.Fprintf(os.Stderr, "error: %s\n\nFor more information, try '--help'.\n", wrong)
		return 2
	}
	f := &fail{"SMOLVM_ERROR", err.Error()}
	errors.As(err, &f)
	if format == "json" {
		text, _ := json.Marshal(map[string]any{"error": map[string]string{"code": f.code, "message": f.text}})
		fmt.Fprintln(os.Stderr, string(text))
	} else {
		fmt.Fprintln(os.Stderr, "Error:", f.text)
	}
	return 1
}

// globals takes out the options that every command has.
func globals(args []string) (rest []string, format string) {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--":
			return append(rest, args[i:]...), format
		case args[i] == "--error-format" && i+1 < len(args):
			i++
			format = args[i]
		default:
			rest = append(rest, args[i])
		}
	}
	return rest, format
}

func (w *world) dispatch(args []string) error {
	if len(args) == 0 {
		return usage("a command is wanted")
	}
	if err := w.tell(args); err != nil {
		return err
	}
	w.hang(args)
	if args[0] == "--version" || args[0] == "-V" {
		fmt.Println("smolvm", w.version())
		return nil
	}
	if args[0] != "machine" && args[0] != "vm" || w.faults.Namesake {
		return usage("unrecognized subcommand '" + args[0] + "'")
	}
	if len(args) < 2 {
		return usage("a subcommand is wanted")
	}
	if err := w.busy(); err != nil {
		return err
	}
	name, rest := args[1], args[2:]
	for _, c := range commands {
		if c.name == name || c.alias == name {
			o, err := parse(rest, c)
			if err != nil {
				return err
			}
			return c.do(w, o)
		}
	}
	return usage("unrecognized subcommand '" + name + "'")
}

type command struct {
	name, alias string
	flags       string // words, with "=" at the end of those that take a value
	words       bool   // takes words, before or after --
	after       bool   // takes words, but only after --
	do          func(*world, options) error
}

var commands = []command{
	{name: "create", after: true, do: (*world).create, flags: "-n/--name= --label= -I/--image= --cpus= --mem= --storage= --overlay= " +
		"-v/--volume= -p/--port= --net --block-private --deny-cidr= -e/--env= -w/--workdir= -u/--user= --secret-env= --stop-timeout= --stop-signal="},
	{name: "start", do: (*world).start, flags: "-n/--name="},
	{name: "stop", do: (*world).stop, flags: "-n/--name= -t/--timeout="},
	{name: "delete", alias: "rm", do: (*world).delete, flags: "-n/--name= -f/--force --cascade"},
	{name: "status", do: (*world).status, flags: "-n/--name= --json"},
	{name: "ls", alias: "list", do: (*world).list, flags: "-v/--verbose --json -q/--quiet"},
	{name: "exec", words: true, do: (*world).exec, flags: "--name= -w/--workdir= -u/--user= -e/--env= --secret-env= --timeout= " +
		"-i/--interactive -t/--tty --stream -d/--detach"},
	{name: "logs", do: (*world).logs, flags: "-n/--name= -f/--follow --tail="},
	{name: "update", do: (*world).update, flags: "-n/--name= --cpus= --mem="},
	{name: "cp", words: true, do: (*world).copy, flags: "--mode= --uid= --gid="},
	{name: "resume", do: (*world).resume, flags: "-n/--name="},
	{name: "data-dir", do: (*world).dataDir, flags: "-n/--name="},
}

// options are what was parsed: flags by their long names, words, argv.
type options struct {
	flags map[string][]string
	words []string
}

func (o options) has(name string) bool { return len(o.flags[name]) > 0 }
func (o options) last(name string) string {
	if v := o.flags[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

func parse(args []string, c command) (options, error) {
	o := options{flags: map[string][]string{}}
	long, takes := map[string]string{}, map[string]bool{}
	for _, f := range strings.Fields(c.flags) {
		f, value := strings.CutSuffix(f, "=")
		names := strings.Split(f, "/")
		name := names[len(names)-1]
		takes[name] = value
		for _, n := range names {
			long[n] = name
		}
	}
	for i := 0; i < len(args); i++ {
		word := args[i]
		switch {
		case word == "--":
			if !c.words && !c.after && len(args[i+1:]) > 0 {
				return o, usage("unexpected argument '" + args[i+1] + "' found")
			}
			o.words = append(o.words, args[i+1:]...)
			return o, nil
		case !strings.HasPrefix(word, "-"):
			if !c.words {
				return o, usage("unexpected argument '" + word + "' found")
			}
			o.words = append(o.words, word)
			continue
		}
		key, value, given := strings.Cut(word, "=")
		name, known := long[key]
		switch {
		case !known:
			return o, usage("unexpected argument '" + word + "' found")
		case !takes[name] && given:
			return o, usage("unexpected value for '" + key + "' found")
		case takes[name] && !given:
			if i++; i >= len(args) || strings.HasPrefix(args[i], "-") && len(args[i]) > 1 {
				return o, usage("a value is required for '" + key + "' but none was supplied")
			}
			value = args[i]
		}
		o.flags[name] = append(o.flags[name], value)
	}
	return o, nil
}

func (w *world) hang(args []string) {
	line := strings.Join(args, " ")
	for _, h := range w.faults.Hang {
		if h == "*" || strings.HasPrefix(line, h) {
			time.Sleep(time.Hour)
		}
	}
}
