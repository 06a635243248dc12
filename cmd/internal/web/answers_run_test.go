package web

import (
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/view"
)

// TestAnswersOfRun asks for everything that the page of one run asks for, with good and with odd parameters.
func TestAnswersOfRun(t *testing.T) {
	p := newProject(t)
	pixel := "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
	a := p.start(t, 5, map[string]string{
		"a.png": pixel, "fake.png": "<script>alert(1)</script>", "t.table.json": `{"columns":["<b>"],"data":[["<i>"],[1]]}`,
	})
	p.finish(t, a)
	e, err := p.Read(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]string{}
	for _, a := range e.Artifacts {
		digests[a.Path] = a.SHA256
	}
	id, first, active := a.ID, p.ids[0], p.ids[3]
	const text, bytes, none = "application/json", "application/octet-stream", ""
	s := serve(t, p.Repository, view.Options{}, Options{})
	for _, c := range []struct {
		path   string
		status int
		kind   string
		body   string
	}{
		{"run/last.json", 200, text, id},
		{"run/" + format.IDRandom(first) + ".json", 200, text, first},
		{"run/" + active + ".json", 200, text, `"life":"detached"`},
		{"run/last~1.json", 200, text, `"params"`},
		{"run/none.json", 404, none, "no run has this name"},
		{"artifacts/" + id + ".json?from=2", 200, text, `"from":2`},
		{"artifacts/" + id + ".json?from=-7", 200, text, `"total":3`},
		{"artifacts/" + id + ".json?from=x", 200, text, `"total":3`},
		{"artifact/" + id + "/" + digests["fake.png"] + ".bin", 200, bytes, "<script>"},
		{"artifact/" + id + "/" + digests["fake.png"] + ".bin?download=1", 200, bytes, "<script>"},
		{"artifact/" + id + "/" + p.digest + ".bin", 404, none, "has no artifact"},
		{"artifact/" + id + "/" + p.digest + ".bin?download=1", 404, none, "has no artifact"},
		{"image/" + id + "/" + digests["a.png"] + ".bin", 200, "image/png", "IHDR"},
		{"image/" + id + "/" + digests["fake.png"] + ".bin", 404, none, "it is not a PNG"},
		{"table/" + id + "/" + digests["t.table.json"] + ".json", 200, text, `"shown":2`},
		{"table/" + id + "/" + digests["a.png"] + ".json", 404, none, "reading a table"},
		{"values/" + id + ".json", 200, text, `"keys":[]`},
		{"values/" + id + "/" + view.ValueName("x") + ".json?from=1&to=x", 404, none, "has no values of this key"},
		{"log/" + id + ".json", 404, none, "runs exec"},
		{"log/" + id + ".txt", 404, none, "runs exec"},
		{"patch/" + id + ".txt", 404, none, "was not recorded"},
		{"environment/" + id + ".json", 404, none, "were not recorded"},
		{"machine/" + id + ".json", 404, none, "were not recorded"},
		{"manifest/" + id + "/0.json", 404, none, "no list of files"},
		{"manifest/" + id + "/999999.json?from=-1&find=%00", 404, none, "no list of files"},
	} {
		response, body := s.do("GET", "/data/"+c.path, "Runs-Token", token)
		if response.StatusCode != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s: %d %.300q, want %d %q", c.path, response.StatusCode, body, c.status, c.body)
		}
		if kind := response.Header.Get("Content-Type"); c.status == 200 && kind != c.kind {
			t.Errorf("%s: Content-Type is %q, want %q", c.path, kind, c.kind)
		}
		checkFields(t, c.path, response.Header)
	}
}
