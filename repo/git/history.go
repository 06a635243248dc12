package git

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// CommittedChange is a file that a commit adds, changes or removes.
type CommittedChange struct {
	Commit string
	Path   string
	Mode   string // empty if the file is removed
	ID     string
}

// MissingObjects returns the objects under folders that a partial clone has not fetched. It looks at the commits that
// are reachable from tips and not from without.
func MissingObjects(ctx context.Context, dirs Dirs, tips, without, folders []string) (map[string]bool, error) {
	return dirs.objects().missingObjects(ctx, tips, without, folders)
}

func (p program) missingObjects(ctx context.Context, tips, without, folders []string) (map[string]bool, error) {
	args := append([]string{"--literal-pathspecs", "rev-list", "--objects", "--full-history", "--missing=print"}, tips...)
	args = append(append(append(args, "--not"), without...), "--")
	out, err := p.exact().run(ctx, append(args, folders...)...)
	absent := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if id, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "?"); ok {
			absent[id] = true
		}
	}
	return absent, err
}

// EachChange calls visit for each file under folders that a commit changes, parents before their children. It covers
// the commits that are reachable from tips and not from without; both are commit ids. For a merge, only files that
// differ from all parents count as changes. It returns the number of commits that change something. If visit fails, its
// error is returned.
func EachChange(ctx context.Context, dirs Dirs, tips, without, folders []string,
	visit func(CommittedChange) error,
) (int, error) {
	return dirs.objects().eachChange(ctx, tips, without, folders, visit)
}

func (p program) eachChange(ctx context.Context, tips, without, folders []string, visit func(CommittedChange) error,
) (int, error) {
	args := []string{"--literal-pathspecs", "rev-list", "--topo-order", "--reverse", "--full-history"}
	args = append(append(append(args, tips...), "--not"), without...)
	args = append(append(args, "--"), folders...)
	commits, err := p.exact().run(ctx, args...)
	if err != nil || len(commits) == 0 {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, out := io.Pipe()
	failed := make(chan error, 1)
	go func() { // returns when the Git process has ended
		c := p.exact()
		c.stdin = strings.NewReader(string(commits))
		args := []string{
			"--literal-pathspecs", "diff-tree", "--stdin", "-r", "-c", "--root", "-z", "--raw", "--no-renames", "--no-relative",
			"--no-abbrev", "--ignore-submodules=none", "--",
		}
		err := c.stream(ctx, out, append(args, folders...)...)
		_ = out.CloseWithError(err)
		failed <- err
	}()
	err = readChanges(in, visit)
	cancel()
	_ = in.Close()
	if gitErr := <-failed; err == nil && gitErr != nil && !errors.Is(gitErr, context.Canceled) {
		err = gitErr
	}
	return strings.Count(string(commits), "\n"), err
}

// maxChangeBytes is the largest size of one word of the output. Paths in Git are shorter.
const maxChangeBytes = 1 << 20

// readChanges reads the output of `git diff-tree --stdin -z --raw -c`: the id of a commit, then for each file
// `:OLDMODE… NEWMODE OLDID… NEWID STATUS` and its path. There is one colon, one old mode and one old id for each
// parent.
func readChanges(r io.Reader, visit func(CommittedChange) error) error {
	in := bufio.NewReaderSize(r, maxChangeBytes)
	commit := ""
	for {
		word, err := nextWord(in)
		if errors.Is(err, io.EOF) && word == "" {
			return nil
		}
		if err != nil {
			return err
		}
		meta := strings.TrimLeft(word, ":")
		parents := len(word) - len(meta)
		if parents == 0 {
			if !isObjectID(word) {
				return fmt.Errorf("git: the list of changes has an unexpected line %.100q", word)
			}
			commit = word
			continue
		}
		file, err := nextWord(in)
		if err != nil {
			return err
		}
		fields := strings.Split(meta, " ")
		if len(fields) != 2*parents+3 || commit == "" || file == "" || !isObjectID(fields[2*parents+1]) {
			return fmt.Errorf("git: the list of changes has an unexpected line %.100q", word)
		}
		c := CommittedChange{Commit: commit, Path: file, Mode: fields[parents], ID: fields[2*parents+1]}
		if strings.Trim(c.Mode, "0") == "" {
			c.Mode, c.ID = "", ""
		}
		if err := visit(c); err != nil {
			return err
		}
	}
}

// nextWord reads and returns the text up to the next NUL.
func nextWord(in *bufio.Reader) (string, error) {
	word, err := in.ReadSlice(0)
	switch {
	case errors.Is(err, io.EOF) && len(word) > 0:
		return "", errors.New("git: the list of changes ends in the middle of a line")
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("git: a line in the list of changes has more than %d bytes", maxChangeBytes)
	case err != nil:
		return "", err
	}
	return string(word[:len(word)-1]), nil
}

func isObjectID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// DeletedFiles lists the files below folders that commits between others and the tip removed, with their former ids: of
// a merge, those that one of its parents has. A file is listed once.
func DeletedFiles(ctx context.Context, dirs Dirs, tip string, without, folders []string) (map[string]string, error) {
	return dirs.objects().deletedFiles(ctx, tip, without, folders)
}

func (p program) deletedFiles(ctx context.Context, tip string, without, folders []string) (map[string]string, error) {
	args := []string{
		"--literal-pathspecs", "log", "-m", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-relative",
		"--no-show-signature", "--format=", "--diff-filter=D", tip, "--not",
	}
	args = append(append(append(args, without...), "--"), folders...)
	out, err := p.command().run(ctx, args...)
	if err != nil {
		return nil, err
	}
	deleted := map[string]string{}
	for rest := string(out); rest != ""; {
		meta, more, ok := strings.Cut(strings.TrimLeft(rest, "\n\x00"), "\x00")
		path, more, ok2 := strings.Cut(more, "\x00")
		fields := strings.Fields(meta)
		if !ok || !ok2 || len(fields) != 5 {
			break
		}
		rest = more
		if _, known := deleted[path]; !known && strings.HasPrefix(strings.TrimPrefix(fields[0], ":"), "100") {
			deleted[path] = fields[2]
		}
	}
	return deleted, nil
}
