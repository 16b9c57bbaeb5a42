package docker

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest"
)

const (
	// programDir is where a container has the guest program, and programPath
	// its main process.
	programDir  = "/.bot-bottle"
	programPath = programDir + "/" + guest.ProgramName
	// labelSession says that a container's main process is the guest program,
	// and by which protocol it is spoken to; see backends.Instance.
	labelSession = "bot-bottle.session"
	// sessionEngine is the session of every other container.
	sessionEngine = "engine"
	holderSession = "holder/"
	// rootUser is who the guest program runs as. It lays the user's rights
	// down for the agent.
	rootUser = "0:0"
)

// held is what a container with the guest program as its main process holds.
type held struct {
	session string
	o       guest.RunOptions
	argv    []string // of the agent
}

// heldBy reads what a container is, from itself: the label that was written
// when it was made, and the words of its main process. A container of an
// image that was committed from one of ours has the label alone, or neither.
func heldBy(c container.InspectResponse) (h held, ok bool) {
	if c.ContainerJSONBase == nil || c.Config == nil {
		return h, false
	}
	session := c.Config.Labels[labelSession]
	if !strings.HasPrefix(session, holderSession) {
		return h, false
	}
	program, o, argv, ok := guest.ReadRunArgv(append([]string{c.Path}, c.Args...))
	return held{session, o, argv}, ok && program == programPath
}

// isChecks says whether labels are those of a check's instance. It lives for a
// moment and nobody attaches to it, so it runs without a holder and needs
// nothing of the home's in the engine.
func isChecks(l backends.Labels) bool {
	is, _ := backends.IsThrowaway(l, time.Now())
	return is
}

// hold is what an instance's main process is to hold: what the spec says, and
// where it says nothing the image.
func hold(s backends.InstanceSpec, img imageFacts) (h held, err error) {
	h = held{session: guest.Session, argv: s.Argv, o: guest.RunOptions{
		TTY: s.TTY, Stdin: s.Stdin, Stay: s.Stay, User: orElse(s.User, img.user), Home: s.Home, Workdir: s.Workdir,
		KeepHome: img.home || slices.ContainsFunc(s.Env, isHome),
	}}
	if h.o.Workdir == "" && img.workdir != "" {
		h.o.Workdir = path.Join("/", img.workdir)
	}
	if len(h.argv) == 0 {
		h.argv = img.argv
	}
	if len(h.argv) == 0 || h.argv[0] == "" {
		return h, fmt.Errorf("the image has no command of its own and none is given: %w", backends.ErrBadRequest)
	}
	return h, nil
}

func isHome(kv string) bool { return strings.HasPrefix(kv, "HOME=") }

// settle makes a container's main process the guest program, which runs as
// root, holds the agent and reaps what is orphaned.
func (h held) settle(cfg *container.Config, host *container.HostConfig, program programVolume) {
	cfg.Entrypoint, cfg.Cmd = guest.RunArgv(programPath, h.o, h.argv), []string{}
	cfg.User = rootUser
	// The terminal is the program's own, and what is typed comes another way.
	cfg.Tty, cfg.OpenStdin, cfg.StdinOnce = false, false, false
	cfg.Labels[labelSession] = h.session
	if h.o.User != "" {
		// An image's check of its health would run as root now, and what it
		// runs may be the agent's to change.
		cfg.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
	}
	no := false
	host.Init = &no
	host.Binds = append(host.Binds, program.bind("ro"))
}

// observeHeld tells of the agent where the engine tells of the program that
// holds it.
func observeHeld(o *backends.Observation, h held) {
	o.Session, o.TTY, o.Argv, o.User = h.session, h.o.TTY, h.argv, h.o.User
	o.Workdir = orElse(h.o.Workdir, o.Workdir)
}

// asRecorded adds what only the record of a run tells: why the agent could not
// be started, and how it ended in an instance that stays. An engine without
// logs to read tells no more than it knows.
func (b *Backend) asRecorded(ctx context.Context, o *backends.Observation, c container.InspectResponse, h held) {
	// Failures end with codes that are seldom an agent's.
	failed := o.Status == backends.StatusStopped && o.Detail == "" && c.State.ExitCode >= codeNoStart && c.State.ExitCode <= codeNotFound
	stays := h.o.Stay && (o.Status == backends.StatusRunning || o.Status == backends.StatusStopped)
	if !failed && !stays {
		return
	}
	log, err := b.records(ctx, c.ID, container.LogsOptions{Tail: "2"}) // its end is the last
	if err != nil {
		return
	}
	defer log.Close()
	run, err := guest.LastRun(log)
	switch {
	case err != nil || !run.Over() || run.Ended.Before(o.StartedAt.Add(-startLag)):
	case run.Err != nil:
		o.Detail = hideIn(run.Err.Error(), c.Config.Env)
	case stays:
		o.ExitCode = run.ExitCode
		if o.Status == backends.StatusRunning {
			o.AgentEnded, o.EndedAt = true, run.Ended
		}
	}
}

// startLag is how much later than the main process begins the engine may note
// that it did.
const startLag = 2 * time.Second

// sessionOf is how a container is attached to.
func sessionOf(c container.InspectResponse) string {
	if h, ok := heldBy(c); ok {
		return h.session
	}
	return sessionEngine
}
