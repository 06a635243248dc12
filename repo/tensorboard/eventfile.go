package tensorboard

import (
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/repo/importer"
)

// isEventName reports whether TensorBoard reads a file with this name.
func isEventName(name string) bool { return strings.Contains(name, "tfevents") }

// writer parses the name of an event file: events.out.tfevents.<second>.<host>[.<pid>.<n>][.<more>]. It returns the
// time when the writer began, or zero, and whether the writer ran on the given host. For any other host, the process
// id is 0, because a host name may contain dots.
func writer(name, host string) (began time.Time, onHost bool, pid int) {
	_, rest, ok := strings.Cut(name, "tfevents.")
	if !ok {
		return time.Time{}, false, 0
	}
	second, rest, _ := strings.Cut(rest, ".")
	if n, err := strconv.ParseInt(second, 10, 64); err == nil && n > 0 && n < 1<<40 {
		began = time.Unix(n, 0)
	}
	rest, onHost = strings.CutPrefix(rest+".", host+".")
	if !onHost || host == "" {
		return began, false, 0
	}
	word, _, _ := strings.Cut(rest, ".")
	pid, err := strconv.Atoi(word)
	if err != nil || pid < 0 {
		pid = 0
	}
	return began, true, pid
}

// hostOf returns the first part of the host in the name of an event file, or "".
func hostOf(name string) string {
	_, rest, _ := strings.Cut(name, "tfevents.")
	_, rest, _ = strings.Cut(rest, ".")
	host, _, _ := strings.Cut(rest, ".")
	return host
}

// eventFiles returns a search for event files, with bounds on folder entries and on files.
func eventFiles(entries, files int) *importer.Walk {
	return &importer.Walk{Match: isEventName, Entries: entries, Files: files}
}
