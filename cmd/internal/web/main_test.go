package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git/gittest"
	"github.com/gitruns/runs/repo/view"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }

const token = "correct-token"

// hostileName is a name that a page, a log or a header could take for something else.
const hostileName = "<img src=x onerror=alert(1)>\"';\\ \u202e\x1b[31m\r\nX-Evil: 1"

// testProject is a project of four runs that strangers could have made, the last of them still active.
type testProject struct {
	*repo.Repository
	git    *gittest.Repository
	ids    []string
	digest string // of the artifact of the first run
	secret string // a file outside of the project
}

func newProject(t *testing.T) *testProject {
	t.Helper()
	g := gittest.New(t)
	g.Commit("first", map[string]string{"train.py": "print(1)\n"})
	r, _, err := repo.Setup(g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	p := &testProject{Repository: r, git: g, secret: filepath.Join(t.TempDir(), "secret.txt")}
	if err := os.WriteFile(p.secret, []byte("outside of the project"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		p.finish(t, p.start(t, i, map[string]string{"model.bin": "model " + strings.Repeat("x", i)}))
	}
	p.start(t, 3, nil)
	e, err := r.Read(t.Context(), p.ids[0])
	if err != nil || len(e.Artifacts) != 1 {
		t.Fatalf("%v, %d artifacts", err, len(e.Artifacts))
	}
	p.digest = e.Artifacts[0].SHA256
	return p
}

// register makes a model with a version of the first run.
func (p *testProject) register(t *testing.T, name string) {
	t.Helper()
	id := format.ModelVersionID{Number: 1, Random: "00000000"}
	for file, encode := range map[string]func() ([]byte, error){
		"model.toml": func() ([]byte, error) { return format.EncodeModel(&format.Model{Name: name}) },
		"versions/" + id.String() + ".toml": func() ([]byte, error) {
			return format.EncodeModelVersion(&format.ModelVersion{
				ModelVersionID: id, Run: p.ids[0], SHA256: p.digest, Bytes: 1, Files: 1, Created: time.Unix(1764000000, 0).UTC(),
			})
		},
	} {
		data, err := encode()
		path := filepath.Join(p.Repository.Dir, filepath.FromSlash(format.ModelFolder(name)), filepath.FromSlash(file))
		err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, data, 0o666))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// start starts a run with hostile names and huge values.
func (p *testProject) start(t *testing.T, i int, artifacts map[string]string) *repo.Active {
	t.Helper()
	run := &format.Run{
		Name: hostileName, Experiment: "exp" + string(rune('a'+i%2)), Note: "</script><script>alert(1)</script>",
		Command: []string{"python", "train.py", "$(touch owned)"},
	}
	a, err := p.Start(t.Context(), run, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	p.ids = append(p.ids, a.ID)
	key := strings.Repeat("k", 250)
	line := &format.Line{
		Metrics: []format.MetricValue{
			{Key: "loss", Value: 1 / float64(i+1)}, {Key: key, Value: 1e308}, {Key: "a/<b>", Value: -1e308},
		},
		Params: format.Params{"lr": 0.1, "text": strings.Repeat("y", 10_000), "<b>": "\x1b]0;title\x07"},
		Tags:   map[string]string{"javascript:alert(1)": "<b>"},
	}
	if err := a.AppendShared(line); err != nil {
		t.Fatal(err)
	}
	for name, content := range artifacts {
		kept, err := a.AddArtifactFrom(name, false, strings.NewReader(content))
		if err == nil {
			err = a.AppendShared(&format.Line{Artifact: &kept})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func (p *testProject) finish(t *testing.T, a *repo.Active) {
	t.Helper()
	if _, err := a.Finish(t.Context(), repo.Finish{Status: format.Finished}); err != nil {
		t.Fatal(err)
	}
}

// testServer is a server of a project on a socket.
type testServer struct {
	t       *testing.T
	address string
	client  *http.Client
}

func serve(t *testing.T, r *repo.Repository, o view.Options, with Options) *testServer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	v, err := view.Open(ctx, r, o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	with.Token = token
	if with.Failed == nil {
		with.Failed = func(err error) { t.Errorf("an internal error: %v", err) }
	}
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, v, with) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		v.Close()
	})
	return &testServer{t, l.Addr().String(), &http.Client{
		Timeout: time.Minute, Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8},
	}}
}

// do sends a request. The fields are pairs of a name and a value; a field "Host" sets the host.
func (s *testServer) do(method, path string, fields ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.URL.Opaque = path // as it is
	for i := 0; i < len(fields); i += 2 {
		if r.Header.Set(fields[i], fields[i+1]); fields[i] == "Host" {
			r.Host = fields[i+1]
		}
	}
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return response, string(body)
}

// get asks for data with the token.
func (s *testServer) get(path string) (status int, body string) {
	s.t.Helper()
	response, body := s.do("GET", "/data/"+path, "Runs-Token", token)
	return response.StatusCode, body
}
