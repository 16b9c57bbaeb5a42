package wire

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"time"
)

// RecordBytes is how much output one record holds at most: engines cut long
// lines of a log (the shortest cut known is at 16 KiB), and it is in base64.
const RecordBytes = 8 << 10

// maxLine bounds a line of a log that can be a record.
const maxLine = 32 << 10

// recordVersion is the value of a record's first key.
const recordVersion = 1

// Record is one line of JSON that a run leaves in the log of its instance.
// One of the pointers and byte fields is set. Output is in base64, so that no
// escape code of an agent is ever in the log as such.
type Record struct {
	Version int    `json:"bot-bottle"`
	Time    int64  `json:"t"`   // nanoseconds since 1970, by the guest's clock
	Run     string `json:"run"` // id of the run, random
	N       uint64 `json:"n"`   // counts the records of a run, from 0

	Began   *Began   `json:"began,omitempty"`   // the run began; the holder can be reached
	Started *Started `json:"started,omitempty"` // the agent was started
	Out     []byte   `json:"out,omitempty"`     // it printed, or to its terminal
	Err     []byte   `json:"err,omitempty"`     // it printed to stderr
	Exit    *Exit    `json:"exit,omitempty"`    // it ended; last
	Failed  *Failure `json:"failed,omitempty"`  // it could not be started; last
}

// Began is the first record of a run.
type Began struct {
	TTY       bool   `json:"tty,omitempty"`
	Unbounded string `json:"unbounded,omitempty"` // why the limit of processes does not hold
}

// Started says that the agent runs.
type Started struct {
	PID int `json:"pid"` // inside the instance
}

// At is the time of the record.
func (r *Record) At() time.Time { return time.Unix(0, r.Time).UTC() }

// Line is the record as a line.
func (r *Record) Line() ([]byte, error) {
	r.Version = recordVersion
	b, err := json.Marshal(r)
	return append(b, '\n'), err
}

// Records reads records one after the other.
type Records struct{ from *bufio.Reader }

// NewRecords reads the records of a log. Whatever else is in it is passed
// over: an engine adds lines of its own, and a guest can print anything.
func NewRecords(from io.Reader) *Records { return &Records{bufio.NewReaderSize(from, maxLine)} }

// Next is the next record, or io.EOF. A last line without its end was cut
// off: it is no record yet.
func (rs *Records) Next() (Record, error) {
	for {
		line, err := rs.from.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if err := rs.skip(); err != nil {
				return Record{}, err
			}
			continue
		case err != nil:
			return Record{}, err
		}
		var r Record
		if json.Unmarshal(line, &r) == nil && r.valid() {
			return r, nil
		}
	}
}

// valid says whether a line of JSON is a record of ours.
func (r *Record) valid() bool {
	return r.Version == recordVersion && r.Run != "" && len(r.Run) <= 64 &&
		(r.Began != nil || r.Started != nil || r.Out != nil || r.Err != nil || r.Exit != nil || r.Failed != nil)
}

// skip passes over the rest of a line.
func (rs *Records) skip() error {
	for {
		if _, err := rs.from.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}
