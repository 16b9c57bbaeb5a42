package smolmachines_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gitea.dideric.is/didericis/bot-bottle/backends"
)

// TestPidsGoToTheGuest, which holds them or says why it cannot; the machines
// of the fake are not given the kernel's controller.
func TestPidsGoToTheGuest(t *testing.T) {
	s := fakeProgram(t)
	b, ref := madeWith(t, s, func(spec *backends.InstanceSpec) { spec.Pids = 77 })
	words, _ := s.status(t, ref.Name)["cmd"].([]any)
	if !slices.Contains(words, any("--pids=77")) {
		t.Errorf("the command is %v", words)
	}
	if err := b.Start(t.Context(), ref, nil); err != nil {
		t.Fatal(err)
	}
	o, err := b.Inspect(t.Context(), ref)
	if err != nil || o.Pids != 77 || !strings.HasPrefix(o.Enforced["pids"], "not enforced: ") && o.Enforced["pids"] != fmt.Sprint(o.Pids) {
		t.Errorf("%d, %q, %v", o.Pids, o.Enforced["pids"], err)
	}
}
