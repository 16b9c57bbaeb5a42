package projections

import "fmt"

// Action is something that can be asked of a bottle.
type Action string

// The actions whose answer depends on the bottle's state.
const (
	Resume      Action = "resume"
	NewInstance Action = "resume --new-instance"
	Attach      Action = "attach"
	Exec        Action = "exec"
	Copy        Action = "cp"
	Logs        Action = "logs"
	Stop        Action = "stop"
	Remove      Action = "rm"
	ForceRemove Action = "rm --force"
	Edit        Action = "rename" // rename, label, protect, unprotect
)

// Actions lists every action in the order of the table in docs/.
var Actions = []Action{Resume, NewInstance, Attach, Exec, Copy, Logs, Stop, Remove, ForceRemove, Edit}

// States lists every state in the order of a bottle's life.
var States = []State{Created, Running, Stopped, Failed, Lost, Removed}

// Verdict is what a state says to an action.
type Verdict int

// The verdicts.
const (
	Refuse  Verdict = iota // exit 4; Cell.Next says what works instead
	Allow                  // it is done
	Already                // nothing to do: exit 0
)

// Cell is one field of the transition table.
type Cell struct {
	Verdict Verdict
	To      State  // Allow: where it leads; "" when the state stays
	Next    Action // Refuse: what works in this state; "" when nothing does
}

func to(s State) Cell         { return Cell{Verdict: Allow, To: s} }
func refuse(next Action) Cell { return Cell{Next: next} }

var (
	stays   = Cell{Verdict: Allow}
	already = Cell{Verdict: Already}
)

// Table says for every state what can be done with a bottle. Decisions,
// messages and docs/recovery.md all come from it.
var Table = map[State]map[Action]Cell{
	Created: {Resume: to(Running), NewInstance: to(Running), Attach: refuse(Resume), Exec: refuse(Resume), Copy: refuse(Resume),
		Logs: stays, Stop: already, Remove: to(Removed), ForceRemove: to(Removed), Edit: stays},
	Running: {Resume: already, NewInstance: refuse(Stop), Attach: stays, Exec: stays, Copy: stays,
		Logs: stays, Stop: to(Stopped), Remove: refuse(ForceRemove), ForceRemove: to(Removed), Edit: stays},
	Stopped: {Resume: to(Running), NewInstance: to(Running), Attach: refuse(Resume), Exec: refuse(Resume), Copy: stays,
		Logs: stays, Stop: already, Remove: to(Removed), ForceRemove: to(Removed), Edit: stays},
	Failed: {Resume: to(Running), NewInstance: to(Running), Attach: refuse(Resume), Exec: refuse(Resume), Copy: refuse(Resume),
		Logs: stays, Stop: already, Remove: to(Removed), ForceRemove: to(Removed), Edit: stays},
	Lost: {Resume: refuse(NewInstance), NewInstance: to(Running), Attach: refuse(NewInstance), Exec: refuse(NewInstance), Copy: refuse(NewInstance),
		Logs: refuse(NewInstance), Stop: already, Remove: to(Removed), ForceRemove: to(Removed), Edit: stays},
	Removed: {Resume: refuse(""), NewInstance: refuse(""), Attach: refuse(""), Exec: refuse(""), Copy: refuse(""),
		Logs: refuse(""), Stop: already, Remove: already, ForceRemove: already, Edit: refuse("")},
}

// Refusal says that a bottle's state forbids an action.
type Refusal struct {
	Slug   string
	Action Action
	State  State
	Reason string // "" or why more precisely, e.g. "is protected"
	Next   string // the command that works, ready to paste
	Kind   string // error code of the command line: wrong_state or protected
}

func (r *Refusal) Error() string {
	if r.Reason != "" {
		return fmt.Sprintf("%s: bottle %s %s", r.Action, r.Slug, r.Reason)
	}
	return fmt.Sprintf("%s: bottle %s is %s", r.Action, r.Slug, r.State)
}

// Can says whether the bottle's state allows an action: done is true when it
// is so already, err is a *[Refusal] when it is forbidden.
func (b *Bottle) Can(a Action) (done bool, err error) {
	if b.Protected && (a == Remove || a == ForceRemove) && b.State != Removed {
		return false, &Refusal{Slug: b.Slug, Action: a, State: b.State, Kind: "protected",
			Reason: "is protected", Next: "bot-bottle unprotect " + b.Slug}
	}
	if a == NewInstance && b.neverFound() && b.State != Removed {
		return false, &Refusal{Slug: b.Slug, Action: a, State: b.State, Kind: "wrong_state", Next: b.command(Remove),
			Reason: "was imported without an instance, and its record names no image to make one from"}
	}
	cell := Table[b.State][a]
	if cell.Next == NewInstance && b.neverFound() {
		cell.Next = Remove
	}
	switch cell.Verdict {
	case Allow:
		return false, nil
	case Already:
		return true, nil
	}
	return false, &Refusal{Slug: b.Slug, Action: a, State: b.State, Kind: "wrong_state", Next: b.command(cell.Next)}
}

// command spells an action on this bottle for the terminal.
func (b *Bottle) command(a Action) string {
	if a == "" {
		return "bot-bottle history " + b.ID
	}
	return fmt.Sprintf("bot-bottle %s %s", a, b.Slug)
}
