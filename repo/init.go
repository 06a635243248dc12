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

// The files of an empty repository, the same bytes everywhere: two clones that set up one project make the same commit.
const (
	// Runs are ignored until they are committed past the ignore: so git clean and git stash cannot take them, and git add -A
	// cannot add them unchecked.
	ignoreFile = `# Written by runs. Finished runs are added by 'runs commit', not by 'git add'.
*
!.gitignore
!.gitattributes
!config.toml
!models/
!models/**
`
	// Digests hold only where git changes no byte, whatever the project's own attributes say.
	attributesFile = `# Written by runs.
* -text -filter -ident -working-tree-encoding linguist-generated gitlab-generated
run.toml diff=runs
*.parquet diff=runs-metrics
config.toml -linguist-generated -gitlab-generated
models/** -linguist-generated -gitlab-generated
`
	// Git sees this one on every commit, also one from before the repository was set up.
	activeIgnoreFile = "*\n"
)

// SetupFiles are the files of an empty repository that belong into git, by their names in .runs.
func SetupFiles() map[string]string {
	return map[string]string{"config.toml": format.InitialConfig, ".gitignore": ignoreFile, ".gitattributes": attributesFile}
}

// Init sets up a repository in dir, or completes one that is there; an edited file is never overwritten. created is false
// where nothing was missing.
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

// writeNew writes a file that is not there yet, whole or not at all.
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

// Setup finds the repository of dir, or sets one up at the root of the git project, else in dir itself. made says that it
// is new.
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
		return fmt.Errorf("making %s: %w", r.active, err)
	}
	_, err := writeNew(filepath.Join(r.active, ".gitignore"), []byte(activeIgnoreFile))
	if err != nil {
		return fmt.Errorf("making %s: %w", r.active, err)
	}
	return nil
}

// CheckGit proves with git itself that runs are ignored and that no attribute of the project changes their bytes. It
// returns a sentence for each thing that is not so.
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
	var wrong []string
	if _, err := git.Run(ctx, r.Git.Root, "check-ignore", "-q", "--no-index", probe); err != nil {
		if errors.Is(err, git.ErrNoGit) {
			return nil, err
		}
		wrong = append(wrong, "a rule of this project takes .runs out of git's ignore: see 'git check-ignore -v "+probe+"'")
	}
	digest := strings.Repeat("0", 64)
	out, err := git.Run(ctx, r.Git.Root, "check-attr", "-z", "text", "filter", "ident", "working-tree-encoding", "--",
		probe, path.Join(run, RecordName), path.Join(run, notesName, "x.toml"), path.Join(at, "sources", digest+".patch"),
		path.Join(at, "environments", digest+".toml"), path.Join(at, "datasets", digest+".parquet"))
	if err != nil {
		return wrong, err
	}
	said := map[string]bool{}
	fields := strings.Split(string(out), "\x00")
	for i := 0; i+2 < len(fields); i += 3 {
		name, attribute, value := fields[i], fields[i+1], fields[i+2]
		if value == "unset" || said[attribute] {
			continue
		}
		said[attribute] = true
		wrong = append(wrong, fmt.Sprintf("the attribute %s is %s for runs and would change their bytes, where it must be unset: see 'git check-attr -a %s'", attribute, value, name))
	}
	return wrong, nil
}
