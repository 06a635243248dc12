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
	"sync"
	"time"

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
!experiments/
!experiments/*.toml
!models/
!models/**
`
	// Digests match only if Git changes no byte, whatever attributes the project sets.
	attributesFile = `# Written by runs.
* -text -filter -ident -working-tree-encoding linguist-generated gitlab-generated
run.toml diff=runs
*.parquet diff=runs-metrics
` + BatchAttributes + `config.toml -linguist-generated -gitlab-generated
experiments/** -linguist-generated -gitlab-generated
models/** -linguist-generated -gitlab-generated
`
	// BatchAttributes is the line of .gitattributes that keeps a merge from mixing two batches. Git takes a batch that
	// replaces another one for a renamed file, and would merge the text of two.
	BatchAttributes = "20*/batch-*/** -merge\n"
	// This file is not committed, so that it applies on every branch, also on one from before .runs was set up.
	activeIgnoreFile = "*\n"
)

// SetupFiles returns the texts of the files of an empty repository that go into Git, by their names in .runs.
func SetupFiles() map[string]string {
	return map[string]string{
		"config.toml": format.InitialConfig, ".gitignore": ignoreFile, ".gitattributes": attributesFile,
	}
}

// Init sets up a repository in dir, or adds the files that an existing one lacks. A file that Git's index has gets the
// content that it has there. Init does not change existing files. created lists the files that were missing, relative
// to .runs. If the folder belongs to another program, Init returns a *ForeignFolderError.
func Init(dir string) (r *Repository, created []string, err error) {
	runs := filepath.Join(dir, DirName)
	fail := func(err error) (*Repository, []string, error) {
		return nil, nil, fmt.Errorf("setting up %s: %w", runs, err)
	}
	if err := checkForeign(runs); err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(filepath.Join(runs, "active"), 0o777); err != nil {
		return fail(err)
	}
	if hidesItself(runs) {
		if err := os.Remove(filepath.Join(runs, ".gitignore")); err != nil {
			return fail(err)
		}
	}
	files, err := setupFilesOf(runs)
	if err != nil {
		return fail(err)
	}
	files["active/.gitignore"] = activeIgnoreFile
	for _, name := range slices.Sorted(maps.Keys(files)) {
		made, err := writeNew(filepath.Join(runs, filepath.FromSlash(name)), []byte(files[name]))
		if err != nil {
			return fail(err)
		}
		if made {
			created = append(created, name)
		}
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

// setupFilesOf returns SetupFiles with the contents that Git's index has for a .runs folder. If somebody has deleted
// the folder, its settings must not be those of a new project.
func setupFilesOf(runs string) (map[string]string, error) {
	files := SetupFiles()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(name string) bool {
		return exists(filepath.Join(runs, name))
	})
	dirs, inGit, err := git.Discover(filepath.Dir(runs))
	if err != nil || !inGit || len(names) == 0 {
		return files, err
	}
	at, err := filepath.Rel(dirs.Root, runs)
	if err != nil || !filepath.IsLocal(at) {
		return files, nil
	}
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = path.Join(filepath.ToSlash(at), name)
	}
	ctx := context.Background()
	if others := otherProjects(dirs, filepath.ToSlash(at)); len(others) > 0 {
		data, err := readBounded(filepath.Join(others[0], configName), format.MaxConfigBytes)
		if err != nil {
			return nil, fmt.Errorf("reading the settings of another worktree: %w", err)
		}
		files[configName] = string(data)
	}
	entries, err := git.Indexed(ctx, dirs, paths...)
	if err != nil {
		return files, nil // setting up a project does not need Git
	}
	for _, e := range entries {
		if !slices.Contains(paths, e.Path) || e.Mode != "100644" && e.Mode != "100755" {
			continue
		}
		var data strings.Builder
		if err := git.ReadBlob(ctx, dirs, e.ID, format.MaxConfigBytes, &data); err != nil {
			return nil, fmt.Errorf("reading %s from Git: %w", e.Path, err)
		}
		files[path.Base(e.Path)] = data.String()
	}
	return files, nil
}

// OpenDeleted opens the repository of dir although its .runs folder was deleted. It has the settings that Git's index
// has, and writes nothing.
func OpenDeleted(dir string) (*Repository, error) {
	runs := filepath.Join(dir, DirName)
	r, err := open(runs)
	if err != nil {
		return nil, err
	}
	r.absent = true
	r.config = sync.OnceValues(func() (*format.Config, error) {
		files, err := setupFilesOf(runs)
		if err != nil {
			return nil, err
		}
		return decodeConfig([]byte(files[configName]))
	})
	return r, nil
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

// ForeignFolderError means that a folder named .runs belongs to another program.
type ForeignFolderError struct {
	Dir   string
	Entry string // a file or folder in it that no version of runs writes
}

func (e *ForeignFolderError) Error() string {
	return fmt.Sprintf("the folder belongs to another program: it has %s, and no %s", e.Entry, configName)
}

// ownEntries lists what .runs has at its top besides folders of days and what begins with a point.
var ownEntries = []string{
	configName, "active", RemovedName, "sources", "environments", "datasets", ExperimentsName, "models", "local.toml",
	"store", trashName, "unreadable", "cache",
}

// checkForeign returns a *ForeignFolderError if runs exists, was not written by this program, and is not empty.
func checkForeign(runs string) error {
	if exists(filepath.Join(runs, configName)) {
		return nil
	}
	entries, err := os.ReadDir(runs)
	if err != nil {
		return nil // it does not exist, or creating the files reports why
	}
	foreign := ""
	for _, e := range entries {
		name := e.Name()
		_, notADay := time.Parse(time.DateOnly, name)
		switch {
		case slices.Contains(ownEntries, name), notADay == nil:
			return nil
		case !strings.HasPrefix(name, ".") && foreign == "":
			foreign = name
		}
	}
	if foreign == "" {
		return nil
	}
	return withHint(&ForeignFolderError{runs, foreign},
		"move that folder away, or run 'runs init DIR' elsewhere and set RUNS_REPO=DIR/.runs")
}

// InitProject adds the missing files of the repository that dir is in, or sets one up as Setup does. made reports
// whether it set one up, created lists the files that were missing in an existing one.
func InitProject(dir string) (r *Repository, made bool, created []string, err error) {
	r, err = Find(dir)
	if errors.Is(err, ErrNoRepository) {
		r, made, err = Setup(dir)
		return r, made, nil, err
	}
	if err != nil {
		return nil, false, nil, err
	}
	r, created, err = Init(r.Root)
	return r, false, created, err
}

// Setup finds the repository of dir. If there is none, it sets one up at the root of the Git project, or outside Git
// in dir itself, and made is true.
func Setup(dir string) (r *Repository, made bool, err error) {
	r, err = Find(dir)
	if !errors.Is(err, ErrNoRepository) {
		if err == nil && !exists(filepath.Join(r.active, ".gitignore")) {
			if err = checkForeign(r.Dir); err != nil {
				return nil, false, fmt.Errorf("recording in %s: %w", r.Dir, err)
			}
			err = r.prepareActive()
		}
		if err == nil {
			if err = r.makeFolder(); err != nil {
				err = fmt.Errorf("creating %s: %w", r.Dir, err)
			}
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
	var problems []string
	if rule := r.hiddenBy(ctx, path.Join(at, configName)); rule != "" {
		problems = append(problems, rule)
	}
	run := path.Join(at, "2000-01-01", "20000101-000000-00000000")
	probe := path.Join(run, MetricsName)
	_, ignored, err := git.FindIgnoreRule(ctx, r.Git, probe, true)
	if err != nil {
		return nil, err
	}
	if !ignored {
		problems = append(problems,
			"a rule of this project keeps Git from ignoring runs; run 'git check-ignore -v "+probe+"'")
	}
	digest := strings.Repeat("0", 64)
	found, err := git.Attributes(ctx, r.Git, []string{"text", "filter", "ident", "working-tree-encoding"}, []string{
		probe, path.Join(run, RecordName), path.Join(run, notesName, "x.toml"), path.Join(at, "sources", digest+".patch"),
		path.Join(at, "environments", digest+".toml"), path.Join(at, "datasets", digest+".parquet"),
	})
	if err != nil {
		return problems, err
	}
	reported := map[string]bool{}
	for _, a := range found {
		if a.Value == "unset" || reported[a.Name] {
			continue
		}
		reported[a.Name] = true
		problems = append(problems, fmt.Sprintf(
			"Git would change the bytes of runs: their attribute %s is %s and must be unset; run 'git check-attr -a %s'",
			a.Name, a.Value, a.Path))
	}
	return problems, nil
}

// hiddenBy says which rule of the project, of this clone or of the user hides .runs from Git, so that the settings are
// not committed. It returns "" if none does or if the file is already tracked.
func (r *Repository) hiddenBy(ctx context.Context, file string) string {
	rule, ok, err := git.FindIgnoreRule(ctx, r.Git, file, false)
	if err != nil || !ok {
		return ""
	}
	return fmt.Sprintf("line %s of %s hides %s from Git by %q, so 'git add' leaves out its settings; remove the line, "+
		"or add '!/%s/' after it", rule.Line, rule.Source, path.Dir(file), rule.Pattern, path.Dir(file))
}
