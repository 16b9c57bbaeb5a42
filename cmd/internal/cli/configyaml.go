package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxConfig bounds a config file; a real one has a few hundred bytes.
const maxConfig = 1 << 20

var (
	configKeys  = []string{"agents", "image", "backend", "detach_keys", "clipboard", "on_attention"}
	profileKeys = []string{"image", "argv", "env", "volumes", "workspace"}
)

// What an agent may do to the clipboard of the user's terminal.
const (
	clipboardOff   = "off"
	clipboardWrite = "write"
)

// decodeConfig reads one config file. A key it does not know is an error that
// names it and the nearest known one: a misspelt lock would protect nothing.
func decodeConfig(b []byte, system bool) (s, locked settings, err error) {
	if len(b) > maxConfig {
		return s, locked, fmt.Errorf("it is larger than %d bytes", maxConfig)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return s, locked, nil // empty
	} else if err != nil {
		return s, locked, err
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return s, locked, errors.New("it holds more than one document")
	}
	root := doc.Content[0]
	if root.Tag == "!!null" {
		return s, locked, nil // comments only
	}
	known := configKeys
	if system {
		known = append([]string{"locked"}, configKeys...)
	}
	lock, err := checkSettings(root, known, "")
	if err != nil {
		return s, locked, err
	}
	if lock != nil {
		if _, err := checkSettings(lock, configKeys, "locked."); err != nil {
			return s, locked, err
		}
		if locked, err = decodeSettings(lock); err != nil {
			return s, locked, err
		}
	}
	s, err = decodeSettings(root)
	return s, locked, err
}

func decodeSettings(n *yaml.Node) (s settings, err error) {
	if err := n.Decode(&s); err != nil {
		return s, err
	}
	if s.Clipboard != "" && s.Clipboard != clipboardOff && s.Clipboard != clipboardWrite {
		return s, fmt.Errorf("clipboard is %s or %s, not %s", clipboardOff, clipboardWrite, clip(s.Clipboard))
	}
	for name, p := range s.Agents {
		for _, e := range p.Env {
			if e == "" || strings.ContainsAny(e, "= \t\r\n\x00") {
				return s, fmt.Errorf("agents.%s.env holds names of variables only; values come from the environment of the caller", name)
			}
		}
	}
	return s, nil
}

// checkSettings checks the keys of one level and below; it returns what is
// below locked.
func checkSettings(n *yaml.Node, known []string, prefix string) (locked *yaml.Node, err error) {
	err = eachKey(n, known, prefix, func(key string, v *yaml.Node) error {
		switch key {
		case "locked":
			locked = v
		case "agents":
			return eachKey(v, nil, prefix+"agents.", func(name string, p *yaml.Node) error {
				return eachKey(p, profileKeys, prefix+"agents."+name+".", func(string, *yaml.Node) error { return nil })
			})
		}
		return nil
	})
	return locked, err
}

// eachKey walks a mapping. With known nil any key will do.
func eachKey(n *yaml.Node, known []string, prefix string, f func(string, *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		if n.Tag == "!!null" {
			return nil
		}
		return fmt.Errorf("line %d: %s must be a list of keys and values", n.Line, orElse(strings.TrimSuffix(prefix, "."), "the file"))
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			return fmt.Errorf("line %d: a key must be a word", key.Line)
		}
		if known != nil && !slices.Contains(known, key.Value) {
			msg := fmt.Sprintf("line %d: unknown key %s%s", key.Line, prefix, clip(key.Value))
			if near := nearest(key.Value, known); near != "" {
				msg += fmt.Sprintf("; did you mean %s?", near)
			} else {
				msg += fmt.Sprintf("; there is %s", strings.Join(known, ", "))
			}
			return errors.New(msg)
		}
		if v.Kind == yaml.AliasNode {
			return fmt.Errorf("line %d: %s%s: aliases are not supported", v.Line, prefix, key.Value)
		}
		if err := f(key.Value, v); err != nil {
			return err
		}
	}
	return nil
}
