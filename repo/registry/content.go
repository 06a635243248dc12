package registry

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/yaml"
)

// Content is the part of a run's artifacts that is a model.
type Content struct {
	Run       string
	Path      string // a file or folder of the artifacts; empty: all of them
	SHA256    string // of the manifest
	Bytes     int64
	Files     int64
	Flavors   []string
	Artifacts []format.Artifact // of Part
	Part      *repo.Entry       // the part of the chain that has them; nil for files of a run in progress
}

// descriptor is the file by which MLflow describes a model, in the model's folder.
const descriptor = "MLmodel"

// maxDescriptor is how many bytes of it are read.
const maxDescriptor = 1 << 20

// ContentOf returns the model at a path of the artifacts of a finished run, or of its earlier parts. Without a path, it
// is the only folder with a file MLmodel, or else the only artifact of the run.
func ContentOf(e *repo.Entry, at string) (*Content, error) {
	fail := func(err error) (*Content, error) {
		return nil, fmt.Errorf("reading the artifacts of run %s: %w", e.ID, err)
	}
	if e.Active != nil {
		return fail(&repo.HintError{
			Err:  errors.New("it is still running, so they may change"),
			Hint: "run 'runs finish " + format.IDRandom(e.ID) + "' first, or wait for the end of the program",
		})
	}
	all, err := e.WholeArtifacts()
	if err != nil {
		return nil, err
	}
	if at == "" {
		if at, err = onlyModel(e, all); err != nil {
			return nil, err
		}
	}
	for _, of := range all {
		list := below(of.List, at)
		if len(list) == 0 {
			continue
		}
		c := NewContent(of.Part.ID, at, list)
		c.Part = of.Part
		return c, c.readFlavors()
	}
	return fail(&repo.HintError{
		Err:  fmt.Errorf("it has no artifact %s, and no folder of this name", at),
		Hint: "run 'runs artifacts " + format.IDRandom(e.ID) + "' to list them",
	})
}

// NewContent returns the model that artifacts of a run are.
func NewContent(run, at string, artifacts []format.Artifact) *Content {
	c := &Content{Run: run, Path: at, Artifacts: artifacts, Files: int64(len(artifacts))}
	c.SHA256, c.Bytes = Digest(at, artifacts)
	return c
}

// Digest returns the digest and the size of the manifest of artifacts, by their names below a path.
func Digest(at string, artifacts []format.Artifact) (digest string, size int64) {
	entries := make([]format.ManifestEntry, len(artifacts))
	for i, a := range artifacts {
		entries[i] = format.ManifestEntry{Path: Below(at, a.Path), Bytes: a.Bytes, SHA256: a.SHA256}
	}
	slices.SortFunc(entries, func(a, b format.ManifestEntry) int { return strings.Compare(a.Path, b.Path) })
	return format.ManifestDigest(entries, false)
}

// Below returns the name of an artifact in the model at a path: relative to a folder, or the last part of a file.
func Below(at, name string) string {
	switch {
	case at == "":
		return name
	case at == name:
		return path.Base(name)
	}
	return strings.TrimPrefix(name, at+"/")
}

// below returns the artifacts at a path: the file, or the files in the folder.
func below(all []format.Artifact, at string) (list []format.Artifact) {
	for _, a := range all {
		if at == "" || a.Path == at || strings.HasPrefix(a.Path, at+"/") {
			list = append(list, a)
		}
	}
	return list
}

// onlyModel returns the path of the model of a run that has one.
func onlyModel(e *repo.Entry, all []repo.ArtifactsOfPart) (string, error) {
	folders, files := map[string]bool{}, 0
	last := ""
	for _, of := range all {
		for _, a := range of.List {
			if dir, name := path.Split(a.Path); name == descriptor && dir != "" {
				folders[strings.TrimSuffix(dir, "/")] = true
			}
			last = a.Path
			files++
		}
	}
	for folder := range folders { // a model within another one is a part of it
		for dir := path.Dir(folder); dir != "."; dir = path.Dir(dir) {
			if folders[dir] {
				delete(folders, folder)
			}
		}
	}
	random := format.IDRandom(e.ID)
	switch {
	case files == 0:
		return "", fmt.Errorf("run %s has no artifacts", e.ID)
	case len(folders) == 1:
		return slices.Collect(maps.Keys(folders))[0], nil
	case len(folders) > 1:
		list := slices.Sorted(maps.Keys(folders))
		return "", &repo.HintError{
			Err:  fmt.Errorf("run %s has %d models", e.ID, len(folders)),
			Hint: fmt.Sprintf("name one of them, such as %s:%s", random, list[0]),
		}
	case files == 1:
		return last, nil
	}
	return "", &repo.HintError{
		Err:  fmt.Errorf("run %s has %d artifacts, and which of them are the model is not known", e.ID, files),
		Hint: fmt.Sprintf("name the file or folder, such as %s:%s", random, last),
	}
}

// readFlavors reads which flavors of MLflow the model has. A file that is not on this machine leaves them unknown.
func (c *Content) readFlavors() error {
	for _, a := range c.Artifacts {
		if Below(c.Path, a.Path) != descriptor || a.Bytes > maxDescriptor || !c.Part.HasArtifact(a) {
			continue
		}
		var data bytes.Buffer
		if err := c.Part.CopyArtifact(a, &data); err != nil {
			return err
		}
		c.Flavors = Flavors(data.Bytes())
	}
	return nil
}

// Flavors returns the flavors that a file MLmodel names, sorted. A file that cannot be read has none.
func Flavors(data []byte) []string {
	m, err := yaml.Parse(data, yaml.Options{Depth: 20})
	if err != nil {
		return nil
	}
	var names []string
	for name := range m["flavors"].Keys {
		if format.CheckNamed("flavor", name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names[:min(len(names), 100)]
}
