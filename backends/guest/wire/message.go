package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// What a request asks for. The holder answers the first eight, the serving
// program the others.
const (
	OpAttach = "attach" // the streams of the main process
	OpWait   = "wait"   // only its end
	OpSignal = "signal" // send it Signal
	OpEnv    = "env"    // what it runs with, see Welcome
	OpStatus = "status" // what it does, as KindStatus
	OpScreen = "screen" // what its terminal shows, as KindOut, after KindStatus
	OpSend   = "send"   // KindIn to KindInEnd is typed
	OpNotify = "notify" // it, or a hook of its, wants attention: Text says why

	OpValues = "values" // Env is the agent's: on stdin, before it is started

	OpExec    = "exec"     // one more command
	OpCopyIn  = "copy-in"  // a tar stream, as KindIn, unpacked below Path
	OpCopyOut = "copy-out" // Path as a tar stream, as KindOut
	OpStat    = "stat"     // what is at Path
)

// Request is what the host wants. Words are bytes, since an argv and an
// environment hold any.
type Request struct {
	Op string

	// For attach.
	Replay   bool `json:",omitempty"` // first what was printed so far
	ReadOnly bool `json:",omitempty"` // neither types nor resizes
	Redraw   bool `json:",omitempty"` // first what the terminal shows

	// For wait: for attention, too.
	Attention bool `json:",omitempty"`

	// For screen: with colours, as lines that drive no terminal otherwise.
	Styled bool `json:",omitempty"`

	// For send: as a paste where the agent tells them apart, and with the
	// return key at the end.
	Paste bool `json:",omitempty"`
	Enter bool `json:",omitempty"`

	// For notify.
	Text string `json:",omitempty"`

	// For signal: its number on Linux.
	Signal int `json:",omitempty"`

	// For exec.
	Argv    [][]byte `json:",omitempty"`
	Env     [][]byte `json:",omitempty"` // K=V
	User    string   `json:",omitempty"`
	Workdir []byte   `json:",omitempty"`
	TTY     bool     `json:",omitempty"`
	Stdin   bool     `json:",omitempty"`
	Detach  bool     `json:",omitempty"`

	// For attach and exec with a terminal; zero: unknown.
	Size backends.Size

	// For copies and stat.
	Path []byte `json:",omitempty"`
}

// Welcome begins the service.
type Welcome struct {
	Run    string `json:",omitempty"` // id of the run
	TTY    bool   `json:",omitempty"` // the main process has a terminal
	Stdin  bool   `json:",omitempty"` // it reads what is typed
	Missed int64  `json:",omitempty"` // of a replay: bytes that are in the log only

	// For OpEnv: what one more command has, too.
	Env      [][]byte `json:",omitempty"`
	User     string   `json:",omitempty"`
	Home     string   `json:",omitempty"`
	KeepHome bool     `json:",omitempty"`
	Workdir  []byte   `json:",omitempty"`
	Bounded  bool     `json:",omitempty"` // it starts in the control group of the run
}

// Exit is how a process ended: Code as a shell has it, 128 and the number of
// the signal for one that was killed.
type Exit struct {
	Code   int `json:"code"`
	Signal int `json:"signal,omitempty"`
}

// What an agent wants attention for.
const (
	AttentionBell     = "bell"     // its terminal rang
	AttentionNotified = "notified" // it said so in words
)

// Status is what an agent does, as its holder sees it. Times are nanoseconds
// since 1970 by the guest's clock, 0 is never.
type Status struct {
	LastOutput int64  `json:"last_output,omitempty"`
	Bell       int64  `json:"bell,omitempty"`
	Exit       *Exit  `json:"exit,omitempty"`      // it ended, and its holder stays
	Title      string `json:"title,omitempty"`     // of its terminal
	Attention  string `json:"attention,omitempty"` // since somebody last typed or came
	Note       string `json:"note,omitempty"`      // the words of AttentionNotified
	Rows       uint16 `json:"rows,omitempty"`      // of its terminal; 0: it has none
	Cols       uint16 `json:"cols,omitempty"`
	CursorRow  uint16 `json:"cursor_row,omitempty"` // from 0
	CursorCol  uint16 `json:"cursor_col,omitempty"`
}

// PathStat is backends.PathStat in bytes.
type PathStat struct {
	Name []byte
	Size int64
	Mode uint32
	Link []byte `json:",omitempty"`
}

// Failure is why a request is not served, or a main process not started.
type Failure struct {
	Kind   string `json:"kind,omitempty"` // a word of kinds
	Detail string `json:"detail"`
}

// kinds are the errors that both sides know by the same word.
var kinds = []struct {
	word string
	err  error
}{
	{"not-found", backends.ErrNotFound},
	{"not-running", backends.ErrNotRunning},
	{"not-executable", backends.ErrNotExecutable},
	{"command-not-found", backends.ErrCommandNotFound},
	{"bad-request", backends.ErrBadRequest},
	{"in-use", backends.ErrInUse},
}

// Failed is an error as a message. The words of the kind are not repeated.
func Failed(err error) Failure {
	f := Failure{Detail: err.Error()}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			f.Kind = k.word
		}
	}
	if len(f.Detail) > maxDetail {
		f.Detail = f.Detail[:maxDetail]
	}
	return f
}

const maxDetail = 2 << 10

// Err is the error that a failure tells of. Its words come out of a guest:
// they are quoted where they are more than letters.
func (f Failure) Err() error {
	detail := f.Detail
	if len(detail) > maxDetail {
		detail = detail[:maxDetail]
	}
	told := &told{words: plain(detail)}
	for _, k := range kinds {
		if k.word == f.Kind {
			told.kind = k.err
		}
	}
	return told
}

// told is an error of a kind that its words tell already.
type told struct {
	words string
	kind  error
}

func (t *told) Error() string { return t.words }
func (t *told) Unwrap() error { return t.kind }

// plain is a text without anything that drives a terminal.
func plain(s string) string {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\ufffd' || r == 0x2028 || r == 0x2029 {
			q := fmt.Sprintf("%+q", s)
			return q[1 : len(q)-1]
		}
	}
	return s
}

// Decode reads a payload of JSON.
func (f Frame) Decode(into any) error {
	if err := json.Unmarshal(f.Payload, into); err != nil {
		return fmt.Errorf("%w: kind %q: %w", ErrFrame, f.Kind, err)
	}
	return nil
}

// PackSize is the payload of KindSize.
func PackSize(s backends.Size) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, s.Rows), s.Cols)
}

// Size reads a payload of KindSize.
func (f Frame) Size() (backends.Size, error) {
	if len(f.Payload) != 4 {
		return backends.Size{}, fmt.Errorf("%w: a size of %d bytes", ErrFrame, len(f.Payload))
	}
	return backends.Size{Rows: binary.BigEndian.Uint16(f.Payload), Cols: binary.BigEndian.Uint16(f.Payload[2:])}, nil
}

// PackTaken is the payload of KindTaken.
func PackTaken(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// Taken reads a payload of KindTaken.
func (f Frame) Taken() (int, error) {
	if len(f.Payload) != 4 {
		return 0, fmt.Errorf("%w: a count of %d bytes", ErrFrame, len(f.Payload))
	}
	n := binary.BigEndian.Uint32(f.Payload)
	if n > Window {
		return 0, fmt.Errorf("%w: %d bytes taken, more than were ever under way", ErrFrame, n)
	}
	return int(n), nil
}

// Bytes and Strings turn words into messages and back.
func Bytes(words []string) [][]byte {
	out := make([][]byte, len(words))
	for i, w := range words {
		out[i] = []byte(w)
	}
	return out
}

// Strings is the way back from [Bytes].
func Strings(words [][]byte) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}
