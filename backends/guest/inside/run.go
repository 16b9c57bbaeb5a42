package inside

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// holder is the main process of an instance. It holds the agent.
type holder struct {
	o     wire.RunOptions
	id    string      // of this run
	env   environment // what the agent has
	log   *os.File
	in    *typed
	proc  *process
	agent atomic.Int64 // its uid; -1: not known yet
	grp   *group       // what the agent starts in

	ready chan struct{} // closed when the agent was started, or could not be

	mu      sync.Mutex // guards what follows, and the order of all output
	n       uint64     // records so far
	kept    kept
	show    display
	clients map[*client]*attachment
	last    []byte     // the last frame for every client, once the run is over
	exit    *wire.Exit // how the agent ended

	// A signal must not wait for output that a client is slow to take.
	life  sync.Mutex
	alive bool // proc may be signalled

	// answers are the conversations whose last word a client still has to hear.
	answers sync.WaitGroup

	places, turned chan struct{} // one for each conversation, and for each that cannot be
}

// forwarded are the signals that are the agent's: all that end a program or
// are free for its own use.
var forwarded = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
	syscall.SIGALRM, syscall.SIGCONT, syscall.SIGTSTP, syscall.SIGWINCH, syscall.SIGPWR}

// The real-time signals, which an image may have for its stop signal (systemd's
// has); those before them are the C library's (signal(7)).
const firstRealTime, lastRealTime = 34, 64

func init() {
	for n := firstRealTime; n <= lastRealTime; n++ {
		forwarded = append(forwarded, syscall.Signal(n))
	}
}

// run holds one agent and returns its exit code.
func run(o wire.RunOptions, argv []string, std Std) int {
	signals := make(chan os.Signal, 64) // caught from now on: the agent gets them once it is there
	signal.Notify(signals, forwarded...)
	ends := make(chan os.Signal, 1) // on its own: however many end, no signal for the agent is lost
	signal.Notify(ends, syscall.SIGCHLD)
	var id [8]byte
	rand.Read(id[:])
	h := &holder{o: o, id: hex.EncodeToString(id[:]), log: std.Out, ready: make(chan struct{}), clients: map[*client]*attachment{}, places: make(chan struct{}, maxConnections), turned: make(chan struct{}, maxTurned)}
	h.agent.Store(-1)
	doors, err := h.open()
	if err != nil {
		return h.failed(err)
	}
	defer doors.Close()
	h.watch()
	began := wire.Began{TTY: o.TTY}
	if o.Pids > 0 {
		if h.grp, err = bound(o.Pids); err != nil {
			began.Unbounded = err.Error() // the agent is worth more than the limit
		}
	}
	defer h.grp.remove()
	h.record(&wire.Record{Began: &began})
	go h.accept(doors.front, itself)
	go h.accept(doors.side, borrow)
	if err := h.begin(argv, std.In, signals); err != nil {
		code := h.failed(err)
		doors.Close()
		h.goodbye()
		return code
	}
	pump := pumpOutput(h.proc, h.output)
	exit := h.hold(signals, ends)
	endLeftovers()
	pump.finish()
	h.proc.close()
	if !o.Stay {
		doors.Close() // before the end is told: who comes now comes too late
	}
	h.end(&wire.Record{Exit: &exit}, wire.KindExit, exit)
	if o.Stay {
		rest(signals, ends)
		doors.Close()
	}
	h.goodbye()
	return exit.Code
}

// begin makes the agent run, once the values of its variables are there.
func (h *holder) begin(argv []string, stdin io.Reader, signals <-chan os.Signal) error {
	variables := os.Environ()
	if h.o.Values {
		values, err := awaitValues(stdin, signals)
		if err != nil {
			return err
		}
		variables = append(variables, values...)
	}
	return h.start(argv, variables)
}

// rest waits to be told to end, and goes on taking orphans.
func rest(signals, ends <-chan os.Signal) {
	for {
		reap(0)
		select {
		case <-ends:
		case sig := <-signals:
			switch sig {
			case syscall.SIGCONT, syscall.SIGTSTP, syscall.SIGWINCH: // which end nothing
			default:
				return
			}
		}
	}
}

// start makes the agent run.
func (h *holder) start(argv, variables []string) error {
	if err := adopt(); err != nil {
		return fmt.Errorf("adopt orphans: %w", err)
	}
	user, err := readAccounts().find(h.o.User)
	if err != nil {
		return err
	}
	h.agent.Store(int64(user.uid))
	dir := h.o.Workdir
	if dir == "" {
		dir = "/"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("working folder %q: %w: %w", dir, backends.ErrBadRequest, err)
	}
	h.env = newEnvironment(variables).forUser(user, h.o.Home, h.o.KeepHome, h.o.TTY)
	p, err := start(command{argv: argv, env: h.env, user: user, workdir: dir, tty: h.o.TTY, stdin: h.o.Stdin, group: h.grp})
	if err != nil {
		return err
	}
	h.proc = p
	stdin := p.in
	if !h.o.Stdin {
		stdin = nil // of a terminal, where what is typed is dropped
	}
	h.in = newTyped(stdin)
	h.alive = true
	h.record(&wire.Record{Started: &wire.Started{PID: p.pid}})
	close(h.ready)
	return nil
}

// hold waits for the end of the agent, passes signals on and takes orphans.
func (h *holder) hold(signals, ends <-chan os.Signal) wire.Exit {
	for {
		h.life.Lock()
		st, ended := reap(h.proc.pid)
		h.alive = !ended
		h.life.Unlock()
		if ended {
			code, sig := exitOf(st)
			return wire.Exit{Code: code, Signal: sig}
		}
		select {
		case <-ends:
		case sig := <-signals:
			if n, ok := sig.(syscall.Signal); ok {
				_ = h.signal(n) // it has just ended: as well
			}
		}
	}
}

// signal is for the agent alone, as with a main process of its own.
func (h *holder) signal(sig syscall.Signal) error {
	h.life.Lock()
	defer h.life.Unlock()
	if !h.alive {
		return backends.ErrNotRunning
	}
	return syscall.Kill(h.proc.pid, sig)
}

// output is what the agent printed: for every client, who waits for it, then for
// the screen, for who comes later and for the log.
func (h *holder) output(kind byte, b []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	frame := wire.Append(make([]byte, 0, len(b)+5), kind, b)
	for c, a := range h.clients {
		if a.streams && !c.offer(frame) {
			delete(h.clients, c)
		}
	}
	h.shown(b, time.Now())
	h.kept.add(kind, b)
	for rest := b; len(rest) > 0; {
		part := rest[:min(len(rest), wire.RecordBytes)]
		rest = rest[len(part):]
		r := &wire.Record{Out: part}
		if kind == wire.KindErr {
			r = &wire.Record{Err: part}
		}
		h.recordLocked(r)
	}
	return nil
}

func (h *holder) record(r *wire.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.recordLocked(r)
}

// recordLocked writes to the log. An engine that takes no more of it does not
// end the agent; there is nobody who could be told.
func (h *holder) recordLocked(r *wire.Record) {
	r.Time, r.Run, r.N = time.Now().UnixNano(), h.id, h.n
	h.n++
	if line, err := r.Line(); err == nil {
		_, _ = h.log.Write(line)
	}
}

// failed records why there is no agent, and returns the code of such a run.
func (h *holder) failed(err error) int {
	why := wire.Failed(err)
	h.end(&wire.Record{Failed: &why}, wire.KindFailure, why)
	close(h.ready)
	return backends.FailureCode(err)
}
