package gitconfig

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestForURL compares the setting that applies to a URL with the one that Git finds.
func TestForURL(t *testing.T) {
	const settings = `[http]
	userAgent = all
[http "https://example.org"]
	userAgent = host
[http "https://example.org/ada"]
	userAgent = folder
[http "https://example.org/ada/"]
	userAgent = folder again
[http "https://*.example.org"]
	userAgent = any host
[http "https://ada@example.org"]
	userAgent = user
[http "https://example.org:8443"]
	userAgent = port
[http "http://EXAMPLE.net:80/"]
	userAgent = net
[http "https://git.example.org/a%20b"]
	userAgent = escaped
[http "not a URL"]
	userAgent = never
`
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := Parse(file, []byte(settings))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"https://example.org/ada/p.git", "https://example.org/adalove", "https://example.org/ada", "https://example.org",
		"https://git.example.org/x", "https://a.git.example.org/x", "https://ada@example.org/x", "https://bob@example.org/x",
		"https://ada@example.org/ada/x", "https://example.org:8443/ada", "https://example.org:443/x", "http://example.org/x",
		"http://example.net/x", "https://git.example.org/a%20b/c", "https://badexample.org/x", "https://EXAMPLE.org/ada/x",
	} {
		out, err := exec.Command("git", "config", "--file", file, "--get-urlmatch", "http.useragent", text).Output()
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, e := range config.ForURL("http", u) {
			got = e.Value
		}
		if want := strings.TrimSpace(string(out)); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
