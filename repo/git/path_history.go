package git

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxPathVersions is how many versions of a path PathVersions looks at.
const maxPathVersions = 1000

// PathVersions returns the blobs that a path had in the history of a commit, newest first, and when the newest commit
// was made that changed it.
func PathVersions(ctx context.Context, dirs Dirs, commit, path string) (blobs []string, changed time.Time, err error) {
	out, err := dirs.command().run(ctx, "--literal-pathspecs", "log", "--format=%ct", "--raw", "--no-abbrev",
		"--no-renames", "--no-ext-diff", "-n", strconv.Itoa(maxPathVersions), commit, "--", path)
	if err != nil {
		return nil, changed, fmt.Errorf("reading the history of %s: %w", path, err)
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if raw, ok := strings.CutPrefix(line, ":"); ok { // modes, blobs and what was changed
			if fields := strings.Fields(raw); len(fields) > 3 {
				blobs = append(blobs, fields[3])
			}
		} else if at, err := strconv.ParseInt(line, 10, 64); err == nil && changed.IsZero() {
			changed = time.Unix(at, 0)
		}
	}
	return blobs, changed, nil
}
