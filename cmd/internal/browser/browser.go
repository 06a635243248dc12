// Package browser opens an address in the user's browser, so that no other user of the machine can read the address.
//
// The arguments of a program are visible to all users. The browser therefore gets the name of a file that only the user
// can read, and the file leads it to the address. The package knows nothing of runs.
package browser

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/gitruns/runs/cmd/internal/program"
)

// ErrNone means that no browser was found.
var ErrNone = errors.New("no browser was found")

// Opened is a browser that was started.
type Opened struct {
	// Failed receives an error if the program that was started fails, otherwise nil. It receives nothing as long as the
	// program runs, which may be as long as the browser.
	Failed <-chan error

	remove func()
}

// Done removes the file that leads to the address. Call it when the browser has shown the page, and at the end. It may
// be called several times.
func (o *Opened) Done() { o.remove() }

// Open starts the browser. The programs in BROWSER are tried first: names between colons, in which %s stands for what
// to open. Otherwise the system's own program is started. If there is none, the error is ErrNone.
//
// The browser outlives the context and this process. The goroutine that waits for it stays until the process ends.
func Open(ctx context.Context, address string) (*Opened, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	programs := candidates(runtime.GOOS, os.Getenv)
	for _, words := range programs {
		path, err := exec.LookPath(words[0])
		if err != nil {
			continue
		}
		return start(path, words[1:], address)
	}
	return nil, ErrNone
}

// candidates returns the programs that may open a file, with their arguments. In one of them, "%s" stands for the file.
func candidates(system string, env func(string) string) (list [][]string) {
	for _, one := range strings.Split(env("BROWSER"), string(os.PathListSeparator)) {
		words := strings.Fields(one)
		if len(words) == 0 {
			continue
		}
		if !strings.Contains(one, "%s") {
			words = append(words, "%s")
		}
		list = append(list, words)
	}
	switch {
	case system == "darwin":
		list = append(list, []string{"open", "%s"})
	case system == "windows":
		list = append(list, []string{"rundll32", "url.dll,FileProtocolHandler", "%s"})
	case env("DISPLAY") != "" || env("WAYLAND_DISPLAY") != "": // otherwise xdg-open takes the terminal for a browser
		list = append(list, []string{"xdg-open", "%s"})
	}
	return list
}

func start(path string, args []string, address string) (*Opened, error) {
	file, err := redirect(address)
	if err != nil {
		return nil, fmt.Errorf("writing the file that leads the browser to the page: %w", err)
	}
	remove := sync.OnceFunc(func() { _ = os.RemoveAll(filepath.Dir(file)) })
	target := file
	if runtime.GOOS != "windows" {
		target = (&url.URL{Scheme: "file", Path: file}).String()
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "%s", target)
	}
	cmd := exec.Command(path, args...)
	program.Detach(cmd)
	if err := cmd.Start(); err != nil {
		remove()
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	failed := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
		failed <- err
	}()
	return &Opened{Failed: failed, remove: remove}, nil
}

// redirect writes a page that leads to the address. Only the user can read it and the folder that it is in.
func redirect(address string) (file string, err error) {
	dir, err := os.MkdirTemp("", "runs-ui-")
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, "open.html")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		safe := html.EscapeString(address)
		_, err = fmt.Fprintf(f, `<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url=%s">
<title>runs</title>
<a href="%[1]s">Show the runs</a>
`, safe)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return "", err
	}
	return file, nil
}
