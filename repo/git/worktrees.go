package git

import (
	"context"
	"strings"
)

// Tips are the commits that work goes on from: of all local and remote-tracking branches, of the working trees, and of a
// merge that is under way.
func Tips(ctx context.Context, dirs Dirs) ([]string, error) {
	out, err := dirs.command().run(ctx, "for-each-ref", "--format=%(objecttype) %(objectname)", "refs/heads", "refs/remotes", "refs/runs/upstream")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{"": true}
	var tips []string
	add := func(commit string) {
		if !seen[commit] {
			seen[commit] = true
			tips = append(tips, commit)
		}
	}
	for line := range strings.Lines(string(out)) {
		if commit, ok := strings.CutPrefix(strings.TrimSpace(line), "commit "); ok {
			add(commit)
		}
	}
	for _, ref := range []string{"HEAD", "MERGE_HEAD"} {
		commit, err := Resolve(ctx, dirs, ref)
		if err != nil {
			return nil, err
		}
		add(commit)
	}
	trees, err := listWorktrees(ctx, dirs)
	for _, w := range trees {
		if strings.Trim(w.head, "0") != "" {
			add(w.head)
		}
	}
	return tips, err
}

type listedWorktree struct{ path, head string }

// listWorktrees reads `git worktree list`, without bare repositories.
func listWorktrees(ctx context.Context, dirs Dirs) ([]listedWorktree, error) {
	out, err := dirs.command().run(ctx, "worktree", "list", "--porcelain")
	if err != nil {
		return nil, err
	}
	var trees []listedWorktree
	for block := range strings.SplitSeq(string(out), "\n\n") {
		var w listedWorktree
		for line := range strings.SplitSeq(block, "\n") {
			key, value, _ := strings.Cut(line, " ")
			switch key {
			case "worktree":
				w.path = value
			case "HEAD":
				w.head = value
			case "bare":
				w.path = ""
			}
		}
		if w.path != "" {
			trees = append(trees, w)
		}
	}
	return trees, nil
}

// RunsFolders lists the folders named .runs that git sees in all working trees of the repository: the root of the working
// tree, and below it the path with slashes.
func RunsFolders(ctx context.Context, dirs Dirs) ([][2]string, error) {
	trees, err := listWorktrees(ctx, dirs)
	if err != nil {
		return nil, err
	}
	var found [][2]string
	for _, w := range trees {
		out, err := Run(ctx, w.path, "ls-files", "-z", "-c", "-o", "--exclude-standard", "--", ":(glob)**/.runs/config.toml", ":(glob)**/.runs/.gitignore")
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			continue // its folder is gone
		}
		seen := map[string]bool{}
		for file := range strings.SplitSeq(string(out), "\x00") {
			if i := strings.LastIndexByte(file, '/'); i > 0 && !seen[file[:i]] {
				seen[file[:i]] = true
				found = append(found, [2]string{w.path, file[:i]})
			}
		}
	}
	return found, nil
}

// TrackedHead is the default branch of a remote as this clone last saw it: its HEAD, else main or master; empty without one.
func TrackedHead(ctx context.Context, dirs Dirs, remote string) (string, error) {
	prefix := "refs/remotes/" + remote + "/"
	if out, err := dirs.command().run(ctx, "symbolic-ref", "-q", prefix+"HEAD"); err == nil {
		return strings.TrimPrefix(strings.TrimSpace(string(out)), prefix), nil
	}
	for _, name := range []string{"main", "master"} {
		commit, err := Resolve(ctx, dirs, prefix+name)
		if err != nil || commit != "" {
			return name, err
		}
	}
	return "", nil
}
