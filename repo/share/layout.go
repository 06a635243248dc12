package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/registry"
)

// machineOnly holds the names in .runs that belong to one machine, each with a reason to refuse it. A commit that adds
// such a file would control what other machines read and write.
var machineOnly = map[string]string{
	"active":     "runs in progress belong to one machine",
	"local.toml": "it says where data is on one machine",
	"store":      "it belongs to one machine",
	"trash":      "it belongs to one machine",
	"cache":      "it belongs to one machine",
}

// refusal returns why a commit must not add a file at a path under .runs: it belongs to one machine, or it is a link or
// submodule. It returns nil if the file may be added.
func refusal(name, mode string) error {
	if reason, ok := kinds[mode]; ok {
		return errors.New(reason)
	}
	first, _, _ := strings.Cut(name, "/")
	// active/.gitignore ignores itself. Adding it by force does no harm.
	if reason, ok := machineOnly[strings.ToLower(first)]; ok && name != "active/.gitignore" {
		return errors.New(reason)
	}
	return nil
}

// kinds holds the Git modes that no file of a run may have.
var kinds = map[string]string{"120000": "it is a link", "160000": "it is a submodule"}

// stray returns why a file must not be at a path under .runs. It returns nil if it may.
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
	case p.kind != notOurs, name == "active/.gitignore":
		return nil
	case first == format.ModelsName && deeper:
		return errors.New("the registry of models has no file with this name")
	case !deeper:
		return errors.New("runs writes no file with this name")
	case format.CheckDay(first) == nil:
		id, _, _ := strings.Cut(rest, "/")
		if format.IsBatchName(id) {
			return errors.New("a batch has no file with this name")
		}
		if err := format.CheckID(id); err != nil {
			return errors.New("it does not belong to a run")
		}
		return fmt.Errorf("run %s does not belong to this day", id)
	}
	return errors.New("runs writes no file with this name")
}

// isExperiment reports whether a path under .runs is that of an experiment file.
func isExperiment(name string) bool {
	id, ok := strings.CutPrefix(name, repo.ExperimentsName+"/")
	id, toml := strings.CutSuffix(id, ".toml")
	return ok && toml && len(id) == 18 && strings.Trim(id, "0123456789") == ""
}

// damagedExperiments lists the experiment files that cannot be read.
func damagedExperiments(r *repo.Repository) (problems []Problem) {
	_, damaged := r.ExperimentsHere()
	for _, name := range slices.Sorted(maps.Keys(damaged)) {
		reason := strings.TrimPrefix(damaged[name].Error(), name+": ")
		problems = append(problems, Problem{Path: path.Join(repo.DirName, name), Reason: reason})
	}
	return problems
}

// damagedModels lists what is wrong with the files of the registry of models.
func damagedModels(ctx context.Context, r *repo.Repository) (problems []Problem) {
	models, damaged, err := registry.Open(r).Models(ctx)
	if err != nil {
		return []Problem{{Path: path.Join(repo.DirName, format.ModelsName), Reason: err.Error()}}
	}
	for _, d := range damaged {
		problems = append(problems, Problem{Path: path.Join(repo.DirName, d.Path), Reason: d.Err.Error()})
	}
	for _, m := range models {
		for _, p := range m.VerifyFiles() {
			file := p.Path
			if file == "" {
				file = format.ModelFolder(m.Name)
			}
			problems = append(problems, Problem{Path: path.Join(repo.DirName, file), Reason: p.Reason})
		}
	}
	return problems
}

// Strays lists the entries of Git's index that must not be in .runs: files that belong to one machine, links,
// submodules, and files with unknown names. Experiment files that cannot be read, and what is wrong with the
// registry of models, are among them; they have no Runs.
func Strays(ctx context.Context, r *repo.Repository) ([]Problem, error) {
	damaged := append(damagedExperiments(r), damagedModels(ctx, r)...)
	if !r.InGit {
		return damaged, nil
	}
	at, err := r.TreePath()
	if err != nil {
		return damaged, nil // .runs is outside the working tree, so Git has no files of it
	}
	entries, err := git.Tracked(ctx, r.Git, at)
	if errors.Is(err, git.ErrNoGit) {
		return nil, nil
	}
	strays := damaged
	for _, e := range entries {
		name := strings.TrimPrefix(strings.TrimPrefix(e.Path, at), "/")
		if err := stray(name, e.Mode); err != nil {
			strays = append(strays, Problem{Runs: at, Path: e.Path, Reason: err.Error()})
		}
	}
	return strays, err
}

// checkIncoming refuses commits that add files of one machine, links or submodules to .runs, before they are on disk.
// It looks at all changes between from and to in every .runs folder of the repository.
func checkIncoming(ctx context.Context, r *repo.Repository, from, to string) error {
	edits, err := git.Differences(ctx, r.Git, from, to)
	if err != nil {
		return err
	}
	for _, e := range edits {
		at, name, ok := cutRuns(e.Path)
		if path.Base(e.Path) == repo.DirName { // it is .runs itself: a file or link instead of a folder
			at, name, ok = e.Path, "", true
		}
		if !ok || e.ID == "" {
			continue
		}
		if err := refusal(name, e.Mode); err != nil {
			return &repo.HintError{
				Err: fmt.Errorf("commit %.10s contains %s, and %w; nothing was changed", to, e.Path, err),
				Hint: fmt.Sprintf("ask whoever pushed it to run 'git rm --cached %s'; run 'runs verify --all' to find the commit",
					path.Join(at, name)),
			}
		}
	}
	return nil
}
