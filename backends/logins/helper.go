package logins

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

const (
	// helperTime bounds a credential helper, which may ask its user something.
	helperTime = 60 * time.Second
	// tokenUser is the user name by which a helper says that the secret is an
	// identity token.
	tokenUser = "<token>"
	// notFound is how a helper says that it has none, on its stdout.
	notFound = "credentials not found in native keychain"
)

// fromHelper asks a program docker-credential-NAME. The protocol is that of
// github.com/docker/docker-credential-helpers.
func fromHelper(ctx context.Context, name, server string) (Login, error) {
	if strings.ContainsAny(name, "/\\\x00") {
		return Login{}, fmt.Errorf("the credential helper %q in the Docker config is not the end of a program's name", name)
	}
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	program := "docker-credential-" + name
	if _, err := exec.LookPath(program); err != nil {
		return Login{}, fmt.Errorf("credential helper: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, "get")
	out := &most{left: maxConfig}
	cmd.Stdin, cmd.Stdout = strings.NewReader(server), out // what it says besides is dropped
	cmd.WaitDelay = time.Second                            // a child of its own may hold the pipe
	err := cmd.Run()
	if err != nil && strings.TrimSpace(out.String()) == notFound {
		return Login{}, nil
	}
	var found struct{ Username, Secret string }
	if err != nil || json.Unmarshal(out.Bytes(), &found) != nil {
		// what it printed may be the login itself
		return Login{}, fmt.Errorf("%s failed for %s", program, server)
	}
	if found.Username == tokenUser {
		return Login{IdentityToken: found.Secret, Server: server}, nil
	}
	return Login{Username: found.Username, Password: found.Secret, Server: server}, nil
}

// most keeps what a program prints, up to a length.
type most struct {
	bytes.Buffer
	left int
}

func (m *most) Write(p []byte) (int, error) {
	if m.left -= len(p); m.left < 0 {
		return 0, errors.New("it prints too much")
	}
	return m.Buffer.Write(p)
}
