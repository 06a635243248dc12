package git

import (
	"bytes"
	"context"
	"fmt"
)

// HasHistory reports whether any branch, tag or other ref has a commit in which a path had this blob. What is stashed
// counts only if stashed is set.
func HasHistory(ctx context.Context, dirs Dirs, path, blob string, stashed bool) (bool, error) {
	args := []string{"--literal-pathspecs", "log"}
	if !stashed {
		args = append(args, "--exclude=refs/stash")
	}
	args = append(args, "--all", "--format=%H", "--no-renames", "--no-ext-diff", "--find-object="+blob, "-n", "1", "--",
		path)
	out, err := dirs.command().run(ctx, args...)
	if err != nil {
		return false, fmt.Errorf("looking for %s in the history: %w", path, err)
	}
	return len(bytes.TrimSpace(out)) > 0, nil
}
