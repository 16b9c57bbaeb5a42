package smolmachines

import (
	"regexp"
	"sync"
)

// form is a regular expression that is compiled when it is first needed: all
// of them together took a tenth of the start of every command.
func form(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
