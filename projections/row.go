package projections

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Row is one bottle as list shows it: what the table "bottles" holds, flat.
// Texts are "" and times zero where nothing is known.
type Row struct {
	CreatedSeq     int64 // seq of its first event: the order of creation
	ID, Slug       string
	Agent          string
	Backend        string
	Endpoint       string
	BackendSource  string
	InstanceName   string
	InstanceID     string
	Generation     int // 0 before the first instance
	State          State
	Pending        string // action of the open claim
	Reason         string // why it last stopped
	Failure        string // error code of the last action, if it failed
	ExitCode       *int
	Protected      bool
	LabelsJSON     string // an object of strings; see Labels
	Observed       string // what the engine was last seen to say otherwise
	Image          string // as asked
	IdempotencyKey string
	CreatedAt      time.Time
	UpdatedAt      time.Time
	StartedAt      time.Time // of the current run
	Version, Seq   int64     // of its last event
}

// RowOf is the row of a bottle: list reads the very same from the table.
func RowOf(b Bottle) Row {
	r := Row{
		CreatedSeq: b.CreatedSeq, ID: b.ID, Slug: b.Slug, Agent: b.Agent,
		Backend: b.Backend, Endpoint: b.Endpoint, BackendSource: b.BackendSource,
		InstanceName: b.InstanceName, Generation: b.Generation,
		State: b.State, Reason: b.Reason, ExitCode: b.ExitCode,
		Protected: b.Protected, LabelsJSON: labelsJSON(b.Labels), Observed: b.Observed,
		Image: b.Spec.Image, IdempotencyKey: b.IdempotencyKey,
		CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt, StartedAt: b.StartedAt,
		Version: b.Version, Seq: b.Seq,
	}
	if b.Instance != nil {
		r.InstanceID = b.Instance.InstanceID
	}
	if b.Pending != nil {
		r.Pending = b.Pending.Action
	}
	if b.Failure != nil {
		r.Failure = b.Failure.Code
	}
	return r
}

// Labels reads the labels; most lists never ask.
func (r Row) Labels() (map[string]string, error) {
	var m map[string]string
	if err := json.Unmarshal([]byte(r.LabelsJSON), &m); err != nil {
		return nil, fmt.Errorf("labels of bottle %s: %w", r.ID, err)
	}
	return m, nil
}

// labelsJSON writes labels in one way only, keys sorted, nothing rewritten.
func labelsJSON(m map[string]string) string {
	if len(m) == 0 {
		return "{}"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		panic(err) // strings always encode
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// columns names the columns of "bottles" in the order of values and parse.
var columns = []string{
	"created_seq", "id", "slug", "agent", "backend", "endpoint", "backend_source",
	"instance_name", "instance_id", "generation", "state", "pending", "reason", "failure",
	"exit_code", "protected", "labels", "observed", "image", "idempotency_key",
	"created_at", "updated_at", "started_at", "version", "seq",
}

// nullable are the columns that hold NULL where nothing is known.
var nullable = []string{"instance_id", "pending", "reason", "failure", "exit_code", "observed", "idempotency_key", "started_at"}

// numeric are those that always hold a number.
var numeric = []string{"created_seq", "generation", "protected", "version", "seq"}

// values is what the columns hold: int64, string or nil for unknown.
func (r Row) values() []any {
	text := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	var code any
	if r.ExitCode != nil {
		code = int64(*r.ExitCode)
	}
	protected := int64(0)
	if r.Protected {
		protected = 1
	}
	ms := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.UnixMilli()
	}
	return []any{
		r.CreatedSeq, r.ID, r.Slug, r.Agent, r.Backend, r.Endpoint, r.BackendSource,
		r.InstanceName, text(r.InstanceID), int64(r.Generation), string(r.State), text(r.Pending), text(r.Reason), text(r.Failure),
		code, protected, r.LabelsJSON, text(r.Observed), r.Image, text(r.IdempotencyKey),
		ms(r.CreatedAt), ms(r.UpdatedAt), ms(r.StartedAt), r.Version, r.Seq,
	}
}

// parseRow reads a row back from the texts of its columns, "" for NULL.
func parseRow(f []string) (Row, error) {
	var bad error
	num := func(i int) int64 {
		n, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil && bad == nil {
			bad = fmt.Errorf("table bottles: bottle %q: %s: %w", f[1], columns[i], err)
		}
		return n
	}
	ms := func(i int) time.Time {
		if f[i] == "" {
			return time.Time{}
		}
		return time.UnixMilli(num(i)).UTC()
	}
	r := Row{
		CreatedSeq: num(0), ID: f[1], Slug: f[2], Agent: f[3], Backend: f[4], Endpoint: f[5], BackendSource: f[6],
		InstanceName: f[7], InstanceID: f[8], Generation: int(num(9)), State: State(f[10]), Pending: f[11], Reason: f[12], Failure: f[13],
		Protected: num(15) != 0, LabelsJSON: f[16], Observed: f[17], Image: f[18], IdempotencyKey: f[19],
		CreatedAt: ms(20), UpdatedAt: ms(21), StartedAt: ms(22), Version: num(23), Seq: num(24),
	}
	if f[14] != "" {
		code := int(num(14))
		r.ExitCode = &code
	}
	return r, bad
}
