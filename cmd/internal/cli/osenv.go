package cli

import (
	"os"
	"time"

	"github.com/google/uuid"
)

// OSEnv is the world of the real program.
func OSEnv() Env {
	cwd, err := os.Getwd()
	if err != nil {
		cwd = "" // the folder is gone: only relative paths need it
	}
	return Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.LookupEnv, Cwd: cwd, Now: time.Now,
		NewID:    func() string { return uuid.Must(uuid.NewV7()).String() },
		Nonce:    uuid.NewString,
		Backends: registry(), SystemConfig: SystemConfig,
		Build: Build{Version: Version}, Signals: WithSignals, At: func(string) {},
	}
}
