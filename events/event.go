// Package events is the append-only log of everything that happens to
// bottles: the catalogue of events, their frozen JSON, and the SQLite file
// that keeps them. It knows neither what a bottle's state is nor that
// backends exist; projections fold, lifecycle decides.
package events

import "time"

// Event is one fact in the log, as stored. Data, Erasable and Origin are the
// very bytes that were written: they are hashed and exported unchanged.
type Event struct {
	// Seq orders the whole log: gapless from 1.
	Seq int64
	// Stream is the id (UUIDv7) of the bottle the event belongs to, or the
	// home's id for an event about the log itself.
	Stream string
	// Version numbers the events of one stream: gapless from 1.
	Version int64
	// Type is the payload's name in the catalogue, for example "BottleCreated".
	Type string
	// Time is when the event was appended, in UTC with milliseconds. Clocks go
	// backwards: only Seq orders.
	Time time.Time
	// Data is the payload as JSON.
	Data []byte
	// Erasable is the part of the payload that may be dropped one day (argv,
	// folders, mount sources) as JSON; nil when the type has none or when it
	// was redacted. Digest says which of the two.
	Erasable []byte
	// Salt blinds Digest, so that a redacted value cannot be guessed from it.
	// It is dropped together with Erasable.
	Salt []byte
	// Digest is SHA-256 of Salt followed by Erasable; nil when the type has no
	// erasable part. It stays when the values go.
	Digest []byte
	// Origin says who appended the event, as JSON; see [Origin].
	Origin []byte
}

// Origin says which process appended an event and for whom. It is audit:
// nothing is ever decided by it but one thing — a claim made on another
// machine is never judged here.
type Origin struct {
	Command      string `json:"command"`                 // the verb, e.g. "stop"
	User         string `json:"user"`                    // login name
	UID          int    `json:"uid"`                     // effective user id
	SudoUser     string `json:"sudo_user,omitempty"`     // who called sudo
	SSHPeer      string `json:"ssh_peer,omitempty"`      // address of the far end
	TTY          string `json:"tty,omitempty"`           // controlling terminal
	Host         string `json:"host"`                    // host name
	MachineID    string `json:"machine_id,omitempty"`    // /etc/machine-id
	BootID       string `json:"boot_id,omitempty"`       // changes at each boot of the host
	PID          int    `json:"pid"`                     //
	ProcessStart int64  `json:"process_start,omitempty"` // clock ticks after boot; tells recycled pids apart
	Build        string `json:"build"`                   // version of bot-bottle
	Reason       string `json:"reason,omitempty"`        // --reason TEXT
}
