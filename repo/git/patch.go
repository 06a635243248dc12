package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// MaxPatchBytes is the size of the largest patch. `git apply` refuses larger ones.
const MaxPatchBytes = 1 << 30

// ErrTooLarge means that a patch is larger than MaxPatchBytes.
var ErrTooLarge = errors.New("the patch is larger than 1 GB")

// outsideRuns matches every path except those in a folder named .runs.
var outsideRuns = []string{"--", ".", ":(exclude,glob)**/.runs/**"}

// SkipRuns lets later comparisons of the given commits skip their folders named .runs as a whole. Otherwise Git lists
// all files in them only to leave them out. An empty commit is ignored. It skips the folders that had many files in the
// index when it was copied.
func (s *Scratch) SkipRuns(ctx context.Context, commits ...string) error {
	if s.own != nil {
		return nil
	}
	var folders []string
	for parent, files := range s.runs {
		if files > fewRuns {
			folders = append(folders, path.Join(parent, runsFolder))
		}
	}
	s.skipped = nil
	if len(folders) == 0 || len(folders) > maxSkipped {
		return nil
	}
	seen := s.dirs.readRunsSeen()
	others := map[string]bool{} // a file or submodule of that name belongs to the source
	for _, commit := range slices.Compact(commits) {
		unseen := func(folder string) bool { return !seen.has(commit, folder) }
		if commit == "" || !slices.ContainsFunc(folders, unseen) {
			continue
		}
		out, err := s.run(ctx, nil, append([]string{"ls-tree", "-z", "--full-tree", commit, "--"}, folders...)...)
		if err != nil {
			return err
		}
		for entry := range strings.SplitSeq(string(out), "\x00") {
			if meta, name, _ := strings.Cut(entry, "\t"); !strings.Contains(meta, " tree ") {
				others[name] = true
			}
		}
		seen.keep(commit, slices.DeleteFunc(slices.Clone(folders), func(folder string) bool {
			return others[folder] || seen.has(commit, folder)
		}))
	}
	for _, folder := range folders {
		if !others[folder] {
			// Git tries the last pathspec first, and a literal one that ends in a slash excludes a folder without reading it.
			s.skipped = append(s.skipped, ":(top,exclude,literal)"+folder+"/")
		}
	}
	return nil
}

// fewRuns is how many files of a .runs are listed rather than skipped, because that takes less time than a pathspec.
// Git compares each path with each pathspec, so at most maxSkipped folders are skipped.
const (
	fewRuns    = 100
	maxSkipped = 32
)

// outside matches every path except those in a folder named .runs.
func (s *Scratch) outside() []string { return slices.Concat(outsideRuns, s.skipped) }

// Difference writes the patch between two trees or commits, without files in .runs. The patch does not depend on the
// user's configuration. The error is ErrTooLarge if the patch has more than MaxPatchBytes.
func (s *Scratch) Difference(ctx context.Context, from, to string, w io.Writer) error {
	if s.own != nil {
		return s.own.difference(from, to, w)
	}
	return s.difference(ctx, w, "diff-tree", from, to)
}

// DifferenceToIndex is like Difference, but compares with the index, which need not be stored as a tree.
func (s *Scratch) DifferenceToIndex(ctx context.Context, from string, w io.Writer) error {
	if s.own != nil {
		return s.own.difference(from, "", w)
	}
	return s.difference(ctx, w, "diff-index", "--cached", from)
}

func (s *Scratch) difference(ctx context.Context, w io.Writer, command string, trees ...string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	limited := &limitedWriter{w: w, left: MaxPatchBytes, full: cancel}
	args := append(pinned[:len(pinned):len(pinned)], command, "-p", "--binary", "--full-index", "--no-renames",
		"--no-ext-diff",
		"--no-textconv", "--no-color", "--no-relative", "--no-indent-heuristic", "--inter-hunk-context=0", "-O"+os.DevNull,
		"--ignore-submodules=none", "--submodule=short", "--src-prefix=a/", "--dst-prefix=b/", "-U3",
		"--diff-algorithm=myers")
	err := s.cmd.stream(ctx, limited, slices.Concat(args, trees, s.outside())...)
	if limited.left < 0 {
		return ErrTooLarge
	}
	return err
}

// Change is a file that differs between two trees.
type Change struct {
	Path   string
	Status byte   // A, M, D or T
	ID     string // id of the new content
	Mode   string // 100644, 100755, 120000, 160000; 000000 when deleted
	Bytes  int64  // size of the new content as Git stores it; 0 if it is deleted or missing
}

// Changes lists the files that differ between two trees or commits, except those in .runs.
func (s *Scratch) Changes(ctx context.Context, from, to string) ([]Change, error) {
	if s.own != nil {
		return s.own.changes(from, to)
	}
	args := append([]string{
		"diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-relative", "--full-index",
		"--ignore-submodules=none", from, to,
	}, s.outside()...)
	out, err := s.run(ctx, nil, args...)
	if err != nil {
		return nil, err
	}
	var changes []Change
	var ids strings.Builder
	for rest := string(out); rest != ""; {
		meta, more, ok := strings.Cut(rest, "\x00")
		path, more, ok2 := strings.Cut(more, "\x00")
		fields := strings.Fields(meta)
		if !ok || !ok2 || len(fields) != 5 {
			return nil, fmt.Errorf("git: the list of changes has an unexpected line %q", meta)
		}
		rest = more
		changes = append(changes, Change{Path: path, Status: fields[4][0], ID: fields[3], Mode: fields[1]})
		ids.WriteString(fields[3] + "\n")
	}
	if len(changes) == 0 {
		return nil, nil
	}
	out, err = s.run(ctx, []byte(ids.String()), "cat-file", "--batch-check=%(objectsize)")
	if err != nil {
		return nil, err
	}
	sizes := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	if len(sizes) != len(changes) {
		return nil, fmt.Errorf("git: it returned %d sizes for %d objects", len(sizes), len(changes))
	}
	for i := range changes {
		if n, err := strconv.ParseInt(sizes[i], 10, 64); err == nil {
			changes[i].Bytes = n
		}
	}
	return changes, nil
}

// Read returns the content of an object. If it has more than limit bytes, Read returns an error.
func (s *Scratch) Read(ctx context.Context, object string, limit int64) ([]byte, error) {
	if s.own != nil {
		return s.own.read(object, limit)
	}
	var b bytes.Buffer
	err := s.cmd.blob(ctx, object, limit, &b)
	return b.Bytes(), err
}

// ReadTree replaces the index with the entries of a tree.
func (s *Scratch) ReadTree(ctx context.Context, tree string) error {
	if s.own != nil {
		return s.own.load(tree)
	}
	_, err := s.run(ctx, nil, "read-tree", tree)
	return err
}

// Apply applies a patch file to the index. Git itself refuses paths outside the tree or in .git.
func (s *Scratch) Apply(ctx context.Context, patch string) error {
	if s.own != nil {
		return s.own.apply(patch)
	}
	_, err := s.run(ctx, nil, "apply", "--cached", "--whitespace=nowarn", "-p1", patch)
	return err
}

// Stat is a file that differs between two trees, with the number of lines added and removed; both are -1 for a binary
// file.
type Stat struct {
	Path           string
	Status         byte // A, M, D or T
	Added, Removed int64
}

// Stats lists the files that differ between two trees, except those in .runs.
func (s *Scratch) Stats(ctx context.Context, from, to string) ([]Stat, error) {
	if s.own != nil {
		return s.own.stats(from, to)
	}
	args := append([]string{
		"diff-tree", "-r", "-z", "--raw", "--numstat", "--no-renames", "--no-relative",
		"--no-ext-diff", "--no-textconv", "--full-index", "--ignore-submodules=none", "--diff-algorithm=myers", from, to,
	},
		s.outside()...)
	out, err := s.run(ctx, nil, args...)
	if err != nil {
		return nil, err
	}
	var stats []Stat
	byPath := map[string]int{}
	fields := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	for i := 0; i < len(fields); i++ {
		if strings.HasPrefix(fields[i], ":") && i+1 < len(fields) {
			meta := strings.Fields(fields[i])
			i++
			byPath[fields[i]] = len(stats)
			stats = append(stats, Stat{Path: fields[i], Status: meta[len(meta)-1][0]})
			continue
		}
		parts := strings.SplitN(fields[i], "\t", 3)
		if len(parts) != 3 {
			continue
		}
		at, ok := byPath[parts[2]]
		if !ok {
			continue
		}
		stats[at].Added, stats[at].Removed = lineCount(parts[0]), lineCount(parts[1])
	}
	return stats, nil
}

// lineCount reads a number of `git diff --numstat`, which prints a dash for a binary file.
func lineCount(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
