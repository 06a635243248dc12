package share

import (
	"errors"
	"strings"

	"github.com/gitruns/runs/repo/git"
)

// maxRemoteLines is how many lines of the remote's output are shown.
const maxRemoteLines = 20

// RemoteLines returns the lines that were printed during a failed fetch or push by the remote, ssh, a credential helper
// or a hook of this clone.
func RemoteLines(err error) []string {
	var rejected *git.Rejected
	var failed *git.Error
	switch {
	case errors.As(err, &rejected):
		return remoteLines(rejected.Output)
	case errors.As(err, &failed) && (failed.Command == "push" || failed.Command == "fetch" ||
		failed.Command == "ls-remote"):
		var before []string
		for line := range strings.Lines(failed.Output) { // after Git's own error there is only general advice
			line = strings.TrimRight(line, " \r\n")
			if strings.HasPrefix(line, "fatal: ") || strings.HasPrefix(line, "error: ") {
				break
			}
			if line != "" && !strings.HasPrefix(line, "hint: ") && len(before) < maxRemoteLines {
				before = append(before, line)
			}
		}
		return before
	}
	return nil
}

func remoteLines(output string) []string {
	var lines []string
	for line := range strings.Lines(output) {
		if line = strings.TrimRight(line, " \r\n"); strings.HasPrefix(line, "remote: ") && len(lines) < maxRemoteLines {
			lines = append(lines, line)
		}
	}
	return lines
}
