package projections

import (
	"fmt"
	"slices"
	"strings"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// Comeback is what the next start of a bottle brings back and what it cannot,
// in sentences for a person, and the command that does it.
type Comeback struct {
	BringsBack []string
	Loses      []string
	Next       string // ready to paste; for a bottle that runs, how to get to it
}

// Comeback works out what resume would do. For a bottle that runs it says
// what would come back after a stop. keepsEnv says whether its engine keeps
// the values of variables, which only the backend's kind knows.
func (b *Bottle) Comeback(keepsEnv bool) Comeback {
	var c Comeback
	switch b.State {
	case Removed:
		c.Loses = []string{"everything but the history: the bottle is removed"}
		c.Next = b.command("")
		return c
	case Running:
		if c.Next = b.command(Attach); b.AgentByExec() {
			c.Next = b.ExecLine()
		}
	default:
		c.Next = b.command(Resume)
	}
	anew := b.Instance == nil || b.State == Lost
	if b.State == Lost {
		c.Next = b.command(NewInstance)
	}
	if b.neverFound() {
		c.loses("everything but this record: it was imported without an instance, and names no image to make one from")
		c.Next = b.command(Remove)
		return c
	}
	if anew {
		c.anew(b)
	} else {
		c.brings("the same instance, %s, with all that was written in it", b.InstanceName)
		if len(b.env()) > 0 && keepsEnv {
			c.brings("the values of its environment variables, which the engine keeps")
		}
	}
	if anew || !keepsEnv {
		c.values(b)
	}
	c.outside(b)
	c.agent(b, anew)
	c.loses("what ran: processes, their memory, the terminal's screen")
	return c
}

// agent says what runs when the instance does.
func (c *Comeback) agent(b *Bottle, anew bool) {
	switch p := b.Private; {
	case b.AgentByExec() && !anew:
		c.loses("the agent: it ran by exec and is not started; its words are in no record: %s", b.ExecLine())
	case b.Imported != nil && anew:
		c.loses("the agent: its words are in no record, so a new instance needs them")
		c.Next += " -- ARGV…"
	case b.Imported != nil:
		c.brings("the agent, started by the words that its instance was made with")
	case p == nil:
		c.brings("the command it was made with, whose words were redacted")
	case len(p.ResumeArgv) > 0:
		c.brings("the agent, started by its resume words: %s", strings.Join(p.ResumeArgv, " "))
	case len(p.Argv) > 0:
		c.brings("the agent, started by the same words again: %s", strings.Join(p.Argv, " "))
	default:
		c.brings("the agent, started by the image's own command again")
	}
}

func (c *Comeback) brings(format string, a ...any) {
	c.BringsBack = append(c.BringsBack, fmt.Sprintf(format, a...))
}

func (c *Comeback) loses(format string, a ...any) {
	c.Loses = append(c.Loses, fmt.Sprintf(format, a...))
}

// anew says what an instance that has to be made knows of the one before.
func (c *Comeback) anew(b *Bottle) {
	image := b.Spec.Image
	if b.Instance != nil {
		image = b.Instance.ImageID
		c.loses("what was written in the old instance outside of its workspace and mounts")
	}
	c.brings("a new instance from image %s", image)
}

// values says which variables come back where no engine keeps them.
func (c *Comeback) values(b *Bottle) {
	var recall, gone []string
	for _, v := range b.env() {
		switch v.Source {
		case "literal":
			gone = append(gone, v.Name)
		case "environment", "file":
			recall = append(recall, v.Name)
		}
	}
	if len(recall) > 0 {
		c.brings("environment variables read again where they came from: %s", strings.Join(recall, ", "))
	}
	if len(gone) > 0 {
		c.loses("values given as -e NAME=VALUE, to be given again: %s", strings.Join(gone, ", "))
		if b.State != Running {
			c.Next += " -e " + strings.Join(gone, " -e ")
		}
	}
}

// outside is what lies on the host and outlives every instance.
func (c *Comeback) outside(b *Bottle) {
	if b.Private == nil {
		return
	}
	switch w := b.Private.Workspace; w.Mode {
	case "bind":
		c.brings("the workspace %s, which lies on the host", w.Source)
	case "clone":
		c.brings("the clone of %s in %s, which lies on the host", w.Source, w.Clone)
	}
	n := len(b.Private.Mounts)
	for _, m := range b.Private.Mounts {
		if m.Guard {
			n--
		}
	}
	if n > 0 {
		c.brings("%d mounted folders and files, which lie on the host", n)
	}
}

func (b *Bottle) env() []events.EnvVar {
	if b.Private == nil {
		return nil
	}
	return slices.Clip(b.Private.Env)
}

// LosesAnew is what a new instance in place of the one there is would lose.
func (b *Bottle) LosesAnew() []string {
	lost := *b
	lost.State = Lost
	return lost.Comeback(true).Loses
}
