package browser

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCandidates(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the list in BROWSER has another separator")
	}
	for _, c := range []struct {
		system string
		env    map[string]string
		want   []string
	}{
		{"linux", nil, nil},
		{"linux", map[string]string{"DISPLAY": ":0"}, []string{"xdg-open %s"}},
		{"linux", map[string]string{"WAYLAND_DISPLAY": "w"}, []string{"xdg-open %s"}},
		{"darwin", nil, []string{"open %s"}},
		{"windows", nil, []string{"rundll32 url.dll,FileProtocolHandler %s"}},
		{"linux", map[string]string{"BROWSER": "firefox:w3m -x %s y: "}, []string{"firefox %s", "w3m -x %s y"}},
		{"darwin", map[string]string{"BROWSER": "a;rm -rf b"}, []string{"a;rm -rf b %s", "open %s"}},
	} {
		var got []string
		for _, words := range candidates(c.system, func(name string) string { return c.env[name] }) {
			got = append(got, strings.Join(words, " "))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s %v: %q, want %q", c.system, c.env, got, c.want)
		}
	}
}

// The program gets the name of a file that only the user can read, and never the address.
func TestOpen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the browser of the test is a shell script")
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	fake := filepath.Join(dir, "fake")
	script := "#!/bin/sh\nprintf '%s' \"$1\" >\"$0.args\"\n"
	if err := os.WriteFile(fake, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("BROWSER", "/does/not/exist:"+fake)
	const address = `http://127.0.0.1:1/#token=secret&"<b>`
	opened, err := Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-opened.Failed:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the program did not end")
	}
	args, err := os.ReadFile(fake + ".args")
	if err != nil {
		t.Fatal(err)
	}
	file, ok := strings.CutPrefix(string(args), "file://")
	if !ok || strings.Contains(string(args), "secret") {
		t.Fatalf("the program was given %q", args)
	}
	for path, want := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): 0o700} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", path, info.Mode(), err, want)
		}
	}
	page, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(page), `0; url=http://127.0.0.1:1/#token=secret&amp;&#34;&lt;b&gt;"`) {
		t.Errorf("the file contains %s %v", page, err)
	}
	opened.Done()
	opened.Done()
	if _, err := os.Stat(filepath.Dir(file)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestOpenFails(t *testing.T) {
	t.Setenv("BROWSER", "/does/not/exist")
	t.Setenv("PATH", t.TempDir())
	if _, err := Open(t.Context(), "http://127.0.0.1/"); !errors.Is(err, ErrNone) {
		t.Errorf("without a browser: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, "http://127.0.0.1/"); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	fake := filepath.Join(t.TempDir(), "fake")
	if err := os.WriteFile(fake, []byte("#!/bin/sh\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("BROWSER", fake)
	opened, err := Open(t.Context(), "http://127.0.0.1/")
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Done()
	if err := <-opened.Failed; err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a program that fails: %v", err)
	}
}
