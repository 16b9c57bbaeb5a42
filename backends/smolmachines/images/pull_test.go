package images_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/images"
)

func TestPull(t *testing.T) {
	r := newRegistry(t)
	s, _ := with(t, `{}`)
	for _, tag := range []string{"1", "multi"} {
		name := r.host() + "/public/box:" + tag
		before := r.asked.Load()
		if _, err := s.Resolve(t.Context(), name, backends.PullNever, silent); !errors.Is(err, backends.ErrImageNotFound) {
			t.Fatalf("never: %v", err)
		}
		if r.asked.Load() != before {
			t.Fatal("a registry was asked in spite of never")
		}
		img, err := s.Resolve(t.Context(), name, backends.PullMissing, silent)
		must(t, err)
		r.check(t, s, img)
		if want := r.host() + "/public/box@" + digest(r.tags[tag]); img.Digest != want {
			t.Errorf("the digest is %s, want %s", img.Digest, want)
		}
		before = r.asked.Load()
		if again, err := s.Resolve(t.Context(), name, backends.PullMissing, silent); err != nil || again != img || r.asked.Load() != before {
			t.Errorf("there already: %+v, %v, and the registry was asked %d times", again, err, r.asked.Load()-before)
		}
		if again, err := s.Resolve(t.Context(), name, backends.PullAlways, silent); err != nil || again != img || r.asked.Load() == before {
			t.Errorf("always: %+v, %v, and the registry was asked %d times", again, err, r.asked.Load()-before)
		}
		if again, err := s.Resolve(t.Context(), img.Digest, backends.PullNever, silent); err != nil || again != img {
			t.Errorf("by its digest: %+v, %v", again, err)
		}
		fresh, _ := with(t, `{}`)
		if again, err := fresh.Resolve(t.Context(), img.Digest, backends.PullMissing, silent); err != nil || again != img {
			t.Errorf("pulled by its digest: %+v, %v", again, err)
		}
	}
}

// TestPullAlwaysFollowsTheName: the name moved, and what it was stays.
func TestPullAlwaysFollowsTheName(t *testing.T) {
	r, newer := newRegistry(t), newRegistry(t)
	s, _ := with(t, `{}`)
	name := r.host() + "/public/box:1"
	old, err := s.Resolve(t.Context(), name, backends.PullMissing, silent)
	must(t, err)
	r.mu.Lock()
	r.tags["1"] = newer.tags["1"]
	for d, b := range newer.blobs {
		r.blobs[d] = b
	}
	r.mu.Unlock()
	if same, err := s.Resolve(t.Context(), name, backends.PullMissing, silent); err != nil || same != old {
		t.Errorf("missing: %+v, %v", same, err)
	}
	for _, pull := range []backends.Pull{backends.PullAlways, backends.PullMissing} {
		if got, err := s.Resolve(t.Context(), name, pull, silent); err != nil || got.ID != newer.id {
			t.Errorf("%s: %+v, %v; want %s", pull, got, err, newer.id)
		}
	}
	if st, err := s.Lookup(old.ID); err != nil || st.Image.ID != old.ID {
		t.Errorf("the old one: %+v, %v", st, err)
	}
}

func TestPullSaysWhatIsWrong(t *testing.T) {
	for _, tokens := range []bool{false, true} {
		r := newRegistry(t)
		r.tokens = tokens
		right := basicLogin(r.host(), registryUser, registryPassword)
		for name, c := range map[string]struct {
			config, image string
			want          error
		}{
			"nothing of that name":       {right, "/public/box:2", backends.ErrImageNotFound},
			"another platform":           {right, "/public/box:foreign", backends.ErrImageNotFound},
			"no login":                   {`{}`, "/private/box:1", backends.ErrImageDenied},
			"a wrong login":              {basicLogin(r.host(), registryUser, "wrong-sesame"), "/private/box:1", backends.ErrImageDenied},
			"a login for somebody else":  {basicLogin("other.example", registryUser, registryPassword), "/private/box:1", backends.ErrImageDenied},
			"a login, nothing there":     {right, "/private/box:2", backends.ErrImageNotFound},
			"a helper that is not there": {`{"credsStore":"bot-bottle-none"}`, "/private/box:1", backends.ErrImageDenied},
			"a config that is none":      {`{"auths":"sesame"`, "/private/box:1", backends.ErrImageDenied},
		} {
			t.Run(fmt.Sprintf("%s, tokens %v", name, tokens), func(t *testing.T) {
				s, _ := with(t, c.config)
				_, err := s.Resolve(t.Context(), r.host()+c.image, backends.PullMissing, silent)
				if !errors.Is(err, c.want) {
					t.Fatalf("got %v, want %v", err, c.want)
				}
				if strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), "\x1b") {
					t.Errorf("the error tells too much: %q", err)
				}
				if strings.Contains(c.config, "none") && !strings.Contains(err.Error(), "docker-credential-bot-bottle-none") {
					t.Errorf("the missing helper is not named: %v", err)
				}
			})
		}
	}
	s, _ := with(t, `{}`)
	if _, err := s.Resolve(t.Context(), "127.0.0.1:1/x", backends.PullMissing, silent); err == nil || errors.Is(err, backends.ErrImageNotFound) || !strings.Contains(err.Error(), "registry 127.0.0.1:1") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestPullWithALogin(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	r := newRegistry(t)
	// a helper answers by its protocol, and prints more than it must
	helper := fmt.Sprintf("#!/bin/sh\necho noise >&2\nread -r server\ntest \"$1 $server\" = \"get %s\" || { echo 'credentials not found in native keychain'; exit 1; }\n"+
		`echo '{"ServerURL":"x","Username":"%s","Secret":"%s"}'`+"\n", r.host(), registryUser, registryPassword)
	must(t, os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte(helper), 0o700))
	must(t, os.WriteFile(filepath.Join(bin, "docker-credential-token"), []byte("#!/bin/sh\n"+`echo '{"Username":"<token>","Secret":"sesame-identity"}'`+"\n"), 0o700))
	for name, config := range map[string]string{
		"in the file":          basicLogin(r.host(), registryUser, registryPassword),
		"in the file, a URL":   basicLogin("http://"+r.host()+"/v2/", registryUser, registryPassword),
		"in the store":         `{"credsStore":"test"}`,
		"by its own helper":    fmt.Sprintf(`{"credsStore":"bot-bottle-none","credHelpers":{%q:"test"}}`, r.host()),
		"unknown to the store": strings.TrimSuffix(basicLogin(r.host(), registryUser, registryPassword), "}") + `,"credHelpers":{"other.example":"test"}}`,
		"an identity token":    `{"credsStore":"token"}`,
		"a token as it is":     fmt.Sprintf(`{"auths":{%q:{"registrytoken":"for-robot"}}}`, r.host()),
	} {
		for _, tokens := range []bool{false, true} {
			if !tokens && strings.Contains(name, " token") {
				continue
			}
			t.Run(fmt.Sprintf("%s, tokens %v", name, tokens), func(t *testing.T) {
				r.tokens = tokens
				s, _ := with(t, config)
				img, err := s.Resolve(t.Context(), r.host()+"/private/box:1", backends.PullAlways, silent)
				must(t, err)
				r.check(t, s, img)
			})
		}
	}
}

// TestPullThatStallsEnds holds the limit on a pull: none on all of it, one on
// silence.
func TestPullThatStallsEnds(t *testing.T) {
	r := newRegistry(t)
	r.stalls = make(chan struct{})
	t.Cleanup(func() { close(r.stalls) })
	s, dir := with(t, `{}`)
	images.SetIdle(s, 200*time.Millisecond)
	_, err := s.Resolve(t.Context(), r.host()+"/public/box:1", backends.PullMissing, silent)
	if err == nil || !strings.Contains(err.Error(), "no progress for 200ms") || errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	images.SetIdle(s, time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := s.Resolve(ctx, r.host()+"/public/box:1", backends.PullMissing, silent); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled: %v", err)
	}
	if left := filesIn(t, dir); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestPullGoesOn takes a connection up again where it broke.
func TestPullGoesOn(t *testing.T) {
	for _, ranges := range []bool{true, false} {
		r := newRegistry(t)
		r.ranges = ranges
		r.breaks.Store(3)
		s, _ := with(t, `{}`)
		img, err := s.Resolve(t.Context(), r.host()+"/public/box:1", backends.PullMissing, silent)
		if err != nil {
			t.Fatalf("ranges %v: %v", ranges, err)
		}
		r.check(t, s, img)
		r.breaks.Store(100)
		other, dir := with(t, `{}`)
		if _, err := other.Resolve(t.Context(), r.host()+"/public/box:1", backends.PullMissing, silent); err == nil {
			t.Error("a layer that never comes whole came")
		}
		if left := filesIn(t, dir); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

// TestLyingRegistry: nothing that is not what its digest says is kept.
func TestLyingRegistry(t *testing.T) {
	other := newImage(t)
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "" {
			t.Error("the login went to another host")
		}
		w.Write(packed(t, other.layer))
	}))
	t.Cleanup(away.Close)
	elsewhere := strings.Replace(away.URL, "127.0.0.1", "localhost", 1)
	for name, lie := range map[string]func(r *registry){
		"another layer": func(r *registry) {
			for d := range r.blobs {
				if d != r.id {
					r.blobs[d] = packed(t, other.layer)
				}
			}
		},
		"no gzip": func(r *registry) {
			for d, b := range r.blobs {
				if d != r.id {
					r.blobs[d] = append([]byte("\x1f\x8b"), b...)
				}
			}
		},
		"another config": func(r *registry) { r.blobs[r.id] = []byte(other.config) },
		"a list within lists": func(r *registry) {
			r.tags["1"] = r.tags["multi"]
			r.tags[digest(r.tags["1"])] = r.tags["1"]
			self(t, r)
		},
		"a huge manifest":   func(r *registry) { r.tags["1"] = []byte(strings.Repeat(" ", 5<<20)) },
		"a manifest of old": func(r *registry) { r.tags["1"] = []byte(`{"schemaVersion":1,"fsLayers":[{"blobSum":"sha256:x"}]}`) },
		"a path for digest": func(r *registry) {
			r.tags["1"] = []byte(`{"config":{"digest":"` + r.id + `"},"layers":[{"digest":"sha256:../../x","size":1}]}`)
		},
		"no JSON":            func(r *registry) { r.tags["1"] = []byte("<html>") },
		"another place":      func(r *registry) { r.elsewhere = elsewhere },
		"a place for tokens": func(r *registry) { r.realm = "file:///etc/passwd" },
		"fewer layers":       func(r *registry) { r.tags["1"] = []byte(`{"config":{"digest":"` + r.id + `"},"layers":[]}`) },
		"a negative size": func(r *registry) {
			r.tags["1"] = []byte(strings.Replace(string(r.tags["1"]), `"size":`, `"size":-`, 2))
		},
		"a size that is too big": func(r *registry) {
			r.tags["1"] = []byte(strings.Replace(string(r.tags["1"]), `gzip","size":`, `gzip","size":9`, 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t)
			lie(r)
			s, dir := with(t, basicLogin(r.host(), registryUser, registryPassword))
			img, err := s.Resolve(t.Context(), r.host()+"/public/box:1", backends.PullMissing, silent)
			if name == "a size that is too big" {
				return // only progress goes by it
			}
			if err == nil {
				t.Fatalf("it was kept as %+v", img)
			}
			t.Log(err)
			if _, serr := os.Stat(dir); serr == nil {
				if left := filesIn(t, dir); len(left) > 0 {
					t.Errorf("left behind: %q", left)
				}
			}
		})
	}
}

// self makes a list whose entry for this machine is itself a list.
func self(t *testing.T, r *registry) {
	inner := r.tags["multi"]
	outer := strings.Replace(string(inner), digestInList(inner), digest(inner), 1)
	r.tags["1"] = []byte(outer)
}

// digestInList is the digest of the entry for linux.
func digestInList(list []byte) string {
	s := string(list)
	at := strings.LastIndex(s, `"digest":"`) + len(`"digest":"`)
	return s[at : at+71]
}

func TestPullProgressAddsUp(t *testing.T) {
	r := newRegistry(t)
	s, _ := with(t, `{}`)
	var steps []backends.Progress
	_, err := s.Resolve(t.Context(), r.host()+"/public/box:1", backends.PullMissing, func(p backends.Progress) { steps = append(steps, p) })
	must(t, err)
	last := backends.Progress{}
	for _, p := range steps {
		if p.Step != "pull" || p.Done < last.Done || p.Total > 0 && p.Done > p.Total {
			t.Errorf("after %+v came %+v", last, p)
		}
		last = p
	}
	if last.Total == 0 || last.Done != last.Total {
		t.Errorf("it ended at %+v", last)
	}
}

func FuzzParameters(f *testing.F) {
	f.Add(`realm="a",service=b, scope="c\"d,"`)
	f.Add(`realm="`)
	f.Add(`=,=,"`)
	f.Fuzz(func(t *testing.T, s string) {
		images.Parameters(s)
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
		if got := images.Parameters(`realm="` + quoted + `", x=y`); !reflect.DeepEqual(got, map[string]string{"realm": s, "x": "y"}) {
			t.Errorf("%q is read as %q", s, got)
		}
	})
}

// FuzzArchive: what is taken from an archive can be read back, and nothing
// else is left of it.
func FuzzArchive(f *testing.F) {
	i := newImage(f)
	whole := i.saved(f, i.layer)
	f.Add(whole)
	f.Add(packed(f, whole))
	f.Add(i.saved(f, packed(f, i.layer)))
	f.Add(tarOf(f, file{name: "manifest.json", text: `[{"Config":"../../x","Layers":["manifest.json"]}]`}, file{name: "index.json", text: `{"manifests":[{"digest":5}]}`}))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "x.tar")
		must(t, os.WriteFile(path, text, 0o600))
		s := images.Open(filepath.Join(dir, "images"), os.Getenv)
		img, err := s.Resolve(t.Context(), path, backends.PullNever, silent)
		if err == nil {
			if st, err := s.Lookup(img.ID); err != nil || st.Image != img {
				t.Errorf("kept as %+v, read back as %+v, %v", img, st.Image, err)
			}
		} else if _, serr := os.Stat(filepath.Join(dir, "images")); serr == nil && len(filesIn(t, filepath.Join(dir, "images"))) > 0 {
			t.Errorf("refused (%v), but something is left", err)
		}
	})
}
