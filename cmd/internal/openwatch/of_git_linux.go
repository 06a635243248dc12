//go:build amd64 || arm64

package openwatch

import (
	"os"
	"strconv"
	"strings"
)

// ofGit reports whether a thread is of Git, which looks through all folders of a project, or of this binary, which uses
// it.
func ofGit(thread uint32) bool {
	name, err := os.ReadFile("/proc/" + strconv.Itoa(int(thread)) + "/comm")
	return err == nil && (strings.HasPrefix(string(name), "git") || strings.TrimSpace(string(name)) == "runs")
}
