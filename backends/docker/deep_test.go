package docker_test

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
)

// The program of a check is one that its machine runs.
func TestTinyProgram(t *testing.T) {
	for arch, want := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		program := docker.TinyProgram(arch)
		f, err := elf.NewFile(bytes.NewReader(program))
		if err != nil {
			t.Fatalf("%s: %v", arch, err)
		}
		if f.Machine != want || f.Type != elf.ET_EXEC || len(f.Progs) != 1 || f.Progs[0].Filesz != uint64(len(program)) ||
			f.Entry < f.Progs[0].Vaddr || f.Entry >= f.Progs[0].Vaddr+f.Progs[0].Memsz {
			t.Errorf("%s: %+v", arch, f.FileHeader)
		}
		if arch != runtime.GOARCH || runtime.GOOS != "linux" {
			continue
		}
		path := filepath.Join(t.TempDir(), "exit")
		if err := os.WriteFile(path, program, 0o755); err != nil {
			t.Fatal(err)
		}
		var ended *exec.ExitError
		if err := exec.Command(path).Run(); !errors.As(err, &ended) || ended.ExitCode() != docker.CheckCode {
			t.Errorf("it ended with %v, want %d", err, docker.CheckCode)
		}
	}
}

func TestCheckArchiveOfAnUnknownMachine(t *testing.T) {
	if _, err := docker.CheckArchive("s390x", backends.Labels{}); !errors.Is(err, backends.ErrUnsupported) || !strings.Contains(err.Error(), "s390x") {
		t.Errorf("got %v", err)
	}
}

// left lists what a home has in the engine.
func left(t *testing.T, b *docker.Backend, home string) (instances []backends.Observation, others []backends.Leftover) {
	t.Helper()
	instances, err := b.List(t.Context(), home)
	if err == nil {
		others, err = b.Leftovers(t.Context(), home)
	}
	if err != nil {
		t.Fatal(err)
	}
	return instances, others
}

// A check needs nothing and leaves nothing, whether it ends well or is cut
// off at any of its steps.
func TestDeepProbe(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	for _, at := range []string{"", "load", "create", "start", "wait"} {
		l := backends.ThrowawayLabels("deep-"+random(), random(), time.Now())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var steps []string
		err := b.DeepProbe(ctx, "bot-bottle-doctor-"+random(), l, func(p backends.Progress) {
			if steps = append(steps, p.Step); p.Step == at {
				cancel()
			}
		})
		if at == "" && (err != nil || strings.Join(steps, " ") != "load create start wait remove") {
			t.Errorf("%v after %q", err, steps)
		}
		if at != "" && !errors.Is(err, context.Canceled) {
			t.Errorf("cut off at %s: %v", at, err)
		}
		if instances, others := left(t, b, l.Home); len(instances) > 0 || len(others) > 0 {
			t.Errorf("cut off at %q it left %v %v", at, instances, others)
		}
	}
}

// What a check that was killed left is found as the home's, and an image that
// somebody made of a bottle is not.
func TestDeepProbeLeavesAreFound(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	l := backends.ThrowawayLabels("deep-"+random(), random(), time.Now())
	archive, err := docker.CheckArchive(map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH], l)
	if err != nil {
		t.Skip(err)
	}
	answer, err := e.api.ImageLoad(t.Context(), archive)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := new(bytes.Buffer).ReadFrom(answer.Body); err != nil {
		t.Fatal(err)
	}
	somebodys := e.testImage(t, "LABEL "+backends.LabelHome+"="+l.Home)
	_, others := left(t, b, l.Home)
	if len(others) != 1 || others[0].Kind != backends.LeftoverImage {
		t.Fatalf("it found %v", others)
	}
	if err := b.Release(t.Context(), "another", others[0]); !errors.Is(err, backends.ErrNotOurs) {
		t.Errorf("Release by another home: %v", err)
	}
	of, err := e.api.ImageInspect(t.Context(), somebodys)
	if err != nil {
		t.Fatal(err)
	}
	theirs := backends.Leftover{Kind: backends.LeftoverImage, Ref: strings.TrimPrefix(of.ID, "sha256:")}
	if err := b.Release(t.Context(), l.Home, theirs); !errors.Is(err, backends.ErrNotOurs) {
		t.Errorf("Release of somebody's image: %v", err)
	}
	for range 2 {
		if err := b.Release(t.Context(), l.Home, others[0]); err != nil {
			t.Error(err)
		}
	}
	found, err := e.api.ImageList(t.Context(), image.ListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range found {
		if i.Labels[backends.LabelNonce] == l.Nonce {
			t.Errorf("the image is there still: %v", i.RepoTags)
		}
	}
}
