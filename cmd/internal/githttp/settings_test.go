package githttp

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/git/gittest"
)

func TestProxyFor(t *testing.T) {
	for _, c := range []struct {
		url, set, env, exempt, want string
	}{
		{"https://example.org/x", "", "", "", ""},
		{"https://example.org/x", "proxy:3128", "", "", "http://proxy:3128"},
		{"https://example.org/x", "", "http://proxy:1", "", "http://proxy:1"},
		{"https://example.org/x", "none", "http://proxy:1", "", ""},
		{"https://git.example.org/x", "proxy:1", "", "example.org", ""},
		{"https://git.example.org/x", "proxy:1", "", ".example.org", ""},
		{"https://badexample.org/x", "proxy:1", "", "example.org", "http://proxy:1"},
		{"https://example.org/x", "proxy:1", "", "a.b, *", ""},
		{"http://10.1.2.3/x", "proxy:1", "", "10.0.0.0/8", ""},
		{"http://[::1]:80/x", "proxy:1", "", "[::1]", ""},
		{"http://10.1.2.3/x", "proxy:1", "", "1.2.3", "http://proxy:1"},
		{"https://example.org/x", "socks4://proxy:1", "", "", "error"},
		{"https://example.org/x", "http://user:word@", "", "", "error"},
	} {
		u, err := url.Parse(c.url)
		check(t, err)
		var set *string
		if c.set == "none" {
			set = new(string)
		} else if c.set != "" {
			set = &c.set
		}
		env := map[string]string{"https_proxy": c.env, "NO_PROXY": c.exempt}
		proxy, err := proxyFor(u, set, func(name string) string { return env[name] })
		got := ""
		switch {
		case err != nil:
			got = "error"
			if strings.Contains(err.Error(), "word") {
				t.Errorf("the error shows the password: %v", err)
			}
		case proxy != nil:
			got = proxy.String()
		}
		equal(t, c.url+" through "+c.set+c.env+" but "+c.exempt, got, c.want)
	}
}

func TestNetrc(t *testing.T) {
	const text = "# mine\nmachine a.example login ada password \"two words\" account x\nmacdef init\n" +
		"machine c.example login x password y\n\nmachine b.example\tlogin bob\n  password p#w\n" +
		"machine b.example login eve password e\n"
	for _, c := range []struct{ host, user, want string }{
		{"a.example", "", "ada two words"},
		{"A.example", "ada", "ada two words"},
		{"a.example", "bob", ""},
		{"b.example", "", "bob p#w"},
		{"b.example", "eve", "eve e"},
		{"c.example", "", ""},
		{"", "", ""},
	} {
		found, ok := parseNetrc(text, c.host, c.user)
		got := ""
		if ok {
			got = found.user + " " + found.password
		}
		equal(t, c.host+" "+c.user, got, c.want)
	}
}

func FuzzNetrc(f *testing.F) {
	f.Add("machine a login b password c", "a", "")
	f.Add("machine a login \"b\\\" password c\nmacdef x\n\ndefault login x password y", "a", "b")
	f.Fuzz(func(t *testing.T, text, host, user string) {
		if c, ok := parseNetrc(text, host, user); ok && (!c.whole() || user != "" && c.user != user) {
			t.Errorf("%+v for %q", c, user)
		}
	})
}

// TestEncrypted checks that a certificate must be known, and how a user makes it known.
func TestEncrypted(t *testing.T) {
	w := newWorld(t)
	at, dirs := w.clone("a")
	handler, err := gittest.Host(filepath.Dir(w.origin))
	check(t, err)
	server := httptest.NewTLSServer(http.HandlerFunc(handler.ServeHTTP))
	defer server.Close()
	gittest.Git(t, at, "config", "remote.origin.url", server.URL+"/p.git")
	tip := func() string {
		t.Helper()
		id, err := git.RemoteTip(t.Context(), dirs, "origin", branch)
		if err != nil {
			return failure(t, err)
		}
		return id
	}
	if text := tip(); !strings.Contains(text, "certificate") || !strings.Contains(text, "http.sslCAInfo") {
		t.Errorf("an unknown certificate: %s", text)
	}
	head := gittest.Git(t, at, "rev-parse", "HEAD")
	file := filepath.Join(w.dir, "ca.pem")
	writeFile(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	if _, err := x509.ParseCertificate(server.Certificate().Raw); err != nil {
		t.Fatal(err)
	}
	gittest.Git(t, at, "config", "http.sslCAInfo", file)
	equal(t, "with its certificate", tip(), head)
	gittest.Git(t, at, "config", "--unset", "http.sslCAInfo")
	gittest.Git(t, at, "config", "http."+server.URL+".sslVerify", "false")
	equal(t, "without verification", tip(), head)
	gittest.Git(t, at, "config", "http."+server.URL+".sslVerify", "true")
	if text := tip(); !strings.Contains(text, "certificate") {
		t.Errorf("verified again: %s", text)
	}
	gittest.Git(t, at, "config", "http.sslCAInfo", filepath.Join(w.dir, "none"))
	if text := tip(); !strings.Contains(text, "reading the certificates of http.sslCAInfo") {
		t.Errorf("a file that does not exist: %s", text)
	}
}
