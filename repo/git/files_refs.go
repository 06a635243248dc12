package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/repo/git/gitconfig"
	"github.com/gitruns/runs/repo/git/native"
	"github.com/gitruns/runs/repo/regular"
)

func (f files) updateRefs(_ context.Context, _ *os.File, reason string, updates ...RefUpdate) error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	list := make([]native.RefUpdate, len(updates))
	for i, u := range updates {
		list[i].Name = u.Ref
		var ok bool
		if list[i].New, ok = native.ParseID(u.New); !ok {
			return fmt.Errorf("moving %s: %q is not an object id", u.Ref, u.New)
		}
		if list[i].Old, ok = native.ParseID(u.Old); !ok && u.Old != "" {
			return fmt.Errorf("moving %s: %q is not an object id", u.Ref, u.Old)
		}
	}
	return updateNative(r, reason, list...)
}

// updateNative moves refs. If Git is not told who the user is, a reflog names the program, as Git makes up a name.
func updateNative(r *native.Repository, reason string, updates ...native.RefUpdate) error {
	who, err := r.Committer()
	if unknown := (*native.NoIdentity)(nil); errors.As(err, &unknown) {
		who, err = native.Identity{Name: "runs", Email: "runs@localhost", When: native.Moment(time.Now())}, nil
	}
	if err != nil {
		return err
	}
	err = r.UpdateRefs(who, reason, updates...)
	if errors.Is(err, native.ErrMoved) {
		return ErrMoved
	}
	if locked := (*native.Locked)(nil); errors.As(err, &locked) {
		return &Error{Code: 128, Message: locked.Error(), Output: "fatal: " + locked.Error() + "\n"}
	}
	return err
}

func (f files) keepBase(_ context.Context, commit string) error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	id, ok := native.ParseID(commit)
	if !ok {
		return fmt.Errorf("%q is not an object id", commit)
	}
	if ref, exists, err := r.RawRef(baseRefs + commit); err != nil || exists && ref.ID == id {
		return err
	}
	return updateNative(r, "runs: keep a base", native.RefUpdate{Name: baseRefs + commit, New: id})
}

func (f files) resolve(_ context.Context, ref string) (string, error) {
	r, err := f.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	id, err := r.Resolve(ref + "^{commit}")
	switch {
	case absent(err):
		return "", nil
	case err != nil:
		return "", err
	}
	return id.String(), nil
}

func (f files) readTip(context.Context) (Tip, error) {
	r, err := f.open()
	if err != nil {
		return Tip{}, err
	}
	defer r.Close()
	return tipOf(r)
}

func tipOf(r *native.Repository) (Tip, error) {
	branch, commit, err := r.Tip()
	t := Tip{Branch: branch}
	if !commit.IsZero() {
		t.Commit = commit.String()
	}
	return t, err
}

// list calls visit for the refs in some folders of refs.
func (f files) list(visit func(r *native.Repository, ref native.Ref) error, folders ...string) error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	found, err := r.Refs(folders...)
	if err != nil {
		return err
	}
	for _, ref := range found {
		if err := visit(r, ref); err != nil {
			return err
		}
	}
	return nil
}

func (f files) branches(context.Context) (names []string, err error) {
	err = f.list(func(_ *native.Repository, ref native.Ref) error {
		names = append(names, ref.Name)
		return nil
	}, "refs/heads/")
	return names, err
}

func (f files) newestBranches(ctx context.Context, n int, remotes bool) ([]Branch, error) {
	tip, err := f.readTip(ctx)
	if err != nil {
		return nil, err
	}
	type dated struct {
		Branch
		time int64
	}
	var branches []Branch
	for _, folder := range []string{"refs/heads/", "refs/remotes/"} {
		remote := folder != "refs/heads/"
		if remote && !remotes {
			break
		}
		var found []dated
		err := f.list(func(r *native.Repository, ref native.Ref) error {
			kind, _, err := r.Info(ref.ID)
			if err != nil || kind != native.Commit {
				return err
			}
			c, err := r.Commit(ref.ID)
			if err != nil {
				return err
			}
			name := strings.TrimPrefix(ref.Name, folder)
			found = append(found, dated{Branch{name, ref.ID.String(), remote, !remote && name == tip.Branch}, c.Time})
			return nil
		}, folder)
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(found, func(a, b dated) int {
			switch {
			case a.time > b.time:
				return -1
			case a.time < b.time:
				return 1
			}
			return 0
		})
		for _, b := range found[:min(n, len(found))] {
			branches = append(branches, b.Branch)
		}
	}
	return branches, nil
}

func (f files) findBranch(ctx context.Context, name string) (commit string, here bool, err error) {
	tip, err := f.readTip(ctx)
	if err != nil {
		return "", false, err
	}
	rank := 0
	err = f.list(func(_ *native.Repository, ref native.Ref) error {
		r := 0
		switch {
		case ref.Name == "refs/heads/"+name:
			r, here = 3, tip.Branch == name
		case ref.Name == "refs/remotes/origin/"+name:
			r = 2
		case strings.HasPrefix(ref.Name, "refs/remotes/"):
			if _, short, _ := strings.Cut(strings.TrimPrefix(ref.Name, "refs/remotes/"), "/"); short == name {
				r = 1
			}
		}
		if r > rank {
			commit, rank = ref.ID.String(), r
		}
		return nil
	}, "refs/heads/", "refs/remotes/")
	return commit, here, err
}

// symbolic returns the ref that a symbolic one refers to, or an empty text.
func (f files) symbolic(name string) (string, error) {
	r, err := f.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	ref, _, err := r.RawRef(name)
	return ref.Target, err
}

func (f files) defaultBranch(ctx context.Context) string {
	if to, err := f.symbolic("refs/remotes/origin/HEAD"); err == nil && to != "" {
		return strings.TrimPrefix(to, "refs/remotes/")
	}
	for _, name := range []string{"origin/main", "origin/master", "main", "master"} {
		if _, err := f.commit(ctx, name); err == nil {
			return name
		}
	}
	return ""
}

func (f files) trackedHead(ctx context.Context, remote string) (string, error) {
	prefix := "refs/remotes/" + remote + "/"
	to, err := f.symbolic(prefix + "HEAD")
	if err != nil {
		return "", err
	}
	if to != "" {
		return strings.TrimPrefix(to, prefix), nil
	}
	for _, name := range []string{"main", "master"} {
		commit, err := f.resolve(ctx, prefix+name)
		if err != nil || commit != "" {
			return name, err
		}
	}
	return "", nil
}

func (f files) checkedOut(ctx context.Context, branch string) (string, error) {
	trees, err := f.listTrees()
	for _, w := range slices.Backward(trees) { // the main one, which may be bare, comes last
		if w.branch == branch && strings.Trim(w.head, "0") != "" {
			return w.path, nil
		}
	}
	return "", err
}

func (f files) checkBranch(_ context.Context, name string) error {
	if !native.ValidBranch(name) {
		return &BranchNameError{name}
	}
	return nil
}

func (f files) worktrees(context.Context) ([]listedWorktree, error) {
	trees, err := f.listTrees()
	var listed []listedWorktree
	for _, w := range trees {
		if !w.bare {
			listed = append(listed, w.listedWorktree)
		}
	}
	return listed, err
}

type treeOnBranch struct {
	listedWorktree
	branch string
	bare   bool
}

// listTrees lists the working trees of the repository: the main one, which may be bare, and those in the folder
// worktrees.
func (f files) listTrees() ([]treeOnBranch, error) {
	main := f.Dirs
	main.Git = f.Common
	tip, err := files{main}.readTip(context.Background())
	if err != nil {
		return nil, err
	}
	r, err := files{main}.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	bare, _, err := r.Config().Bool("core.bare")
	if err != nil {
		return nil, err
	}
	at := f.Root
	if f.Linked() {
		at = strings.TrimSuffix(f.Common, string(filepath.Separator)+".git")
		if work, ok := r.Config().Last("core.worktree"); ok {
			at = absolute(f.Common, work.Value)
		}
	}
	if bare = bare || f.Root == f.Git; bare {
		at = f.Common
	}
	trees := []treeOnBranch{{listedWorktree{at, headOf(tip)}, tip.Branch, bare}}
	entries, err := os.ReadDir(filepath.Join(f.Common, "worktrees"))
	if err != nil {
		return trees, nil // all of them
	}
	for _, e := range entries {
		dir := filepath.Join(f.Common, "worktrees", e.Name())
		data, err := regular.ReadFile(filepath.Join(dir, "gitdir"))
		if err != nil {
			continue
		}
		path := filepath.Dir(absolute(dir, strings.TrimRight(string(data), " \t\r\n")))
		linked := Dirs{Root: path, Git: dir, Common: f.Common}
		tip, err := files{linked}.readLinkedTip()
		if err != nil {
			continue // as Git, which lists it without a commit
		}
		trees = append(trees, treeOnBranch{listedWorktree{path, headOf(tip)}, tip.Branch, false})
	}
	return trees, nil
}

// readLinkedTip is like readTip for a linked worktree, whose folder may no longer exist.
func (f files) readLinkedTip() (Tip, error) {
	f.Root = f.Git
	return f.readTip(context.Background())
}

// headOf returns the commit of a tip as `git worktree list` prints it.
func headOf(t Tip) string {
	if t.Commit == "" {
		return strings.Repeat("0", 40)
	}
	return t.Commit
}

func (f files) tips(_ context.Context, folders ...string) (commits []string, err error) {
	for i := range folders {
		folders[i] = strings.TrimSuffix(folders[i], "/") + "/"
	}
	err = f.list(func(r *native.Repository, ref native.Ref) error {
		kind, _, err := r.Info(ref.ID)
		if err == nil && kind == native.Commit {
			commits = append(commits, ref.ID.String())
		}
		return err
	}, folders...)
	return commits, err
}

func (f files) signs(context.Context) bool {
	r, err := f.open()
	if err != nil {
		return false
	}
	defer r.Close()
	sign, _, err := r.Config().Bool("commit.gpgsign")
	return err == nil && sign
}

func (f files) commit(_ context.Context, rev string) (string, error) {
	if strings.HasPrefix(rev, "-") || strings.HasPrefix(rev, "^") { // an option, or what is left out of a range
		return "", fmt.Errorf("%s: %w", rev, ErrNoRevision)
	}
	r, err := f.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	id, err := r.Resolve(rev + "^{commit}")
	switch {
	case absent(err):
		return "", fmt.Errorf("%s: %w", rev, ErrNoRevision)
	case err != nil:
		return "", err
	}
	return id.String(), nil
}

func (f files) keptBases(context.Context) (map[string]bool, error) {
	bases := map[string]bool{}
	err := f.list(func(_ *native.Repository, ref native.Ref) error {
		bases[strings.TrimPrefix(ref.Name, baseRefs)] = true
		return nil
	}, baseRefs)
	return bases, err
}

func (f files) remotes(ctx context.Context) ([]string, error) {
	settings, err := f.settings(ctx, `^remote\..*\.`)
	var names []string
	for key := range settings {
		key = strings.TrimPrefix(key, "remote.")
		if i := strings.LastIndexByte(key, '.'); i > 0 {
			names = append(names, key[:i])
		}
	}
	slices.Sort(names)
	return slices.Compact(names), err
}

func (f files) upstreamOf(ctx context.Context, branch string) (u Upstream, ok bool, err error) {
	r, err := f.open()
	if err != nil {
		return u, false, err
	}
	defer r.Close()
	remote, err := r.Config().String("branch." + branch + ".remote")
	if err != nil {
		return u, false, err
	}
	merge, err := r.Config().String("branch." + branch + ".merge")
	name, named := strings.CutPrefix(merge, "refs/heads/")
	if err != nil || branch == "" || !named || remote == "" || remote == "." {
		return u, false, nil
	}
	u = UpstreamNamed(remote, name)
	fetched, known := "", false
	for _, s := range r.Config().Entries() {
		switch s.Key {
		case "remote." + remote + ".fetch":
			known = true
			if to, maps := mapped(s.Value, u.Ref); maps && fetched == "" {
				fetched = to
			}
		case "remote." + remote + ".url":
			known = true
		}
	}
	if _, born, err := r.ReadRef("refs/heads/" + branch); err != nil || !born {
		return u, err == nil, err
	}
	if fetched != "" {
		u.Tracking = fetched
		return u, true, nil
	}
	u.Tracking = privateRef(u.Remote, u.Ref)
	return u, known, nil // the remote may also be a URL
}

// mapped returns where a refspec of a fetch stores a ref. maps is false if it does not fetch it.
func mapped(refspec, ref string) (to string, maps bool) {
	from, to, ok := strings.Cut(strings.TrimPrefix(refspec, "+"), ":")
	if !ok || strings.HasPrefix(refspec, "^") {
		return "", false
	}
	before, after, glob := strings.Cut(from, "*")
	if !glob {
		return to, from == ref
	}
	if len(ref) < len(before)+len(after) || !strings.HasPrefix(ref, before) || !strings.HasSuffix(ref, after) {
		return "", false
	}
	return strings.Replace(to, "*", ref[len(before):len(ref)-len(after)], 1), true
}

func (f files) partial(context.Context) (bool, error) {
	r, err := f.open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	for _, e := range r.Config().Entries() {
		if strings.HasPrefix(e.Key, "remote.") && strings.HasSuffix(e.Key, ".promisor") {
			if on, err := e.Bool(); on || err != nil {
				return on, err
			}
		}
	}
	return false, nil
}

func (f files) settings(_ context.Context, pattern string) (map[string]string, error) {
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return matching(r.Config(), pattern)
}

// matching returns the settings whose keys match a pattern. If a key has several values, it returns the last one.
func matching(config *gitconfig.Config, pattern string) (map[string]string, error) {
	expression, err := regexp.Compile(pattern)
	if err != nil {
		return nil, errors.Join(ErrNoGit, err)
	}
	values := map[string]string{}
	for _, e := range config.Entries() {
		if e.HasValue && expression.MatchString(e.Key) {
			values[e.Key] = e.Value
		}
	}
	return values, nil
}
