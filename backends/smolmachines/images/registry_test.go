package images_test

import (
	"encoding/base64"
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

	"gitea.dideric.is/didericis/bot-bottle/backends/smolmachines/images"
)

const (
	registryUser     = "robot"
	registryPassword = "sesame:open-4711" // a colon is allowed in a password
)

// registry serves one image under two names: public/box to everybody,
// private/box to who logs in. By the tag 1 it is a plain image, by the tag
// multi a list for several platforms. It speaks enough of the distribution
// API for a pull.
type registry struct {
	*httptest.Server
	image
	mu        sync.Mutex
	blobs     map[string][]byte // by digest
	tags      map[string][]byte
	tokens    bool // ask for a bearer token instead of a password
	stalls    chan struct{}
	breaks    atomic.Int64 // how often a layer's connection breaks off
	ranges    bool
	asked     atomic.Int64
	realm     string
	elsewhere string // where blobs are sent to
}

const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	listType     = "application/vnd.oci.image.index.v1+json"
)

func newRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{image: newImage(t), tokens: true, ranges: true}
	layer := packed(t, r.layer)
	r.blobs = map[string][]byte{r.id: []byte(r.config), digest(layer): layer}
	one := []byte(asJSON(t, map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": map[string]any{"mediaType": "x", "size": len(r.config), "digest": r.id},
		"layers": []map[string]any{{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": len(layer), "digest": digest(layer)}},
	}))
	list := func(arch string) []byte {
		return []byte(asJSON(t, map[string]any{"schemaVersion": 2, "mediaType": listType, "manifests": []map[string]any{
			{"mediaType": manifestType, "digest": digest([]byte("other")), "size": 1, "platform": map[string]string{"os": "windows", "architecture": arch}},
			{"mediaType": manifestType, "digest": digest([]byte("odd")), "size": 1},
			{"mediaType": manifestType, "digest": digest(one), "size": len(one), "platform": map[string]string{"os": "linux", "architecture": arch}},
		}}))
	}
	multi := list(runtime.GOARCH)
	r.tags = map[string][]byte{"1": one, digest(one): one, "multi": multi, digest(multi): multi, "foreign": list("z80")}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	r.realm = r.URL + "/token"
	t.Cleanup(r.Close)
	return r
}

func (r *registry) host() string { return r.Listener.Addr().String() }

func (r *registry) serve(w http.ResponseWriter, req *http.Request) {
	r.asked.Add(1)
	if req.URL.Path == "/token" {
		r.token(w, req)
		return
	}
	if !r.allowed(req, strings.Contains(req.URL.Path, "/private/")) {
		challenge := `Basic realm="test"`
		if r.tokens {
			challenge = fmt.Sprintf(`Bearer realm="%s",service="te\"st, x",scope="repository:public/box:pull"`, r.realm)
		}
		w.Header().Set("Www-Authenticate", challenge)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	_, name, _ := strings.Cut(req.URL.Path, "/box/")
	r.mu.Lock()
	manifest, blob := r.tags[strings.TrimPrefix(name, "manifests/")], r.blobs[strings.TrimPrefix(name, "blobs/")]
	r.mu.Unlock()
	switch {
	case manifest != nil:
		w.Header().Set("Content-Type", manifestType)
		w.Write(manifest)
	case blob != nil && r.elsewhere != "":
		http.Redirect(w, req, r.elsewhere, http.StatusTemporaryRedirect)
	case blob != nil && r.stalls != nil && digest(blob) != r.id:
		w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
		w.Write(blob[:1])
		w.(http.Flusher).Flush()
		select {
		case <-r.stalls:
		case <-req.Context().Done():
		}
	case blob != nil:
		r.send(w, req, blob)
	default:
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
	}
}

// send serves a blob, and breaks off in it as often as is planned.
func (r *registry) send(w http.ResponseWriter, req *http.Request, blob []byte) {
	from := 0
	if at := req.Header.Get("Range"); at != "" && r.ranges {
		fmt.Sscanf(at, "bytes=%d-", &from)
		w.Header().Set("Content-Length", fmt.Sprint(len(blob)-from))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
	}
	if digest(blob) != r.id && r.breaks.Add(-1) >= 0 {
		w.Write(blob[from : from+(len(blob)-from)/2])
		if r.breaks.Load()%2 == 0 { // the other time not even the answer comes
			w.(http.Flusher).Flush()
		}
		panic(http.ErrAbortHandler)
	}
	w.Write(blob[from:])
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"no \u001b[31m"}]}`, code)
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
	if err := req.ParseForm(); err != nil || req.Form.Get("service") != `te"st, x` {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	user, password, ok := req.BasicAuth()
	token := "for-all"
	switch {
	case req.Method == http.MethodPost && req.PostForm.Get("refresh_token") == "sesame-identity" && req.PostForm.Get("scope") != "":
		fmt.Fprint(w, `{"access_token":"for-robot"}`)
		return
	case ok && (user != registryUser || password != registryPassword), req.Method == http.MethodPost:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"details":"%s is wrong"}`, password)
		return
	case ok:
		token = "for-robot"
	}
	fmt.Fprintf(w, `{"token":%q}`, token)
}

// with opens a store whose user has a Docker config.
func with(t *testing.T, config string) (*images.Store, string) {
	t.Helper()
	home := t.TempDir()
	must(t, os.WriteFile(filepath.Join(home, "config.json"), []byte(config), 0o600))
	dir := filepath.Join(t.TempDir(), "images")
	return images.Open(dir, func(k string) string {
		if k == "DOCKER_CONFIG" {
			return home
		}
		return ""
	}), dir
}

func basicLogin(host, user, password string) string {
	return fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}
