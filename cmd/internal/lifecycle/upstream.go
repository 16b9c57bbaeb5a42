package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"gitea.dideric.is/didericis/bot-bottle/events"
)

// Upstream, the Python tool of the same name, keeps one folder a bottle below
// its root: state/<identity>/metadata.json. Nothing below the root is trusted:
// no link is followed, and what is too big or of another shape is named.
const (
	upstreamState    = "state"
	upstreamRecord   = "metadata.json"
	maxRecord        = 256 << 10 // bytes of a record
	maxRecordText    = 4096      // bytes of one text in it
	maxRecordNames   = 1000      // of bottle_names
	maxRecordFolders = 100_000   // below state
)

// legacy is one folder below state: a record, or why there is none. Neither
// is a folder without a file of that name.
type legacy struct {
	name string // of the folder
	rec  *record
	err  error
}

// record is one metadata.json.
type record struct {
	events.Imported
	cwd     string
	file    string
	unknown map[string]json.RawMessage
}

// CheckUpstream says whether a root holds a folder of records, before a home
// is made to keep them in.
func CheckUpstream(root string) error {
	state, err := openUpstream(root)
	if err != nil {
		return err
	}
	return state.Close()
}

func openUpstream(root string) (*os.Root, error) {
	top, err := os.OpenRoot(root)
	if err != nil {
		return nil, noUpstream(root, err)
	}
	defer top.Close()
	state, err := openFolder(top, upstreamState)
	if err != nil {
		return nil, noUpstream(filepath.Join(root, upstreamState), err)
	}
	return state, nil
}

// readUpstream reads all records below a root, by name.
func readUpstream(root string) ([]legacy, error) {
	state, err := openUpstream(root)
	if err != nil {
		return nil, err
	}
	defer state.Close()
	names, err := folderNames(state)
	if err != nil {
		return nil, noUpstream(filepath.Join(root, upstreamState), err)
	}
	var out []legacy
	for _, name := range names {
		st, err := state.Lstat(name)
		if err == nil && st.Mode().IsRegular() {
			continue // a lock, or somebody's note: records lie in folders
		}
		l := legacy{name: name, err: err}
		if err == nil {
			l.rec, l.err = readRecord(state, root, name)
		}
		out = append(out, l)
	}
	return out, nil
}

func noUpstream(path string, err error) error {
	return &Problem{Code: CodeUsage, Message: "import: no records of upstream's can be read at " + path, Err: err,
		Next: "bot-bottle import DIR, where DIR holds the folder " + upstreamState}
}

func folderNames(state *os.Root) ([]string, error) {
	f, err := state.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(maxRecordFolders + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(names) > maxRecordFolders {
		return nil, fmt.Errorf("there are more than %d entries", maxRecordFolders)
	}
	slices.Sort(names)
	return names, nil
}

// openFolder opens a folder that is none by way of a link.
func openFolder(in *os.Root, name string) (*os.Root, error) {
	st, err := in.Lstat(name)
	switch {
	case err != nil:
		return nil, err
	case st.Mode()&fs.ModeSymlink != 0:
		return nil, errors.New("it is a link, and links are not followed")
	case !st.IsDir():
		return nil, errors.New("it is no folder")
	}
	return in.OpenRoot(name)
}

// readRecord reads one record. nil without an error: there is none.
func readRecord(state *os.Root, root, name string) (*record, error) {
	if why := badText(name); why != "" {
		return nil, fmt.Errorf("the name of its folder %s", why)
	}
	dir, err := openFolder(state, name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	data, err := readSmall(dir, upstreamRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", upstreamRecord, err)
	}
	r, err := parseRecord(data, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", upstreamRecord, err)
	}
	r.file = filepath.Join(root, upstreamState, name, upstreamRecord)
	return r, nil
}

// readSmall reads a file that is one, and not big. A pipe in its place must
// not hold us up, and a link put there meanwhile not lead us away.
func readSmall(dir *os.Root, name string) ([]byte, error) {
	st, err := dir.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("it is no file, and links are not followed")
	}
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || !os.SameFile(st, now) {
		return nil, errors.Join(errors.New("it changed while it was read"), err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err == nil && len(data) > maxRecord {
		err = fmt.Errorf("it is longer than %d KiB", maxRecord>>10)
	}
	return data, err
}

// parseRecord reads the fields that are known and keeps the rest. folder is
// the identity of a record that says none.
func parseRecord(data []byte, folder string) (*record, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it is not JSON: not UTF-8")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil || fields == nil {
		return nil, errors.New("it is no JSON object") // the decoder's words would repeat what stands there
	}
	r := &record{unknown: fields}
	var wrong error
	take := func(key, kind string, into any) {
		raw, has := fields[key]
		delete(fields, key)
		if has && wrong == nil && json.Unmarshal(raw, into) != nil { // null leaves it as it is
			wrong = fmt.Errorf("its %s is no %s", key, kind)
		}
	}
	texts := []struct {
		key  string
		into *string
	}{
		{"identity", &r.Identity}, {"agent_name", &r.AgentName}, {"cwd", &r.cwd}, {"started_at", &r.StartedAt},
		{"compose_project", &r.ComposeProject}, {"backend", &r.Backend}, {"label", &r.Label}, {"color", &r.Color},
	}
	for _, t := range texts {
		take(t.key, "text", t.into)
	}
	take("copy_cwd", "true or false", &r.CopyCwd)
	take("bottle_names", "list of texts", &r.BottleNames)
	for _, t := range texts {
		if why := badText(*t.into); why != "" && wrong == nil {
			wrong = fmt.Errorf("its %s %s", t.key, why)
		}
	}
	for _, n := range r.BottleNames {
		if why := badText(n); why != "" && wrong == nil {
			wrong = fmt.Errorf("a name of its bottle_names %s", why)
		}
	}
	if len(r.BottleNames) > maxRecordNames && wrong == nil {
		wrong = fmt.Errorf("its bottle_names are more than %d", maxRecordNames)
	}
	switch r.Identity = orElse(r.Identity, folder); {
	case wrong != nil:
		return nil, wrong
	case r.Identity != folder:
		return nil, fmt.Errorf("its identity is %q, and its folder's another", clip(r.Identity))
	}
	return r, nil
}

// badText says what is wrong with a text that will be shown and recorded: the
// control characters that drive a terminal, and those that turn text around.
func badText(s string) string {
	if len(s) > maxRecordText {
		return fmt.Sprintf("is longer than %d bytes", maxRecordText)
	}
	turns := func(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsFunc(s, turns) {
		return "has control characters"
	}
	return ""
}
