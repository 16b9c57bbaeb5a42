package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// pull fetches an image from its registry with the login of the Docker
// config, if there is one.
func (b *Backend) pull(ctx context.Context, named reference.Named, say func(backends.Progress)) error {
	op := "pull " + named.String()
	login, why := b.login(ctx, reference.Domain(named))
	if ctx.Err() != nil {
		return b.fail(ctx, op, ctx.Err())
	}
	if why != nil {
		// many images need none; should this one, the reason is in the error
		say(backends.Progress{Step: "pull", Detail: "without a login: " + why.Error()})
	}
	header, err := registry.EncodeAuthConfig(login)
	if err != nil {
		return fmt.Errorf("%s: the login cannot be written", op)
	}
	if login == (registry.AuthConfig{}) {
		header = ""
	}
	say(backends.Progress{Step: "pull", Detail: "pulling " + reference.FamiliarString(named)})
	pulling, idle := b.withIdle(ctx)
	defer idle.stop()
	progress := newLayers("pull", say)
	answer, err := b.api.ImagePull(pulling, named.String(), image.PullOptions{RegistryAuth: header})
	if err == nil {
		err = readMessages(answer, func(m message) {
			idle.moved()
			progress.tell(m)
		})
		answer.Close()
	}
	if err == nil {
		return nil
	}
	failed := hide(b.fail(pulling, op, err), []string{"password=" + login.Password, "token=" + login.IdentityToken})
	var down *backends.Unavailable
	if ctx.Err() != nil || pulling.Err() != nil || errors.As(failed, &down) {
		return idle.why(op, failed)
	}
	return b.whyNotPulled(ctx, named, header, failed, why)
}

// whyNotPulled finds out what a failed pull means. Engines answer "not found"
// to both a missing image and a missing login, and tell them apart in prose
// only. When they are asked about the image in the registry they pass the
// registry's own status on, most of the time.
func (b *Backend) whyNotPulled(ctx context.Context, named reference.Named, header string, failed, noLogin error) error {
	words := func(kind error) error {
		if noLogin != nil {
			return fmt.Errorf("%w: %w (and no login: %w)", kind, failed, noLogin)
		}
		return fmt.Errorf("%w: %w", kind, failed)
	}
	denied := func(err error) bool {
		return cerrdefs.IsUnauthorized(err) || cerrdefs.IsPermissionDenied(err)
	}
	if denied(failed) {
		return words(backends.ErrImageDenied)
	}
	var asked error
	if !b.podman.Load() { // it has no such question
		_, asked = b.api.DistributionInspect(ctx, named.String(), header)
	}
	switch {
	case denied(asked), cerrdefs.IsInternal(failed) && soundsDenied(failed), b.podman.Load() && soundsDenied(failed):
		return words(backends.ErrImageDenied)
	case cerrdefs.IsNotFound(asked), cerrdefs.IsNotFound(failed), b.podman.Load():
		return words(backends.ErrImageNotFound)
	}
	return failed
}

// refusals are what the registry client in an engine says of a login that is
// missing or wrong, where the engine gives it no status of its own but 500:
// Docker 20.10 does so with registries that use plain passwords. There is
// nothing else to go by.
var refusals = []string{"no basic auth credentials", "unauthorized: ", "denied: ", "authentication required", "invalid username/password"}

func soundsDenied(err error) bool {
	return slices.ContainsFunc(refusals, func(r string) bool { return strings.Contains(err.Error(), r) })
}

// message is one line of an engine's progress.
type message struct {
	Status   string `json:"status"`
	Stream   string `json:"stream"`
	ID       string `json:"id"`
	Progress struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
	Error  string `json:"error"`
	Detail struct {
		Message string `json:"message"`
	} `json:"errorDetail"`
}

// readMessages reads progress until its end. What the engine calls an error
// in it is returned: the answer's status was sent long before.
func readMessages(r io.Reader, each func(message)) error {
	for d := json.NewDecoder(r); ; {
		var m message
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if words := orElse(m.Detail.Message, m.Error); words != "" {
			return errors.New(words)
		}
		each(m)
	}
}

// layers add the progress of an image's layers up.
type layers struct {
	step string
	say  func(backends.Progress)
	seen map[string]message
}

func newLayers(step string, say func(backends.Progress)) *layers {
	return &layers{step: step, say: say, seen: map[string]message{}}
}

func (l *layers) tell(m message) {
	if m.ID != "" && m.Progress.Total > 0 {
		if before := l.seen[m.ID]; before.Progress.Total == m.Progress.Total {
			// a layer is counted once, though it is fetched and then unpacked
			m.Progress.Current = max(m.Progress.Current, before.Progress.Current)
		}
		l.seen[m.ID] = m
	}
	p := backends.Progress{Step: l.step, Detail: strings.TrimSpace(m.ID + " " + m.Status)}
	for _, s := range l.seen {
		p.Done += s.Progress.Current
		p.Total += s.Progress.Total
	}
	l.say(p)
}

// idleness ends a context when nothing moves for too long.
type idleness struct {
	limit time.Duration
	timer *time.Timer
	end   context.CancelFunc
	ended atomic.Bool
}

func (b *Backend) withIdle(ctx context.Context) (context.Context, *idleness) {
	ctx, end := context.WithCancel(ctx)
	i := &idleness{limit: b.idle, end: end}
	i.timer = time.AfterFunc(b.idle, func() {
		i.ended.Store(true)
		end()
	})
	return ctx, i
}

func (i *idleness) moved() { i.timer.Reset(i.limit) }

func (i *idleness) stop() {
	i.timer.Stop()
	i.end()
}

// why says so when it was the silence that ended it.
func (i *idleness) why(op string, err error) error {
	if i.ended.Load() {
		return fmt.Errorf("%s: no progress for %s", op, i.limit)
	}
	return err
}
