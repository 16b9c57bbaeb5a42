package events

// Payload is what one type of event says. The catalogue lists all of them; a
// type is never renamed and its JSON only ever grows. A field whose meaning
// would change becomes a new type instead.
type Payload interface {
	// EventType is the name in the log.
	EventType() string
}

// Erasing is a payload with a part that can be dropped later without
// breaking the log's proofs: what a removed bottle kept of argv and folders.
type Erasing interface {
	Payload
	// ErasablePart returns a pointer to the part, which is excluded from the
	// payload's own JSON.
	ErasablePart() any
}

// catalogue makes an empty payload of every type there is. Adding an event
// means: a struct, a line here, a case in the fold, a golden file, a row in
// docs/events.md; a test names whichever is missing.
var catalogue = map[string]func() Payload{
	"BottleCreated":    func() Payload { return &BottleCreated{} },
	"ActionRequested":  func() Payload { return &ActionRequested{} },
	"ActionFailed":     func() Payload { return &ActionFailed{} },
	"InstanceCreated":  func() Payload { return &InstanceCreated{} },
	"ResourceCreated":  func() Payload { return &ResourceCreated{} },
	"ResourceReleased": func() Payload { return &ResourceReleased{} },
	"BottleStarted":    func() Payload { return &BottleStarted{} },
	"BottleStopped":    func() Payload { return &BottleStopped{} },
	"BottleRemoved":    func() Payload { return &BottleRemoved{} },
	"SessionAttached":  func() Payload { return &SessionAttached{} },
	"ExecStarted":      func() Payload { return &ExecStarted{} },
	"ExecEnded":        func() Payload { return &ExecEnded{} },
	"FileCopied":       func() Payload { return &FileCopied{} },
	"InputSent":        func() Payload { return &InputSent{} },
	"AgentExited":      func() Payload { return &AgentExited{} },
	"BottleObserved":   func() Payload { return &BottleObserved{} },
	"BottleRenamed":    func() Payload { return &BottleRenamed{} },
	"BottleLabelled":   func() Payload { return &BottleLabelled{} },
	"BottleProtected":  func() Payload { return &BottleProtected{} },
	"LogRestored":      func() Payload { return &LogRestored{} },
}
