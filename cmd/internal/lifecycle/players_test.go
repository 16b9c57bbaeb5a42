package lifecycle_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends/fake"
)

// simulation is two managers on one home and one engine. One of them takes a
// step at a time, so that the seed alone decides how they meet.
type simulation struct {
	rng     *rand.Rand
	players [2]*player
	told    []string // what happened, for who looks into a failure

	verbs, done, deaths, faults int
}

// player is a manager that stops before each step until it is told to go on.
type player struct {
	*world
	name   string
	at     chan string // where it has stopped
	goOn   chan bool   // false: die
	over   chan string // how the verb ended
	plays  bool        // its verb is not over
	parked string
}

const rounds = 4

func newSimulation(t *testing.T, seed int64, dir string) *simulation {
	t.Helper()
	s := &simulation{rng: rand.New(rand.NewPCG(uint64(seed), 0))}
	home := filepath.Join(dir, "home")
	copyHome(t, home)
	engine := newEngine(t, filepath.Join(dir, "engine"))
	made := 0
	for i := range s.players {
		p := &player{world: enter(t, home, engine), name: string(rune('A' + i)),
			at: make(chan string), goOn: make(chan bool), over: make(chan string)}
		p.env["HOME"] = dir
		p.NewID = func() string { made++; return fmt.Sprintf("%08x-0000-7000-8000-%012x", seed, made) }
		late := time.Now()
		p.Now = func() time.Time { late = late.Add(time.Minute); return late } // nobody waits for who does not move
		p.At = func(step string) {
			if !p.plays {
				return
			}
			p.at <- step
			if !<-p.goOn {
				panic(crash(step))
			}
		}
		s.players[i] = p
	}
	return s
}

func (s *simulation) tell(format string, a ...any) {
	s.told = append(s.told, fmt.Sprintf(format, a...))
}

// one is true once in n.
func (s *simulation) one(n int) bool { return s.rng.IntN(n) == 0 }

func (s *simulation) run() (err error) {
	defer func() {
		for _, p := range s.players {
			p.end()
			must(p.t, p.Log.Close())
		}
	}()
	for range rounds {
		s.round()
		if err := s.settle(); err != nil {
			return err
		}
	}
	return s.players[0].wipe()
}

// round lets each manager do one verb, side by side.
func (s *simulation) round() {
	if s.one(3) {
		s.fault()
	}
	var busy []*player
	for _, p := range s.players {
		v := s.verb(p)
		s.verbs++
		s.tell("%s: %s", p.name, v.name)
		p.begin(v)
		if s.moved(p) {
			busy = append(busy, p)
		}
	}
	for len(busy) > 0 {
		i := s.rng.IntN(len(busy))
		p := busy[i]
		live := !s.one(15)
		if !live {
			s.deaths++
			s.tell("%s: dies at %s", p.name, p.parked)
		}
		p.goOn <- live
		if !s.moved(p) {
			busy = append(busy[:i], busy[i+1:]...)
		}
	}
}

// begin starts a verb, which stops before its first step.
func (p *player) begin(v verb) {
	p.plays = true
	go func() {
		var err error
		if p.dies(func() { err = v.do() }) != "" {
			p.over <- "died"
			return
		}
		p.over <- outcome(err)
	}()
}

const done = "done"

// outcome is an error without what differs from run to run.
func outcome(err error) string {
	if err == nil {
		return done
	}
	return "refused: " + strings.SplitN(err.Error(), ":", 2)[0]
}

// moved waits until a manager has stopped again; false when its verb is over.
func (s *simulation) moved(p *player) bool {
	select {
	case p.parked = <-p.at:
		s.tell("%s: before %s", p.name, p.parked)
		return true
	case how := <-p.over:
		p.plays = false
		s.tell("%s: %s", p.name, how)
		if how == done {
			s.done++
		}
		return false
	}
}

// fault plans that something goes wrong at one of the engine's points.
func (s *simulation) fault() {
	all := fake.Points()
	f := fake.Fault{Point: all[s.rng.IntN(len(all))], Skip: s.rng.IntN(2), Times: 1 + s.rng.IntN(2), Error: "it does not want to"}
	if s.one(2) {
		f.Error = "unavailable"
	}
	s.faults++
	s.tell("fault %+v", f)
	s.players[0].faults(fake.Faults{Faults: []fake.Fault{f}})
}

// settle is what the user does when the dust lies: recover, by one of the two.
// What was forgotten may be in the engine until the next cleanup.
func (s *simulation) settle() error {
	p := s.players[s.rng.IntN(2)]
	p.faults(fake.Faults{})
	err := settle(p.world, "")
	if err == nil {
		err = p.consistentBut(p.forgotten())
	}
	for _, b := range p.all() {
		s.tell("settled: %s is %s, generation %d", b.Slug, b.State, b.Generation)
	}
	return err
}
