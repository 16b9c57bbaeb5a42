package smolmachines

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	_ "modernc.org/sqlite" // smolvm's database is SQLite's
)

// A machine's record keeps the process number of its last micro-VM, across a
// reboot and the end of that process. smolvm 1.32.2 tells by the time of its
// beginning that another process has that number now, and shows the machine as
// stopped; but its start looks at the number alone ("recorded VMM process N is
// still alive; refusing a second launch on its disks"), its stop finds nothing
// to do, and none of its commands forgets the number. Until that process ends,
// which may be never, the machine could not be started: so we forget it.

// numberReused says whether the number that a machine which is stopped has in
// its record is another's now. No process of the machine is left, whatever its
// number, or it is not reused.
func (b *Backend) numberReused(m *machine) bool {
	if m.PID == nil || *m.PID <= 0 || errors.Is(syscall.Kill(*m.PID, 0), syscall.ESRCH) {
		return false
	}
	return len(b.left(m.Name)) == 0
}

// databaseWait is how long to wait for smolvm's writes.
const databaseWait = 5 * time.Second

// forgetNumber takes the number out of the record, under the machine's lock.
// A record that is not as it is known to be is left as it is.
func (b *Backend) forgetNumber(ctx context.Context, name string, pid int) error {
	file := filepath.Join(b.root, ".local", "share", "smolvm", "server", databaseFiles[0])
	q := url.Values{"mode": {"rw"}, "_pragma": {"trusted_schema(0)"}, "_txlock": {"immediate"},
		"_busy_timeout": {fmt.Sprint(databaseWait.Milliseconds())}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: file, RawQuery: q.Encode()}).String())
	if err != nil {
		return err
	}
	defer db.Close()
	r, err := db.ExecContext(ctx, `UPDATE vms SET data = CAST(json_set(CAST(data AS TEXT),
		'$.pid', NULL, '$.pid_start_time', NULL) AS BLOB)
		WHERE name = ? AND json_extract(CAST(data AS TEXT), '$.pid') = ?`, name, pid)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, fmt.Errorf("its record in %s does not hold that number where it was looked for", file))
	}
	return nil
}

// clearNumber makes way for a boot.
func (b *Backend) clearNumber(ctx context.Context, m *machine) error {
	if !b.numberReused(m) {
		return nil
	}
	if err := b.forgetNumber(ctx, m.Name, *m.PID); err != nil {
		return fmt.Errorf("the process number of its last micro-VM, %d, is that of another process now (%s), and smolvm boots it only once that has ended: %w",
			*m.PID, strings.Join(words(*m.PID, "cmdline"), " "), err)
	}
	return nil
}
