package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPowerCutFleet cuts the power while a bottle runs in each backend and a
// third is being started. It runs twice: up to the cut, and on what is left.
func TestPowerCutFleet(t *testing.T) {
	cut := os.Getenv("BOT_BOTTLE_TEST_CUT")
	if cut == "" {
		t.Skip("BOT_BOTTLE_TEST_CUT names no way to cut the power: cmd/dev/labtest.sh has one")
	}
	f := newFleet(t, "cut")
	history := filepath.Join(f.root, "history")
	known, err := os.ReadFile(history)
	if err != nil {
		f.untilTheCut(cut, history)
	}
	t.Cleanup(f.cleared)
	f.afterTheCut(string(known))
}

func (f *fleet) untilTheCut(cut, history string) {
	f.archived()
	f.well(nil, f.start("docker", inDocker, f.archive)...)
	f.well(nil, f.start("smolmachines", inMachine, f.archive)...)
	for _, name := range both {
		f.keep(nil, name)
	}
	// On the disk before the cut, as a whole: what was told must be true for ever.
	known := f.well(nil, "events", "-o", "jsonl").out
	fatal(f.T, os.WriteFile(history+".new", []byte(known), 0o644))
	file, err := os.Open(history + ".new")
	fatal(f.T, err)
	fatal(f.T, file.Sync())
	fatal(f.T, file.Close())
	fatal(f.T, os.Rename(history+".new", history))
	dir, err := os.Open(f.root)
	fatal(f.T, err)
	fatal(f.T, dir.Sync())
	fatal(f.T, dir.Close())

	start := f.command(f.Context(), nil, f.start("smolmachines", third, f.archive)...)
	fatal(f.T, start.Start())
	f.until("the third machine boots", func() bool { return len(f.vmms()) > 1 })
	fatal(f.T, os.WriteFile(cut, nil, 0o644))
	time.Sleep(time.Minute)
	f.Fatal("the power was not cut")
}

func (f *fleet) afterTheCut(known string) {
	if now := f.well(nil, "events", "-o", "jsonl").out; !strings.HasPrefix(now, known) || strings.Count(known, "\n") < 6 {
		f.Errorf("the events were\n%sand are\n%s", known, now)
	}
	f.well(nil, "rebuild", "--check")
	_, rows := f.list()
	if r := rows[third]; r.Pending == nil || *r.Pending != "start" {
		f.Errorf("the start that was cut off is told as %+v", r)
	}
	f.well(nil, "recover")
	_, rows = f.list("--check")
	for _, name := range both {
		if r := rows[name]; r.State != "stopped" || r.Pending != nil || r.Drift != nil {
			f.Errorf("after recover %s is %+v", name, r)
		}
	}
	if r := rows[third]; r.Pending != nil || r.State == "running" {
		f.Errorf("after recover the start that was cut off is %+v", r)
	}
	for _, name := range both {
		f.well(f.contrary(name), "resume", "-d", name)
		f.kept(f.contrary(name), name)
		f.is(name, "running")
	}
	if n := len(f.vmms()); n != 1 {
		f.Errorf("%d micro-VMs run, want one", n)
	}
	f.well(nil, "rm", "--force", third)
	f.well(nil, "rebuild", "--check")
	f.secretIsNowhere()
}
