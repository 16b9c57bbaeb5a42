package events

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// homeIDFile holds the id of the home beside the log, so that a log which is
// lost does not take with it what says which instances are ours.
const homeIDFile = "home-id"

// identify compares the id in the log with the one beside it.
func (l *Log) identify(inLog string) (string, error) {
	if inLog == "" {
		return "", &Damaged{Path: l.path, Why: "it does not say whose it is"}
	}
	beside, err := l.idBeside()
	switch {
	case err != nil:
		return "", err
	case beside == "":
		return "", errUnready
	case beside != inLog:
		return "", &Foreign{Path: l.path, Why: "it belongs to the home " + inLog + ", and " + homeIDFile + " beside it says " + beside}
	}
	return inLog, nil
}

// idBeside reads the file; "" when there is none.
func (l *Log) idBeside() (string, error) {
	path := filepath.Join(l.home, homeIDFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", unwritable(l.path, "its "+homeIDFile+" cannot be read", err)
	}
	id := strings.TrimSuffix(string(b), "\n")
	if !isID(id) {
		return "", &Foreign{Path: path, Why: "it holds no id of a home"}
	}
	return id, nil
}

// isID says whether s is a UUID in the one form that we write.
func isID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}

func (l *Log) writeIDBeside(id string) error {
	if err := replace(filepath.Join(l.home, homeIDFile), []byte(id+"\n")); err != nil {
		return unwritable(l.path, "its "+homeIDFile+" cannot be written", err)
	}
	return nil
}
