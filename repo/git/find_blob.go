package git

import (
	"bytes"
	"context"
	"fmt"
)

// HasHistory reports whether any branch, tag or other ref has a commit in which a path had this blob. What is stashed
// does not count.
func HasHistory(ctx context.Context, dirs Dirs, path, blob string) (bool, error) {
	out, err := dirs.command().run(ctx, "--literal-pathspecs", "log", "--exclude=refs/stash", "--all", "--format=%H",
		"--no-renames", "--no-ext-diff", "--find-object="+blob, "-n", "1", "--", path)
	if err != nil {
		return false, fmt.Errorf("looking for %s in the history: %w", path, err)
	}
	return len(bytes.TrimSpace(out)) > 0, nil
}
