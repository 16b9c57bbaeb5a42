package projections_test

import (
	"fmt"
	"reflect"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// TestWhatEventsMean pins down, one life at a time, what people read off a
// bottle: each line here is a question that a wrong fold would answer wrongly.
func TestWhatEventsMean(t *testing.T) {
	one, zero := 1, 0
	stop := func(reason string, code *int) events.Payload {
		return &events.BottleStopped{Generation: 1, Reason: reason, ExitCode: code}
	}
	seen := func(status string) events.Payload { return &events.BottleObserved{Status: status} }
	resume := []events.Payload{&events.ActionRequested{Action: "resume", Generation: 1}, &events.BottleStarted{Generation: 1, Action: "resume"}}
	for _, c := range []struct {
		name string
		life []events.Payload // after a successful start
		want string
	}{
		{"runs", nil, "running"},
		{"stopped by its user", []events.Payload{&events.ActionRequested{Action: "stop"}, stop(events.ReasonUser, &one)}, "stopped user code=1"},
		{"a stop that failed leaves it", []events.Payload{&events.ActionRequested{Action: "stop"}, &events.ActionFailed{Action: "stop", Code: "timeout"}}, "running failure=timeout"},
		{"a failure is past once something succeeds", []events.Payload{&events.ActionFailed{Action: "stop", Code: "timeout"}, stop(events.ReasonUser, nil)}, "stopped user"},
		{"what the agent said outlives a stop that knows no code", []events.Payload{&events.AgentExited{ExitCode: &one, Signal: "SIGINT"}, stop(events.ReasonCrashed, nil)}, "stopped crashed code=1 SIGINT"},
		{"a new run has no code yet", append([]events.Payload{&events.AgentExited{ExitCode: &one, Signal: "SIGINT"}, stop(events.ReasonCrashed, nil)}, resume...), "running"},
		{"a resume that failed still says why it stopped", []events.Payload{stop(events.ReasonEngine, &zero), &events.ActionRequested{Action: "resume"}, &events.ActionFailed{Action: "resume", Code: "internal"}}, "failed engine code=0 failure=internal"},
		{"paused is running and said", []events.Payload{seen("paused")}, "running seen=paused"},
		{"and not paused any more", []events.Payload{seen("paused"), seen("running")}, "running"},
		{"gone", []events.Payload{seen("gone")}, "lost seen=gone"},
		{"back and running", []events.Payload{seen("gone"), seen("running")}, "running"},
		{"back, ended while nobody looked", []events.Payload{seen("gone"), seen("stopped")}, "stopped engine"},
		{"back, and its user had stopped it", []events.Payload{stop(events.ReasonUser, nil), seen("replaced"), seen("stopped")}, "stopped user"},
		{"back but paused", []events.Payload{seen("gone"), seen("paused")}, "running seen=paused"},
		{"a new instance is not the one that was gone", []events.Payload{seen("gone"), &events.ActionRequested{Action: "resume", Generation: 2}, &events.InstanceCreated{Generation: 2, InstanceName: "bot-bottle-a", InstanceID: "id2"}}, "lost pending=resume"},
		{"a new instance that would not start", []events.Payload{seen("gone"), &events.ActionRequested{Action: "resume", Generation: 2}, &events.ActionFailed{Action: "resume", Code: "usage"}}, "failed failure=usage"},
		{"audit moves nothing", []events.Payload{&events.ExecStarted{}, &events.ExecEnded{Started: 5}, &events.SessionAttached{}, &events.InputSent{}, &events.FileCopied{}}, "running"},
		{"an outcome closes whatever claim is open", []events.Payload{&events.ActionRequested{Action: "stop"}, seen("paused"), stop(events.ReasonEngine, nil)}, "stopped engine"},
		{"looking does not close a claim", []events.Payload{&events.ActionRequested{Action: "stop"}, seen("gone")}, "lost pending=stop seen=gone"},
		{"forgotten", []events.Payload{&events.BottleRemoved{LeftBehind: []string{"x"}, Forgotten: true}, seen("running"), &events.BottleStarted{Generation: 7}}, "removed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bottle(t)
			apply(t, &b, c.life...)
			if got := words(b); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func words(b projections.Bottle) string {
	s := string(b.State)
	add := func(format string, v any) {
		if !reflect.ValueOf(v).IsZero() {
			s += fmt.Sprintf(format, v)
		}
	}
	add(" %s", b.Reason)
	if b.ExitCode != nil {
		s += fmt.Sprintf(" code=%d", *b.ExitCode)
	}
	add(" %s", b.Signal)
	add(" pending=%s", pendingOf(b))
	if b.Failure != nil {
		add(" failure=%s", b.Failure.Code)
	}
	add(" seen=%s", b.Observed)
	return s
}

func TestResourcesAreWhatIsNotReleased(t *testing.T) {
	b := bottle(t)
	made := func(k, r string) events.Payload { return &events.ResourceCreated{Kind: k, Ref: r} }
	apply(t, &b, made("network", "n"), made("volume", "v"), made("network", "n"), made("clone", "/c"),
		&events.ResourceReleased{Kind: "volume", Ref: "v"}, &events.BottleRemoved{}, &events.ResourceReleased{Kind: "volume", Ref: "other"})
	want := []projections.Resource{{Kind: "network", Ref: "n"}, {Kind: "clone", Ref: "/c"}}
	if !reflect.DeepEqual(b.Resources, want) {
		t.Errorf("left over %v, want %v", b.Resources, want)
	}
	apply(t, &b, &events.ResourceReleased{Kind: "network", Ref: "n"}, &events.ResourceReleased{Kind: "clone", Ref: "/c"})
	if b.Resources != nil {
		t.Errorf("all released, left over %v", b.Resources)
	}
}

func TestLabels(t *testing.T) {
	b := bottle(t)
	apply(t, &b, &events.BottleLabelled{Set: map[string]string{"k": "w", "x": ""}, Unset: []string{"nothing"}},
		&events.BottleLabelled{Set: map[string]string{"y": "1"}, Unset: []string{"x", "y"}})
	if want := map[string]string{"k": "w"}; !reflect.DeepEqual(b.Labels, want) {
		t.Errorf("labels %v, want %v", b.Labels, want)
	}
	if want := map[string]string{"k": "v"}; !reflect.DeepEqual(b.Spec.Labels, want) {
		t.Errorf("the labels as asked at the start became %v", b.Spec.Labels)
	}
}
