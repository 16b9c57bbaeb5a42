// Package inside is what runs within an instance: the guest program's side of
// package guest. It needs nothing of the image, not even /etc or a shell.
package inside

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Name is the base name by which a program knows that it is the guest's.
const Name = "bot-bottle-guest"

// Named says whether a program was started as the guest's.
func Named(argv []string) bool { return len(argv) > 0 && filepath.Base(argv[0]) == Name }

// Std are the program's own ends.
type Std struct{ In, Out, Err *os.File }

// codeUsage is for a command line that makes no sense.
const codeUsage = 2

// Main runs the guest program and returns its exit code.
func Main(args []string, std Std) int {
	// What is written to a stream that nobody reads is an error, no death;
	// a signal that is caught, not ignored, is the default again in a child.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if len(args) == 0 {
		return usage(std, errors.New("there is no mode"))
	}
	mode, args := args[0], args[1:]
	switch mode {
	case "run":
		o, argv, err := parseRun(args)
		if err != nil {
			return usage(std, err)
		}
		return run(o, argv, std)
	case "connect":
		patience, err := parsePatience(args)
		if err != nil {
			return usage(std, err)
		}
		return connect(std, patience)
	case "notify":
		return notify(std, strings.Join(args, " "))
	case "serve":
		if len(args) > 0 {
			return usage(std, fmt.Errorf("serve takes no %q", args[0]))
		}
		return serve(std)
	}
	return usage(std, fmt.Errorf("there is no mode %q", mode))
}

func usage(std Std, err error) int {
	fmt.Fprintf(std.Err, "%s: %v\nusage: %s run [OPTION...] -- ARGV | connect [SECONDS] | serve | notify [TEXT]\n", Name, err, Name)
	return codeUsage
}

func parsePatience(args []string) (time.Duration, error) {
	switch len(args) {
	case 0:
		return 0, nil
	case 1:
		s, err := strconv.ParseFloat(args[0], 64)
		if err != nil || s < 0 || s > 3600 {
			return 0, fmt.Errorf("%q is no number of seconds", args[0])
		}
		return time.Duration(s * float64(time.Second)), nil
	}
	return 0, errors.New("connect takes one number of seconds")
}
