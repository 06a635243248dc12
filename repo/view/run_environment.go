package view

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// Environment is what the program of a run ran in, as far as runs can share it.
type Environment struct {
	Driver   string         `json:"driver"`
	CUDA     string         `json:"cuda"`
	Python   string         `json:"python"` // implementation and version
	Prefix   string         `json:"prefix"`
	Packages []PackageTable `json:"packages"`
	Editable []Editable     `json:"editable"`
	Locks    [][2]string    `json:"locks"` // path and SHA-256
}

// PackageTable is the packages of one kind.
type PackageTable struct {
	Kind string      `json:"kind"` // like "Python packages"
	List [][2]string `json:"list"` // name and version, by name
}

// Editable is a Python distribution that was installed from a folder or a repository.
type Editable struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Path    string `json:"path"`
	Commit  string `json:"commit"`
	Dirty   bool   `json:"dirty"`
	SHA256  string `json:"sha256"`       // of an archive
	Below   string `json:"subdirectory"` // of the repository or archive
	Copied  bool   `json:"copied"`       // later changes of the folder do not count
}

// Environment returns the environment of a run. If it was not recorded, or is not in this clone, the error is a
// *NotFoundError.
func (v *View) Environment(ctx context.Context, run string) (*Environment, error) {
	e, err := v.readable(ctx, run)
	if err != nil {
		return nil, err
	}
	if e.Environment == nil || e.Environment.Digest == "" {
		return nil, missing("", "the packages of run %s were not recorded", e.ID)
	}
	file, err := e.Repository().Environment(ctx, e.Environment.Digest)
	if err != nil {
		return nil, unreadable("reading the environment", err)
	}
	env := &Environment{
		Driver: file.Driver, CUDA: file.CUDA, Packages: []PackageTable{}, Editable: []Editable{},
		Locks: pairs(file.Locks),
	}
	if p := file.Python; p != nil {
		env.Python, env.Prefix = strings.TrimSpace(p.Implementation+" "+p.Version), p.Prefix
	}
	for _, part := range []struct {
		kind     string
		packages format.Packages
	}{
		{"Python packages", file.Packages},
		{"conda packages", file.Conda},
		{"Go modules", file.Go},
		{"Node packages", file.Node},
		{"R packages", file.R},
	} {
		if len(part.packages) > 0 {
			env.Packages = append(env.Packages, PackageTable{part.kind, pairs(part.packages)})
		}
	}
	for _, d := range file.Editable {
		env.Editable = append(env.Editable, Editable{
			d.Name, d.Version, d.Path, d.Commit, d.Dirty, d.SHA256, d.Subdirectory, d.Copied,
		})
	}
	return env, nil
}

func pairs(m map[string]string) [][2]string {
	list := make([][2]string, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, [2]string{key, m[key]})
	}
	return list
}
