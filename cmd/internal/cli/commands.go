package cli

// The groups of the help, in order.
const (
	groupRun   = "Run"
	groupUse   = "Use"
	groupLook  = "Look"
	groupTidy  = "Tidy up"
	groupLog   = "The log"
	groupOther = "Other"
)

var groups = []string{groupRun, groupUse, groupLook, groupTidy, groupLog, groupOther}

// commands is every verb there is. The order within a group is the help's.
var commands = []entry{
	{name: "start", aliases: []string{"run"}, group: groupRun, help: "Make a bottle and run an agent in it; its words stand behind --.", fresh: func() command { return &startCmd{} }},
	{name: "resume", group: groupRun, help: "Bring a stopped bottle back, in the backend it was made in.", acts: true, fresh: func() command { return &resumeCmd{} }},
	{name: "attach", group: groupRun, help: "Connect to the terminal of a running agent.", acts: true, fresh: func() command { return &attachCmd{} }},
	{name: "stop", group: groupRun, help: "Stop bottles; disk and history stay.", acts: true, fresh: func() command { return &stopCmd{} }},
	{name: "restart", group: groupRun, help: "Stop bottles, then resume them detached.", acts: true, fresh: func() command { return &restartCmd{} }},
	{name: "rm", aliases: []string{"delete"}, group: groupRun, help: "Remove bottles; history stays.", acts: true, fresh: func() command { return &rmCmd{} }},

	{name: "exec", group: groupUse, help: "Run one more command in a running bottle.", acts: true, fresh: func() command { return &execCmd{} }},
	{name: "shell", group: groupUse, help: "Open a shell in a running bottle.", acts: true, fresh: func() command { return &shellCmd{} }},
	{name: "send", group: groupUse, help: "Type into the terminal of a running agent.", acts: true, fresh: func() command { return &sendCmd{} }},
	{name: "cp", group: groupUse, help: "Copy files between the host and a bottle.", acts: true, fresh: func() command { return &cpCmd{} }},
	{name: "logs", group: groupUse, help: "Show what the agent printed.", acts: true, fresh: func() command { return &logsCmd{} }},
	{name: "wait", group: groupUse, help: "Wait until bottles run, stop, are removed or want attention.", acts: true, fresh: func() command { return &waitCmd{} }},

	{name: "list", aliases: []string{"ls", "ps"}, group: groupLook, help: "List bottles.", fresh: func() command { return &listCmd{} }},
	{name: "show", aliases: []string{"inspect"}, group: groupLook, help: "Show everything known of a bottle.", fresh: func() command { return &showCmd{} }},
	{name: "history", group: groupLook, help: "Show what happened to a bottle, or to all.", fresh: func() command { return &historyCmd{} }},
	{name: "events", group: groupLook, help: "Show the log's events, and follow them.", fresh: func() command { return &eventsCmd{} }},

	{name: "rename", group: groupTidy, help: "Give a bottle another name.", acts: true, fresh: func() command { return &renameCmd{} }},
	{name: "label", group: groupTidy, help: "Set and unset labels of a bottle.", acts: true, fresh: func() command { return &labelCmd{} }},
	{name: "protect", group: groupTidy, help: "Protect a bottle against rm.", acts: true, fresh: func() command { return &protectCmd{on: true} }},
	{name: "unprotect", group: groupTidy, help: "Lift the protection of a bottle.", acts: true, fresh: func() command { return &protectCmd{} }},
	{name: "recover", group: groupTidy, help: "Settle what a crash left open.", fresh: func() command { return &recoverCmd{} }},
	{name: "cleanup", group: groupTidy, help: "Remove leftovers, after showing them.", fresh: func() command { return &cleanupCmd{} }},
	{name: "adopt", group: groupTidy, help: "Take an instance with our labels into the log.", fresh: func() command { return &adoptCmd{} }},
	{name: "import", group: groupTidy, help: "Take the records of upstream's bot-bottle into the log.", fresh: func() command { return &importCmd{} }},

	{name: "export", group: groupLog, help: "Write the log as JSON lines.", fresh: func() command { return &exportCmd{} }},
	{name: "restore", group: groupLog, help: "Read an export into an empty home.", fresh: func() command { return &restoreCmd{} }},
	{name: "rebuild", group: groupLog, help: "Work the tables out of the log anew, or compare them.", fresh: func() command { return &rebuildCmd{} }},

	{name: "doctor", group: groupOther, help: "Say what works here, and how to mend what does not.", fresh: func() command { return &doctorCmd{} }},
	{name: "completion", group: groupOther, help: "Print a completion script for a shell.", fresh: func() command { return &completionCmd{} }},
	{name: "version", group: groupOther, help: "Print the version.", fresh: func() command { return &versionCmd{} }},
	{name: "__complete", hidden: true, help: "Complete a command line.", fresh: func() command { return &completeCmd{} }},
}
