package smolmachines

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// machine is what `machine ls --json` says of one (src/cli/vm_common.rs). Keys
// come with every release; what is not known here is let be.
type machine struct {
	Name     string
	State    string
	Reason   *string `json:"state_reason"`
	CPUs     int
	MemoryMB int64 `json:"memory_mib"`
	PID      *int
	Created  int64 `json:"created_at"`
	Labels   map[string]string
	Cmd      []string
	Image    *string
	Network  bool
	Ephem    bool `json:"ephemeral"`
	LastExit *struct {
		Cause    string
		ExitCode *int  `json:"exit_code"`
		At       int64 `json:"exited_at_unix_ms"`
	} `json:"last_exit"`
}

// nameForm are the names that smolvm takes (src/data/mod.rs), less those that
// it reads as an option or that hold two hyphens side by side.
var nameForm = form(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,126}[A-Za-z0-9_])?$`)

func goodName(name string) bool { return nameForm().MatchString(name) && !strings.Contains(name, "--") }

func hashed(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])[:16]
}

// owner reads the labels as Create writes them.
func (m *machine) owner() backends.Labels { return backends.LabelsOf(m.Labels) }

// id is what tells a machine from a later one of the same name: our nonce,
// since smolvm has nothing. A machine that is not ours has its name and the
// second in which it was made.
func (m *machine) id() string {
	if nonce := m.Labels[backends.LabelNonce]; nonce != "" {
		return nonce
	}
	return m.Name + "@" + strconv.FormatInt(m.Created, 10)
}

// is says whether it is the machine that ref means.
func (m *machine) is(ref backends.Ref) bool {
	if ref.Foreign {
		return ref.ID == m.id()
	}
	return (ref.ID == "" || ref.ID == m.id()) && m.owner() == ref.Labels && ref.Labels != (backends.Labels{})
}

const (
	// busyTries is how often a question is asked of a database that is busy,
	// busyWait how long to wait in between, twice as long each time.
	busyTries = 3
	busyWait  = 200 * time.Millisecond
)

// ask calls smolvm for something that may be asked twice. An answer that is a
// failure is an error.
func (b *Backend) ask(ctx context.Context, p program, call string, args ...string) (result, error) {
	args = append([]string{"--error-format", "json"}, args...)
	for wait, try := busyWait, 1; ; wait, try = 2*wait, try+1 {
		r, err := b.run(ctx, p, nil, args...)
		if err != nil || r.code == 0 {
			return r, err
		}
		f := r.failure(call)
		if !f.busy() || try == busyTries || !pause(ctx, wait) {
			return r, f
		}
	}
}

// look asks for one machine by name; nil when there is none.
func (b *Backend) look(ctx context.Context, p program, name string) (*machine, error) {
	if !goodName(name) {
		return nil, nil // there cannot be one
	}
	if m := b.recall(name); m != nil {
		return m, nil
	}
	db := b.stamp()
	r, err := b.ask(ctx, p, "machine status", "machine", "status", "--json", "--name", name)
	var f *failure
	if errors.As(err, &f) && f.noMachine() {
		return nil, nil
	}
	if err != nil {
		return nil, b.fail(ctx, "look at "+name, err)
	}
	var m machine
	if err := json.Unmarshal(r.stdout, &m); err != nil || m.Name != name {
		return nil, b.unavailable("what smolvm says of a machine cannot be read", hintLook(b.root), err)
	}
	b.know(&m, db)
	return &m, nil
}

// exact looks for the very machine that ref means.
func (b *Backend) exact(ctx context.Context, p program, op string, ref backends.Ref) (*machine, error) {
	m, err := b.look(ctx, p, ref.Name)
	switch {
	case err != nil:
		return nil, err
	case m == nil:
		return nil, fmt.Errorf("%s %s: %w", op, ref.Name, backends.ErrNotFound)
	case !m.is(ref):
		return nil, fmt.Errorf("%s %s: machine %s has its name: %w", op, ref.Name, m.id(), backends.ErrNotOurs)
	}
	return m, nil
}

// machines asks for all of them.
func (b *Backend) machines(ctx context.Context) ([]machine, error) {
	p, err := b.program(ctx)
	if err != nil {
		return nil, err
	}
	r, err := b.ask(ctx, p, "machine ls", "machine", "ls", "--json")
	if err != nil {
		return nil, b.fail(ctx, "list the machines", err)
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(r.stdout, &raw); err != nil {
		return nil, b.unavailable("its list of machines cannot be read", hintLook(b.root), err)
	}
	all := make([]machine, 0, len(raw))
	for _, text := range raw {
		var m machine
		// one that cannot be read spoils only its own row
		if json.Unmarshal(text, &m) == nil && m.Name != "" {
			all = append(all, m)
		}
	}
	return all, nil
}
