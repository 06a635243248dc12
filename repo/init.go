package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// The files of an empty repository. They are the same everywhere: two clones that set up one project make the same
// commit.
const (
	// Git ignores runs, so that 'git clean' and 'git stash' leave them alone and 'git add -A' does not add them
	// before they are searched for secrets. 'runs commit' adds them nevertheless.
	ignoreFile = `# Written by runs. Finished runs are added by 'runs commit', not by 'git add'.
*
!.gitignore
!.gitattributes
!config.toml
!models/
!models/**
`
	// Digests match only if Git changes no byte, whatever attributes the project sets.
	attributesFile = `# Written by runs.
* -text -filter -ident -working-tree-encoding linguist-generated gitlab-generated
run.toml diff=runs
*.parquet diff=runs-metrics
config.toml -linguist-generated -gitlab-generated
models/** -linguist-generated -gitlab-generated
`
	// This file is not committed, so that it applies on every branch, also on one from before .runs was set up.
	activeIgnoreFile = "*\n"
)

// SetupFiles returns the texts of the files of an empty repository that go into Git, by their names in .runs.
func SetupFiles() map[string]string {
	return map[string]string{
		"config.toml": format.InitialConfig, ".gitignore": ignoreFile, ".gitattributes": attributesFile,
	}
}

// Init sets up a repository in dir, or adds the files that an existing one lacks. It does not change existing files.
// created reports whether any file was missing.
func Init(dir string) (r *Repository, created bool, err error) {
	runs := filepath.Join(dir, DirName)
	fail := func(err error) (*Repository, bool, error) {
		return nil, false, fmt.Errorf("setting up %s: %w", runs, err)
	}
	if err := os.MkdirAll(filepath.Join(runs, "active"), 0o777); err != nil {
		return fail(err)
	}
	files := SetupFiles()
	files["active/.gitignore"] = activeIgnoreFile
	for _, name := range slices.Sorted(maps.Keys(files)) {
		made, err := writeNew(filepath.Join(runs, filepath.FromSlash(name)), []byte(files[name]))
		if err != nil {
			return fail(err)
		}
		created = created || made
	}
	r, err = open(runs)
	if err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(r.active, 0o777); err != nil {
		return fail(err)
	}
	return r, created, nil
}

// writeNew writes a file unless it exists, whole or not at all, and reports whether it did.
func writeNew(path string, data []byte) (bool, error) {
	if exists(path) {
		return false, nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(0o666 &^ umask())
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return false, err
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return false, nil
		}
		return true, os.Rename(tmp.Name(), path) // a file system without hard links
	}
	return true, nil
}

// InitProject adds the missing files of the repository that dir is in, or sets one up as Setup does.
func InitProject(dir string) (r *Repository, created bool, err error) {
	r, created, err = Setup(dir)
	if err != nil || created {
		return r, created, err
	}
	return Init(r.Root)
}

// Setup finds the repository of dir. If there is none, it sets one up at the root of the Git project, or outside Git
// in dir itself, and made is true.
func Setup(dir string) (r *Repository, made bool, err error) {
	r, err = Find(dir)
	if !errors.Is(err, ErrNoRepository) {
		if err == nil && !exists(filepath.Join(r.active, ".gitignore")) {
			err = r.prepareActive()
		}
		return r, false, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, false, err
	}
	if dirs, ok, err := git.Discover(dir); err != nil {
		return nil, false, err
	} else if ok {
		dir = dirs.Root
	}
	r, _, err = Init(dir)
	if err == nil {
		err = r.prepareActive()
	}
	return r, true, err
}

func (r *Repository) prepareActive() error {
	if err := os.MkdirAll(r.active, 0o777); err != nil {
		return fmt.Errorf("creating %s: %w", r.active, err)
	}
	_, err := writeNew(filepath.Join(r.active, ".gitignore"), []byte(activeIgnoreFile))
	if err != nil {
		return fmt.Errorf("creating %s: %w", r.active, err)
	}
	return nil
}

// CheckGit asks Git whether it ignores runs and leaves their bytes alone. For each problem, it returns a sentence
// that says what is wrong and which command shows the rule.
func (r *Repository) CheckGit(ctx context.Context) ([]string, error) {
	if !r.InGit {
		return nil, nil
	}
	at, err := r.TreePath()
	if err != nil {
		return nil, err
	}
	run := path.Join(at, "2000-01-01", "20000101-000000-00000000")
	probe := path.Join(run, MetricsName)
	var problems []string
	if _, err := git.Run(ctx, r.Git.Root, "check-ignore", "-q", "--no-index", probe); err != nil {
		if errors.Is(err, git.ErrNoGit) || git.Inconclusive(err) {
			return nil, err
		}
		problems = append(problems,
			"a rule of this project keeps Git from ignoring runs; run 'git check-ignore -v "+probe+"'")
	}
	digest := strings.Repeat("0", 64)
	out, err := git.Run(ctx, r.Git.Root, "check-attr", "-z", "text", "filter", "ident", "working-tree-encoding", "--",
		probe, path.Join(run, RecordName), path.Join(run, notesName, "x.toml"), path.Join(at, "sources", digest+".patch"),
		path.Join(at, "environments", digest+".toml"), path.Join(at, "datasets", digest+".parquet"))
	if err != nil {
		return problems, err
	}
	reported := map[string]bool{}
	fields := strings.Split(string(out), "\x00")
	for i := 0; i+2 < len(fields); i += 3 {
		name, attribute, value := fields[i], fields[i+1], fields[i+2]
		if value == "unset" || reported[attribute] {
			continue
		}
		reported[attribute] = true
		problems = append(problems, fmt.Sprintf(
			"Git would change the bytes of runs: their attribute %s is %s and must be unset; run 'git check-attr -a %s'",
			attribute, value, name))
	}
	return problems, nil
}
