package events

import "fmt"

// CheckPlace says whether a log is safe in a folder: *[Unsafe] on a file
// system where it can be corrupted. The folder need not be there yet.
func CheckPlace(home string) error {
	kind, err := unsafeKind(existing(home))
	switch {
	case err != nil:
		return fmt.Errorf("ask for the file system of %s: %w", home, err)
	case kind != "":
		return &Unsafe{Path: home, Kind: kind}
	}
	return nil
}
