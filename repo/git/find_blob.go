package git

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// FileVersion is a path in the tree, and the blob that is or was there.
type FileVersion struct{ Path, Blob string }

// maxAsked is how many files one call of Git is asked about: a command line is limited.
const maxAsked = 100

// HadFiles returns those of the files that a commit had. Commits are those of all refs, and those that were checked out
// in this worktree, by the reflog of HEAD: a commit that the user took back had its files on purpose. What is stashed
// counts only if stashed is set.
func HadFiles(ctx context.Context, dirs Dirs, files []FileVersion, stashed bool) (map[FileVersion]bool, error) {
	had := map[FileVersion]bool{}
	if len(files) == 0 {
		return had, nil
	}
	c := dirs.command()
	// Without a reflog, Git prints nothing. --reflog would also take the one of the stash.
	left, err := c.run(ctx, "log", "--walk-reflogs", "--format=%H", "HEAD", "--")
	if err != nil {
		return nil, fmt.Errorf("reading the reflog: %w", err)
	}
	commits := slices.Sorted(strings.Lines(string(left)))
	for some := range slices.Chunk(files, maxAsked) {
		args := []string{"--literal-pathspecs", "log", "--ignore-missing", "--stdin"}
		if !stashed {
			args = append(args, "--exclude=refs/stash")
		}
		args = append(args, "--all", "--full-history", "-m", "--format=", "--raw", "-z", "--no-abbrev", "--no-renames",
			"--no-ext-diff", "--no-relative")
		for _, f := range some {
			args = append(args, "--find-object="+f.Blob)
		}
		args = append(args, "--")
		for _, f := range some {
			args = append(args, f.Path)
		}
		c.stdin = strings.NewReader(strings.Join(slices.Compact(commits), ""))
		out, err := c.run(ctx, args...)
		if err != nil {
			return nil, fmt.Errorf("looking for %s in the history: %w", some[0].Path, err)
		}
		words := strings.Split(string(out), "\x00")
		for i := 0; i+1 < len(words); i++ {
			meta, ok := strings.CutPrefix(words[i], ":")
			fields := strings.Fields(meta)
			if !ok || len(fields) != 5 {
				continue
			}
			i++
			for _, blob := range fields[2:4] {
				if f := (FileVersion{words[i], blob}); slices.Contains(some, f) {
					had[f] = true
				}
			}
		}
	}
	return had, nil
}
