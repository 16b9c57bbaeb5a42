package events

// Recheck has a reader's next view ask the log for what it is, as it does
// after a while.
func Recheck(r *Reader) { r.checked.Store(0) }
