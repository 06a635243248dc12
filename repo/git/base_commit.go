package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Base is the base commit of a run's patches.
type Base struct {
	Commit   string // empty: the tree without entries
	OnRemote bool   // on a remote, as far as this clone knows
	// Durable is false if the commit may disappear when its branch is deleted.
	Durable bool
}

// String returns the base as messages show it.
func (b Base) String() string {
	if b.Commit == "" {
		return "the first commit"
	}
	return b.Commit[:12]
}

// baseRefs is the prefix of the refs that keep `git gc` from removing base commits that no remote has.
const baseRefs = "refs/runs/base/"

// Refs holds the result of one listing of the refs: the branch that is checked out, its commit, and the remote-tracking
// branches.
type Refs struct {
	Commit string // empty before the first commit
	Branch string // empty if HEAD is detached
	remote []string
	ids    map[string]string // of the remote-tracking branches
}

// ReadRefs lists the refs.
func (s *Scratch) ReadRefs(ctx context.Context) (*Refs, error) {
	if s.own != nil {
		return s.own.readRefs()
	}
	out, err := s.run(ctx, nil, "for-each-ref", "--format=%(HEAD)%(objecttype) %(objectname) %(refname)", "refs/heads",
		"refs/remotes")
	if err != nil {
		return nil, err
	}
	r := &Refs{ids: map[string]string{}}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(strings.TrimSuffix(line[1:], "\n"))
		if len(fields) != 3 || fields[0] != "commit" {
			continue
		}
		switch name := fields[2]; {
		case line[0] == '*':
			r.Commit, r.Branch = fields[1], strings.TrimPrefix(name, "refs/heads/")
		// For a pull request, CI checks out a temporary merge commit of the forge.
		case strings.HasPrefix(name, "refs/remotes/") && !strings.HasPrefix(name, "refs/remotes/pull/"):
			r.remote = append(r.remote, name)
			r.ids[name] = fields[1]
		}
	}
	if r.Commit != "" {
		return r, nil
	}
	return r, s.readHead(ctx, r)
}

// readHead reads HEAD. It is used if no branch that has a commit is checked out.
func (s *Scratch) readHead(ctx context.Context, r *Refs) error {
	var failed *Error
	out, err := s.run(ctx, nil, "rev-parse", "-q", "--verify", "HEAD^{commit}")
	if err != nil && (!errors.As(err, &failed) || failed.Code != 1) {
		return err
	}
	r.Commit = strings.TrimSpace(string(out))
	out, err = s.run(ctx, nil, "symbolic-ref", "-q", "HEAD")
	if err != nil && (!errors.As(err, &failed) || failed.Code != 1) {
		return err
	}
	r.Branch = strings.TrimPrefix(strings.TrimSpace(string(out)), "refs/heads/")
	return nil
}

// maxRefs is how many remote-tracking branches one search for a common commit looks at.
const maxRefs = 500

// DurableBase returns the newest commit in the history of head that is expected to outlive the branch. That is the
// merge base with the ref wanted, otherwise with a remote's default branch, otherwise with any branch of a remote.
// Without a remote it is head itself, which the caller keeps with KeepBase. If a shallow clone has no such commit, as
// in CI, it is the tree without entries, provided that the whole tree has at most maxTree bytes.
func (s *Scratch) DurableBase(ctx context.Context, r *Refs, wanted string, maxTree int64) (Base, error) {
	head := r.Commit
	if wanted != "" {
		if has, err := s.Has(ctx, wanted); err != nil {
			return Base{}, err
		} else if !has {
			return Base{}, fmt.Errorf("source.base is %s, but this clone has no such ref", wanted)
		}
	}
	for _, refs := range s.candidates(ctx, r, wanted) {
		if slices.ContainsFunc(refs, func(ref string) bool { return r.ids[ref] == head }) {
			return Base{Commit: head, OnRemote: true, Durable: true}, nil
		}
		commit, err := s.mergeBase(ctx, head, refs)
		if err == nil && commit != "" {
			return Base{Commit: commit, OnRemote: true, Durable: true}, nil
		}
		if ctx.Err() != nil {
			return Base{}, ctx.Err()
		}
	}
	if !s.dirs.Shallow() {
		return Base{Commit: head, Durable: true}, nil
	}
	bytes, err := s.TreeBytes(ctx, head)
	if err != nil {
		return Base{}, err
	}
	if bytes <= maxTree {
		return Base{Durable: true}, nil
	}
	return Base{Commit: head}, nil
}

// mergeBase returns the newest common ancestor of a commit and any of the others. It fails if there is none.
func (s *Scratch) mergeBase(ctx context.Context, head string, others []string) (string, error) {
	if s.own != nil {
		return s.own.mergeBase(head, others)
	}
	out, err := s.run(ctx, nil, append([]string{"merge-base", head}, others...)...)
	return strings.TrimSpace(string(out)), err
}

// setting returns the value of a setting, or an empty text.
func (s *Scratch) setting(ctx context.Context, key string) string {
	if s.own != nil {
		e, _ := s.own.repository.Config().Last(key)
		return e.Value
	}
	out, err := s.run(ctx, nil, "config", "--get", key)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// candidates returns groups of refs, the most durable first.
func (s *Scratch) candidates(ctx context.Context, r *Refs, wanted string) [][]string {
	var groups [][]string
	if wanted != "" {
		groups = append(groups, []string{wanted})
	}
	if len(r.remote) == 0 {
		return groups
	}
	refs := slices.Clone(r.remote)
	remote := "origin"
	others := slices.ContainsFunc(refs, func(ref string) bool { return !strings.HasPrefix(ref, "refs/remotes/origin/") })
	if others && r.Branch != "" {
		if name := s.setting(ctx, "branch."+r.Branch+".remote"); name != "" {
			remote = name
		}
	}
	rank := func(ref string) int {
		name := strings.TrimPrefix(ref, "refs/remotes/")
		_, short, _ := strings.Cut(name, "/")
		r := 3
		switch short {
		case "HEAD":
			r = 0
		case "main", "master", "trunk":
			r = 1
		case "develop", "dev":
			r = 2
		}
		if strings.HasPrefix(name, remote+"/") {
			return 2 * r
		}
		return 2*r + 1
	}
	slices.SortStableFunc(refs, func(a, b string) int { return rank(a) - rank(b) })
	for i := 0; i < len(refs) && rank(refs[i]) < 6; i++ {
		groups = append(groups, refs[i:i+1])
	}
	return append(groups, refs[:min(len(refs), maxRefs)])
}

// TreeBytes returns the size of the files of a commit that are not in a folder named .runs.
func (s *Scratch) TreeBytes(ctx context.Context, commit string) (int64, error) {
	if err := s.SkipRuns(ctx, commit); err != nil {
		return 0, err
	}
	empty, err := s.EmptyTree(ctx)
	if err != nil {
		return 0, err
	}
	files, err := s.Changes(ctx, empty, commit)
	total := int64(0)
	for _, file := range files {
		total += file.Bytes
	}
	return total, err
}

// KeepBase keeps `git gc` from removing a commit that no remote has.
func KeepBase(ctx context.Context, dirs Dirs, commit string) error {
	ref := baseRefs + commit
	if _, err := os.Stat(filepath.Join(dirs.Common, filepath.FromSlash(ref))); err == nil {
		return nil
	}
	if err := dirs.refs().keepBase(ctx, commit); err != nil {
		return fmt.Errorf("keeping commit %s: %w", commit, err)
	}
	return nil
}

func (p program) keepBase(ctx context.Context, commit string) error {
	_, err := p.command().run(ctx, "update-ref", baseRefs+commit, commit)
	return err
}

// FetchBase fetches a base commit that another clone kept with KeepBase and pushed. If remote is empty, it uses the
// default remote.
func FetchBase(ctx context.Context, dirs Dirs, remote, commit string) error {
	if remote == "" {
		var err error
		if remote, err = DefaultRemote(ctx, dirs); err != nil {
			return err
		}
		if remote == "" {
			return errors.New("no remote is configured")
		}
	}
	ref := baseRefs + commit
	_, err := dirs.network().run(ctx, "fetch", "-q", "--no-tags", "--no-write-fetch-head", "--", remote, ref+":"+ref)
	return err
}

// KeptBases returns the commits that KeepBase keeps.
func KeptBases(ctx context.Context, dirs Dirs) (map[string]bool, error) {
	return dirs.refs().keptBases(ctx)
}

func (p program) keptBases(ctx context.Context) (map[string]bool, error) {
	out, err := p.command().run(ctx, "for-each-ref", "--format=%(refname)", baseRefs)
	bases := map[string]bool{}
	for _, ref := range strings.Fields(string(out)) {
		bases[strings.TrimPrefix(ref, baseRefs)] = true
	}
	return bases, err
}

// BaseRef returns the ref that keeps a commit.
func BaseRef(commit string) string { return baseRefs + commit }
