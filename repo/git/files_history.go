package git

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/git/native"
)

// ids returns the objects that some names refer to.
func idsOf(r *native.Repository, names []string) ([]native.ID, error) {
	ids := make([]native.ID, len(names))
	for i, name := range names {
		id, err := r.Resolve(name + "^{commit}")
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

func texts(commits []*native.CommitObject) []string {
	list := make([]string, len(commits))
	for i, c := range commits {
		list[i] = c.ID.String()
	}
	return list
}

func (f files) mergeBase(_ context.Context, a, b string) (string, error) {
	r, err := f.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	ids, err := idsOf(r, []string{a, b})
	if err != nil {
		return "", err
	}
	base, err := r.MergeBase(ids[0], ids[1])
	if err != nil || base.IsZero() {
		return "", err
	}
	return base.String(), nil
}

func (f files) isAncestor(_ context.Context, commit, of string) (bool, error) {
	r, err := f.open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	ids, err := idsOf(r, []string{commit, of})
	if err != nil {
		return false, err
	}
	return r.IsAncestor(ids[0], ids[1])
}

func (f files) onBranch(_ context.Context, commit string) (bool, error) {
	r, err := f.open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	id, err := r.Resolve(commit + "^{commit}")
	if err != nil {
		return false, err
	}
	branches, err := r.Refs("refs/heads/")
	if err != nil {
		return false, err
	}
	var tips []native.ID
	for _, ref := range branches {
		tips = append(tips, ref.ID)
	}
	return r.Reaches(tips, id)
}

func (f files) commitsNotIn(_ context.Context, tip string, others ...string) ([]string, error) {
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	ids, err := idsOf(r, append([]string{tip}, others...))
	if err != nil {
		return nil, err
	}
	commits, err := r.Topological(ids[:1], ids[1:])
	slices.Reverse(commits)
	return texts(commits), err
}

func (f files) reachableFrom(_ context.Context, commits []string, rev string) (map[string]bool, error) {
	reached := map[string]bool{}
	if len(commits) == 0 {
		return reached, nil
	}
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	ids, err := idsOf(r, []string{rev})
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, commit := range commits {
		wanted[commit] = true
	}
	err = r.Walk(ids, nil, func(c *native.CommitObject) error {
		if id := c.ID.String(); wanted[id] {
			reached[id] = true
		}
		return nil
	})
	return reached, err
}

// scope are folders, or paths, to which a walk is limited.
type scope []string

func (s scope) has(path string) bool {
	return len(s) == 0 || slices.ContainsFunc(s, func(folder string) bool { return below(path, folder) })
}

// enters reports whether a folder may contain something of the scope.
func (s scope) enters(path string) bool {
	return s.has(path+"/") || slices.ContainsFunc(s, func(folder string) bool {
		return strings.HasPrefix(strings.TrimSuffix(folder, "/"), path+"/")
	})
}

// changes lists what differs in the scope between two trees.
func (s scope) changes(r *native.Repository, from, to native.ID) (list []native.Change, err error) {
	err = r.Diff(from, to, s.enters, func(c native.Change) error {
		if s.has(c.Path) {
			list = append(list, c)
		}
		return nil
	})
	return list, err
}

var errDiffers = errors.New("the trees differ")

func (s scope) differ(r *native.Repository, from, to native.ID) (bool, error) {
	err := r.Diff(from, to, s.enters, func(c native.Change) error {
		if s.has(c.Path) {
			return errDiffers
		}
		return nil
	})
	if errors.Is(err, errDiffers) {
		return true, nil
	}
	return false, err
}

// parentTrees returns the trees of the parents of a commit. For the first commit, that is the tree without entries.
func parentTrees(r *native.Repository, c *native.CommitObject) ([]native.ID, error) {
	if len(c.Parents) == 0 {
		return []native.ID{native.EmptyTree}, nil
	}
	trees := make([]native.ID, len(c.Parents))
	for i, id := range c.Parents {
		parent, err := r.Commit(id)
		if err != nil {
			return nil, err
		}
		trees[i] = parent.Tree
	}
	return trees, nil
}

// touches reports whether a commit changes something in the scope, as `git rev-list --full-history` counts it: a merge
// does if it differs from a parent. Parents that are left out count only if all are.
func (s scope) touches(r *native.Repository, c *native.CommitObject, left map[native.ID]bool) (bool, error) {
	trees, err := parentTrees(r, c)
	if err != nil {
		return false, err
	}
	relevant := slices.ContainsFunc(c.Parents, func(id native.ID) bool { return !left[id] })
	for i, tree := range trees {
		if relevant && left[c.Parents[i]] {
			continue
		}
		if differs, err := s.differ(r, tree, c.Tree); err != nil || differs {
			return differs, err
		}
	}
	return false, nil
}

func (f files) lastChange(_ context.Context, tip, path string) (string, error) {
	r, err := f.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	ids, err := idsOf(r, []string{tip})
	if err != nil {
		return "", err
	}
	c, err := r.Commit(ids[0])
	for err == nil {
		before := native.EmptyTree
		var parent *native.CommitObject
		if len(c.Parents) > 0 {
			if parent, err = r.Commit(c.Parents[0]); err != nil {
				return "", err
			}
			before = parent.Tree
		}
		differs, err := scope{path}.differ(r, before, c.Tree)
		if err != nil || differs {
			return c.ID.String(), err
		}
		if parent == nil {
			return "", nil
		}
		c = parent
	}
	return "", err
}

func (f files) changesOf(_ context.Context, tip, path string) ([]string, error) {
	r, err := f.openAs(true)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	ids, err := idsOf(r, []string{tip})
	if err != nil {
		return nil, err
	}
	var found []string
	err = r.Walk(ids, nil, func(c *native.CommitObject) error {
		touches, err := scope{path}.touches(r, c, nil)
		if touches {
			found = append(found, c.ID.String())
		}
		return err
	})
	return found, err
}

func (f files) missingObjects(context.Context, []string, []string, []string) (map[string]bool, error) {
	if f.lacksObjects() {
		return nil, &native.Unsupported{What: "this partial clone lacks objects"}
	}
	return map[string]bool{}, nil
}

func (f files) eachChange(ctx context.Context, tips, without, folders []string, visit func(CommittedChange) error,
) (int, error) {
	r, err := f.openAs(true)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	from, err := idsOf(r, tips)
	if err != nil {
		return 0, err
	}
	others, err := idsOf(r, without)
	if err != nil {
		return 0, err
	}
	commits, err := r.Topological(from, others)
	if err != nil {
		return 0, err
	}
	listed := map[native.ID]bool{}
	for _, c := range commits {
		listed[c.ID] = true
	}
	left := map[native.ID]bool{}
	for _, c := range commits {
		for _, parent := range c.Parents {
			left[parent] = !listed[parent]
		}
	}
	n := 0
	for _, c := range slices.Backward(commits) {
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		touches, err := scope(folders).touches(r, c, left)
		if err != nil {
			return n, err
		}
		if !touches {
			continue
		}
		n++
		if err := eachOf(r, c, folders, visit); err != nil {
			return n, err
		}
	}
	return n, nil
}

// eachOf calls visit for what a commit changes in the scope; for a merge, for what differs from all parents.
func eachOf(r *native.Repository, c *native.CommitObject, in scope, visit func(CommittedChange) error) error {
	trees, err := parentTrees(r, c)
	if err != nil {
		return err
	}
	first, err := in.changes(r, trees[0], c.Tree)
	if err != nil {
		return err
	}
	for _, tree := range trees[1:] {
		other, err := in.changes(r, tree, c.Tree)
		if err != nil {
			return err
		}
		also := map[string]bool{}
		for _, change := range other {
			also[change.Path] = true
		}
		first = slices.DeleteFunc(first, func(change native.Change) bool { return !also[change.Path] })
	}
	for _, change := range first {
		done := CommittedChange{Commit: c.ID.String(), Path: change.Path}
		if change.To.Mode != "" {
			done.Mode, done.ID = longMode(change.To.Mode), change.To.ID.String()
		}
		if err := visit(done); err != nil {
			return err
		}
	}
	return nil
}

func (f files) deletedFiles(_ context.Context, tip string, without, folders []string) (map[string]string, error) {
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	ids, err := idsOf(r, append([]string{tip}, without...))
	if err != nil {
		return nil, err
	}
	deleted := map[string]string{}
	in := scope(folders)
	// As `git log`: of a merge that has the same as a parent, only that parent is followed.
	err = r.WalkBy(ids[:1], ids[1:], func(c *native.CommitObject) ([]native.ID, error) {
		if len(c.Parents) == 0 {
			return nil, nil
		}
		trees, err := parentTrees(r, c)
		if err != nil {
			return nil, err
		}
		changes := make([][]native.Change, len(trees))
		for i, tree := range trees {
			if changes[i], err = in.changes(r, tree, c.Tree); err != nil {
				return nil, err
			}
			if len(changes[i]) == 0 {
				return c.Parents[i : i+1], nil
			}
		}
		for _, list := range changes {
			for _, change := range list {
				_, known := deleted[change.Path]
				if change.To.Mode == "" && !known && strings.HasPrefix(longMode(change.From.Mode), "100") {
					deleted[change.Path] = change.From.ID.String()
				}
			}
		}
		return c.Parents, nil
	})
	return deleted, err
}
