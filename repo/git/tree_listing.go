package git

import (
	"context"
	"fmt"
	"path"
	"strings"
)

// Entry is a file of a tree or an index.
type Entry struct {
	Path string
	ID   string
	Mode string // 100644, 100755, 120000, 160000
}

// parseEntries reads the output of `git ls-files -s -z`. It leaves out unmerged entries.
func parseEntries(out []byte) []Entry {
	var entries []Entry
	for line := range strings.SplitSeq(string(out), "\x00") {
		meta, path, ok := strings.Cut(line, "\t")
		fields := strings.Fields(meta)
		if ok && len(fields) == 3 && fields[2] == "0" {
			entries = append(entries, Entry{path, fields[1], fields[0]})
		}
	}
	return entries
}

// FilesIn lists the files under folders of a commit, without submodules. All paths are relative to the root.
func FilesIn(ctx context.Context, dirs Dirs, commit string, folders ...string) ([]Entry, error) {
	return dirs.objects().filesIn(ctx, commit, folders...)
}

func (p program) filesIn(ctx context.Context, commit string, folders ...string) ([]Entry, error) {
	out, err := p.command().run(ctx, append([]string{
		"--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree",
		commit, "--",
	}, asFolders(folders)...)...)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for line := range strings.SplitSeq(string(out), "\x00") {
		meta, path, ok := strings.Cut(line, "\t")
		fields := strings.Fields(meta)
		if ok && len(fields) == 3 && fields[1] == "blob" {
			entries = append(entries, Entry{path, fields[2], fields[0]})
		}
	}
	return entries, nil
}

// Name is an entry of a folder in a commit.
type Name struct {
	Path string // relative to the root
	Tree bool
}

// Names lists the entries directly in folders of a commit. A folder that does not exist counts as empty.
func Names(ctx context.Context, dirs Dirs, commit string, folders ...string) ([]Name, error) {
	return dirs.objects().names(ctx, commit, folders...)
}

func (p program) names(ctx context.Context, commit string, folders ...string) ([]Name, error) {
	out, err := p.command().run(ctx, append([]string{
		"--literal-pathspecs", "ls-tree", "-z", "--full-tree", commit,
		"--",
	}, asFolders(folders)...)...)
	if err != nil {
		return nil, err
	}
	var names []Name
	for line := range strings.SplitSeq(string(out), "\x00") {
		if meta, path, ok := strings.Cut(line, "\t"); ok {
			names = append(names, Name{path, strings.Contains(meta, " tree ")})
		}
	}
	return names, nil
}

// Folder is a folder of a commit.
type Folder struct {
	Name string // without the path of the folder that it is in
	ID   string // of its tree
}

// Folders lists the folders directly in a folder of a commit. A folder that does not exist counts as empty.
func Folders(ctx context.Context, dirs Dirs, commit, in string) ([]Folder, error) {
	return dirs.objects().folders(ctx, commit, in)
}

func (p program) folders(ctx context.Context, commit, in string) ([]Folder, error) {
	out, err := p.command().run(
		ctx, "--literal-pathspecs", "ls-tree", "-d", "-z", "--full-tree", commit, "--", in+"/",
	)
	if err != nil {
		return nil, err
	}
	var folders []Folder
	for line := range strings.SplitSeq(string(out), "\x00") {
		meta, name, ok := strings.Cut(line, "\t")
		if fields := strings.Fields(meta); ok && len(fields) == 3 && fields[1] == "tree" {
			folders = append(folders, Folder{path.Base(name), fields[2]})
		}
	}
	return folders, nil
}

func asFolders(folders []string) []string {
	paths := make([]string, len(folders))
	for i, folder := range folders {
		paths[i] = folder + "/"
	}
	return paths
}

// FoldersNamed lists the folders called name in a commit, at any depth.
func FoldersNamed(ctx context.Context, dirs Dirs, commit, name string) ([]string, error) {
	return dirs.objects().foldersNamed(ctx, commit, name)
}

func (p program) foldersNamed(ctx context.Context, commit, name string) ([]string, error) {
	out, err := p.exact().run(ctx, "ls-tree", "-r", "-d", "-z", "--name-only", "--full-tree", commit)
	if err != nil {
		return nil, err
	}
	var folders []string
	for folder := range strings.SplitSeq(string(out), "\x00") {
		if path.Base(folder) == name {
			folders = append(folders, folder)
		}
	}
	return folders, nil
}

// TreePair is two trees to compare.
type TreePair struct{ From, To string }

// AddedNames lists the names that the second tree of a pair has and the first does not. It does not look into folders.
// It starts one process for all pairs.
func AddedNames(ctx context.Context, dirs Dirs, pairs []TreePair) ([]string, error) {
	return dirs.objects().addedNames(ctx, pairs)
}

func (p program) addedNames(ctx context.Context, pairs []TreePair) ([]string, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	var ask strings.Builder
	for _, p := range pairs {
		ask.WriteString(p.From + " " + p.To + "\n")
	}
	c := p.command()
	c.stdin = strings.NewReader(ask.String())
	out, err := c.run(ctx, "diff-tree", "--stdin", "-z", "--name-only", "--no-renames", "--diff-filter=A",
		"--no-commit-id")
	var names []string
	for name := range strings.SplitSeq(string(out), "\x00") {
		// Git prints the pair before its names, which may have line breaks of their own.
		if from, rest, ok := strings.Cut(name, " "); ok && isObjectID(from) {
			if to, rest, ok := strings.Cut(rest, "\n"); ok && isObjectID(to) {
				name = rest
			}
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return names, err
}

// Differences lists the changes that lead from one commit to another. If from is empty, it compares to with its parent,
// or lists all files of to if it has no parent.
func Differences(ctx context.Context, dirs Dirs, from, to string) ([]Edit, error) {
	return dirs.objects().differences(ctx, from, to)
}

func (p program) differences(ctx context.Context, from, to string) ([]Edit, error) {
	args := []string{
		"diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-relative", "--full-index", "--no-commit-id",
		"--ignore-submodules=none",
	}
	if from == "" {
		args = append(args, "--root", to)
	} else {
		args = append(args, from, to)
	}
	out, err := p.command().run(ctx, args...)
	if err != nil {
		return nil, err
	}
	var edits []Edit
	for rest := string(out); rest != ""; {
		meta, more, ok := strings.Cut(rest, "\x00")
		path, more, ok2 := strings.Cut(more, "\x00")
		fields := strings.Fields(meta)
		if !ok || !ok2 || len(fields) != 5 {
			return nil, fmt.Errorf("git: the list of changes has an unexpected line %q", meta)
		}
		rest = more
		e := Edit{path, fields[1], fields[3]}
		if fields[4][0] == 'D' {
			e.Mode, e.ID = "", ""
		}
		edits = append(edits, e)
	}
	return edits, nil
}

// Tracked lists the entries of the index under a folder, including links and submodules.
func Tracked(ctx context.Context, dirs Dirs, folder string) ([]Entry, error) {
	return dirs.staged().tracked(ctx, folder)
}

func (p program) tracked(ctx context.Context, folder string) ([]Entry, error) {
	out, err := p.command().run(ctx, "--literal-pathspecs", "ls-files", "-s", "-z", "--full-name", "--", folder)
	return parseEntries(out), err
}
