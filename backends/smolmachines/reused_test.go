package smolmachines_test

import (
	"database/sql"
	"errors"
	"os/exec"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// TestAReusedProcessNumberIsNoObstacle: after a reboot the number of a
// machine's last micro-VM may be another process's, for which the real program
// boots it no more. Where no micro-VM boots at all, that is what fails then,
// and nothing before.
func TestAReusedProcessNumberIsNoObstacle(t *testing.T) {
	t.Parallel() // where none boots it waits for that, and does nothing
	s := realProgram(t)
	b := s.open(t)
	other := exec.CommandContext(t.Context(), "sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Wait() }) // the end of the context ended it
	t.Cleanup(func() { s.remove(t, "bare") })
	s.check(t, "create", 0, "", "machine", "create", "--name", "bare", "--label", "a=b")
	for _, state := range []string{"running", "stopped"} {
		s.write(t, "bare", state, other.Process.Pid)
		before := s.status(t, "bare")
		s.check(t, "start with a number reused", 1, "still alive", "machine", "start", "--name", "bare")
		if err := b.ForgetNumber(t.Context(), "bare", 1); err == nil {
			t.Error("another number than the record's was forgotten")
		}
		if err := b.ForgetNumber(t.Context(), "bare", other.Process.Pid); err != nil {
			t.Fatal(err)
		}
		before["pid"] = nil
		if after := s.status(t, "bare"); !reflect.DeepEqual(before, after) {
			t.Errorf("of a machine that was %s smolvm said %v and says %v", state, before, after)
		}
	}

	spec := backends.InstanceSpec{Name: "reused", Slug: "reused", Image: smallImage(t, b), Network: "none", Memory: 256 << 20, CPUs: 1,
		Labels: backends.Labels{Home: "home", Bottle: "b", Nonce: "nonce", Generation: 1}, Argv: []string{"sleep", "600"}}
	inst, err := b.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.remove(t, spec.Name) })
	s.write(t, spec.Name, "running", other.Process.Pid)
	var down *backends.Unavailable
	err = b.Start(t.Context(), backends.Ref{Name: spec.Name, ID: inst.ID, Labels: spec.Labels}, nil)
	if err != nil && (s.boots || !errors.As(err, &down)) {
		t.Errorf("Start: %v", err)
	}
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the other process: %v", err)
	}
}

// write puts a process into the record of a machine, of before a reboot.
func (s smolvm) write(t *testing.T, name, state string, pid int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.root, ".local", "share", "smolvm", "server", "smolvm.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `UPDATE vms SET data = CAST(json_set(CAST(data AS TEXT),
		'$.pid', ?, '$.pid_start_time', 1, '$.state', ?) AS BLOB) WHERE name = ?`, pid, state, name); err != nil {
		t.Fatal(err)
	}
}
