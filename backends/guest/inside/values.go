package inside

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/guest/wire"
)

// valuesTime is how long the values of variables may take to come: who starts
// an instance has them at hand. Who starts it by other means has none.
const valuesTime = 30 * time.Second

// awaitValues reads them from stdin, and nothing behind them.
func awaitValues(stdin io.Reader, signals <-chan os.Signal) ([]string, error) {
	type came struct {
		f   wire.Frame
		err error
	}
	read := make(chan came, 1)
	go func() {
		f, err := wire.NewReader(stdin).Next()
		read <- came{f, err}
	}()
	late := time.After(valuesTime)
	for {
		select {
		case c := <-read:
			var ask wire.Request
			err := c.err
			if err == nil {
				err = c.f.Decode(&ask)
			}
			if err == nil && ask.Op != wire.OpValues {
				err = wire.ErrFrame
			}
			if err != nil {
				return nil, fmt.Errorf("read the values of its variables: %w: %w", backends.ErrBadRequest, err)
			}
			var env []string
			for _, kv := range ask.Env {
				env = append(env, string(kv))
			}
			return env, nil
		case <-late:
			return nil, fmt.Errorf("nobody gave it the values of its variables, which no engine keeps: start it by bot-bottle resume: %w", backends.ErrBadRequest)
		case sig := <-signals:
			switch sig {
			case syscall.SIGCONT, syscall.SIGTSTP, syscall.SIGWINCH:
			default:
				return nil, errors.New("it was ended before it began")
			}
		}
	}
}
