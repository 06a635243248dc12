package repo

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// experimentChange is the redaction of the file of an experiment.
type experimentChange struct {
	name     string // its path in .runs
	old, new []byte
}

// wasSuffix ends the name of a file that has the digest of the experiment's file as it was, in a planned redaction.
const wasSuffix = ".was"

// planExperiments plans the redaction of the files of experiments, and lists other files of .runs that hold the secret
// and that only the user edits.
func (x *redaction) planExperiments() error {
	all, damaged := x.repo.ExperimentsHere()
	for name := range damaged {
		if err := x.searchEdited(name, format.MaxExperimentBytes); err != nil {
			return err
		}
	}
	for _, e := range all {
		name := format.ExperimentFile(e.Name)
		old, err := x.repo.readFile(name, format.MaxExperimentBytes)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		n := 0
		replace := x.replaceText(&n)
		e.Title = replace(e.Title)
		tags := map[string]string{}
		for key, value := range e.Tags {
			tags[replace(key)] = replace(value)
		}
		same := len(tags) == len(e.Tags)
		e.Tags = tags
		data, err := format.EncodeExperiment(e)
		if err != nil || !same || n == 0 || len(x.matches(data)) > 0 { // it is in the name, or in a key that is not known
			if err := x.searchEdited(name, format.MaxExperimentBytes); err != nil {
				return err
			}
			continue
		}
		x.changes = append(x.changes, experimentChange{name, old, data})
		x.done.Places += n
		x.done.Experiments = append(x.done.Experiments, name)
	}
	slices.Sort(x.done.Experiments)
	return x.searchEdited(configName, format.MaxConfigBytes)
}

// searchEdited lists a file of .runs that holds the secret and that only the user edits.
func (x *redaction) searchEdited(name string, limit int64) error {
	data, err := x.repo.readFile(name, limit)
	if err != nil {
		return nil // who needs it reports it
	}
	if len(x.matches(data)) > 0 {
		add(&x.done.Left, path.Join(Relative(x.repo.Root, x.repo.Dir), name))
	}
	return nil
}

// writeExperiments writes the planned files of experiments into the folder of a redaction.
func (x *redaction) writeExperiments(dir string) error {
	for _, c := range x.changes {
		target := filepath.Join(dir, filepath.FromSlash(c.name))
		if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
			return err
		}
		if err := writeFile(target, c.new); err != nil {
			return err
		}
		if err := writeFile(target+wasSuffix, []byte(sumOf(c.old)+"\n")); err != nil {
			return err
		}
	}
	return nil
}

// placeExperiments replaces the files of experiments by those of a redaction. One that has changed since stays: it
// returns those.
func (r *Repository) placeExperiments(dir string) (left []string, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, ExperimentsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".toml") {
			continue
		}
		from := filepath.Join(dir, ExperimentsName, entry.Name())
		data, err := readBounded(from, format.MaxExperimentBytes)
		if err != nil {
			return left, err
		}
		name := path.Join(ExperimentsName, entry.Name())
		at := filepath.Join(r.Dir, filepath.FromSlash(name))
		if realDir(filepath.Dir(at)) != nil {
			continue
		}
		now, err := r.readFile(name, format.MaxExperimentBytes)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && string(now) == string(data):
			continue
		case err != nil:
			return left, err
		case sumOf(now) != readLine(from+wasSuffix):
			left = append(left, Relative(r.Root, at))
			continue
		}
		if err := writeIntoRun(filepath.Dir(at), entry.Name(), func(tmp string) error {
			return writeFile(tmp, data)
		}); err != nil {
			return left, err
		}
	}
	return left, err
}
