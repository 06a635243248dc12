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
	"syscall"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
)

const maxArtifactLines = 1_000_000

// maxNamed is the maximum number of warnings of one kind. The others are only counted.
const maxNamed = 10

// arriving is an artifact that is being added to the finished run.
type arriving struct {
	format.ArtifactLine        // with the name of the artifact
	was                 string // the name before a renaming
	own                 bool   // the program wrote it into the run's folder for files
}

// place returns the path of an artifact in the active run, or "" if it is not in the run.
func (a *Active) place(item arriving) string {
	if item.own {
		return filepath.Join(a.Dir, filesName, filepath.FromSlash(item.was))
	}
	return a.copied(item.was)
}

// holds reports whether the file of an artifact is in the run: if it cannot be added, it may be the only copy.
func (a *Active) holds(item arriving) bool {
	return (item.own || item.SHA256 != "") && exists(a.place(item))
}

// fillArtifacts adds artifacts to the finished run: those that writers have copied into the run, those of which they
// only gave the path, and those that the program has put into the run's folder for files. An artifact is renamed if
// its name clashes with another. One that cannot be read gives a warning, because a finish never fails on content.
func (a *Active) fillArtifacts(
	ctx context.Context, folder string, b *finished, f *fold, settings *format.Config, reach func() error,
) error {
	if len(f.artifacts) > maxArtifactLines {
		f.warn("more than %d artifacts: the others were left out", maxArtifactLines)
		f.artifacts = f.artifacts[:maxArtifactLines]
	}
	names := newArtifactNames()
	all := f.namedArtifacts(names)
	all = append(all, a.ownFiles(b, f, names, maxArtifactLines-len(all))...)
	var artifacts []format.Artifact
	sums := map[string]string{}
	var renamed, changed []string
	for _, item := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := filepath.Join(folder, artifactsName, filepath.FromSlash(item.Name))
		file, err := a.fetchArtifact(reach, item, to)
		if noSpace(err) && a.holds(item) {
			return fmt.Errorf("artifact %s: %w", item.Name, err)
		}
		if err != nil {
			f.warn("artifact %s was left out: %v", item.Name, err)
			b.left = b.left || a.holds(item)
			continue
		}
		if item.own && item.was != item.Name {
			if sums[item.was] == file.SHA256 { // a journal lists it too
				_ = os.Remove(to)
				removeEmpty(filepath.Dir(to), folder)
				continue
			}
			reason := "another artifact has the same name"
			if format.CheckPath(item.was) != nil {
				reason = "its name is not valid in a run"
			}
			renamed = append(
				renamed, fmt.Sprintf("%q of the run's folder is recorded as %s: %s", item.was, item.Name, reason),
			)
		}
		if item.SHA256 != "" && item.SHA256 != file.SHA256 {
			changed = append(
				changed,
				fmt.Sprintf(
					"artifact %s was replaced after it was logged; its current content is recorded", item.Name,
				),
			)
		}
		sums[item.Name] = file.SHA256
		b.outputs = append(b.outputs, a.originals(b.run, item, file.Bytes)...)
		artifacts = append(artifacts, format.Artifact{
			Path: item.Name, SHA256: file.SHA256, Bytes: file.Bytes, Kind: item.Kind, Key: item.Key, Step: item.Step,
			Caption: item.Caption,
		})
	}
	f.warnOf(renamed, "files of the run's folder are recorded under other names")
	f.warnOf(changed, "artifacts were replaced after they were logged")
	listsort.Sort(artifacts, func(x, y format.Artifact) int { return strings.Compare(x.Path, y.Path) })
	keepOutside(artifacts, settings)
	for _, item := range artifacts {
		if item.Where == "" {
			continue
		}
		at := filepath.Join(folder, artifactsName, filepath.FromSlash(item.Path))
		if err := a.repo.store(at, item.SHA256); err != nil {
			return fmt.Errorf("storing artifact %s: %w", item.Path, err)
		}
		removeEmpty(filepath.Dir(at), folder)
	}
	if len(artifacts) <= format.MaxListed {
		b.run.Artifacts = artifacts
		return nil
	}
	data, err := format.EncodeArtifacts(artifacts)
	if err != nil {
		return err
	}
	return b.write(filepath.Join(folder, format.ArtifactsName), format.ArtifactsName, data, int64(len(artifacts)))
}

// noSpace reports whether a write failed because the disk is full. The files in the run then wait for a later finish.
func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// warnOf adds the first of many warnings and the number of the others.
func (f *fold) warnOf(all []string, more string) {
	f.warnings = append(f.warnings, all[:min(len(all), maxNamed)]...)
	if n := len(all) - maxNamed; n > 0 {
		f.warn("%d more %s", n, more)
	}
}

// namedArtifacts returns the artifacts in the journals, each with the last line that has its name. A file is renamed
// if a folder has its name.
func (f *fold) namedArtifacts(names *artifactNames) []arriving {
	latest := map[string]format.ArtifactLine{} // a later artifact with the same name replaces an earlier one
	folders := map[string]bool{}
	for _, line := range f.artifacts {
		name := line.Name
		if name == "" {
			name = path.Base(filepath.ToSlash(line.Path))
		}
		if err := format.CheckPath(name); err != nil {
			f.warn("artifact %q was left out: %v", line.Path, err)
			continue
		}
		latest[name] = line
		above(name, func(folder string) bool {
			folders[folder] = true
			return false
		})
	}
	var all []arriving
	var renamed []string
	add := func(inTheWay bool) {
		for _, name := range slices.Sorted(maps.Keys(latest)) {
			if folders[name] != inTheWay {
				continue
			}
			line := latest[name]
			if line.Name = names.take(name); line.Name != name {
				renamed = append(
					renamed,
					fmt.Sprintf("artifact %s is recorded as %s: a folder has the same name", name, line.Name),
				)
			}
			all = append(all, arriving{ArtifactLine: line, was: name})
		}
	}
	add(false)
	add(true)
	f.warnOf(renamed, "artifacts are recorded under other names")
	return all
}

// ownFiles returns the files that the program wrote into the run's folder for files. Files with a valid, unused name
// keep it.
func (a *Active) ownFiles(b *finished, f *fold, names *artifactNames, most int) []arriving {
	top := filepath.Join(a.Dir, filesName)
	earlier := a.earlierArtifacts()
	isEarlier := func(name, at string) bool {
		e, ok := earlier[name]
		return ok && e.is(at)
	}
	var all []arriving
	var others, odd []string
	add := func(name, was string) {
		all = append(all, arriving{format.ArtifactLine{Name: names.take(name)}, was, true})
	}
	err := filepath.WalkDir(top, func(at string, entry fs.DirEntry, err error) error {
		if err != nil && at != top { // its other folders can be read
			b.left = true
			odd = append(odd, fmt.Sprintf("not all of the run's folder could be read: %v", err))
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(top, at)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		switch {
		case isEarlier(name, at):
		case !entry.Type().IsRegular():
			odd = append(odd, fmt.Sprintf("%q of the run's folder was left out: it is not a regular file", name))
		case len(all)+len(others) >= most:
			b.left = true
			f.warn("more than %d artifacts: other files of the run's folder were left out", maxArtifactLines)
			return fs.SkipAll
		case format.CheckPath(name) == nil && names.clash(name) == "":
			add(name, name)
		default:
			others = append(others, name)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.left = true
		f.warn("not all files of the run's folder are artifacts: %v", err)
	}
	for _, name := range others {
		add(format.PortablePath(name), name)
	}
	f.warnOf(odd, "entries of the run's folder are not regular files, or could not be read")
	markModels(all)
	return all
}

// modelFile is the file by which MLflow describes a model, in the folder of the model.
const modelFile = "MLmodel"

// modelKind is the kind of the artifacts of such a folder.
const modelKind = "model"

// markModels sets the kind of artifacts that belong to a model.
func markModels(all []arriving) {
	folders := map[string]bool{}
	for i := range all {
		if dir, name := path.Split(all[i].Name); name == modelFile && dir != "" {
			folders[strings.TrimSuffix(dir, "/")] = true
		}
	}
	if len(folders) == 0 {
		return
	}
	for i := range all {
		above(all[i].Name, func(folder string) bool {
			if folders[folder] {
				all[i].Kind = modelKind
			}
			return folders[folder]
		})
	}
}

// removeEmpty removes empty folders up to top.
func removeEmpty(dir, top string) {
	for ; dir != top && os.Remove(dir) == nil; dir = filepath.Dir(dir) {
	}
}

// originals returns the files outside the run that an artifact was probably copied from.
func (a *Active) originals(run *format.Run, item arriving, size int64) []string {
	root := a.repo.TreeRoot()
	if !item.own {
		if item.Path == "" {
			return nil
		}
		return []string{below(root, item.Path)}
	}
	var files []string
	for _, dir := range []string{filepath.Join(root, filepath.FromSlash(run.Cwd)), root} {
		file := filepath.Join(dir, filepath.FromSlash(item.was))
		if info, err := os.Lstat(file); err == nil && info.Size() == size {
			files = append(files, file)
		}
	}
	return files
}

// fetchArtifact copies an artifact into the finished run. reach returns an error if the run must not refer to files
// outside it.
func (a *Active) fetchArtifact(reach func() error, item arriving, to string) (format.File, error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return format.File{}, err
	}
	switch {
	case item.own: // the program may still write to it
		return copyFile(a.place(item), to)
	case a.holds(item):
		return linkFile(a.place(item), to)
	}
	if err := reach(); err != nil {
		return format.File{}, err
	}
	from := item.Path
	if !filepath.IsAbs(from) {
		from = filepath.Join(a.repo.TreeRoot(), filepath.FromSlash(from))
	}
	return copyFile(from, to)
}
