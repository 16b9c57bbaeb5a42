package smolmachines

import (
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// known is what is known of a machine, since when, and what smolvm's database
// was like then. Every question is a process, so what was just answered, or
// what we just did, is not asked again while that database is the same: no
// machine is made, started, stopped or deleted without a write to it.
type known struct {
	m     machine
	db    stamp
	since time.Time
}

// knownTime is how long that is good at most: a machine that runs can stop to
// answer without a write.
const knownTime = 2 * time.Second

// databaseFiles hold all that smolvm writes of its machines: an SQLite
// database in WAL mode. Reading leaves both as they are.
var databaseFiles = []string{"smolvm.db", "smolvm.db-wal"}

// stamp changes with every write.
type stamp [2]struct {
	ino      uint64
	size     int64
	modified time.Time
}

// stamp looks at the database; the zero stamp when it is not there.
func (b *Backend) stamp() (s stamp) {
	for i, name := range databaseFiles {
		st, err := os.Stat(filepath.Join(b.root, ".local", "share", "smolvm", "server", name))
		if err != nil {
			return stamp{}
		}
		s[i].size, s[i].modified = st.Size(), st.ModTime()
		if sys, ok := st.Sys().(*syscall.Stat_t); ok {
			s[i].ino = sys.Ino
		}
	}
	return s
}

// know keeps what m was at the time of db.
func (b *Backend) know(m *machine, db stamp) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch m.State {
	case "created", "stopped", "running":
		b.known[m.Name] = known{*m, db, time.Now()}
	}
}

// recall is what is still known of a machine, or nil. It is told once: who
// asks a second time wants to see for himself. A machine that ran must have
// its process still, which may end without a write.
func (b *Backend) recall(name string) *machine {
	b.mu.Lock()
	k, ok := b.known[name]
	delete(b.known, name)
	b.mu.Unlock()
	if !ok || k.db == (stamp{}) || time.Since(k.since) > knownTime || k.db != b.stamp() {
		return nil
	}
	if k.m.State == "running" && (k.m.PID == nil || !b.boots(name)(*k.m.PID, words(*k.m.PID, "cmdline"))) {
		return nil
	}
	return &k.m
}
