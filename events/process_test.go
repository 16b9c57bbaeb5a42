package events_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// The test binary runs again as other processes: what they do is named by
// this variable, with words after it.
const childVariable = "EVENTS_TEST_CHILD"

func TestMain(m *testing.M) {
	if words := strings.Fields(os.Getenv(childVariable)); len(words) > 0 {
		if err := children[words[0]](words[1:]...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	var err error
	if templates, err = os.MkdirTemp("", "events"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(templates); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var children map[string]func(...string) error

func init() {
	children = map[string]func(...string) error{"append": appendMany, "read": readAll, "open": openForWriting, "as": as}
}

func child(words ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+strings.Join(words, " "))
	cmd.Stderr = os.Stderr
	return cmd
}

// appendMany opens the log of a home, appends events to a stream of its own,
// each after any time that the others take, and prints the longest wait.
func appendMany(words ...string) error {
	home, stream := words[0], words[1]
	n, err := strconv.Atoi(words[2])
	if err != nil {
		return err
	}
	ctx := context.Background()
	l, err := events.Open(ctx, options(home))
	if err != nil {
		return err
	}
	defer l.Close()
	var worst time.Duration
	for i := range int64(n) {
		began := time.Now()
		if err := l.Update(ctx, func(tx *events.Tx) error {
			worst = max(worst, time.Since(began))
			_, err := tx.Append(ctx, stream, i, &events.InputSent{Bytes: i})
			return err
		}); err != nil {
			return err
		}
		if len(words) > 3 {
			fmt.Println(i + 1) // acknowledged
		}
	}
	if len(words) == 3 {
		fmt.Println(worst.Nanoseconds())
	}
	return nil
}

// together starts processes that append at the same time and returns the
// longest wait of each.
func together(t *testing.T, home string, processes, each int) []time.Duration {
	t.Helper()
	cmds := make([]*exec.Cmd, processes)
	outs := make([]strings.Builder, processes)
	for i := range cmds {
		cmds[i] = child("append", home, id(100+i), strconv.Itoa(each))
		cmds[i].Stdout = &outs[i]
		must(t, cmds[i].Start())
	}
	var waits []time.Duration
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
			continue
		}
		ns, err := strconv.ParseInt(strings.TrimSpace(outs[i].String()), 10, 64)
		must(t, err)
		waits = append(waits, time.Duration(ns))
	}
	if t.Failed() {
		t.FailNow()
	}
	return waits
}

// readAll prints how many events a home holds.
func readAll(words ...string) error {
	r, err := events.OpenReader(context.Background(), words[0], 1)
	if err != nil {
		return err
	}
	defer r.Close()
	var all []events.Event
	if err := tryScan(r, events.Filter{}, &all); err != nil {
		return err
	}
	fmt.Println(len(all))
	return nil
}

// openForWriting opens the log of a home and appends to it.
func openForWriting(words ...string) error {
	l, err := events.Open(context.Background(), options(words[0]))
	if err == nil {
		defer l.Close()
		_, err = tryAppend(l, id(1), 3, &events.BottleProtected{On: true})
	}
	var unwritable *events.Unwritable
	if errors.As(err, &unwritable) {
		return fmt.Errorf("unwritable: %w", err)
	}
	return err
}
