// Package registry reads and writes the models of a project: versions that name the bytes of runs, and the stages and
// aliases that name versions. All of it is small TOML files in .runs/models, so that a promotion is a change that
// people review. Start reading at Registry and Model. The package imports format, repo and repo/git.
package registry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// Registry is the registry of the working tree, or of a commit.
type Registry struct {
	repo *repo.Repository
	from source
	Rev  string // the revision that it was read from; empty for the working tree

	commit string // of Rev
}

// source is where the files of a registry are. Paths are those in .runs.
type source interface {
	list(ctx context.Context, dir string) ([]string, error)
	// read fails with fs.ErrNotExist if there is no such file.
	read(ctx context.Context, name string) ([]byte, error)
}

// Open returns the registry of the working tree, with what was written in it and is not committed.
func Open(r *repo.Repository) *Registry {
	return &Registry{repo: r, from: workingTree{r.ModelReader()}}
}

type workingTree struct{ files *repo.ModelReader }

func (w workingTree) list(ctx context.Context, dir string) ([]string, error) {
	return w.files.List(ctx, dir)
}

func (w workingTree) read(ctx context.Context, name string) ([]byte, error) {
	return w.files.Read(ctx, name)
}

// Model is what is known of a model.
type Model struct {
	Name     string
	Created  time.Time // of its first note or version; zero if it has none
	Author   string    // of the same
	Note     string
	Tags     map[string]string
	Updated  time.Time  // of its newest file
	Versions []*Version // by number; versions with one number by their creation
	Stages   map[string]*format.ModelPointer
	Aliases  map[string]*format.ModelPointer
	Archived map[string]*format.ModelPointer // by the letters of versions
	Damaged  []Damage                        // files that cannot be read
	folders  []string                        // in .runs: its own first, then those of its former names
	letters  map[string]*Version
	highest  int64            // the largest number that a note names, also of a version that was removed
	gone     map[string]int64 // the numbers of versions that were removed, by their letters
}

// Version is a version of a model.
type Version struct {
	*format.ModelVersion
	Model   string
	Number  int64  // that it has now; ModelVersion.Number is that of its file
	Note    string // the newest one
	Tags    map[string]string
	Updated time.Time
	folder  string
}

// File returns the path of the version's file in .runs.
func (v *Version) File() string { return path.Join(v.folder, "versions", v.ID()+".toml") }

// ID returns what pointers name the version by. Its number is that of the file, which never changes.
func (v *Version) ID() string { return v.ModelVersionID.String() }

// String returns the version as in a message: taxi@4.
func (v *Version) String() string { return fmt.Sprintf("%s@%d", v.Model, v.Number) }

// Exact returns a selector that names the version alone, whatever its number is: taxi@4-k7qx2m9a.
func (v *Version) Exact() string { return fmt.Sprintf("%s@%d-%s", v.Model, v.Number, v.Random) }

// Damage is a file of the registry that cannot be read.
type Damage struct {
	Path     string // in .runs
	Err      error
	Conflict bool // Git could not merge it
}

// maxModels is how many models are read.
const maxModels = 10_000

// folders is what the files model.toml say.
type folders struct {
	names   []string            // of the models, sorted
	former  map[string][]string // the folders of the former names of models, sorted, by their present names
	damaged []Damage            // folders whose model.toml cannot be read
}

// Names returns the names of the models, sorted. A folder whose model.toml cannot be read is damaged.
func (g *Registry) Names(ctx context.Context) (names []string, damaged []Damage, err error) {
	f, err := g.readFolders(ctx)
	return f.names, f.damaged, err
}

func (g *Registry) readFolders(ctx context.Context) (f folders, err error) {
	if tree, ok := g.from.(workingTree); ok { // others may have written or committed since the last look
		tree.files.Forget()
	}
	all, err := g.from.list(ctx, format.ModelsName)
	if err != nil {
		return f, err
	}
	if len(all) > maxModels {
		return f, fmt.Errorf("reading %s: the folder has more than %d models", format.ModelsName, maxModels)
	}
	renamed := map[string]string{}
	for _, name := range all {
		folder := path.Join(format.ModelsName, name)
		m, err := g.readModel(ctx, folder)
		switch {
		case ctx.Err() != nil:
			return f, ctx.Err()
		case err != nil:
			f.damaged = append(f.damaged, Damage{Path: folder, Err: err})
		case m.Renamed != "":
			renamed[m.Name] = m.Renamed
		default:
			f.names = append(f.names, m.Name)
		}
	}
	slices.Sort(f.names)
	f.former = map[string][]string{}
	for _, was := range sortedKeys(renamed) {
		name := renamed[was]
		for range renamed { // a name may have been changed again; a circle ends somewhere
			next, ok := renamed[name]
			if !ok {
				break
			}
			name = next
		}
		f.former[name] = append(f.former[name], format.ModelFolder(was))
	}
	return f, nil
}

func (g *Registry) readModel(ctx context.Context, folder string) (*format.Model, error) {
	file := path.Join(folder, "model.toml")
	data, err := g.from.read(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return format.DecodeModel(file, data)
}

// Models reads all models, sorted by name.
func (g *Registry) Models(ctx context.Context) (models []*Model, damaged []Damage, err error) {
	f, err := g.readFolders(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range f.names {
		m, err := g.read(ctx, name, f.former[name])
		if err != nil {
			return nil, nil, err
		}
		models = append(models, m)
	}
	return models, f.damaged, nil
}

// NoModelError means that the registry has no model of a name.
type NoModelError struct {
	Name string
	Near []string // similar names
}

func (e *NoModelError) Error() string { return fmt.Sprintf("no model is named %q", e.Name) }

// Model reads a model by its name, or by a former one. The error is a *NoModelError if there is none.
func (g *Registry) Model(ctx context.Context, name string) (*Model, error) {
	if err := format.CheckModelName(name); err != nil {
		return nil, err
	}
	f, err := g.readFolders(ctx)
	if err != nil {
		return nil, err
	}
	folder := format.ModelFolder(name)
	own, err := g.readModel(ctx, folder)
	var damaged *format.FileError
	switch {
	case err == nil && own.Renamed == "":
		return g.read(ctx, name, f.former[name])
	case errors.As(err, &damaged):
		return nil, err
	}
	for present, folders := range f.former {
		if slices.Contains(folders, folder) && err == nil {
			return g.read(ctx, present, folders)
		}
	}
	return nil, &NoModelError{Name: name, Near: near(name, f.names)}
}

func near(name string, names []string) []string {
	return slices.DeleteFunc(names, func(other string) bool { return !isNear(name, other) })
}

// newModel returns a model without files. former are the folders of its former names.
func newModel(name string, former []string) *Model {
	return &Model{
		Name: name, Tags: map[string]string{}, Stages: map[string]*format.ModelPointer{},
		Aliases: map[string]*format.ModelPointer{}, Archived: map[string]*format.ModelPointer{},
		folders: append([]string{format.ModelFolder(name)}, former...), letters: map[string]*Version{},
		gone: map[string]int64{},
	}
}

// read reads the files of a model. Files that cannot be read do not hide the others.
func (g *Registry) read(ctx context.Context, name string, former []string) (*Model, error) {
	m := newModel(name, former)
	var notes []modelNote
	for _, folder := range m.folders {
		more, err := g.readFolder(ctx, m, folder)
		if err != nil {
			return nil, fmt.Errorf("reading model %s: %w", name, err)
		}
		notes = append(notes, more...)
	}
	m.apply(notes)
	slices.SortStableFunc(m.Versions, func(a, b *Version) int {
		switch {
		case a.Number != b.Number:
			return cmp.Compare(a.Number, b.Number)
		case !a.Created.Equal(b.Created):
			return a.Created.Compare(b.Created)
		}
		return strings.Compare(a.Random, b.Random)
	})
	for _, v := range m.Versions {
		m.seen(v.Created, v.Author)
	}
	return m, nil
}

// seen takes the time and the author of a file into account.
func (m *Model) seen(at time.Time, author string) {
	if m.Created.IsZero() || at.Before(m.Created) {
		m.Created, m.Author = at, author
	}
	if at.After(m.Updated) {
		m.Updated = at
	}
}

// inConflict reports whether Git has left both sides of a merge in a file.
func inConflict(data []byte) bool {
	mark := []byte("<<<<<<< ")
	return bytes.HasPrefix(data, mark) || bytes.Contains(data, append([]byte{'\n'}, mark...))
}

// modelNote is a note with the name of its file, which orders notes of one time.
type modelNote struct {
	*format.ModelNote
	file string
}

// readFolder reads the files of one folder into the model, and returns its notes.
func (g *Registry) readFolder(ctx context.Context, m *Model, folder string) (notes []modelNote, err error) {
	each := func(kind string, use func(file string, data []byte) error) error {
		dir := path.Join(folder, kind)
		names, err := g.from.list(ctx, dir)
		if err != nil {
			m.Damaged = append(m.Damaged, Damage{Path: dir, Err: err})
			return ctx.Err()
		}
		for _, name := range names {
			if !strings.HasSuffix(name, ".toml") {
				continue
			}
			file := path.Join(dir, name)
			data, err := g.from.read(ctx, file)
			if err == nil {
				err = use(file, data)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				m.Damaged = append(m.Damaged, Damage{file, err, inConflict(data)})
			}
		}
		return nil
	}
	err = each("versions", func(file string, data []byte) error {
		v, err := format.DecodeModelVersion(file, data)
		if err == nil && m.ByLetters(v.Random) != nil {
			err = fmt.Errorf("%s: the letters are those of another version", file)
		}
		if err == nil {
			m.letters[v.Random] = &Version{
				ModelVersion: v, Model: m.Name, Number: v.ModelVersionID.Number, Note: v.Note, Tags: v.Tags,
				Updated: v.Created, folder: folder,
			}
			m.Versions = append(m.Versions, m.letters[v.Random])
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for kind, into := range map[format.ModelPointerKind]map[string]*format.ModelPointer{
		format.ModelStages: m.Stages, format.ModelAliases: m.Aliases, format.ModelArchived: m.Archived,
	} {
		err := each(string(kind), func(file string, data []byte) error {
			name := strings.TrimSuffix(path.Base(file), ".toml")
			if kind == format.ModelArchived {
				id, err := format.ParseModelVersionID(name)
				if err != nil {
					return &format.FileError{File: file, Reason: err.Error()}
				}
				name = id.Random
			} else if err := format.CheckModelLabel(strings.TrimSuffix(string(kind), "s"), name); err != nil {
				return &format.FileError{File: file, Reason: err.Error()}
			}
			p, err := format.DecodeModelPointer(kind, file, data)
			if err == nil && into[name] == nil { // the folder of the present name counts more
				into[name] = p
				m.seen(p.Time, p.By)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	err = each("notes", func(file string, data []byte) error {
		n, err := format.DecodeModelNote(file, data)
		if err == nil {
			notes = append(notes, modelNote{n, path.Base(file)})
			m.seen(n.Time, n.Author)
		}
		return err
	})
	return notes, err
}

// apply merges notes into the model and its versions, oldest first.
func (m *Model) apply(notes []modelNote) {
	slices.SortStableFunc(notes, func(a, b modelNote) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return strings.Compare(a.file, b.file)
	})
	for _, n := range notes {
		text, tags := &m.Note, &m.Tags
		m.highest = max(m.highest, n.Number, n.Version.Number)
		if n.Version.Random != "" {
			v := m.ByLetters(n.Version.Random)
			if v == nil {
				if n.Number > 0 { // a removal leaves it
					m.gone[n.Version.Random] = n.Number
				}
				continue
			}
			if n.Number > 0 {
				v.Number = n.Number
			}
			v.Updated = n.Time
			text, tags = &v.Note, &v.Tags
		}
		if n.Cleared || n.Text != "" {
			*text = n.Text
		}
		for _, key := range n.Removed {
			delete(*tags, key)
		}
		for key, value := range n.Tags {
			if *tags == nil {
				*tags = map[string]string{}
			}
			(*tags)[key] = value
		}
	}
}

// ByLetters returns the version with these letters, or nil.
func (m *Model) ByLetters(letters string) *Version { return m.letters[letters] }

// Latest returns the version with the largest number, the newest of several. It is nil if there is none.
func (m *Model) Latest() *Version {
	if len(m.Versions) == 0 {
		return nil
	}
	return m.Versions[len(m.Versions)-1]
}

// StageOf returns the stage of a version: the first by name of those that name it, "archived", or "".
func (m *Model) StageOf(v *Version) string {
	for _, name := range sortedKeys(m.Stages) {
		if names(m.Stages[name], v.Random) {
			return name
		}
	}
	if m.Archived[v.Random] != nil {
		return ArchivedStage
	}
	return ""
}

// ArchivedStage is what stands for the stage of an archived version.
const ArchivedStage = "archived"

// AliasesOf returns the aliases of a version, sorted.
func (m *Model) AliasesOf(v *Version) (aliases []string) {
	for _, name := range sortedKeys(m.Aliases) {
		if names(m.Aliases[name], v.Random) {
			aliases = append(aliases, name)
		}
	}
	return aliases
}

// isNear reports whether a user may have meant one name with another.
func isNear(a, b string) bool {
	return strings.EqualFold(a, b) || format.EditDistance(a, b) <= 1+len(a)/4
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// InStage returns the versions of a stage, the newest last. Versions that do not exist are left out.
func (m *Model) InStage(stage string) (versions []*Version) {
	p := m.Stages[stage]
	for _, v := range m.Versions {
		if p != nil && names(p, v.Random) {
			versions = append(versions, v)
		}
	}
	return versions
}

// names reports whether a pointer names the version with these letters.
func names(p *format.ModelPointer, letters string) bool {
	return slices.ContainsFunc(p.Versions, func(id format.ModelVersionID) bool { return id.Random == letters })
}
