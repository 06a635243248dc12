package main

import (
	"regexp"
	"strings"
	"testing"
)

// mayOpen lists the files of repo that open folders, files of the system, or files that they have just made.
var mayOpen = []string{
	"repo/regular/", "repo/owner_linux.go", "repo/sync_unix.go", "repo/list.go", "repo/capture/samples_linux.go",
	"repo/capture/machine_linux.go", "repo/capture/interpreter_linux.go", "repo/tensorboard/watch_linux.go",
	"repo/git/gittest/",
}

var opens = regexp.MustCompile(`\bos\.(Open|ReadFile)\(|\bos\.OpenFile\(.*`)

// TestOnlyRegularFilesAreOpened: in repo, a file is opened through the package regular, or is new (O_EXCL). A named
// pipe in the place of a file would make a command wait for ever.
func TestOnlyRegularFilesAreOpened(t *testing.T) {
	checked := 0
	for _, file := range sources(t, ".go", "repo") {
		name := strings.TrimPrefix(strings.ReplaceAll(file, "\\", "/"), "../../")
		if strings.HasSuffix(name, "_test.go") || containsPrefix(mayOpen, name) {
			continue
		}
		checked++
		for _, call := range opens.FindAllString(string(read(t, file)), -1) {
			if !strings.Contains(call, "O_EXCL") {
				t.Errorf("%s calls %s: use the package regular", name, strings.TrimSuffix(call, "("))
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d files were checked", checked)
	}
}

func containsPrefix(prefixes []string, s string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
