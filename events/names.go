package events

// The names in the log. They are spelled out so that renaming a Go type
// cannot change what is stored.

func (*BottleCreated) EventType() string    { return "BottleCreated" }
func (*ActionRequested) EventType() string  { return "ActionRequested" }
func (*ActionFailed) EventType() string     { return "ActionFailed" }
func (*InstanceCreated) EventType() string  { return "InstanceCreated" }
func (*ResourceCreated) EventType() string  { return "ResourceCreated" }
func (*ResourceReleased) EventType() string { return "ResourceReleased" }
func (*BottleStarted) EventType() string    { return "BottleStarted" }
func (*BottleStopped) EventType() string    { return "BottleStopped" }
func (*BottleRemoved) EventType() string    { return "BottleRemoved" }
func (*SessionAttached) EventType() string  { return "SessionAttached" }
func (*ExecStarted) EventType() string      { return "ExecStarted" }
func (*ExecEnded) EventType() string        { return "ExecEnded" }
func (*FileCopied) EventType() string       { return "FileCopied" }
func (*InputSent) EventType() string        { return "InputSent" }
func (*AgentExited) EventType() string      { return "AgentExited" }
func (*BottleObserved) EventType() string   { return "BottleObserved" }
func (*BottleRenamed) EventType() string    { return "BottleRenamed" }
func (*BottleLabelled) EventType() string   { return "BottleLabelled" }
func (*BottleProtected) EventType() string  { return "BottleProtected" }
func (*LogRestored) EventType() string      { return "LogRestored" }

// ErasablePart names the part that redact can drop.
func (p *BottleCreated) ErasablePart() any { return &p.Private }

// ErasablePart names the part that redact can drop.
func (p *ExecStarted) ErasablePart() any { return &p.ExecPrivate }

// ErasablePart names the part that redact can drop.
func (p *FileCopied) ErasablePart() any { return &p.CopyPrivate }
