package lifecycle_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/cmd/internal/lifecycle"
	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

func TestWait(t *testing.T) {
	w := newWorld(t)
	id := w.start(request("one", "sh", "-c", "sleep 0.3")).ID
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, w.Wait(ctx, id, "stopped"))
	if b := w.bottle(id); b.State != projections.Stopped || b.Reason != events.ReasonAgentExited {
		t.Errorf("%s (%s)", b.State, b.Reason)
	}
	must(t, w.Remove(t.Context(), id, lifecycle.RemoveRequest{Confirm: never}))
	if err := w.Wait(ctx, id, "running"); err == nil {
		t.Error("a removed bottle was waited for")
	}
}

// What each state and an open action mean to who waits.
func TestProgress(t *testing.T) {
	stop := &projections.Claim{ActionRequested: events.ActionRequested{Action: events.ActionStop}}
	for _, tt := range []struct {
		state         projections.State
		pending       *projections.Claim
		want          string
		reached, over bool
	}{
		{projections.Created, nil, "stopped", true, false},
		{projections.Created, stop, "stopped", false, false},
		{projections.Running, nil, "stopped", false, false},
		{projections.Stopped, nil, "stopped", true, false},
		{projections.Stopped, stop, "stopped", false, false},
		{projections.Failed, nil, "stopped", true, false},
		{projections.Lost, nil, "stopped", false, true},
		{projections.Lost, stop, "stopped", false, false},
		{projections.Removed, nil, "stopped", true, false},
		{projections.Created, nil, "running", false, false},
		{projections.Running, nil, "running", true, false},
		{projections.Running, stop, "running", false, false},
		{projections.Lost, nil, "running", false, false},
		{projections.Removed, nil, "running", false, true},
		{projections.Running, nil, "removed", false, false},
		{projections.Removed, nil, "removed", true, false},
	} {
		reached, over := lifecycle.ProgressOf(projections.Bottle{State: tt.state, Pending: tt.pending}, tt.want)
		if reached != tt.reached || over != tt.over {
			t.Errorf("%s (pending %v) for %s: reached %v, over %v", tt.state, tt.pending != nil, tt.want, reached, over)
		}
	}
}

// The log of an instance that is gone is refused with the way out.
func TestLogsOfWhatIsGone(t *testing.T) {
	w := newWorld(t)
	id := stopped(w)
	must(t, w.Logs(t.Context(), id, lifecycle.LogsRequest{Stdout: io.Discard, Stderr: io.Discard}))
	must(t, w.behind().Delete("bot-bottle-made"))
	head := w.head()
	var no *projections.Refusal
	err := w.Logs(t.Context(), id, lifecycle.LogsRequest{Stdout: io.Discard, Stderr: io.Discard})
	if !errors.As(err, &no) || no.Next != "bot-bottle resume --new-instance made" {
		t.Errorf("got %v", err)
	}
	if w.head() != head {
		t.Error("logs wrote history")
	}
}
