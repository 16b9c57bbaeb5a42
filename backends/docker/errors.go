package docker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path"
	"strconv"
	"strings"
	"syscall"

	cerrdefs "github.com/containerd/errdefs"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// fail wraps what went wrong while we asked the engine to do something. That
// it did not answer becomes an [backends.Unavailable]; that the caller went
// away stays [context.Canceled]. What the engine answered keeps its type.
func (b *Backend) fail(ctx context.Context, op string, err error) error {
	var down *backends.Unavailable
	var lost *noAnswer
	switch {
	case err == nil:
		return nil
	case errors.As(err, &down):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", op, ctx.Err())
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded):
		return b.unavailable("the engine did not answer in time", hintStatus, context.DeadlineExceeded)
	case errors.As(err, &lost):
		return b.lost(lost.err)
	case isBroken(err):
		return b.unavailable("the engine broke off its answer", hintStatus, err)
	case isRubbish(err):
		return b.unavailable("what answers there is not a Docker engine", b.hintRubbish(), err)
	case cerrdefs.IsUnavailable(err):
		return b.unavailable("the engine is not well", hintRestart, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// refused is fail for a request that only its content can be wrong with: an
// answer that is an error is the engine's refusal.
func (b *Backend) refused(ctx context.Context, op string, err error) error {
	failed := b.fail(ctx, op, err)
	var down *backends.Unavailable
	if failed == nil || errors.As(failed, &down) || errors.Is(failed, context.Canceled) {
		return failed
	}
	return fmt.Errorf("%s: %w: %w", op, backends.ErrBadRequest, err)
}

func isBroken(err error) bool {
	var network *net.OpError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, &network)
}

func isRubbish(err error) bool {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &kind)
}

// Hints that fit most engines.
const (
	hintStatus  = "look at it: docker info, systemctl status docker"
	hintRestart = "look at it: journalctl -u docker"
)

func (b *Backend) hintRubbish() string {
	if b.endpoint.socket != "" {
		return "find out what listens there: ss -lxp src " + b.endpoint.socket
	}
	if !b.endpoint.tls {
		return "if the engine wants TLS, name the folder of its certificates: " + b.endpoint.String() + "?tls=FOLDER&verify=1"
	}
	return "find out what listens there"
}

// lost says why no connection or no answer came.
func (b *Backend) lost(err error) error {
	var (
		name *net.DNSError
		cert *tls.CertificateVerificationError
		rec  tls.RecordHeaderError
		alrt tls.AlertError
		inv  x509.HostnameError
		op   *net.OpError
	)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return b.unavailable("permission denied", b.hintPermission(), err)
	case errors.Is(err, fs.ErrNotExist):
		return b.unavailable("there is no such socket", b.hintStart(), err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return b.unavailable("nothing listens there", b.hintStart(), err)
	case errors.As(err, &name):
		return b.unavailable("its host is not known", "look at the name in the endpoint", err)
	case errors.As(err, &cert), errors.As(err, &inv):
		return b.unavailable("it cannot prove that it is the engine", "look at ca.pem in "+orElse(b.endpoint.certs, "the folder named by ?tls="), err)
	case errors.As(err, &rec):
		return b.unavailable("it does not speak TLS", "an endpoint without ?tls= is a plain one", err)
	case errors.As(err, &alrt):
		return b.unavailable("it refuses our certificate", "look at cert.pem and key.pem in "+orElse(b.endpoint.certs, "the folder named by ?tls="), err)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return b.unavailable("it closed the connection without an answer", hintStatus, err)
	case errors.As(err, &op):
		return b.unavailable("it cannot be reached", hintStatus, err)
	}
	return b.unavailable("what answers there is not a Docker engine", b.hintRubbish(), err)
}

// hintStart is how to start the engine of a socket. Where sockets lie by
// default: docs.docker.com/engine/security/rootless, podman-system-service(1).
func (b *Backend) hintStart() string {
	s := b.endpoint.socket
	switch {
	case s == "":
		return "start the engine on " + b.endpoint.addr
	case path.Base(s) == "podman.sock" && strings.HasPrefix(s, "/run/user/"):
		return "start it: systemctl --user start podman.socket"
	case path.Base(s) == "podman.sock":
		return "start it: sudo systemctl start podman.socket"
	case strings.HasPrefix(s, "/run/user/"):
		return "start it: systemctl --user start docker"
	case s == defaultSocket:
		return "start it: sudo systemctl start docker"
	}
	return "start the engine that listens at " + s
}

// hintPermission names the group that may use the socket.
func (b *Backend) hintPermission() string {
	st, err := os.Stat(b.endpoint.socket)
	if err != nil {
		return "run it as a user who may use " + b.endpoint.socket
	}
	owner, ok := st.Sys().(*syscall.Stat_t)
	if !ok || owner.Gid == 0 || st.Mode()&0o060 != 0o060 {
		return "run it as the owner of " + b.endpoint.socket
	}
	group, err := user.LookupGroupId(strconv.FormatUint(uint64(owner.Gid), 10))
	if err != nil {
		return "run it as the owner of " + b.endpoint.socket
	}
	return fmt.Sprintf("you are not in the group %s: sudo usermod -aG %s $USER, then log in again", group.Name, group.Name)
}

// told is an error with other words for the same thing.
type told struct {
	words string
	err   error
}

func (t *told) Error() string { return t.words }
func (t *told) Unwrap() error { return t.err }

// shortestSecret is how long a value must be to be looked for in an error: a
// shorter one is no secret, and hiding it would garble the text.
const shortestSecret = 4

// hide takes the values of variables out of an error's text, should the
// engine repeat what it was sent.
func hide(err error, env []string) error {
	if err == nil {
		return nil
	}
	if words := hideIn(err.Error(), env); words != err.Error() {
		return &told{words, err}
	}
	return err
}

func hideIn(text string, env []string) string {
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if len(value) >= shortestSecret {
			text = strings.ReplaceAll(text, value, "[value of "+name+"]")
		}
	}
	return text
}
