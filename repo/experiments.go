package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
)

// ExperimentsName is the folder in .runs with what is known of experiments beyond their runs. Git does not ignore it:
// its files are committed like settings.
const ExperimentsName = "experiments"

// maxExperiments is how many experiment files are read.
const maxExperiments = 10_000

// ExperimentsHere reads the experiment files of the working tree, by the names that runs have. Those that cannot be
// read are left out; damaged says why, by their paths in .runs.
func (r *Repository) ExperimentsHere() (all map[string]*format.Experiment, damaged map[string]error) {
	all, damaged = map[string]*format.Experiment{}, map[string]error{}
	dir := filepath.Join(r.Dir, ExperimentsName)
	err := realDir(dir)
	var entries []fs.DirEntry
	if err == nil {
		entries, err = os.ReadDir(dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		damaged[ExperimentsName] = err
	}
	for _, entry := range entries {
		name := path.Join(ExperimentsName, entry.Name())
		switch e, err := r.readExperiment(name); {
		case strings.HasPrefix(entry.Name(), "."), !strings.HasSuffix(name, ".toml"): // such as of a killed writer
		case err != nil:
			damaged[name] = err
		default:
			all[e.Name] = e
		}
		if len(all)+len(damaged) >= maxExperiments {
			damaged[ExperimentsName] = fmt.Errorf("the folder has more than %d files: the others are not read", maxExperiments)
			break
		}
	}
	return all, damaged
}

func (r *Repository) readExperiment(name string) (*format.Experiment, error) {
	data, err := r.readFile(name, format.MaxExperimentBytes)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return format.DecodeExperiment(name, data)
}

// ExperimentHere reads the file of an experiment in the working tree. It is nil if there is none.
func (r *Repository) ExperimentHere(name string) (*format.Experiment, error) {
	e, err := r.readExperiment(format.ExperimentFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return e, err
}

// ExperimentShown returns the name that runs have of the experiment that is shown under a name. Without a file that
// says otherwise, it is the same.
func (r *Repository) ExperimentShown(ctx context.Context, name string) string {
	all, _ := r.Experiments(ctx) // usually there are none
	for _, e := range all {
		if e.Title == name {
			return e.Name
		}
	}
	return name
}

// ExperimentTitles returns the names that experiments are shown under, by the names that runs have, where these are
// others.
func (r *Repository) ExperimentTitles(ctx context.Context) map[string]string {
	titles := map[string]string{}
	all, _ := r.Experiments(ctx)
	for name, e := range all {
		if e.Title != "" {
			titles[name] = e.Title
		}
	}
	return titles
}

// KeepExperiment writes the file of an experiment, whole or not at all.
func (r *Repository) KeepExperiment(ctx context.Context, e *format.Experiment) error {
	fail := func(err error) error { return fmt.Errorf("writing down experiment %q: %w", e.Name, err) }
	data, err := format.EncodeExperiment(e)
	if err != nil {
		return fail(err)
	}
	dir := filepath.Join(r.Dir, ExperimentsName)
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return fail(err)
	}
	if err := realDir(dir); err != nil {
		return fail(err)
	}
	tmp, name := filepath.Join(dir, newPrefix+format.RandomLetters(8)), format.ExperimentFile(e.Name)
	if err := writeFile(tmp, data); err != nil {
		return fail(err)
	}
	err = r.dateExperiment(ctx, tmp, name)
	if err == nil {
		err = os.Rename(tmp, filepath.Join(r.Dir, filepath.FromSlash(name)))
	}
	if err != nil {
		return fail(errors.Join(err, os.Remove(tmp)))
	}
	return nil
}
