package projections_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gitea.dideric.is/didericis/bot-bottle/events"
	"gitea.dideric.is/didericis/bot-bottle/projections"
)

// TestRebuiltTablesAreTheLiveOnes rebuilds in the middle of lives and at
// their end; nothing may be seen to change, and appends go on.
func TestRebuiltTablesAreTheLiveOnes(t *testing.T) {
	dir := template(t)
	rebuilds := 0
	check(t, 30, func(t *rapid.T) {
		h := caseHome(t, dir)
		defer h.drop(t)
		rebuild := func() {
			rebuilds++
			before := h.list(t, projections.Query{All: true})
			if rapid.Bool().Draw(t, "beside") {
				n, err := h.tables.RebuildLog(context.Background(), h.log)
				if err != nil {
					t.Fatal(err)
				}
				if r := h.check(t); r.Events != n {
					t.Fatalf("rebuilt from %d events, there are %d", n, r.Events)
				}
			} else {
				h.update(t, func(ctx context.Context, tx *events.Tx) error { return h.tables.Rebuild(ctx, tx) })
			}
			if after := h.list(t, projections.Query{All: true}); !reflect.DeepEqual(before, after) {
				t.Fatalf("live\n%+v\nrebuilt\n%+v", before, after)
			}
			h.sound(t)
		}
		for _, s := range drawSteps(t, 4, 40) {
			if rapid.IntRange(0, 9).Draw(t, "rebuild") == 9 {
				rebuild()
			}
			h.append(t, s.stream, s.expect, s.events...)
		}
		rebuild()
	})
	t.Logf("%d rebuilds", rebuilds)
}

// TestRebuildWhileOthersWrite lets other processes append and read as quickly
// as they can while the tables are rebuilt again and again.
func TestRebuildWhileOthersWrite(t *testing.T) {
	one := newHome(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var others sync.WaitGroup
	failed := make(chan error, 3)
	appends := 60
	if fewer > 1 {
		appends = 24
	}
	for w := range 2 {
		h := open(t, one.dir)
		t.Cleanup(func() { h.close(t) })
		others.Go(func() {
			for i := range appends {
				id := fmt.Sprintf("bottle-%d-%d", w, i/6)
				err := h.log.Update(ctx, func(tx *events.Tx) error {
					if i%6 == 0 {
						_, err := tx.Append(ctx, id, 0, &events.BottleCreated{Slug: id, InstanceName: id})
						return err
					}
					b, err := h.tables.Load(ctx, tx, id)
					if err != nil {
						return err
					}
					_, err = tx.Append(ctx, id, b.Version, &events.BottleLabelled{Set: map[string]string{"i": fmt.Sprint(i)}})
					return err
				})
				if err != nil {
					failed <- fmt.Errorf("append: %w", err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		h := open(t, one.dir)
		defer h.log.Close()
		for most := 0; ; {
			select {
			case <-done:
				return
			default:
			}
			err := h.log.View(ctx, func(v *events.View) error {
				rows, err := projections.List(ctx, v, projections.Query{})
				if err != nil {
					return err
				}
				if len(rows) < most {
					return fmt.Errorf("%d bottles are listed, there were %d", len(rows), most)
				}
				most = len(rows)
				r, err := projections.Check(ctx, v)
				if err == nil && len(r.Differences) > 0 {
					err = errors.New(r.Differences[0].String())
				}
				return err
			})
			if err != nil {
				failed <- fmt.Errorf("read: %w", err)
				return
			}
		}
	})
	go func() { others.Wait(); close(done) }()
	rebuilds := 0
	for running := true; running; rebuilds++ {
		select {
		case <-done:
			running = false
		default:
		}
		if _, err := one.tables.RebuildLog(ctx, one.log); err != nil {
			t.Fatal(err)
		}
	}
	reader.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	one.sound(t)
	if n := len(one.list(t, projections.Query{})); n != 2*appends/6 {
		t.Errorf("%d bottles, want %d", n, 2*appends/6)
	}
	t.Logf("%d rebuilds", rebuilds)
}

func TestInterruptedRebuildChangesNothing(t *testing.T) {
	h := eventful(t)
	h.exec(t, `UPDATE bottles SET agent = 'tampered' WHERE id = 'full'`)
	before := h.list(t, projections.Query{All: true})
	err := h.log.Update(context.Background(), func(tx *events.Tx) error {
		if err := h.tables.Rebuild(context.Background(), tx); err != nil {
			return err
		}
		return errUndone
	})
	if !errors.Is(err, errUndone) {
		t.Fatal(err)
	}
	if got := h.list(t, projections.Query{All: true}); !reflect.DeepEqual(got, before) {
		t.Errorf("a rebuild that was undone left %+v", got)
	}
	h.append(t, "full", 8, &events.BottleProtected{On: true})
}

// TestManyStreamsInOneProjection hands events of several bottles over at
// once, as a restore does, with names that went round between them.
func TestManyStreamsInOneProjection(t *testing.T) {
	h := newHome(t)
	h.append(t, "a", 0, &events.BottleCreated{Slug: "x", InstanceName: "a", IdempotencyKey: "k"})
	h.append(t, "b", 0, &events.BottleCreated{Slug: "y", InstanceName: "b"})
	log := stored(t, []step{
		{stream: "a", expect: 1, events: []events.Payload{&events.BottleRenamed{From: "x", To: "z"}}},
		{stream: "b", expect: 1, events: []events.Payload{&events.BottleRenamed{From: "y", To: "x"}}},
		{stream: "a", expect: 2, events: []events.Payload{&events.BottleRenamed{From: "z", To: "y"}}},
		{stream: "c", expect: 0, events: []events.Payload{&events.BottleCreated{Slug: "c", InstanceName: "c"}, &events.BottleRemoved{}}},
		{stream: "d", expect: 0, events: []events.Payload{&events.BottleCreated{Slug: "c", InstanceName: "c"}}},
	})
	h.update(t, func(ctx context.Context, tx *events.Tx) error {
		for i := range log {
			log[i].Seq += 2
			e := log[i]
			if _, err := tx.Exec(ctx, `INSERT INTO events (seq, bottle_id, version, type, time, data, origin) VALUES (?, ?, ?, ?, ?, ?, ?)`,
				e.Seq, e.Stream, e.Version, e.Type, e.Time.UnixMilli(), string(e.Data), string(e.Origin)); err != nil {
				return err
			}
		}
		return h.tables.Project(ctx, tx, log)
	})
	h.sound(t)
	if got := fmt.Sprint(slugs(h.list(t, projections.Query{}))); got != "[c x y]" {
		t.Errorf("listed %s", got)
	}
}
