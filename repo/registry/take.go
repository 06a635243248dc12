package registry

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// Foreign is a model of another registry.
type Foreign struct {
	Name     string
	Note     string
	Tags     map[string]string
	Created  time.Time // zero if it is not known
	Versions []ForeignVersion
	Part     bool // without versions, the model is left out
}

// ForeignVersion is a version of a model of another registry. Its letters depend only on what it is there, so that it
// is known again.
type ForeignVersion struct {
	ID      format.ModelVersionID
	Created time.Time
	Updated time.Time // when it got its stage and aliases
	Author  string
	Note    string
	Tags    map[string]string
	Stage   string // ArchivedStage, or empty
	Aliases []string
	// Content returns what the version names. It is called only for versions that are new and that are written.
	Content func(ctx context.Context) (*Content, error)
}

// Taken reports what became of models of another registry.
type Taken struct {
	Models   []string // that are new
	Versions []string // that are new, such as taxi@4
	Present  int      // versions that the registry had
	Gone     int      // versions that were removed from it
	Stages   int      // versions that are not in their stage, because the registry decides about that stage already
	Aliases  int      // aliases that the registry has already
	Problems []error  // why a model, a version, a stage or an alias was left out
}

// Take adds models of another registry. What the registry says already stays: a version that it has, or that was
// removed from it, is skipped, and so are stages and aliases that a model has. reason is that of stages and aliases. If
// dry is set, nothing is written.
func (g *Registry) Take(ctx context.Context, models []Foreign, reason string, dry bool) (*Taken, error) {
	t := &taking{taken: &Taken{}, reason: reason}
	if dry {
		t.edit = &edit{Registry: g, done: &Change{}, now: time.Now().UTC().Truncate(time.Microsecond)}
		return t.taken, t.all(ctx, models)
	}
	_, err := g.change(ctx, func(e *edit) error {
		t.edit, t.real = e, true
		return t.all(ctx, models)
	})
	return t.taken, err
}

type taking struct {
	*edit
	real    bool // files are written
	taken   *Taken
	reason  string
	models  map[string]*Model // by their folders, also those of former names
	folders map[string]string // by their names in lower case
	damaged map[string]bool   // folders whose model.toml cannot be read
}

func (t *taking) all(ctx context.Context, models []Foreign) error {
	known, damaged, err := t.Models(ctx)
	if err != nil {
		return err
	}
	t.models, t.folders, t.damaged = map[string]*Model{}, map[string]string{}, map[string]bool{}
	for _, m := range known {
		for _, folder := range m.folders {
			t.models[folder], t.folders[strings.ToLower(folder)] = m, folder
		}
	}
	for _, d := range damaged {
		t.damaged[d.Path], t.folders[strings.ToLower(d.Path)] = true, d.Path
	}
	for i := range models {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.model(ctx, &models[i]); err != nil {
			return fmt.Errorf("importing model %s: %w", models[i].Name, err)
		}
	}
	return nil
}

func (t *taking) problem(text string, args ...any) {
	t.taken.Problems = append(t.taken.Problems, fmt.Errorf(text, args...))
}

// known returns the model of the registry that has the folder of a name, or nil if the name is free.
func (t *taking) known(name string) (m *Model, err error) {
	if err := format.CheckModelName(name); err != nil {
		return nil, err
	}
	folder := format.ModelFolder(name)
	other := t.folders[strings.ToLower(folder)]
	switch {
	case t.damaged[other]:
		return nil, fmt.Errorf("%s/model.toml cannot be read", other)
	case other != "" && other != folder:
		return nil, fmt.Errorf("the registry has a model in %s, which differs from it only in case", other)
	case other == "" && len(t.folders) >= maxModels:
		return nil, fmt.Errorf("the registry has %d models", len(t.folders))
	}
	return t.models[folder], nil
}

func (t *taking) model(ctx context.Context, f *Foreign) error {
	m, err := t.known(f.Name)
	if err != nil {
		t.problem("skipped model %q: %w", f.Name, err)
		return nil
	}
	fresh := m == nil
	if fresh {
		m = newModel(f.Name, nil)
	}
	versions, err := t.versions(ctx, m, f)
	if err != nil {
		return err
	}
	if fresh && (len(versions) > 0 || !f.Part) {
		if err := t.create(m, f); err != nil {
			return err
		}
	}
	for _, v := range versions {
		if err := t.add(m, v); err != nil {
			return err
		}
	}
	return t.pointers(m, versions)
}

// put writes a file, if files are written.
func (t *taking) put(name string, data []byte, err error) error {
	if err != nil || !t.real {
		return err
	}
	return t.edit.write(name, data, nil)
}

func (t *taking) create(m *Model, f *Foreign) error {
	folder := m.folder()
	t.models[folder], t.folders[strings.ToLower(folder)] = m, folder
	t.taken.Models = append(t.taken.Models, m.Name)
	data, err := format.EncodeModel(&format.Model{Name: m.Name})
	if err := t.put(path.Join(folder, "model.toml"), data, err); err != nil {
		return err
	}
	n := &format.ModelNote{Time: f.Created, Text: f.Note, Tags: f.Tags}
	if n.Time.IsZero() {
		n.Time = t.now
	}
	data, err = format.EncodeModelNote(n)
	if err != nil { // such as of tags that are too large together
		t.problem("skipped the description and tags of model %s: %w", m.Name, err)
		return nil
	}
	return t.put(path.Join(folder, "notes", format.NoteName(n.Time)), data, nil)
}

// arrival is a version that is new, with its file.
type arrival struct {
	*ForeignVersion
	file *format.ModelVersion
	data []byte
}

// versions returns the versions that the model does not have, by their numbers. Each gets its number there if the model
// does not have it and never had it, and otherwise the next one.
func (t *taking) versions(ctx context.Context, m *Model, f *Foreign) (list []*arrival, err error) {
	used, highest, seen := map[int64]bool{}, m.highest, map[string]bool{}
	use := func(n int64) { used[n], highest = true, max(highest, n) }
	for _, v := range m.Versions {
		use(v.Number)
		use(v.ModelVersionID.Number)
	}
	for _, n := range m.gone {
		use(n)
	}
	var fresh []*ForeignVersion
	for i := range f.Versions {
		v := &f.Versions[i]
		_, gone := m.gone[v.ID.Random]
		switch {
		case seen[v.ID.Random]:
			continue
		case m.ByLetters(v.ID.Random) != nil:
			t.taken.Present++
		case gone:
			t.taken.Gone++
		default:
			fresh = append(fresh, v)
		}
		seen[v.ID.Random] = true
	}
	slices.SortStableFunc(fresh, func(a, b *ForeignVersion) int { return cmp.Compare(a.ID.Number, b.ID.Number) })
	for _, v := range fresh {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a := &arrival{ForeignVersion: v, file: &format.ModelVersion{
			ModelVersionID: v.ID, Created: v.Created, Author: v.Author, Note: v.Note, Tags: v.Tags,
		}}
		if used[v.ID.Number] {
			a.file.Number = highest + 1
		}
		if t.real {
			c, err := v.Content(ctx)
			if err == nil {
				a.file.Run, a.file.Path, a.file.SHA256 = c.Run, c.Path, c.SHA256
				a.file.Bytes, a.file.Files, a.file.Flavors = c.Bytes, c.Files, c.Flavors
				a.data, err = format.EncodeModelVersion(a.file)
			}
			if err != nil {
				t.problem("skipped version %d of model %s: %w", v.ID.Number, f.Name, err)
				continue
			}
		}
		use(a.file.Number)
		list = append(list, a)
	}
	return list, nil
}

func (t *taking) add(m *Model, a *arrival) error {
	v := &Version{
		ModelVersion: a.file, Model: m.Name, Number: a.file.Number, Note: a.Note, Tags: a.Tags, Updated: a.Created,
		folder: m.folder(),
	}
	m.letters[v.Random] = v
	m.Versions = append(m.Versions, v)
	t.taken.Versions = append(t.taken.Versions, v.String())
	return t.put(v.File(), a.data, nil)
}

// pointers writes the stages and aliases of new versions. The newest version of a stage comes first.
func (t *taking) pointers(m *Model, versions []*arrival) error {
	stages, aliases := map[string]*format.ModelPointer{}, map[string]*format.ModelPointer{}
	for _, a := range slices.Backward(versions) {
		id := a.file.ModelVersionID
		switch {
		case a.Stage == ArchivedStage:
			p := &format.ModelPointer{Time: a.Updated, Reason: t.reason}
			m.Archived[id.Random] = p
			data, err := format.EncodeModelPointer(format.ModelArchived, p)
			err = t.put(path.Join(m.folder(), string(format.ModelArchived), id.String()+".toml"), data, err)
			if err != nil {
				return err
			}
		case a.Stage != "":
			t.point(stages, a.Stage, a)
		}
		for _, alias := range a.Aliases {
			if aliases[alias] == nil {
				t.point(aliases, alias, a)
			}
		}
	}
	if err := t.place(m, format.ModelStages, "stage", stages, m.Stages, m.Aliases, &t.taken.Stages); err != nil {
		return err
	}
	return t.place(m, format.ModelAliases, "alias", aliases, m.Aliases, m.Stages, &t.taken.Aliases)
}

func (t *taking) point(pointers map[string]*format.ModelPointer, name string, a *arrival) {
	p := pointers[name]
	if p == nil {
		p = &format.ModelPointer{Reason: t.reason}
		pointers[name] = p
	}
	p.Versions = append(p.Versions, a.file.ModelVersionID)
	if a.Updated.After(p.Time) {
		p.Time = a.Updated
	}
}

// place writes pointers that the model does not have. own are those of the model, other those of the other kind. kept
// counts versions whose stage or alias the model has already.
func (t *taking) place(m *Model, kind format.ModelPointerKind, what string, pointers, own,
	other map[string]*format.ModelPointer, kept *int,
) error {
	for _, name := range sortedKeys(pointers) {
		p := pointers[name]
		if has(own, name) {
			*kept += len(p.Versions)
			continue
		}
		err := format.CheckModelLabel(what, name)
		if err == nil {
			err = m.free(what, name, own, other)
		}
		var data []byte
		if err == nil {
			data, err = format.EncodeModelPointer(kind, p)
		}
		if err != nil {
			t.problem("skipped the %s of model %s: %w", what, m.Name, err)
			continue
		}
		own[name] = p
		if err := t.put(path.Join(m.folder(), string(kind), name+".toml"), data, nil); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether one of the names is a name, in whatever case.
func has(pointers map[string]*format.ModelPointer, name string) bool {
	for own := range pointers {
		if strings.EqualFold(own, name) {
			return true
		}
	}
	return false
}
