package smolmachines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// EnvProgram names the variable with the path of smolvm. Unset, the program
// is looked for in PATH; set, there is no other.
const EnvProgram = "BOT_BOTTLE_SMOLVM"

// Versions of smolvm, as its releases were found to be.
var (
	// oldest is the first release seen with all that a bottle needs: `machine
	// logs`, --error-format json, exec --user, stop --timeout. 1.27.3 lacks
	// them.
	oldest = version{1, 29, 1}
	// blocksPrivate is the first seen with create --block-private. 1.31.0
	// lacks it.
	blocksPrivate = version{1, 32, 2}
)

type version [3]int

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

func (v version) before(w version) bool {
	for i := range v {
		if v[i] != w[i] {
			return v[i] < w[i]
		}
	}
	return false
}

// program is a file that was found to be smolvm. As long as the file is the
// same one, so is the finding.
type program struct {
	Path     string
	Dev, Ino uint64
	Size     int64
	Modified time.Time
	Version  version
}

func (p program) same(q program) bool {
	return p.Path == q.Path && p.Dev == q.Dev && p.Ino == q.Ino && p.Size == q.Size && p.Modified.Equal(q.Modified)
}

const (
	hintInstall = "get it from https://github.com/smol-machines/smolvm and put it in PATH, or name it: export " + EnvProgram + "=/path/to/smolvm"
	hintName    = "name the right program: export " + EnvProgram + "=/path/to/smolvm"
)

// find looks for the program as the environment says at this moment.
func (b *Backend) find() (program, error) {
	asked := b.getenv(EnvProgram)
	path, err := exec.LookPath(orElse(asked, "smolvm"))
	if err == nil {
		path, err = filepath.Abs(path)
	}
	var st fs.FileInfo
	if err == nil {
		st, err = os.Stat(path)
	}
	switch {
	case err != nil && asked != "":
		return program{}, b.unavailable(fmt.Sprintf("%s=%q names no program", EnvProgram, asked),
			"set it to the path of smolvm, or unset it to have smolvm looked for in PATH", err)
	case err != nil:
		return program{}, b.unavailable("there is no smolvm in PATH", hintInstall, err)
	}
	p := program{Path: path, Size: st.Size(), Modified: st.ModTime()}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		p.Dev, p.Ino = sys.Dev, sys.Ino
	}
	return p, nil
}

// program is the smolvm to call: found, known to be the one that is meant and
// new enough. Every call of the contract asks for it first.
func (b *Backend) program(ctx context.Context) (program, error) {
	if err := ctx.Err(); err != nil {
		return program{}, err
	}
	p, err := b.find()
	if err != nil {
		return program{}, err
	}
	if st, err := os.Stat(b.root); err != nil || !st.IsDir() {
		return program{}, b.unavailable("its data folder is not there", "bring the folder back to "+b.root+", or make it if it is to be a new one", err)
	}
	if known, ok := b.remembered(p); ok {
		return known, b.old(known)
	}
	return b.identify(ctx, p)
}

// remembered is what was found out about the program before, by this process
// or by another.
func (b *Backend) remembered(p program) (program, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, ok := b.checked[p.Path]; ok && known.same(p) {
		return known, true
	}
	text, err := os.ReadFile(b.own(programFile))
	var known program
	if err != nil || json.Unmarshal(text, &known) != nil || !known.same(p) {
		return program{}, false
	}
	b.checked[p.Path] = known
	return known, true
}

const programFile = "program.json"

func (b *Backend) remember(p program) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.checked[p.Path] = p
	// The file spares others the question. That it cannot be written matters
	// to nobody now, and is told by whatever is to be written there next.
	if text, err := json.Marshal(p); err == nil {
		_ = b.write(programFile, text)
	}
}

var versionForm = form(`^smolvm (\d{1,6})\.(\d{1,6})\.(\d{1,6})`)

// identify asks a program what it is. Another product has a program of the
// same name, which answers --version too but has no machines.
func (b *Backend) identify(ctx context.Context, p program) (program, error) {
	r, err := b.run(ctx, p, nil, "--version")
	if err != nil {
		return program{}, b.noAnswer(ctx, "ask for the version", err)
	}
	m := versionForm().FindSubmatch(r.stdout)
	if r.code != 0 || m == nil {
		return program{}, b.notIt(p, "does not tell a version as smolvm does")
	}
	for i := range p.Version {
		p.Version[i], _ = strconv.Atoi(string(m[i+1])) // six digits at most
	}
	if err := b.old(p); err != nil {
		return program{}, err
	}
	r, err = b.ask(ctx, p, "machine ls", "machine", "ls", "--json")
	var f *failure
	var list []json.RawMessage
	switch {
	case errors.As(err, &f) && f.exit == exitFailed && f.told:
		return program{}, b.fail(ctx, "ask for the machines", f)
	case err != nil && f == nil:
		return program{}, b.noAnswer(ctx, "ask for the machines", err)
	case err == nil && json.Unmarshal(r.stdout, &list) == nil && list != nil:
		b.remember(p)
		return p, nil
	}
	return program{}, b.notIt(p, "has no machines: it is another product of that name")
}

func (b *Backend) old(p program) error {
	if !p.Version.before(oldest) {
		return nil
	}
	return b.unavailable(fmt.Sprintf("smolvm %s is too old, %s or newer is needed", p.Version, oldest),
		"upgrade "+p.Path+", or name a newer one: export "+EnvProgram+"=/path/to/smolvm", nil)
}

func (b *Backend) notIt(p program, why string) error {
	return b.unavailable(fmt.Sprintf("the smolvm at %s %s", p.Path, why), hintName, nil)
}

// noAnswer is a program that could not be run, or did not come back.
func (b *Backend) noAnswer(ctx context.Context, op string, err error) error {
	var down *backends.Unavailable
	if errors.As(err, &down) || errors.Is(err, context.Canceled) {
		return err
	}
	return b.fail(ctx, op, err)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// oneLine is text of another program as one line of ours.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
}
