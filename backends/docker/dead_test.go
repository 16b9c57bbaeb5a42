package docker_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitea.dideric.is/didericis/bot-bottle/backends"
	"gitea.dideric.is/didericis/bot-bottle/backends/docker"
)

func openAt(t *testing.T, endpoint string) *docker.Backend {
	t.Helper()
	b, err := docker.Open(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// socket listens on a short path, which the name of a test's own folder may
// not be.
func socket(t *testing.T) (net.Listener, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "bbd")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		os.RemoveAll(dir)
	})
	return l, "unix://" + path
}

func absentSocket(t *testing.T) string { return "unix://" + filepath.Join(t.TempDir(), "none") }

// hangingSocket takes connections and never answers.
func hangingSocket(t *testing.T) string {
	l, endpoint := socket(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
		}
	}()
	return endpoint
}

// rubbishSocket answers everything with the same words.
func rubbishSocket(t *testing.T, words string) string {
	l, endpoint := socket(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, words)
				c.SetReadDeadline(time.Now().Add(time.Second))
				io.Copy(io.Discard, c) // closing at once could lose the words
			}()
		}
	}()
	return endpoint
}

// server answers on a socket like an engine whose handler this is. Pings are
// answered for it.
func server(t *testing.T, api string, handler http.HandlerFunc) string {
	l, endpoint := socket(t)
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "Docker/19.03.15 (linux)")
		if api != "" {
			w.Header().Set("Api-Version", api)
		}
		if strings.HasSuffix(r.URL.Path, "/_ping") {
			return
		}
		handler(w, r)
	})}}
	s.Start()
	t.Cleanup(s.Close)
	return endpoint
}

func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// TestUnavailable holds that whatever is not an engine's answer says so, why,
// and what to do.
func TestUnavailable(t *testing.T) {
	refused, endpoint := socket(t)
	refused.(*net.UnixListener).SetUnlinkOnClose(false)
	refused.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = nil
	for name, c := range map[string]struct{ endpoint, why, hint string }{
		"absent":          {absentSocket(t), "there is no such socket", "start"},
		"default absent":  {"unix:///var/run/../run/bot-bottle-none.sock", "there is no such socket", "start"},
		"refused":         {endpoint, "nothing listens there", "start"},
		"tcp refused":     {"tcp://127.0.0.1:1", "nothing listens there", "start the engine on 127.0.0.1:1"},
		"no such host":    {"tcp://bot-bottle.invalid:2375", "host is not known", ""},
		"a mail server":   {rubbishSocket(t, "220 mail ready\r\n"), "not a Docker engine", "ss -lxp"},
		"silent close":    {rubbishSocket(t, ""), "closed the connection", ""},
		"a web server":    {server(t, "", answers(200, "<html>")), "not a Docker engine", "ss -lxp"},
		"odd version":     {server(t, "latest", answers(200, "{}")), "not a Docker engine", ""},
		"too old":         {server(t, "1.40", answers(200, "{}")), "(Docker/19.03.15) speaks version 1.40 of the API, and 1.41", "upgrade"},
		"html later":      {server(t, "1.41", answers(200, "<html>")), "not a Docker engine", ""},
		"cut off":         {server(t, "1.41", answers(200, `[{"Id":`)), "broke off", ""},
		"not well":        {server(t, "1.41", answers(503, `{"message":"starting"}`)), "not well", ""},
		"wrong shape":     {server(t, "1.41", answers(200, `{"a":1}`)), "not a Docker engine", ""},
		"TLS wanted":      {"tcp://" + secure.Listener.Addr().String(), "not a Docker engine", "?tls=FOLDER"},
		"no TLS there":    {"tcp://" + plain.Listener.Addr().String() + "?tls=&verify=1", "does not speak TLS", "?tls="},
		"unknown issuer":  {"tcp://" + secure.Listener.Addr().String() + "?tls=&verify=1", "cannot prove", "ca.pem"},
		"hanging":         {hangingSocket(t), "did not answer in time", "systemctl status"},
		"hanging on list": {server(t, "1.41", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), "did not answer in time", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := openAt(t, c.endpoint)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			begin := time.Now()
			_, err := b.List(ctx, "home")
			var down *backends.Unavailable
			if !errors.As(err, &down) {
				t.Fatalf("List: %v, want an Unavailable", err)
			}
			if down.Backend != "docker" || down.Endpoint == "" {
				t.Errorf("not said of whom: %+v", down)
			}
			if !strings.Contains(down.Why, c.why) || !strings.Contains(down.Hint, c.hint) {
				t.Errorf("why %q, hint %q; want %q, %q", down.Why, down.Hint, c.why, c.hint)
			}
			if took := time.Since(begin); took > 4*time.Second {
				t.Errorf("it took %s to find out", took)
			}
		})
	}
}

func TestPermissionDenied(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may open every socket")
	}
	l, endpoint := socket(t)
	if err := os.Chmod(l.Addr().String(), 0); err != nil {
		t.Fatal(err)
	}
	_, err := openAt(t, endpoint).Probe(t.Context())
	var down *backends.Unavailable
	if !errors.As(err, &down) || down.Why != "permission denied" || down.Hint == "" {
		t.Errorf("Probe: %#v", err)
	}
}

// TestCancelledIsNotUnavailable: who stops waiting has learned nothing about
// the engine.
func TestCancelledIsNotUnavailable(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := openAt(t, hangingSocket(t)).List(ctx, "home")
	var down *backends.Unavailable
	if !errors.Is(err, context.Canceled) || errors.As(err, &down) {
		t.Errorf("List: %v, want context.Canceled and nothing else", err)
	}
}

// TestStreamsOfAHangingEngine: connections that are taken over have no
// deadline of their own in the API client.
func TestStreamsOfAHangingEngine(t *testing.T) {
	described := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/json") && r.Method == http.MethodGet:
			fmt.Fprintf(w, `{"Id":"0123456789abcdef","Name":"/x1","State":{"Status":"running","Running":true},"Config":{"Labels":{"%s":"h"}},"HostConfig":{}}`, backends.LabelHome)
		case strings.HasSuffix(r.URL.Path, "/exec"):
			json.NewEncoder(w).Encode(map[string]string{"Id": "e1"})
		case strings.HasSuffix(r.URL.Path, "/wait"):
			io.Copy(io.Discard, r.Body)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default: // start of an exec, attach
			io.Copy(io.Discard, r.Body) // or the server never notices that the client is gone
			<-r.Context().Done()
		}
	}
	b := openAt(t, server(t, "1.41", described))
	ref := backends.Ref{Name: "x1", ID: "0123456789abcdef", Labels: backends.Labels{Home: "h"}}
	for name, call := range map[string]func(context.Context) error{
		"Exec": func(ctx context.Context) error {
			_, err := b.Exec(ctx, ref, backends.Command{Argv: []string{"true"}}, backends.Streams{})
			return err
		},
		"Attach": func(ctx context.Context) error {
			_, err := b.Attach(ctx, ref, backends.AttachOptions{Started: true}, backends.Streams{}, func() { t.Error("ready without a stream") })
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		begin := time.Now()
		err := call(ctx)
		cancel()
		var down *backends.Unavailable
		if !errors.As(err, &down) {
			t.Errorf("%s: %v, want an Unavailable", name, err)
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}

// TestOpenReadsNoEnvironment: a recorded endpoint means the same whatever the
// variables and proxies of today say.
func TestOpenReadsNoEnvironment(t *testing.T) {
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_API_VERSION", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "tcp://127.0.0.1:9")
	}
	t.Setenv("DOCKER_CERT_PATH", "/nowhere")
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/base/v1.41/containers/json" {
			io.WriteString(w, "[]")
		}
	}))
	t.Cleanup(engine.Close)
	if _, err := openAt(t, "tcp://"+engine.Listener.Addr().String()+"/base").List(t.Context(), "h"); err != nil {
		t.Error(err)
	}
}

// TestTLS checks who may be the engine, and that streams go the same way.
func TestTLS(t *testing.T) {
	engine := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		if len(r.TLS.PeerCertificates) == 0 {
			w.WriteHeader(http.StatusForbidden)
		}
		io.WriteString(w, "[]")
	}))
	engine.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	engine.StartTLS()
	t.Cleanup(engine.Close)
	dir := t.TempDir()
	writePair(t, dir, engine)
	address := "tcp://" + engine.Listener.Addr().String() + "?tls=" + dir
	for _, endpoint := range []string{address + "&verify=1", address + "&verify=0"} {
		if _, err := openAt(t, endpoint).List(t.Context(), "h"); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "key.pem")); err != nil {
		t.Fatal(err)
	}
	_, err := docker.Open(address + "&verify=1")
	var down *backends.Unavailable
	if !errors.As(err, &down) || !strings.Contains(down.Hint, dir) {
		t.Errorf("Open without the key: %v", err)
	}
}

// writePair writes the server's own certificate as its authority and as that
// of the client.
func writePair(t *testing.T, dir string, s *httptest.Server) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	writeFile(t, filepath.Join(dir, "ca.pem"), string(cert))
	writeFile(t, filepath.Join(dir, "cert.pem"), string(cert))
	writeFile(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}
