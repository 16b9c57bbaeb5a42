package smolmachines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// failure is what smolvm said about a call that failed. Its exit code is 1
// whatever the cause, so this is all there is.
type failure struct {
	call    string
	code    string // of --error-format json; "" when it did not come
	message string
	told    bool // the words are smolvm's own, not of something before it
	exit    int
}

func (f *failure) Error() string {
	text := oneLine(f.message)
	if len(text) > mostWords {
		text = text[:mostWords] + "…"
	}
	if text == "" {
		text = fmt.Sprintf("it gave no reason (exit code %d)", f.exit)
	}
	return fmt.Sprintf("smolvm %s: %s", f.call, text)
}

// mostWords is how much of smolvm's words an error repeats.
const mostWords = 1000

// failure reads why a call failed from the last line that says so. Warnings
// and progress may come before it, anything after it.
func (r result) failure(call string) *failure {
	f := &failure{call: call, exit: r.code}
	lines := strings.FieldsFunc(r.stderr, func(c rune) bool { return c == '\n' || c == '\r' })
	for i := len(lines) - 1; i >= 0; i-- {
		line := strings.TrimSpace(lines[i])
		var told struct {
			Error *struct{ Code, Message string }
		}
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &told) == nil && told.Error != nil {
			f.code, f.message, f.told = told.Error.Code, told.Error.Message, true
			return f
		}
		if rest, ok := strings.CutPrefix(line, "Error: "); ok {
			f.message, f.told = rest, true
			return f
		}
	}
	f.message = usageWords(lines)
	return f
}

// usageWords picks the complaint out of a usage error of clap.
func usageWords(lines []string) string {
	for _, l := range lines {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(l), "error: "); ok {
			return rest
		}
	}
	if len(lines) > 0 {
		return lines[len(lines)-1]
	}
	return ""
}

// The words of smolvm (src/data/errors.rs) that are looked for where its
// codes do not tell things apart, or did not come.
var (
	saysNoMachine = form(`(?i)(vm not found: |machine '[^']*' not found)`)
	saysDatabase  = form(`(?i)^(database operation failed|database not available|database is locked)`)
	saysKVM       = form(`(?i)(kvm not available|kvm permission denied|hypervisor not available|KvmOpen\(|/dev/kvm)`)
	saysParts     = form(`(?i)(libkrunfw? not found|libkrun/libkrunfw not found|agent rootfs not found)`)
	saysStopped   = form(`(?i)machine '[^']*' is not running`)
	saysBoot      = form(`(?i)(agent did not become ready|before the agent was ready|boot process|no boot progress)`)
	saysLost      = form(`(?i)connection to VM lost`)
	// The micro-VM was there and broke off while it was told what to run.
	saysBrokeOff = form(`(?i)start background CMD: io operation failed`)
)

// noMachine says whether the machine is not there. Its code does not tell: a
// missing source of a mount has the same, and `status --json` another one.
func (f *failure) noMachine() bool { return saysNoMachine().MatchString(f.message) }

func (f *failure) busy() bool {
	return strings.HasPrefix(f.code, "DATABASE") || saysDatabase().MatchString(f.message)
}

func (f *failure) kvm() bool {
	return strings.HasPrefix(f.code, "KVM") || saysKVM().MatchString(f.message)
}

// fail wraps what went wrong with a call, in the types of package backends.
func (b *Backend) fail(ctx context.Context, op string, err error) error {
	var down *backends.Unavailable
	var f *failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &down):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", op, ctx.Err())
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded):
		return b.unavailable("smolvm did not answer in time", hintLook(b.root), context.DeadlineExceeded)
	case !errors.As(err, &f):
		return fmt.Errorf("%s: %w", op, err)
	case f.kvm():
		why, hint := kvmTrouble(kvmPath, os.Geteuid())
		return b.unavailable(why, hint, f)
	case f.busy():
		return b.unavailable("the database of smolvm is busy", hintLook(b.root), f)
	case saysParts().MatchString(f.message):
		return b.unavailable("smolvm misses parts of itself", hintInstall, f)
	case f.noMachine():
		return fmt.Errorf("%s: %w: %w", op, backends.ErrNotFound, f)
	case saysStopped().MatchString(f.message):
		return fmt.Errorf("%s: %w: %w", op, backends.ErrNotRunning, f)
	}
	return fmt.Errorf("%s: %w", op, f)
}

func hintLook(root string) string {
	return "look at it: " + EnvDataDir + "=" + root + " smolvm machine ls"
}

// shortestSecret is how long a value must be to be looked for in an error: a
// shorter one is no secret, and hiding it would garble the text.
const shortestSecret = 4

// told is an error with other words for the same thing.
type told struct {
	words string
	err   error
}

func (t *told) Error() string { return t.words }
func (t *told) Unwrap() error { return t.err }

// hide takes the values of variables out of an error's text, should smolvm
// repeat what it was given.
func hide(err error, env []string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if len(value) >= shortestSecret {
			text = strings.ReplaceAll(text, value, "[value of "+name+"]")
		}
	}
	if text == err.Error() {
		return err
	}
	return &told{text, err}
}
