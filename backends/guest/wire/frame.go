// Package wire is what the guest program and the host say to each other:
// frames over a pair of streams, and the records that a run leaves in the log
// of its instance. Each side takes the other for an attacker, so everything
// that is read is bounded before it is kept.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Greeting is the first thing that the guest's side says, before any frame.
// It tells the program's word from what an engine prints by itself, and one
// version of the protocol from the next.
const Greeting = family + version + "\n"

// Version is the version of the protocol. An instance speaks the one that it
// was made with for as long as it lives.
const Version = "1"

const family, version = "bot-bottle holder/", Version

// The kinds of frames. A frame is its kind, the length of its payload in four
// bytes, big-endian, and the payload.
const (
	KindRequest byte = 'q' // host: JSON Request, first and once
	KindIn      byte = 'i' // host: bytes for stdin, or of a tar stream
	KindInEnd   byte = 'e' // host: no more of them
	KindSize    byte = 's' // host: the terminal's size, see PackSize

	KindWelcome byte = 'w' // guest: JSON Welcome, the request is served from now on
	KindOut     byte = '1' // guest: bytes of stdout, or of a tar stream
	KindErr     byte = '2' // guest: bytes of stderr
	KindTaken   byte = 't' // guest: how many more bytes of KindIn were taken, see PackTaken
	KindStat    byte = 'p' // guest: JSON PathStat
	KindStatus  byte = 'a' // guest: JSON Status
	KindExit    byte = 'x' // guest: JSON Exit, last
	KindFailure byte = 'f' // guest: JSON Failure, last
)

const (
	// MaxData is the payload of a frame of bytes.
	MaxData = 64 << 10
	// MaxJSON is the payload of a request or a welcome: an argv and an
	// environment, which Linux bounds to 6 MiB together (_STK_LIM in
	// fs/exec.c), in base64.
	MaxJSON = 9 << 20
	// Window is how many bytes of KindIn may be under way before the guest has
	// said that it took some. So neither side ever waits for the other's input
	// to be read, and a frame behind it is always seen.
	Window = 256 << 10
)

// ErrFrame is what is no frame of this protocol.
var ErrFrame = errors.New("not a frame of the guest program")

// limit is how long the payload of a kind may be.
func limit(kind byte) (most uint32, known bool) {
	switch kind {
	case KindIn, KindOut, KindErr, KindStat, KindStatus, KindExit, KindFailure:
		return MaxData, true
	case KindInEnd:
		return 0, true
	case KindSize, KindTaken:
		return 4, true
	case KindRequest, KindWelcome:
		return MaxJSON, true
	}
	return 0, false
}

// Frame is one message.
type Frame struct {
	Kind    byte
	Payload []byte
}

// Reader takes frames from a stream.
type Reader struct {
	from io.Reader
	buf  []byte
}

// NewReader reads frames.
func NewReader(from io.Reader) *Reader { return &Reader{from: from} }

// Next returns the next frame; its payload is good until the call after. The
// end of the stream between two frames is io.EOF, inside one it is
// io.ErrUnexpectedEOF, and what is no frame is [ErrFrame].
func (r *Reader) Next() (Frame, error) {
	var head [5]byte
	if _, err := io.ReadFull(r.from, head[:]); err != nil {
		return Frame{}, err
	}
	kind, n := head[0], binary.BigEndian.Uint32(head[1:])
	if most, known := limit(kind); !known || n > most {
		return Frame{}, fmt.Errorf("%w: kind %q with %d bytes", ErrFrame, kind, n)
	}
	if err := r.fill(int(n)); err != nil {
		return Frame{}, err
	}
	return Frame{kind, r.buf}, nil
}

// fill reads a payload. The room for it grows with what arrives, so that a
// length alone costs nothing.
func (r *Reader) fill(n int) error {
	if cap(r.buf) > 2*MaxData {
		r.buf = nil // of a request or a welcome, which comes once
	}
	r.buf = r.buf[:0]
	for len(r.buf) < n {
		at, step := len(r.buf), min(n-len(r.buf), MaxData)
		r.buf = append(r.buf, make([]byte, step)...)
		if _, err := io.ReadFull(r.from, r.buf[at:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// Append adds a frame to b.
func Append(b []byte, kind byte, payload []byte) []byte {
	b = append(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

// Writer sends frames, each in one write. It is safe for several goroutines.
type Writer struct {
	mu  sync.Mutex
	to  io.Writer
	buf []byte
}

// NewWriter sends frames to a stream.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Send sends one frame. A payload longer than its kind may have is
// [ErrFrame], and nothing is sent.
func (w *Writer) Send(kind byte, payload []byte) error {
	if most, known := limit(kind); !known || uint64(len(payload)) > uint64(most) {
		return fmt.Errorf("%w: kind %q with %d bytes", ErrFrame, kind, len(payload))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = Append(w.buf[:0], kind, payload)
	_, err := w.to.Write(w.buf)
	if cap(w.buf) > 2*MaxData {
		w.buf = nil
	}
	return err
}

// SendJSON sends one frame whose payload is JSON.
func (w *Writer) SendJSON(kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.Send(kind, b)
}

// Greet reads the greeting. What is said instead is in the error, quoted and
// cut short: an engine's own words, or another version.
func Greet(from io.Reader) error {
	said := make([]byte, 0, len(Greeting))
	var one [1]byte // what follows belongs to the frames
	for len(said) < len(Greeting) {
		if _, err := io.ReadFull(from, one[:]); err != nil {
			if len(said) == 0 {
				return err
			}
			return fmt.Errorf("%w: it says %q and ends", ErrFrame, said)
		}
		said = append(said, one[0])
		if !strings.HasPrefix(Greeting, string(said)) {
			return stranger(from, said)
		}
	}
	return nil
}

// stranger tells what is there instead, by its first line.
func stranger(from io.Reader, said []byte) error {
	rest := make([]byte, 200)
	n, _ := from.Read(rest) // only for the words of the error
	line, _, _ := strings.Cut(string(append(said, rest[:n]...)), "\n")
	if other, ok := strings.CutPrefix(line, family); ok {
		return fmt.Errorf("%w: it speaks version %.20q of the protocol, and this bot-bottle speaks version %s", ErrFrame, other, version)
	}
	return fmt.Errorf("%w: it says %q", ErrFrame, line)
}
