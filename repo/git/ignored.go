package git

import (
	"context"
	"errors"
	"strings"
)

// Ignored returns which of some paths Git ignores, as it would if they did not exist. A tracked path is not ignored.
// The paths are relative to the root, with slashes. None may be below a link or in a repository within this one.
func Ignored(ctx context.Context, dirs Dirs, paths []string) (map[string]bool, error) {
	ignored := map[string]bool{}
	if len(paths) == 0 {
		return ignored, nil
	}
	c := dirs.command()
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

// WithAttribute lists the files of the index that have an attribute, given as NAME or NAME=VALUE.
func WithAttribute(ctx context.Context, dirs Dirs, attribute string) ([]string, error) {
	out, err := dirs.command().run(ctx, "ls-files", "-z", "--full-name", "--", ":(top,attr:"+attribute+")")
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), nil
}

// IgnoredFiles lists what Git ignores in the working tree. A folder that is ignored as a whole is listed with a slash
// at its end, and not what is in it.
func IgnoredFiles(ctx context.Context, dirs Dirs) ([]string, error) {
	out, err := dirs.command().run(ctx, "ls-files", "-z", "-o", "-i", "--exclude-standard", "--directory")
	var paths []string
	for path := range strings.SplitSeq(string(out), "\x00") {
		if path != "" {
			paths = append(paths, path)
		}
	}
	return paths, err
}
