package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/regular"
)

// IndexVersion is an entry of the index. Of a path in a conflict there are up to three.
type IndexVersion struct {
	Entry
	Stage string // 0, or of a path in a conflict: 1 for the common ancestor, 2 for ours, 3 for theirs
}

// IndexVersions lists the entries of the index under a folder, with those of paths in a conflict.
func IndexVersions(ctx context.Context, dirs Dirs, folder string) ([]IndexVersion, error) {
	return indexVersions(ctx, dirs, "-s", folder)
}

// Conflicts lists the entries of the index under a folder that are of paths in a conflict: Git could not merge them,
// and makes no commit before they are settled.
func Conflicts(ctx context.Context, dirs Dirs, folder string) ([]IndexVersion, error) {
	return indexVersions(ctx, dirs, "-u", folder)
}

func indexVersions(ctx context.Context, dirs Dirs, which, folder string) ([]IndexVersion, error) {
	return dirs.staged().versions(ctx, which, folder)
}

func (p program) versions(ctx context.Context, which, folder string) ([]IndexVersion, error) {
	out, err := p.command().run(ctx, "--literal-pathspecs", "ls-files", which, "-z", "--full-name", "--", folder)
	if err != nil {
		return nil, err
	}
	var entries []IndexVersion
	for line := range strings.SplitSeq(string(out), "\x00") {
		meta, path, ok := strings.Cut(line, "\t")
		if fields := strings.Fields(meta); ok && len(fields) == 3 {
			entries = append(entries, IndexVersion{Entry{path, fields[1], fields[0]}, fields[2]})
		}
	}
	return entries, nil
}

// Incoming is what Git is merging into HEAD.
type Incoming struct {
	Commit string // the commit whose changes are to be added
	Base   string // the commit that they start from; empty if there is none
	Name   string // of the operation: a merge, a rebase
	End    string // the commands that end it
	Skip   string // the command that ends it if nothing is left to commit
	// Partial is set for a stash: it has what Git tracks, so that of a file which was replaced by an ignored one it has
	// only the removal.
	Partial bool
}

// incomingHeads lists the refs that name the commit which Git is merging.
var incomingHeads = []struct {
	ref, name, command string
}{
	{"MERGE_HEAD", "a merge", "merge"},
	{"REBASE_HEAD", "a rebase", "rebase"},
	{"CHERRY_PICK_HEAD", "a cherry-pick", "cherry-pick"},
	{"REVERT_HEAD", "a revert", "revert"},
}

// ReadIncoming returns what Git is merging. conflicts are those of the index: they tell which stash was applied,
// because that leaves no other trace, and prove what the message of a squash merge says. It returns nil if it cannot
// tell.
func ReadIncoming(ctx context.Context, dirs Dirs, conflicts []IndexVersion) (*Incoming, error) {
	for _, head := range incomingHeads {
		if head.ref == "REBASE_HEAD" && !rebasing(dirs) { // Git leaves it behind
			continue
		}
		commit, err := Resolve(ctx, dirs, head.ref)
		if err != nil {
			return nil, err
		}
		if commit == "" {
			continue
		}
		in := &Incoming{
			Commit: commit, Name: head.name, Skip: "'git " + head.command + " --skip'",
			End: fmt.Sprintf("'git %s --continue' or 'git %[1]s --abort'", head.command),
		}
		if head.command == "merge" {
			in.End, in.Skip = "'git commit' or 'git merge --abort'", "'git commit'"
			in.Base, err = MergeBase(ctx, dirs, "HEAD", commit)
			return in, err
		}
		if in.Base, err = Resolve(ctx, dirs, commit+"^"); head.command == "revert" {
			in.Commit, in.Base = in.Base, in.Commit
		}
		return in, err
	}
	if in, err := squashed(ctx, dirs, conflicts); in != nil || err != nil {
		return in, err
	}
	return appliedStash(ctx, dirs, conflicts)
}

// maxSquashMessage bounds what is read of the message that 'git merge --squash' prepares.
const maxSquashMessage = 4 << 10

// squashed returns the commit that is squashed onto HEAD, or nil. Git keeps no ref of it. The message names it first,
// as "commit ID" (git-merge, squash_message), and it must have all paths that are in a conflict as theirs. Where both
// sides renamed a file, Git has merged its content.
func squashed(ctx context.Context, dirs Dirs, conflicts []IndexVersion) (*Incoming, error) {
	if !HasSquash(dirs) {
		return nil, nil
	}
	f, err := regular.Open(filepath.Join(dirs.Git, squashName))
	if err != nil {
		return nil, nil // it names no commit
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxSquashMessage))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		id, ok := strings.CutPrefix(strings.TrimSpace(line), "commit ")
		if !ok {
			continue
		}
		commit, err := Resolve(ctx, dirs, id)
		if err != nil || commit == "" || commit != id {
			return nil, err
		}
		ids := theirs(conflicts)
		if files, err := filesOf(ctx, dirs, commit, ids); err != nil || len(files) < len(ids) {
			return nil, err
		}
		base, err := MergeBase(ctx, dirs, "HEAD", commit)
		return &Incoming{
			Commit: commit, Base: base, Name: "a squash merge", End: "'git commit' or 'git reset --merge'",
			Skip: "'git reset --merge'",
		}, err
	}
	return nil, nil
}

// theirs returns the ids of the files that are in a conflict, as the other side has them.
func theirs(conflicts []IndexVersion) map[string]string {
	ids := map[string]string{}
	for _, c := range conflicts {
		if c.Stage == "3" {
			ids[c.Path] = c.ID
		}
	}
	return ids
}

// filesOf returns the files that a commit has at the paths of ids, which are in folders.
func filesOf(ctx context.Context, dirs Dirs, commit string, ids map[string]string) ([]Entry, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	folders := map[string]bool{}
	for name := range ids {
		folders[path.Dir(name)] = true
	}
	files, err := FilesIn(ctx, dirs, commit, slices.Sorted(maps.Keys(folders))...)
	return slices.DeleteFunc(files, func(f Entry) bool { return ids[f.Path] == "" }), err
}

func rebasing(dirs Dirs) bool {
	for _, name := range []string{"rebase-merge", "rebase-apply"} {
		if _, err := os.Lstat(filepath.Join(dirs.Git, name)); err == nil {
			return true
		}
	}
	return false
}

// HasStash reports whether there is a stash, by a look at files. A stash that was applied with conflicts stays.
func HasStash(dirs Dirs) bool {
	for _, name := range []string{"refs/stash", "logs/refs/stash"} {
		if _, err := os.Lstat(filepath.Join(dirs.Common, name)); err == nil {
			return true
		}
	}
	return false
}

// maxStashes is how many stashes are looked at.
const maxStashes = 20

// appliedStash returns the newest stash that has all files that are in a conflict as theirs.
func appliedStash(ctx context.Context, dirs Dirs, conflicts []IndexVersion) (*Incoming, error) {
	if stash, err := Resolve(ctx, dirs, "refs/stash"); err != nil || stash == "" || len(conflicts) == 0 {
		return nil, err
	}
	out, err := dirs.command().run(ctx, "rev-list", "-g", fmt.Sprintf("--max-count=%d", maxStashes), "refs/stash", "--")
	if err != nil {
		return nil, err
	}
	ids := theirs(conflicts)
	for _, commit := range strings.Fields(string(out)) {
		files, err := filesOf(ctx, dirs, commit, ids)
		if err != nil {
			return nil, err
		}
		same := slices.DeleteFunc(files, func(f Entry) bool { return ids[f.Path] != f.ID })
		if len(same) < len(ids) {
			continue
		}
		base, err := Resolve(ctx, dirs, commit+"^")
		return &Incoming{
			Commit: commit, Base: base, Name: "a stash", End: "'git stash drop' or 'git reset --merge'",
			Skip: "'git stash drop'", Partial: true,
		}, err
	}
	return nil, nil
}

// Settle replaces files of the index and of the working tree, and with them their conflicts. An edit without an id
// removes the file. It writes the working tree first: if it is killed, the index still has the conflicts.
func Settle(ctx context.Context, dirs Dirs, edits []Edit, nonce string) (err error) {
	o, err := Begin(ctx, dirs, "stage", nonce)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	var write []Edit
	var remove, paths []string
	for _, e := range edits {
		if e.ID == "" {
			remove = append(remove, e.Path)
			continue
		}
		write = append(write, e)
		paths = append(paths, e.Path)
	}
	if len(remove) > 0 {
		if _, err := o.run(ctx, string(list(remove)), "update-index", "-z", "--force-remove", "--stdin"); err != nil {
			return err
		}
	}
	if err := o.StageEntries(ctx, write); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // a half-changed working tree is worse than a wait
	for _, path := range remove {
		if err := removeBelow(dirs.Root, path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(paths) > 0 {
		if _, err := o.run(ctx, string(list(paths)), "checkout-index", "-f", "-q", "-u", "-z", "--stdin"); err != nil {
			return err
		}
	}
	return o.FinishIndex(ctx, "runs: settle a merge")
}
