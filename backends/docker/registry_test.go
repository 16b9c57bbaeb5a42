package docker_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
)

const (
	registryUser     = "robot"
	registryPassword = "sesame:open-4711" // a colon is allowed in a password
)

// registry serves one image of one layer under two names: public/box to
// everybody, private/box to who logs in. It speaks enough of the distribution
// API (distribution.github.io/distribution/spec/api) for a pull.
type registry struct {
	*httptest.Server
	blobs    map[string][]byte // by digest
	manifest []byte
	id       string // of the image
	tokens   bool   // ask for a bearer token instead of a password
	slow     chan struct{}

	asked atomic.Int64
	mu    sync.Mutex
	paths []string
}

const manifestType = "application/vnd.docker.distribution.manifest.v2+json"

func newRegistry(t *testing.T) *registry {
	t.Helper()
	layer := tarOf(t, file{name: "bin/", mode: 0o755}, file{name: "bin/hello", mode: 0o755, text: random()})
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(layer); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Entrypoint": []string{"/bin/hello"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(layer)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &registry{tokens: true, blobs: map[string][]byte{digest(config): config, digest(packed.Bytes()): packed.Bytes()}, id: digest(config)}
	r.manifest, err = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": map[string]any{"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": digest(config)},
		"layers": []map[string]any{{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": packed.Len(), "digest": digest(packed.Bytes())}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func digest(b []byte) string {
	s := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(s[:])
}

func (r *registry) host() string { return r.Listener.Addr().String() }

func (r *registry) serve(w http.ResponseWriter, req *http.Request) {
	r.asked.Add(1)
	r.mu.Lock()
	r.paths = append(r.paths, req.Method+" "+req.URL.Path)
	r.mu.Unlock()
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if req.URL.Path == "/token" {
		r.token(w, req)
		return
	}
	private := strings.Contains(req.URL.Path, "/private/")
	if !r.allowed(req, private) {
		challenge := `Basic realm="test"`
		if r.tokens {
			challenge = fmt.Sprintf(`Bearer realm="%s/token",service="test"`, r.URL)
		}
		w.Header().Set("Www-Authenticate", challenge)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	_, name, _ := strings.Cut(req.URL.Path, "/box/")
	switch {
	case req.URL.Path == "/v2/":
	case name == "manifests/1" || name == "manifests/"+digest(r.manifest):
		w.Header().Set("Content-Type", manifestType)
		w.Header().Set("Docker-Content-Digest", digest(r.manifest))
		w.Write(r.manifest)
	case strings.HasPrefix(name, "blobs/") && r.blobs[strings.TrimPrefix(name, "blobs/")] != nil:
		blob := r.blobs[strings.TrimPrefix(name, "blobs/")]
		w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
		if r.slow != nil && digest(blob) != r.id {
			w.Write(blob[:1])
			w.(http.Flusher).Flush()
			select {
			case <-r.slow:
			case <-req.Context().Done():
			}
			return
		}
		w.Write(blob)
	default:
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"no"}]}`, code)
}

// allowed says whether a request carries what it needs. Registries that let
// some in without a login speak tokens.
func (r *registry) allowed(req *http.Request, private bool) bool {
	if r.tokens {
		have := req.Header.Get("Authorization")
		return have == "Bearer for-robot" || have == "Bearer for-all" && !private
	}
	user, password, _ := req.BasicAuth()
	return user == registryUser && password == registryPassword
}

func (r *registry) token(w http.ResponseWriter, req *http.Request) {
	user, password, ok := req.BasicAuth()
	token := "for-all"
	if ok {
		if user != registryUser || password != registryPassword {
			w.WriteHeader(http.StatusUnauthorized) // in the words of Docker's own
			fmt.Fprint(w, `{"details":"incorrect username or password"}`)
			return
		}
		token = "for-robot"
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"token":%q}`, token)
}

// pull resolves a name that the engine must ask the registry for. An engine
// elsewhere cannot reach this one.
func (r *registry) pull(t *testing.T, e engineFor, b *docker.Backend, name string, pull backends.Pull) (backends.Image, error) {
	t.Helper()
	e.removesImage(t, name)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	before := r.asked.Load()
	img, err := b.ResolveImage(ctx, name, pull, silent)
	if err != nil && r.asked.Load() == before {
		t.Skipf("the engine does not reach the registry on this machine's loopback: %v", err)
	}
	return img, err
}

// logins puts a Docker config in the place of the user's.
func logins(t *testing.T, config string) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "config.json"), config)
	t.Setenv("DOCKER_CONFIG", dir)
}

func basicLogin(host, user, password string) string {
	return fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

func TestPull(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	r := newRegistry(t)
	logins(t, `{}`)
	name := r.host() + "/public/box:1"
	if _, err := b.ResolveImage(t.Context(), name, backends.PullNever, silent); !errors.Is(err, backends.ErrImageNotFound) {
		t.Fatalf("never: %v", err)
	}
	if r.asked.Load() != 0 {
		t.Fatal("a registry was asked in spite of never")
	}
	img, err := r.pull(t, e, b, name, backends.PullMissing)
	if err != nil {
		t.Fatal(err)
	}
	if want := r.host() + "/public/box@" + digest(r.manifest); img.ID != r.id || img.Digest != want || !img.Runs || img.Arch != runtime.GOARCH {
		t.Errorf("pulled %+v, want id %s and digest %s", img, r.id, want)
	}
	before := r.asked.Load()
	if again := resolvedBy(t, b, name, backends.PullMissing); again != img || r.asked.Load() != before {
		t.Errorf("there already: %+v, and the registry was asked %d times", again, r.asked.Load()-before)
	}
	if again := resolvedBy(t, b, name, backends.PullAlways); again != img || r.asked.Load() == before {
		t.Errorf("always: %+v, and the registry was asked %d times", again, r.asked.Load()-before)
	}
	for _, word := range []string{img.Digest, strings.TrimPrefix(img.ID, "sha256:"), img.ID[7:][:12]} {
		if again := resolvedBy(t, b, word, backends.PullNever); again.ID != img.ID {
			t.Errorf("%s is %+v, want %s", word, again, img.ID)
		}
	}
}

func resolvedBy(t *testing.T, b *docker.Backend, word string, pull backends.Pull) backends.Image {
	t.Helper()
	img, err := b.ResolveImage(t.Context(), word, pull, silent)
	if err != nil {
		t.Errorf("ResolveImage(%q, %s): %v", word, pull, err)
	}
	return img
}

func TestPullSaysWhatIsWrong(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	for _, tokens := range []bool{false, true} {
		r := newRegistry(t)
		r.tokens = tokens
		for name, c := range map[string]struct {
			config, image string
			want          error
		}{
			"nothing of that name":       {basicLogin(r.host(), registryUser, registryPassword), "/public/box:2", backends.ErrImageNotFound},
			"no login":                   {`{}`, "/private/box:1", backends.ErrImageDenied},
			"a wrong login":              {basicLogin(r.host(), registryUser, "wrong-sesame"), "/private/box:1", backends.ErrImageDenied},
			"a login for somebody else":  {basicLogin("other.example", registryUser, registryPassword), "/private/box:1", backends.ErrImageDenied},
			"a login, nothing there":     {basicLogin(r.host(), registryUser, registryPassword), "/private/box:2", backends.ErrImageNotFound},
			"a helper that is not there": {`{"credsStore":"bot-bottle-none"}`, "/private/box:1", backends.ErrImageDenied},
		} {
			t.Run(fmt.Sprintf("%s, tokens %v", name, tokens), func(t *testing.T) {
				logins(t, c.config)
				_, err := r.pull(t, e, b, r.host()+c.image, backends.PullMissing)
				if !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				if err != nil && strings.Contains(err.Error(), "sesame") {
					t.Errorf("the error tells a password: %v", err)
				}
				if strings.Contains(c.config, "none") && !strings.Contains(err.Error(), "docker-credential-bot-bottle-none") {
					t.Errorf("the missing helper is not named: %v", err)
				}
			})
		}
	}
}

func TestPullWithALogin(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	bin := t.TempDir()
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	r := newRegistry(t)
	// a helper answers by its protocol, and prints more than it must
	helper := fmt.Sprintf("#!/bin/sh\necho noise >&2\nread -r server\ntest \"$1 $server\" = \"get %s\" || { echo 'credentials not found in native keychain'; exit 1; }\n"+
		`echo '{"ServerURL":"x","Username":"%s","Secret":"%s"}'`+"\n", r.host(), registryUser, registryPassword)
	writeFile(t, filepath.Join(bin, "docker-credential-test"), helper)
	if err := os.Chmod(filepath.Join(bin, "docker-credential-test"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]string{
		"in the file":            basicLogin(r.host(), registryUser, registryPassword),
		"in the file, as a URL":  basicLogin("http://"+r.host()+"/v2/", registryUser, registryPassword),
		"in the store":           `{"credsStore":"test"}`,
		"by its own helper":      fmt.Sprintf(`{"credsStore":"bot-bottle-none","credHelpers":{%q:"test"}}`, r.host()),
		"unknown to the store":   strings.TrimSuffix(basicLogin(r.host(), registryUser, registryPassword), "}") + `,"credHelpers":{"other.example":"test"}}`,
		"by the name of its own": fmt.Sprintf(`{"auths":{%q:{"username":%q,"password":%q}}}`, r.host(), registryUser, registryPassword),
	} {
		for _, tokens := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, tokens %v", name, tokens), func(t *testing.T) {
				r.tokens = tokens
				logins(t, config)
				img, err := r.pull(t, e, b, r.host()+"/private/box:1", backends.PullAlways)
				if err != nil || img.ID != r.id {
					t.Errorf("got %+v, %v", img, err)
				}
			})
		}
	}
}

// TestPullThatStallsEnds holds the limit on a pull: none on all of it, one on
// silence.
func TestPullThatStallsEnds(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	docker.SetIdle(b, time.Second)
	r := newRegistry(t)
	r.slow = make(chan struct{})
	t.Cleanup(func() { close(r.slow) })
	logins(t, `{}`)
	begin := time.Now()
	_, err := r.pull(t, e, b, r.host()+"/public/box:1", backends.PullMissing)
	if err == nil || !strings.Contains(err.Error(), "no progress for 1s") || errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestPullProgressAddsUp(t *testing.T) {
	e := theEngine(t)
	b := e.open(t)
	r := newRegistry(t)
	logins(t, `{}`)
	name := r.host() + "/public/box:1"
	e.removesImage(t, name)
	var steps []backends.Progress
	_, err := b.ResolveImage(t.Context(), name, backends.PullMissing, func(p backends.Progress) { steps = append(steps, p) })
	if err != nil && r.asked.Load() == 0 {
		t.Skipf("the engine does not reach the registry: %v", err)
	}
	if err != nil || len(steps) == 0 {
		t.Fatalf("%d steps, %v", len(steps), err)
	}
	last := backends.Progress{}
	for _, p := range steps {
		if p.Step != "pull" || p.Done < last.Done || p.Total > 0 && p.Done > p.Total {
			t.Errorf("after %+v came %+v", last, p)
		}
		last = p
	}
}
