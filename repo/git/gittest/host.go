package gittest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Host returns a handler that serves the repositories in a folder over HTTP, as Git's own server does. They may be
// fetched, and pushed to without a password.
func Host(root string) (http.Handler, error) {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(root, "host.gitconfig")
	settings := "[http]\n\treceivepack = true\n[uploadpack]\n\tallowAnySHA1InWant = true\n[safe]\n\tdirectory = *\n" +
		"[gc]\n\tauto = 0\n[receive]\n\tautogc = false\n"
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
		Dir:  root,
		Env: []string{
			"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + config,
			"HOME=" + root, "PATH=" + os.Getenv("PATH"),
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 { // CGI needs to know the length
			data, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(data)), int64(len(data)), nil
		}
		backend.ServeHTTP(w, r)
	}), nil
}
