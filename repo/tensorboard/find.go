package tensorboard

import (
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/repo/importer"
)

// isEventName reports whether TensorBoard would read a file of this name.
func isEventName(name string) bool { return strings.Contains(name, "tfevents") }

// writer is what the name of an event file says of its writer: events.out.tfevents.<second>.<host>[.<pid>.<n>][.<more>]. A host
// may have dots, so that the process can be told where the host is known.
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

// hostOf is the host in the name of an event file, as far as it can be told.
func hostOf(name string) string {
	_, rest, _ := strings.Cut(name, "tfevents.")
	_, rest, _ = strings.Cut(rest, ".")
	host, _, _ := strings.Cut(rest, ".")
	return host
}

// eventFiles is a walk for event files.
func eventFiles(entries, files int) *importer.Walk {
	return &importer.Walk{Match: isEventName, Entries: entries, Files: files}
}
