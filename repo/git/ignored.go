package git

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Ignored returns which of some paths Git ignores, as it would if they did not exist. A tracked path is not ignored.
// The paths are relative to the root, with slashes. None may be below a link or in a repository within this one.
func Ignored(ctx context.Context, dirs Dirs, paths []string) (map[string]bool, error) {
	ignored := map[string]bool{}
	if len(paths) == 0 {
		return ignored, nil
	}
	return dirs.worktree().ignored(ctx, paths)
}

func (p program) ignored(ctx context.Context, paths []string) (map[string]bool, error) {
	ignored := map[string]bool{}
	c := p.command()
	c.stdin = strings.NewReader(strings.Join(paths, "\x00") + "\x00")
	out, err := c.run(ctx, "check-ignore", "-z", "--stdin")
	if failed := (*Error)(nil); errors.As(err, &failed) && failed.Code == 1 { // none is
		return ignored, nil
	}
	if err != nil {
		return nil, err
	}
	for path := range strings.SplitSeq(string(out), "\x00") {
		if path != "" {
			ignored[path] = true
		}
	}
	return ignored, nil
}

// IgnoreRule is a rule by which Git ignores a file.
type IgnoreRule struct{ Source, Line, Pattern string }

// FindIgnoreRule returns the rule by which Git ignores a file, which need not exist. ok is false if Git does not ignore
// it. Unless untracked is set, a tracked file is not ignored. The path is relative to the root, with slashes.
func FindIgnoreRule(ctx context.Context, dirs Dirs, path string, untracked bool) (rule IgnoreRule, ok bool, err error) {
	return dirs.worktree().ignoreRule(ctx, path, untracked)
}

func (p program) ignoreRule(ctx context.Context, path string, untracked bool) (rule IgnoreRule, ok bool, err error) {
	args := []string{"check-ignore", "-v"}
	if untracked {
		args = append(args, "--no-index")
	}
	out, err := p.command().run(ctx, append(args, "--", path)...)
	if failed := (*Error)(nil); errors.As(err, &failed) && failed.Code == 1 { // no rule matches
		return rule, false, nil
	}
	if err != nil {
		return rule, false, err
	}
	text, _, _ := strings.Cut(string(out), "\t") // source:line:pattern, then the path
	fields := strings.SplitN(text, ":", 3)
	if len(fields) < 3 || strings.HasPrefix(fields[2], "!") {
		return rule, false, nil
	}
	return IgnoreRule{fields[0], fields[1], fields[2]}, true, nil
}

// Attribute is an attribute of a file, as `git check-attr` prints it.
type Attribute struct{ Path, Name, Value string }

// Attributes returns attributes of files in the working tree, whether they exist or not. The paths are relative to the
// root, with slashes.
func Attributes(ctx context.Context, dirs Dirs, names, paths []string) ([]Attribute, error) {
	return dirs.worktree().attributes(ctx, names, paths)
}

func (p program) attributes(ctx context.Context, names, paths []string) ([]Attribute, error) {
	out, err := p.command().run(ctx, slices.Concat([]string{"check-attr", "-z"}, names, []string{"--"}, paths)...)
	if err != nil {
		return nil, err
	}
	var found []Attribute
	fields := strings.Split(string(out), "\x00")
	for i := 0; i+2 < len(fields); i += 3 {
		found = append(found, Attribute{fields[i], fields[i+1], fields[i+2]})
	}
	return found, nil
}

// TrackedFiles returns the paths of all files of the index, relative to the root.
func TrackedFiles(ctx context.Context, dirs Dirs) (map[string]bool, error) {
	return dirs.staged().trackedFiles(ctx)
}

func (p program) trackedFiles(ctx context.Context) (map[string]bool, error) {
	out, err := p.command().run(ctx, "ls-files", "-z", "--full-name")
	tracked := map[string]bool{}
	for path := range strings.SplitSeq(string(out), "\x00") {
		tracked[path] = true
	}
	return tracked, err
}

// WithFilter lists the files of the index that the attributes give to a filter, such as lfs.
func WithFilter(ctx context.Context, dirs Dirs, filter string) ([]string, error) {
	return dirs.worktree().withFilter(ctx, filter)
}

func (p program) withFilter(ctx context.Context, filter string) ([]string, error) {
	out, err := p.command().run(ctx, "ls-files", "-z", "--full-name", "--", ":(top,attr:filter="+filter+")")
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), nil
}

// IgnoredFiles lists what Git ignores in the working tree. A folder that is ignored as a whole is listed with a slash
// at its end, and not what is in it. The folder except is not looked at; it is relative to the root, with slashes, or
// empty.
func IgnoredFiles(ctx context.Context, dirs Dirs, except string) ([]string, error) {
	return dirs.worktree().ignoredFiles(ctx, except)
}

func (p program) ignoredFiles(ctx context.Context, except string) ([]string, error) {
	args := []string{"ls-files", "-z", "-o", "-i", "--exclude-standard", "--directory"}
	if beside, ok := besides(p.Root, except); ok && len(beside) == 0 {
		return nil, nil
	} else if ok {
		args = append(append(args, "--"), beside...)
	}
	out, err := p.command().run(ctx, args...)
	var paths []string
	for path := range strings.SplitSeq(string(out), "\x00") {
		// Git also lists a folder that no rule names if everything in it is ignored, and then what is in it.
		if last := len(paths) - 1; last >= 0 && strings.HasSuffix(paths[last], "/") && strings.HasPrefix(path, paths[last]) {
			paths = paths[:last]
		}
		if path != "" && (except == "" || path != except && !strings.HasPrefix(path, except+"/")) {
			paths = append(paths, path)
		}
	}
	return paths, err
}

// maxBesides is how many paths a call of Git is given, of at most 256 bytes each on every system.
const maxBesides = 100

// besides returns paths that cover the working tree but a folder, for Git enters a folder that it is told to leave out.
// It returns false if these are too many.
func besides(root, except string) ([]string, bool) {
	if except == "" {
		return nil, false
	}
	var paths []string
	at := ""
	for part := range strings.SplitSeq(except, "/") {
		entries, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(at)))
		if err != nil || len(paths)+len(entries) > maxBesides {
			return nil, false
		}
		for _, e := range entries {
			if name := e.Name(); name != part && name != ".git" {
				paths = append(paths, ":(top,literal)"+at+name)
			}
		}
		at += part + "/"
	}
	return paths, true
}
