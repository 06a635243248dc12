package web

import (
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/view"
)

func TestStatuses(t *testing.T) {
	p := newProject(t)
	s := serve(t, p.Repository, view.Options{}, Options{Hosts: []string{"proxy.example", "10.0.0.9"}})
	_, port, _ := strings.Cut(s.address, ":")
	for _, c := range []struct {
		method, path string
		fields       []string
		status       int
		body         string
	}{
		{"GET", "/", nil, 200, "<!doctype html>"},
		{"HEAD", "/", nil, 200, ""},
		{"GET", "/app.js", nil, 200, "use strict"},
		{"GET", "/app.css", nil, 200, ""},
		{"GET", "/data/runs.json", []string{"Runs-Token", token}, 200, `"rows":`},
		{"GET", "/data/run/" + p.ids[0] + ".json", []string{"Runs-Token", token}, 200, p.ids[0]},

		// The host comes before everything else.
		{"GET", "/", []string{"Host", "evil.example"}, 421, "--allow-host"},
		{"POST", "/data/runs.json", []string{"Host", "evil.example"}, 421, "--allow-host"},
		{"GET", "/data/runs.json", []string{"Host", "evil.example", "Runs-Token", token}, 421, "--allow-host"},
		{"GET", "/../..", []string{"Host", "127.0.0.1.evil.example:" + port}, 421, ""},
		{"GET", "/", []string{"Host", "localhost.evil.example"}, 421, ""},
		{"GET", "/", []string{"Host", "evil.example@localhost"}, 421, ""},
		{"GET", "/", []string{"Host", "localhost:80:80"}, 421, ""},
		{"GET", "/", []string{"Host", "10.0.0.1"}, 421, ""},
		{"GET", "/", []string{"Host", "[::2]:80"}, 421, ""},
		{"GET", "/", []string{"Host", "localhost"}, 200, ""},
		{"GET", "/", []string{"Host", "LocalHost:1"}, 200, ""},
		{"GET", "/", []string{"Host", "127.8.9.10:8080"}, 200, ""},
		{"GET", "/", []string{"Host", "[::1]"}, 200, ""},
		{"GET", "/", []string{"Host", "[::1]:8080"}, 200, ""},
		{"GET", "/", []string{"Host", "Proxy.Example:443"}, 200, ""},
		{"GET", "/", []string{"Host", "10.0.0.9:8080"}, 200, ""},

		{"POST", "/data/runs.json", []string{"Runs-Token", token}, 405, "only reads"},
		{"OPTIONS", "/data/runs.json", nil, 405, "only reads"},
		{"DELETE", "/", nil, 405, "only reads"},
		{"PROPFIND", "/", nil, 405, "only reads"},

		{"GET", "/data/runs.json", nil, 401, "token"},
		{"GET", "/data/runs.json", []string{"Runs-Token", "wrong"}, 401, "token"},
		{"GET", "/data/runs.json", []string{"Runs-Token", token + "x"}, 401, "token"},
		{"GET", "/data/runs.json?token=" + token, nil, 401, "token"},
		{"GET", "/data/runs.json", []string{"Cookie", "token=" + token}, 401, "token"},
		{"GET", "/data/nothing.json", nil, 401, "token"},
		{"GET", "/data/ticket/runs.json", nil, 401, "token"},

		{"GET", "/data/runs.json", []string{"Runs-Token", token, "Sec-Fetch-Site", "cross-site"}, 403, "another site"},
		{"GET", "/data/runs.json", []string{"Runs-Token", token, "Sec-Fetch-Site", "same-site"}, 403, "another site"},
		{"GET", "/data/runs.json", []string{"Sec-Fetch-Site", "cross-site"}, 403, "another site"},
		{"GET", "/ticket/x", []string{"Sec-Fetch-Site", "cross-site"}, 403, "another site"},
		{"GET", "/data/runs.json", []string{"Runs-Token", token, "Sec-Fetch-Site", "same-origin"}, 200, ""},
		{"GET", "/", []string{"Sec-Fetch-Site", "cross-site"}, 200, ""}, // a link on another page

		{"GET", "/nothing", nil, 404, "nothing at this address"},
		{"GET", "/data", nil, 404, "nothing"},
		{"GET", "/data/nothing.json", []string{"Runs-Token", token}, 404, "nothing"},
		{"GET", "/data/runs.json/x", []string{"Runs-Token", token}, 404, "nothing"},
		{"GET", "/data/run/20200101-000000-aaaaaaaa.json", []string{"Runs-Token", token}, 404, "no run"},
		{"GET", "/data/environment/x.json", []string{"Runs-Token", token}, 404, "nothing"},
		{"GET", "/data/runs.json?rev=nope", []string{"Runs-Token", token}, 404, "no such revision"},
		{"GET", "/data/runs.json?rev=--help", []string{"Runs-Token", token}, 404, "no such revision"},
		{"GET", "/ticket/x", nil, 404, "serves once"},

		{"GET", "/data/runs.json?a=%zz", []string{"Runs-Token", token}, 400, "parameters"},
		{"GET", "/data/run/a%20%3C.json", []string{"Runs-Token", token}, 404, "error"},
	} {
		response, body := s.do(c.method, c.path, c.fields...)
		if response.StatusCode != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s %s %v: %d %.200q, want %d %q", c.method, c.path, c.fields, response.StatusCode, body, c.status, c.body)
		}
		if c.status >= 400 {
			var said struct{ Error, Hint string }
			if err := json.Unmarshal([]byte(body), &said); err != nil || said.Error == "" {
				t.Errorf("%s %s: the refusal is %q", c.method, c.path, body)
			}
		}
		if allow := response.Header.Get("Allow"); (allow == "GET, HEAD") != (c.status == 405) {
			t.Errorf("%s %s: Allow is %q", c.method, c.path, allow)
		}
		checkFields(t, c.path, response.Header)
	}
}

// checkFields checks what every response must have, and must not have.
func checkFields(t *testing.T, path string, h map[string][]string) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := h[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s is %q", path, name, got)
		}
	}
	policy := strings.Join(h["Content-Security-Policy"], "")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("%s: the policy %q lacks %s", path, policy, part)
		}
	}
	if strings.Contains(policy, "unsafe-eval") || strings.Contains(policy, "script-src 'self' ") {
		t.Errorf("%s: the policy is %q", path, policy)
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") || name == "Set-Cookie" || name == "X-Evil" {
			t.Errorf("%s: it has the field %s", path, name)
		}
	}
}

func TestPolicyOfThePage(t *testing.T) {
	s := serve(t, newProject(t).Repository, view.Options{}, Options{})
	response, body := s.do("GET", "/")
	policy := response.Header.Get("Content-Security-Policy")
	for _, part := range []string{
		"script-src 'self';", "connect-src 'self';", "img-src blob: data:;", "base-uri 'none';", "form-action 'none';",
		"require-trusted-types-for 'script'",
	} {
		if !strings.Contains(policy+";", part) {
			t.Errorf("the policy %q lacks %s", policy, part)
		}
	}
	body = strings.ReplaceAll(body, "http://www.w3.org/2000/svg", "") // the name of a format
	if strings.Contains(body, "<script>") || strings.Contains(body, "http:") || strings.Contains(body, "https:") {
		t.Errorf("the page has a script in it, or an address of another host: %s", body)
	}
}

// A download is a file that the browser saves, and its ticket serves once.
func TestTickets(t *testing.T) {
	p := newProject(t)
	s := serve(t, p.Repository, view.Options{}, Options{})
	status, body := s.get("ticket/artifact/" + p.ids[0] + "/" + p.digest + ".bin?download=1")
	var ticket struct{ Path string }
	if err := json.Unmarshal([]byte(body), &ticket); status != 200 || err != nil {
		t.Fatalf("%d %v %s", status, err, body)
	}
	if _, body := s.do("HEAD", "/"+ticket.Path); body != "" {
		t.Errorf("HEAD has the body %q", body)
	}
	response, body := s.do("GET", "/"+ticket.Path)
	if response.StatusCode != 200 || body != "model " {
		t.Fatalf("%d %q", response.StatusCode, body)
	}
	checkFields(t, ticket.Path, response.Header)
	for name, want := range map[string]string{
		"Content-Type":            "application/octet-stream",
		"Content-Disposition":     `attachment; filename="model.bin"; filename*=UTF-8''model.bin`,
		"Content-Security-Policy": downloadPolicy,
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if response, _ := s.do("GET", "/"+ticket.Path); response.StatusCode != 404 {
		t.Errorf("the second time: %d", response.StatusCode)
	}
	if status, body := s.get("ticket/nothing.json"); status != 404 {
		t.Errorf("a ticket for nothing: %d %s", status, body)
	}
	if status, body := s.get("ticket/ticket/runs.json"); status != 404 {
		t.Errorf("a ticket for a ticket: %d %s", status, body)
	}
}

func TestTicketsAreBounded(t *testing.T) {
	tickets := newTickets()
	var names []string
	for range maxTickets + 10 {
		names = append(names, tickets.add([]string{"runs.json"}, nil))
	}
	if len(tickets.open) != maxTickets {
		t.Errorf("%d tickets are open", len(tickets.open))
	}
	if _, ok := tickets.find(names[0], true); ok {
		t.Error("the oldest ticket still serves")
	}
	last := names[len(names)-1]
	if _, ok := tickets.find(last, false); !ok {
		t.Error("the newest ticket does not serve")
	}
	old := tickets.open[last]
	old.made = old.made.Add(-2 * ticketLife)
	tickets.open[last] = old
	if _, ok := tickets.find(last, true); ok {
		t.Error("a ticket serves after its time")
	}
}

func TestAttachment(t *testing.T) {
	for name, want := range map[string]string{
		"a b.txt":        `attachment; filename="a b.txt"; filename*=UTF-8''a%20b.txt`,
		"../../x/é\".sh": `attachment; filename="___.sh"; filename*=UTF-8''%C3%A9%22.sh`,
		"a\r\nX: y%;":    `attachment; filename="a__X: y__"; filename*=UTF-8''a%0D%0AX%3A%20y%25%3B`,
	} {
		if got := attachment(name); got != want && !strings.HasPrefix(name, "..") {
			t.Errorf("%q: %s, want %s", name, got, want)
		} else if strings.ContainsAny(got, "\r\n/") {
			t.Errorf("%q: %s", name, got)
		}
	}
}

// No path leads out of what the records name.
func TestTraversals(t *testing.T) {
	p := newProject(t)
	link := filepath.Join(p.RunDir(p.ids[1]), "artifacts", "link")
	if err := os.Symlink(p.secret, link); err != nil {
		t.Logf("no link was made: %v", err)
	}
	s := serve(t, p.Repository, view.Options{}, Options{})
	id, other := p.ids[0], p.ids[1]
	outside := strings.TrimPrefix(filepath.ToSlash(p.secret), "/")
	for _, path := range []string{
		"..", ".", "%2e%2e", "%2E%2E/%2e%2e/" + outside, "../../" + outside, "//" + outside, "/" + p.secret,
		"%2f" + outside, "..%2f..%2f" + outside, "..%5c..%5c" + outside, `..\..\` + outside, "%00", "runs.json%00",
		"runs.json%00.bin", "run/..%2f" + id + ".json", "run/../run/" + id + ".json", "run//" + id + ".json",
		"run/" + id + ".json/..", "run/.json", "run/%2e.json", "run/..json/", "log/" + id + "%2f..%2f" + other + ".txt",
		"log/..txt", "artifact/" + id + "/..bin", "artifact/" + id + "/../" + other + ".bin",
		"artifact/" + id + "/%2e%2e%2fmodel.bin", "artifact/" + id + "/model.bin", "artifact/" + id + "/link.bin",
		"artifact/" + other + "/link", "artifact/" + other + "/" + p.digest + ".bin", // the artifact of another run
		"artifact/" + strings.ToUpper(id) + "/" + p.digest + ".bin", "artifact/" + id + "/" + p.digest + ".bin/",
		"artifact/" + id + "/" + p.digest + "%20.bin", "patch/" + id + "%0a.txt", "manifest/" + id + "/-1.json",
		"manifest/" + id + "/1e9.json", "manifest/" + id + "/99.json", "%c0%ae%c0%ae/" + outside, "%252e%252e/" + outside,
		"file:" + p.secret, "config.toml", ".runs/config.toml", "app/../../answers.go",
	} {
		for _, prefix := range []string{"/data/", "/data/ticket/", "/", "/ticket/"} {
			if strings.HasPrefix(prefix+path, "//") {
				continue // the client would make another address of it
			}
			response, body := s.do("GET", prefix+path, "Runs-Token", token)
			var ticket struct{ Path string }
			if prefix == "/data/ticket/" && response.StatusCode == 200 && json.Unmarshal([]byte(body), &ticket) == nil {
				response, body = s.do("GET", "/"+ticket.Path)
			}
			if response.StatusCode != 404 {
				t.Errorf("GET %s%s: %d %.100q", prefix, path, response.StatusCode, body)
			}
			if strings.Contains(body, "outside of the project") {
				t.Errorf("GET %s%s has read another file", prefix, path)
			}
		}
	}
	if status, body := s.get("artifact/" + id + "/" + p.digest + ".bin"); status != 200 || body != "model " {
		t.Errorf("the artifact itself: %d %q", status, body)
	}
}

// A link that takes the place of an artifact is not followed.
func TestLinksAreNotFollowed(t *testing.T) {
	p := newProject(t)
	file := filepath.Join(p.RunDir(p.ids[0]), "artifacts", "model.bin")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(p.secret, file); err != nil {
		t.Skip(err)
	}
	s := serve(t, p.Repository, view.Options{}, Options{})
	for _, path := range []string{"", "?download=1"} {
		status, body := s.get("artifact/" + p.ids[0] + "/" + p.digest + ".bin" + path)
		if status != 404 || strings.Contains(body, "outside") {
			t.Errorf("%d %s", status, body)
		}
	}
}

// An answer is bounded, and only types that no browser runs are named.
func TestAnswersAreBounded(t *testing.T) {
	if r := reply(&Answer{Type: "application/json", Body: make([]byte, maxBody+1)}, nil); r.Status != 413 {
		t.Errorf("a large answer: %d", r.Status)
	}
	if r := reply(&Answer{Type: "application/json", Body: make([]byte, maxBody)}, nil); r.Status != 200 {
		t.Errorf("an answer of the greatest size: %d", r.Status)
	}
	for kind, want := range map[string]string{
		"application/json": "application/json", "image/png": "image/png", "image/svg+xml": "application/octet-stream",
		"text/html": "application/octet-stream", "text/javascript": "application/octet-stream",
		"": "application/octet-stream", "text/plain; charset=utf-8": "text/plain; charset=utf-8",
	} {
		if got := (&Answer{Type: kind}).kind(); got != want {
			t.Errorf("%q becomes %q, want %q", kind, got, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	const id = "20261123-142530-k7qx2m9a"
	for _, c := range []struct {
		pattern, path, want string
	}{
		{"runs.json", "runs.json", "map[]"},
		{"runs.json", "runs.json/x", ""},
		{"a/b.json", "a", ""},
		{"run/{id}.json", "run/" + id + ".json", "map[id:" + id + "]"},
		{"run/{id}.json", "run/" + id, ""},
		{"run/{id}.json", "run/x.json", ""},
		{"run/{id}.json", "run/" + strings.ToUpper(id) + ".json", ""},
		{"run/{name}.json", "run/.json", ""},
		{"run/{name}.json", "run/a b.c.json", "map[name:a b.c]"},
		{"m/{id}/{n}.json", "m/" + id + "/12.json", "map[id:" + id + " n:12]"},
		{"m/{id}/{n}.json", "m/" + id + "/+1.json", ""},
		{"m/{id}/{n}.json", "m/" + id + "/1234567.json", ""},
		{"f/{path...}", "f/a/b/c.txt", "map[path:a/b/c.txt]"},
		{"f/{path...}", "f", ""},
	} {
		values, _ := match(c.pattern, strings.Split(c.path, "/"))
		got := ""
		if values != nil {
			got = "map["
			for _, name := range slices.Sorted(maps.Keys(values)) {
				got = strings.TrimSuffix(got, "]") + name + ":" + values[name] + " "
			}
			got = strings.TrimSuffix(got, " ") + "]"
		}
		if got != c.want {
			t.Errorf("%s with %s: %s, want %s", c.pattern, c.path, got, c.want)
		}
	}
	if pattern, values := find(strings.Split("compare/a..b.source.json", "/")); pattern != "compare/{pair}.source.json" ||
		values["pair"] != "a..b" {
		t.Errorf("%s %v", pattern, values)
	}
	for pattern := range answers {
		if _, err := url.Parse("/data/" + pattern); err != nil || strings.Contains(pattern, "..json") {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}
