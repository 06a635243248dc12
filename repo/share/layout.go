package share

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// machineOnly are the names in .runs of what is one machine's own: who brings them with a commit has a say in what another
// machine reads and writes.
var machineOnly = map[string]string{
	"active":     "runs in progress are one machine's own",
	"local.toml": "it says where data lies on one machine",
	"store":      "it is one machine's own",
	"trash":      "it is one machine's own",
	"cache":      "it is one machine's own",
}

// refusal says why a commit may not bring a file at a path below .runs, nil where it may: it is one machine's own, or it is
// no file but leads elsewhere.
func refusal(name, mode string) error {
	if reason, ok := kinds[mode]; ok {
		return errors.New(reason)
	}
	first, _, _ := strings.Cut(name, "/")
	// The ignore file of active/ ignores itself; a forced add of it harms nobody.
	if reason, ok := machineOnly[strings.ToLower(first)]; ok && name != "active/.gitignore" {
		return errors.New(reason)
	}
	return nil
}

// kinds are the modes of git that no file of a run has.
var kinds = map[string]string{"120000": "it is a link", "160000": "it is a submodule"}

// stray says why a file has no business at a path below .runs, nil where it has.
func stray(name, mode string) error {
	if err := refusal(name, mode); err != nil {
		return err
	}
	if err := format.CheckPath(name); err != nil {
		return err
	}
	p := placeOf(path.Join(repo.DirName, name))
	first, rest, deeper := strings.Cut(name, "/")
	switch {
	case p.kind != notOurs, name == "active/.gitignore", first == "models" && deeper:
		return nil
	case !deeper:
		return errors.New("no file of runs has this name")
	case format.CheckDay(first) == nil:
		id, _, _ := strings.Cut(rest, "/")
		if err := format.CheckID(id); err != nil {
			return errors.New("it belongs to no run")
		}
		return fmt.Errorf("run %s does not belong to this day", id)
	}
	return errors.New("no file of runs has this name")
}

// Strays are what git's index has in .runs and must not have: what one machine's own is, links, and unknown names.
func Strays(ctx context.Context, r *repo.Repository) ([]Problem, error) {
	if !r.InGit {
		return nil, nil
	}
	at, err := r.TreePath()
	if err != nil {
		return nil, nil // .runs lies outside: git has none of it
	}
	entries, err := git.Tracked(ctx, r.Git, at)
	if errors.Is(err, git.ErrNoGit) {
		return nil, nil
	}
	var strays []Problem
	for _, e := range entries {
		name := strings.TrimPrefix(strings.TrimPrefix(e.Path, at), "/")
		if err := stray(name, e.Mode); err != nil {
			strays = append(strays, Problem{Runs: at, Path: e.Path, Reason: err.Error()})
		}
	}
	return strays, err
}

// checkIncoming refuses commits that bring into .runs what one machine's own is, or what leads elsewhere, before a file of
// theirs lies on disk. It looks at what they change, in every .runs of the repository.
func checkIncoming(ctx context.Context, r *repo.Repository, from, to string) error {
	edits, err := git.Differences(ctx, r.Git, from, to)
	if err != nil {
		return err
	}
	for _, e := range edits {
		at, name, ok := cutRuns(e.Path)
		if path.Base(e.Path) == repo.DirName { // in place of the folder
			at, name, ok = e.Path, "", true
		}
		if !ok || e.ID == "" {
			continue
		}
		if err := refusal(name, e.Mode); err != nil {
			return &repo.HintError{
				Err:  fmt.Errorf("commit %.10s has %s, and %w: nothing was changed", to, e.Path, err),
				Hint: fmt.Sprintf("whoever pushed it takes it out with 'git rm --cached %s'; 'runs verify --all' names the commit", path.Join(at, name)),
			}
		}
	}
	return nil
}
