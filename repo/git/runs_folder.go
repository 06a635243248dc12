package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// runsFolder is the name of the folders that are left out of every source tree, because recording a run must not change
// the source of the next one.
const runsFolder = ".runs"

// inRuns reports whether a path is in a folder named .runs.
func inRuns(path string) bool {
	_, ok := runsParent(path)
	return ok
}

// runsParent returns the folder that contains the outermost .runs in a path.
func runsParent(path string) (string, bool) {
	if strings.HasPrefix(path, runsFolder+"/") {
		return "", true
	}
	if i := strings.Index(path, "/"+runsFolder+"/"); i >= 0 {
		return path[:i], true
	}
	return "", false
}

// Strip returns the tree of a commit or tree without any folder named .runs.
func (s *Scratch) Strip(ctx context.Context, tree string) (string, error) {
	if s.own != nil {
		return s.own.strip(tree)
	}
	out, err := s.run(ctx, nil, "ls-tree", "-r", "-d", "-z", "--name-only", tree)
	if err != nil {
		return "", err
	}
	parents := map[string]bool{}
	for path := range strings.SplitSeq(string(out), "\x00") {
		if parent, ok := runsParent(path + "/"); ok {
			parents[parent] = true
		}
	}
	out, err = s.run(ctx, nil, "rev-parse", "--verify", tree+"^{tree}")
	if err != nil {
		return "", err
	}
	return s.strip(ctx, strings.TrimSpace(string(out)), parents)
}

// strip returns the tree without the .runs in each of the folders in parents.
func (s *Scratch) strip(ctx context.Context, tree string, parents map[string]bool) (string, error) {
	for parent := range parents {
		var steps []string
		if parent != "" {
			steps = strings.Split(parent, "/")
		}
		next, err := s.without(ctx, tree, steps)
		if err != nil {
			return "", err
		}
		if next == "" { // the tree has nothing but runs
			return s.EmptyTree(ctx)
		}
		tree = next
	}
	return tree, nil
}

// without returns tree without the folder .runs at the path steps. It returns an empty id if nothing is left, because
// Git has no empty folders.
func (s *Scratch) without(ctx context.Context, tree string, steps []string) (string, error) {
	out, err := s.run(ctx, nil, "ls-tree", "-z", tree)
	if err != nil {
		return "", err
	}
	var kept strings.Builder
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if entry == "" {
			continue
		}
		meta, name, ok := strings.Cut(entry, "\t")
		fields := strings.Fields(meta)
		if !ok || len(fields) != 3 {
			return "", fmt.Errorf("git: the list of a folder has an unexpected line %q", entry)
		}
		if fields[1] == "tree" {
			if len(steps) == 0 && name == runsFolder {
				continue
			}
			if len(steps) > 0 && name == steps[0] {
				below, err := s.without(ctx, fields[2], steps[1:])
				if err != nil {
					return "", err
				}
				if below == "" {
					continue
				}
				entry = fields[0] + " tree " + below + "\t" + name
			}
		}
		kept.WriteString(entry + "\x00")
	}
	if kept.Len() == 0 {
		return "", nil
	}
	out, err = s.run(ctx, []byte(kept.String()), "mktree", "-z", "--missing")
	return strings.TrimSpace(string(out)), err
}

// RunsFolders lists the folders named .runs that Git sees in all worktrees of the repository. Each is a pair of the
// root of the working tree and the path below it, with slashes.
func RunsFolders(ctx context.Context, dirs Dirs) ([][2]string, error) {
	trees, err := listWorktrees(ctx, dirs)
	if err != nil {
		return nil, err
	}
	var found [][2]string
	for _, w := range trees {
		out, err := Run(ctx, w.path, "ls-files", "-z", "-c", "-o", "--exclude-standard", "--", ":(glob)**/.runs/config.toml",
			":(glob)**/.runs/.gitignore")
		if ctx.Err() != nil || errors.Is(err, ErrNoGit) {
			return nil, cmp.Or(ctx.Err(), err)
		}
		if err != nil {
			continue // the worktree's folder no longer exists
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

type listedWorktree struct{ path, head string }

// listWorktrees returns the worktrees that `git worktree list` prints, without bare repositories.
func listWorktrees(ctx context.Context, dirs Dirs) ([]listedWorktree, error) {
	return dirs.refs().worktrees(ctx)
}

func (p program) worktrees(ctx context.Context) ([]listedWorktree, error) {
	out, err := p.command().run(ctx, "worktree", "list", "--porcelain")
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
		// Git takes the parent of the Git folder for the main working tree, even if that is elsewhere.
		if filepath.Clean(w.path) == p.Common && !p.Linked() {
			w.path = p.Root
		}
		if w.path != "" {
			trees = append(trees, w)
		}
	}
	return trees, nil
}
