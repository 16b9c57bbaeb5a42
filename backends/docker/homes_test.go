package docker_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
)

// TestTwoHomesOnOneEngine: neither sees, stops, removes or releases what is
// the other's.
func TestTwoHomesOnOneEngine(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	img := resolved(t, b, e.testImage(t))
	mine, theirs := e.spec(t, img, idle()...), e.spec(t, img, idle()...)
	mine.Network, theirs.Network = "full", "full"
	a, z := made(t, b, mine), made(t, b, theirs)
	for _, s := range []backends.InstanceSpec{mine, theirs} {
		all, err := b.List(t.Context(), s.Labels.Home)
		if err != nil || len(all) != 1 || all[0].Labels != s.Labels || all[0].Network != "full" {
			t.Errorf("home %s has %+v, %v", s.Labels.Home, all, err)
		}
		left, err := b.Leftovers(t.Context(), s.Labels.Home)
		if err != nil || len(left) != 2 || left[0] != (backends.Leftover{Kind: "network", Ref: docker.BridgeName(s.Labels.Home)}) ||
			left[1].Kind != "volume" || !strings.HasPrefix(left[1].Ref, docker.BridgeName(s.Labels.Home)) {
			t.Errorf("home %s owns %v, %v", s.Labels.Home, left, err)
		}
	}
	disguised := z
	disguised.Labels.Home = mine.Labels.Home
	for name, err := range map[string]error{
		"Stop":  b.Stop(t.Context(), disguised, 0),
		"Start": b.Start(t.Context(), disguised, nil),
		"Release": b.Release(t.Context(), mine.Labels.Home,
			backends.Leftover{Kind: "network", Ref: docker.BridgeName(theirs.Labels.Home)}),
		"Release of the program": b.Release(t.Context(), mine.Labels.Home,
			backends.Leftover{Kind: "volume", Ref: docker.ProgramVolume(theirs.Labels.Home)}),
	} {
		if !errors.Is(err, backends.ErrNotOurs) {
			t.Errorf("%s of the other home's: %v", name, err)
		}
	}
	if err := b.Remove(t.Context(), disguised); err != nil {
		t.Errorf("Remove: %v", err)
	}
	if o, err := b.Inspect(t.Context(), z); err != nil || o.Status != backends.StatusRunning {
		t.Errorf("the other home's is %s, %v", o.Status, err)
	}
	if err := b.Remove(t.Context(), a); err != nil {
		t.Errorf("Remove: %v", err)
	}
}

// TestOneNetworkForAllWhoMakeIt: two of one name would be ambiguous for ever.
func TestOneNetworkForAllWhoMakeIt(t *testing.T) {
	e := theEngine(t)
	img := resolved(t, e.open(t), e.testImage(t))
	home := "home-" + random()
	t.Cleanup(func() { e.release(t, home) })
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for range 8 {
		s := e.spec(t, img, idle()...)
		s.Labels.Home, s.Network = home, "full"
		b := e.open(t)
		wg.Go(func() {
			<-begin
			if _, err := b.Create(t.Context(), s); err != nil {
				t.Errorf("Create: %v", err)
			}
		})
	}
	close(begin)
	wg.Wait()
	left, err := e.open(t).Leftovers(t.Context(), home)
	if err != nil || len(left) != 2 { // and one volume with the program
		t.Errorf("eight creations at once made %v, %v", left, err)
	}
}

// TestBottlesDoNotReachEachOther: neither through the bridge, and with
// nothing else in between than the engine's rules.
func TestBottlesDoNotReachEachOther(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	img := resolved(t, b, e.testImage(t))
	home := "home-" + random()
	t.Cleanup(func() { e.release(t, home) })
	server, client := e.spec(t, img, "sh", "-c", "while :; do echo hello | nc -l -p 8080; done"), e.spec(t, img, idle()...)
	for _, s := range []*backends.InstanceSpec{&server, &client} {
		s.Labels.Home, s.Network = home, "full"
	}
	to, from := made(t, b, server), made(t, b, client)
	c, err := e.api.ContainerInspect(t.Context(), to.ID)
	if err != nil {
		t.Fatal(err)
	}
	address := c.NetworkSettings.Networks[docker.BridgeName(home)].IPAddress
	if address == "" {
		t.Fatalf("no address in %+v", c.NetworkSettings.Networks)
	}
	local := output(t, b, to, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do nc -w 2 "+address+" 8080 </dev/null && break; sleep 0.2; done")
	if local != "hello\n" {
		t.Fatalf("the server does not serve itself: %q", local)
	}
	if got := output(t, b, from, "sh", "-c", "nc -w 2 "+address+" 8080 </dev/null 2>&1 || echo refused"); strings.Contains(got, "hello") || !strings.Contains(got, "refused") {
		t.Errorf("one bottle hears from the other: %q", got)
	}
	if o, err := b.Inspect(t.Context(), from); err != nil || !strings.Contains(o.Enforced["network"], "without traffic") {
		t.Errorf("enforced: %v, %v", o.Enforced, err)
	}
}

// TestNetworkThatWasPruned: `docker network prune` takes the networks of
// bottles that are stopped, and must not take the bottles.
func TestNetworkThatWasPruned(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	s := e.spec(t, resolved(t, b, e.testImage(t)), idle()...)
	s.Network = "full"
	ref := made(t, b, s)
	name := docker.BridgeName(s.Labels.Home)
	leftover := backends.Leftover{Kind: "network", Ref: name}
	if err := b.Release(t.Context(), s.Labels.Home, leftover); !errors.Is(err, backends.ErrInUse) {
		t.Errorf("Release of what a running one uses: %v", err)
	}
	if err := b.Stop(t.Context(), ref, 0); err != nil {
		t.Fatal(err)
	}
	if err := b.Release(t.Context(), s.Labels.Home, leftover); !errors.Is(err, backends.ErrInUse) {
		t.Errorf("Release of what a stopped one uses: %v", err)
	}
	if err := e.api.NetworkRemove(t.Context(), name); err != nil {
		t.Skipf("this engine keeps the network for its stopped containers: %v", err)
	}
	if err := b.Start(t.Context(), ref, nil); err != nil {
		t.Fatalf("Start without its network: %v", err)
	}
	n, err := e.api.NetworkInspect(t.Context(), name, network.InspectOptions{})
	if err != nil || n.Labels[backends.LabelHome] != s.Labels.Home || n.Options["com.docker.network.bridge.enable_icc"] != "false" {
		t.Errorf("it was made again as %+v, %v", n, err)
	}
}

// TestStrangersNetworkIsLeftAlone: one of our name without our label is never
// used nor removed.
func TestStrangersNetworkIsLeftAlone(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	s := e.spec(t, resolved(t, b, e.testImage(t)), idle()...)
	s.Network = "full"
	s.Resource = func(backends.Leftover) error { t.Error("announced"); return nil }
	name := docker.BridgeName(s.Labels.Home)
	if _, err := e.api.NetworkCreate(t.Context(), name, network.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.api.NetworkRemove(context.WithoutCancel(t.Context()), name); err != nil && !cerrdefs.IsNotFound(err) {
			t.Error(err)
		}
	})
	if _, err := b.Create(t.Context(), s); !errors.Is(err, backends.ErrNotOurs) {
		t.Errorf("Create: %v", err)
	}
	if err := b.Release(t.Context(), s.Labels.Home, backends.Leftover{Kind: "network", Ref: name}); !errors.Is(err, backends.ErrNotOurs) {
		t.Errorf("Release: %v", err)
	}
}

// TestCreationThatRacesRemoval: a name is taken for a while after its
// container was removed.
func TestCreationThatRacesRemoval(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	s := e.spec(t, resolved(t, b, e.testImage(t)), idle()...)
	for range 5 {
		ref := made(t, b, s)
		gone := make(chan error, 1)
		go func() { gone <- e.open(t).Remove(t.Context(), ref) }()
		time.Sleep(5 * time.Millisecond)
		next := s
		next.Labels.Nonce = "nonce-" + random()
		for {
			inst, err := b.Create(t.Context(), next)
			if errors.Is(err, backends.ErrNotOurs) {
				continue // it is still seen
			}
			if err != nil {
				t.Fatalf("Create while the last one goes: %v", err)
			}
			if inst.ID == ref.ID {
				t.Fatal("the last one was taken for the next")
			}
			break
		}
		if err := <-gone; err != nil {
			t.Errorf("Remove: %v", err)
		}
		s = next
	}
}

// TestFindSeesWhatComesLate: the engine goes on with a creation whose caller
// is gone, and shows nothing of it until it is done.
func TestFindSeesWhatComesLate(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	img := resolved(t, b, e.testImage(t))
	cut := 0
	for i := range 12 {
		after := time.Duration(3*i) * time.Millisecond
		s := e.spec(t, img, idle()...)
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, err := b.Create(ctx, s)
		cancel()
		if err == nil {
			continue
		}
		cut++
		first, err := e.open(t).Find(t.Context(), s.Labels, s.Name)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
		if later, err := b.Find(t.Context(), s.Labels, s.Name); err != nil || later.Status != first.Status || later.ID != first.ID {
			t.Errorf("cut off after %s: Find said %s, and later %s, %v", after, first.Status, later.Status, err)
		}
	}
	if cut == 0 {
		t.Skip("no creation could be cut off: the engine is too quick")
	}
}

// TestFindOfWhatWasRefused: nothing comes of a creation that the engine has
// refused each time, so nobody waits for it. One that was cut off may come
// about, whatever the engine said to the next.
func TestFindOfWhatWasRefused(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	s := e.spec(t, resolved(t, b, e.testImage(t)), idle()...)
	s.Image.ID = "sha256:" + strings.Repeat("0", 64)
	find := func(b backends.Backend, limit time.Duration) time.Duration {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		begin := time.Now()
		o, err := b.Find(ctx, s.Labels, s.Name)
		if err != nil || o.Status != backends.StatusGone {
			t.Fatalf("Find: %s, %v", o.Status, err)
		}
		return time.Since(begin)
	}
	if _, err := b.Create(t.Context(), s); !errors.Is(err, backends.ErrImageNotFound) {
		t.Fatalf("Create: %v", err)
	}
	if took := find(b, time.Minute); took > time.Second {
		t.Errorf("Find of what was refused took %s", took)
	}
	if took := find(e.open(t), time.Minute); took < time.Second {
		t.Errorf("Find of what somebody else tried took %s", took)
	}
	if took := find(e.open(t), time.Second); took > time.Second {
		t.Errorf("Find took %s of the second it had", took)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Create(over, s); !errors.Is(err, context.Canceled) {
		t.Fatalf("Create: %v", err)
	}
	if _, err := b.Create(t.Context(), s); !errors.Is(err, backends.ErrImageNotFound) {
		t.Fatalf("Create: %v", err)
	}
	if took := find(b, time.Minute); took < time.Second {
		t.Errorf("Find of what was cut off and then refused took %s", took)
	}
}
