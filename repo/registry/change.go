package registry

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
)

// Change is what was done to the registry of the working tree.
type Change struct {
	Written  []string // paths in .runs, sorted
	Removed  []string
	Restored []string // files that the working tree had lost although no commit had them
	Same     []string // files that say already what was asked for
}

// Empty reports whether nothing was changed.
func (c *Change) Empty() bool { return len(c.Written)+len(c.Removed) == 0 }

// Files returns the paths in .runs that were written or removed, and those that said already what was asked for,
// sorted: a commit takes them.
func (c *Change) Files() []string {
	return slices.Sorted(slices.Values(slices.Concat(c.Written, c.Removed, c.Same)))
}

// edit is a change that is being made.
type edit struct {
	*Registry
	files *repo.ModelReader
	done  *Change
	by    string
	now   time.Time
}

// change locks the registry of the working tree, puts lost files back, and makes a change.
func (g *Registry) change(ctx context.Context, do func(e *edit) error) (*Change, error) {
	tree, ok := g.from.(workingTree)
	if !ok {
		return nil, errors.New("changing models: a commit cannot be changed")
	}
	if err := g.repo.Writable(); err != nil {
		return nil, err
	}
	unlock, err := g.repo.LockModels(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	tree.files.Forget() // another process may have written, or what was lost may be committed now
	defer tree.files.Forget()
	restored, err := g.repo.RestoreModels(ctx)
	if err != nil {
		return nil, err
	}
	by, _, err := capture.Author(ctx, g.repo.TreeRoot())
	if err != nil {
		by = "" // as in the record of a run
	}
	e := &edit{
		Registry: g, files: tree.files, done: &Change{Restored: restored}, by: by,
		now: time.Now().UTC().Truncate(time.Microsecond),
	}
	err = do(e)
	if tidyErr := g.repo.TidyModels(ctx); err == nil {
		err = tidyErr
	}
	slices.Sort(e.done.Written)
	slices.Sort(e.done.Removed)
	return e.done, err
}

func (e *edit) write(name string, data []byte, err error) error {
	if err == nil {
		err = e.repo.PlaceModelFile(name, data)
	}
	if err == nil && !slices.Contains(e.done.Written, name) {
		e.done.Written = append(e.done.Written, name)
	}
	return err
}

func (e *edit) remove(name string) error {
	err := e.repo.RemoveModelFile(name)
	e.files.Forget() // a file that is stashed is lost, and must not be read any more
	if err == nil {
		e.done.Removed = append(e.done.Removed, name)
	}
	return err
}

func (e *edit) pointer(folder string, kind format.ModelPointerKind, name string, p *format.ModelPointer) error {
	p.By, p.Time = e.by, e.now
	data, err := format.EncodeModelPointer(kind, p)
	return e.write(path.Join(folder, string(kind), name+".toml"), data, err)
}

func (e *edit) note(folder string, n *format.ModelNote) error {
	n.Author, n.Time = e.by, e.now
	data, err := format.EncodeModelNote(n)
	return e.write(path.Join(folder, "notes", format.NoteName(n.Time)), data, err)
}

// folder returns the folder that files of a model are written to.
func (m *Model) folder() string { return m.folders[0] }

// Create adds a model without versions. If the registry has it, nothing is changed.
func (g *Registry) Create(ctx context.Context, name, note string, tags map[string]string) (*Change, error) {
	if err := format.CheckModelName(name); err != nil {
		return nil, err
	}
	done, err := g.change(ctx, func(e *edit) error {
		if err := e.create(ctx, name); err != nil || len(e.done.Written) == 0 {
			return err
		}
		return e.note(format.ModelFolder(name), &format.ModelNote{Text: note, Tags: tags})
	})
	if err != nil {
		err = fmt.Errorf("adding model %s: %w", name, err)
	}
	return done, err
}

// create writes model.toml unless the registry has the model.
func (e *edit) create(ctx context.Context, name string) error {
	folders, err := e.from.list(ctx, format.ModelsName)
	if err != nil {
		return err
	}
	own := path.Base(format.ModelFolder(name))
	for _, folder := range folders {
		if folder != own && strings.EqualFold(folder, own) {
			return &repo.HintError{
				Err:  fmt.Errorf("model %s differs from it only in case, and some file systems cannot tell them apart", folder),
				Hint: "use the name " + folder + ", or another one",
			}
		}
		if folder != own {
			continue
		}
		m, err := e.readModel(ctx, path.Join(format.ModelsName, folder))
		if err != nil {
			return err
		}
		if m.Renamed == "" {
			return nil
		}
	}
	data, err := format.EncodeModel(&format.Model{Name: name})
	return e.write(path.Join(format.ModelFolder(name), "model.toml"), data, err)
}

// Registration is what is known of a new version besides its content.
type Registration struct {
	Note  string
	Tags  map[string]string
	Again bool // register content that already is a version of the model
}

// Register adds a version to a model, which is created if it does not exist. If the model has this very content of the
// run, it returns that version and changes nothing.
func (g *Registry) Register(ctx context.Context, name string, c *Content, o Registration) (*Version, *Change, error) {
	if err := format.CheckModelName(name); err != nil {
		return nil, nil, err
	}
	var v *Version
	done, err := g.change(ctx, func(e *edit) error {
		m, err := e.Model(ctx, name)
		var none *NoModelError
		if errors.As(err, &none) {
			if err = e.create(ctx, name); err == nil {
				m, err = e.Model(ctx, name)
			}
		}
		if err != nil {
			return err
		}
		next := int64(1)
		for _, old := range m.Versions {
			if !o.Again && old.Run == c.Run && old.Path == c.Path && old.SHA256 == c.SHA256 {
				v = old
			}
			next = max(next, old.Number+1, old.ModelVersionID.Number+1)
		}
		next = max(next, m.highest+1)
		if v != nil {
			e.done.Same = append(e.done.Same, v.File())
			return nil
		}
		file := &format.ModelVersion{
			ModelVersionID: format.NewModelVersionID(next), Run: c.Run, Path: c.Path, SHA256: c.SHA256, Bytes: c.Bytes,
			Files: c.Files, Flavors: c.Flavors, Created: e.now, Author: e.by, Note: o.Note, Tags: o.Tags,
		}
		v = &Version{
			ModelVersion: file, Model: m.Name, Number: next, Note: o.Note, Tags: o.Tags, Updated: e.now, folder: m.folder(),
		}
		data, err := format.EncodeModelVersion(file)
		return e.write(v.File(), data, err)
	})
	if err != nil {
		return nil, done, fmt.Errorf("registering a version of model %s: %w", name, err)
	}
	return v, done, nil
}

// changeVersion changes the version that a selector names.
func (g *Registry) changeVersion(ctx context.Context, doing, selector string,
	do func(e *edit, m *Model, v *Version) error,
) (v *Version, done *Change, err error) {
	done, err = g.change(ctx, func(e *edit) error {
		var m *Model
		if v, m, err = e.Resolve(ctx, selector); err != nil {
			return err
		}
		if err := do(e, m, v); err != nil {
			return fmt.Errorf("%s %s: %w", doing, v, err)
		}
		return nil
	})
	return v, done, err
}

// Promotion says how a version gets into a stage.
type Promotion struct {
	Reason  string
	Beside  bool // versions of the stage stay in it
	Archive bool // versions that leave the stage are archived
}

// Promote puts a version into a stage, in place of the versions that were in it. The version leaves its former stage.
func (g *Registry) Promote(ctx context.Context, selector, stage string, p Promotion) (*Version, *Change, error) {
	if err := format.CheckModelLabel("stage", stage); err != nil {
		return nil, nil, err
	}
	if err := format.CheckText(p.Reason); err != nil {
		return nil, nil, fmt.Errorf("the reason: %w", err)
	}
	return g.changeVersion(ctx, "promoting", selector, func(e *edit, m *Model, v *Version) error {
		if err := m.free("stage", stage, m.Stages, m.Aliases); err != nil {
			return err
		}
		var was []format.ModelVersionID
		if old := m.Stages[stage]; old != nil {
			was = old.Versions
		}
		next := []format.ModelVersionID{v.ModelVersionID}
		for _, id := range was {
			switch {
			case id.Random == v.Random:
			case p.Beside:
				next = append(next, id)
			case p.Archive:
				if err := e.pointer(m.folder(), format.ModelArchived, id.String(), &format.ModelPointer{
					Reason: fmt.Sprintf("%s replaces it in stage %s", v, stage),
				}); err != nil {
					return err
				}
			}
		}
		if m.Stages[stage] != nil && slices.Equal(next, was) {
			e.done.Same = append(e.done.Same, path.Join(m.folder(), string(format.ModelStages), stage+".toml"))
			return nil
		}
		err := e.pointer(m.folder(), format.ModelStages, stage, &format.ModelPointer{
			Versions: next, Was: was, Reason: p.Reason,
		})
		if err != nil {
			return err
		}
		return e.leave(ctx, m, v, stage, fmt.Sprintf("promoted to %s", stage))
	})
}

// leave takes a version out of all stages but one, and out of the archive.
func (e *edit) leave(ctx context.Context, m *Model, v *Version, except, reason string) error {
	for _, stage := range sortedKeys(m.Stages) {
		p := m.Stages[stage]
		if stage == except || !names(p, v.Random) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(p.Versions), func(id format.ModelVersionID) bool {
			return id.Random == v.Random
		})
		err := e.pointer(m.folder(), format.ModelStages, stage, &format.ModelPointer{
			Versions: rest, Was: p.Versions, Reason: reason,
		})
		if err != nil {
			return err
		}
	}
	if m.Archived[v.Random] == nil || except == ArchivedStage {
		return nil
	}
	return e.dropPointer(ctx, m, format.ModelArchived, v.ID())
}

// free refuses the name of a stage or alias that the other kind has, or that differs from another only in case.
func (m *Model) free(what, label string, own, other map[string]*format.ModelPointer) error {
	if other[label] != nil {
		kind := map[string]string{"stage": "an alias", "alias": "a stage"}[what]
		return fmt.Errorf("%s of model %s has the name %s", kind, m.Name, label)
	}
	for _, names := range []map[string]*format.ModelPointer{own, other} {
		for name := range names {
			if name != label && strings.EqualFold(name, label) {
				return fmt.Errorf("the %s %s differs from %s only in case", what, label, name)
			}
		}
	}
	return nil
}

// Unstage takes a version out of its stage, and out of the archive.
func (g *Registry) Unstage(ctx context.Context, selector, reason string) (*Version, *Change, error) {
	return g.changeVersion(ctx, "unstaging", selector, func(e *edit, m *Model, v *Version) error {
		return e.leave(ctx, m, v, "", reason)
	})
}

// Archive marks a version as archived and takes it out of its stage.
func (g *Registry) Archive(ctx context.Context, selector, reason string) (*Version, *Change, error) {
	if err := format.CheckText(reason); err != nil {
		return nil, nil, fmt.Errorf("the reason: %w", err)
	}
	return g.changeVersion(ctx, "archiving", selector, func(e *edit, m *Model, v *Version) error {
		if m.Archived[v.Random] != nil {
			e.done.Same = append(e.done.Same, path.Join(m.folder(), string(format.ModelArchived), v.ID()+".toml"))
			return nil
		}
		if err := e.pointer(m.folder(), format.ModelArchived, v.ID(), &format.ModelPointer{Reason: reason}); err != nil {
			return err
		}
		return e.leave(ctx, m, v, ArchivedStage, "archived")
	})
}

// Alias lets an alias name a version.
func (g *Registry) Alias(ctx context.Context, selector, alias, reason string) (*Version, *Change, error) {
	if err := format.CheckModelLabel("alias", alias); err != nil {
		return nil, nil, err
	}
	if err := format.CheckText(reason); err != nil {
		return nil, nil, fmt.Errorf("the reason: %w", err)
	}
	return g.changeVersion(ctx, "naming", selector, func(e *edit, m *Model, v *Version) error {
		if err := m.free("alias", alias, m.Aliases, m.Stages); err != nil {
			return err
		}
		p := &format.ModelPointer{Versions: []format.ModelVersionID{v.ModelVersionID}, Reason: reason}
		if old := m.Aliases[alias]; old != nil {
			if names(old, v.Random) {
				e.done.Same = append(e.done.Same, path.Join(m.folder(), string(format.ModelAliases), alias+".toml"))
				return nil
			}
			p.Was = old.Versions
		}
		return e.pointer(m.folder(), format.ModelAliases, alias, p)
	})
}

// Unalias removes an alias of a model.
func (g *Registry) Unalias(ctx context.Context, name, alias string) (*Change, error) {
	return g.change(ctx, func(e *edit) error {
		m, err := e.Model(ctx, name)
		if err != nil {
			return err
		}
		if m.Aliases[alias] == nil {
			return fmt.Errorf("removing alias %s: model %s does not have it", alias, name)
		}
		return e.dropPointer(ctx, m, format.ModelAliases, alias)
	})
}

// dropPointer removes a pointer from the folders of the model that have it.
func (e *edit) dropPointer(ctx context.Context, m *Model, kind format.ModelPointerKind, name string) error {
	for _, folder := range m.folders {
		file := path.Join(folder, string(kind), name+".toml")
		names, err := e.from.list(ctx, path.Dir(file))
		if err != nil || !slices.Contains(names, path.Base(file)) {
			continue
		}
		if err := e.remove(file); err != nil {
			return err
		}
	}
	return nil
}

// Annotate adds a note to a model, or to the version that which names in it. It sets the author and the time.
func (g *Registry) Annotate(ctx context.Context, name, which string, n *format.ModelNote) (*Change, error) {
	return g.change(ctx, func(e *edit) error {
		m, err := e.Model(ctx, name)
		if err != nil {
			return err
		}
		if which != "" {
			v, err := m.Version(which)
			if err != nil {
				return err
			}
			n.Version = v.ModelVersionID
		}
		return e.note(m.folder(), n)
	})
}

// Renumbered is a version that got another number.
type Renumbered struct {
	Version  *Version
	Was, Now int64
}

// Renumber gives each version that shares its number with an older one the next free number. The files of versions and
// pointers stay as they are.
func (g *Registry) Renumber(ctx context.Context, name string) (changed []Renumbered, done *Change, err error) {
	done, err = g.change(ctx, func(e *edit) error {
		m, err := e.Model(ctx, name)
		if err != nil {
			return err
		}
		used, next := map[int64]bool{}, int64(1)
		for _, v := range m.Versions {
			next = max(next, v.Number+1, v.ModelVersionID.Number+1)
		}
		next = max(next, m.highest+1)
		for _, v := range m.Versions { // of one number, the oldest comes first
			if !used[v.Number] {
				used[v.Number] = true
				continue
			}
			if err := e.note(m.folder(), &format.ModelNote{Version: v.ModelVersionID, Number: next}); err != nil {
				return err
			}
			changed = append(changed, Renumbered{v, v.Number, next})
			v.Number = next
			next++
		}
		return nil
	})
	return changed, done, err
}

// InUseError means that stages or aliases name a version that is to be removed.
type InUseError struct {
	Version *Version
	By      []string
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("version %s is named by %s", e.Version, strings.Join(e.By, ", "))
}

// users returns what names a version.
func (m *Model) users(v *Version) (by []string) {
	for _, stage := range sortedKeys(m.Stages) {
		if names(m.Stages[stage], v.Random) {
			by = append(by, "stage "+stage)
		}
	}
	for _, alias := range m.AliasesOf(v) {
		by = append(by, "alias "+alias)
	}
	return by
}

// Remove removes a version. If a stage or an alias names it, the error is an *InUseError, unless they are removed too.
func (g *Registry) Remove(ctx context.Context, selector string, pointersToo bool) (*Version, *Change, error) {
	return g.changeVersion(ctx, "removing", selector, func(e *edit, m *Model, v *Version) error {
		if by := m.users(v); len(by) > 0 && !pointersToo {
			return &InUseError{v, by}
		}
		for _, alias := range m.AliasesOf(v) {
			if err := e.dropPointer(ctx, m, format.ModelAliases, alias); err != nil {
				return err
			}
		}
		if err := e.leave(ctx, m, v, "", "the version was removed"); err != nil {
			return err
		}
		// The note keeps the number from being given out again.
		if err := e.note(m.folder(), &format.ModelNote{Version: v.ModelVersionID, Number: v.Number}); err != nil {
			return err
		}
		return e.remove(v.File())
	})
}

// RemoveModel removes a model with its versions. If a stage or an alias names one, the error is an *InUseError, unless
// they are removed too.
func (g *Registry) RemoveModel(ctx context.Context, name string, pointersToo bool) (*Model, *Change, error) {
	var m *Model
	done, err := g.change(ctx, func(e *edit) error {
		var err error
		if m, err = e.Model(ctx, name); err != nil {
			return err
		}
		for _, v := range m.Versions {
			if by := m.users(v); len(by) > 0 && !pointersToo {
				return fmt.Errorf("removing model %s: %w", name, &InUseError{v, by})
			}
		}
		return e.eachFile(ctx, m, func(file string) error { return e.remove(file) })
	})
	return m, done, err
}

// eachFile calls visit with all files of a model.
func (e *edit) eachFile(ctx context.Context, m *Model, visit func(file string) error) error {
	for _, folder := range m.folders {
		for _, dir := range []string{"versions", "stages", "aliases", "archived", "notes", ""} {
			names, err := e.from.list(ctx, path.Join(folder, dir))
			if err != nil {
				return err
			}
			for _, name := range names {
				if !strings.HasSuffix(name, ".toml") {
					continue
				}
				if err := visit(path.Join(folder, dir, name)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Rename gives a model another name. The folder of the old one keeps a model.toml that leads to it, so that versions
// which others register under the old name are versions of the model.
func (g *Registry) Rename(ctx context.Context, name, to string) (*Change, error) {
	if err := format.CheckModelName(to); err != nil {
		return nil, err
	}
	done, err := g.change(ctx, func(e *edit) error {
		m, err := e.Model(ctx, name)
		if err != nil {
			return err
		}
		if other, err := e.Model(ctx, to); err == nil && other.Name == to { // not a former name
			return &repo.HintError{
				Err:  fmt.Errorf("the registry has a model %s", to),
				Hint: "name another one, or run 'runs model rm " + to + "' first",
			}
		}
		if err := e.create(ctx, to); err != nil {
			return err
		}
		folder := m.folder()
		err = e.eachFile(ctx, m, func(file string) error {
			below, ok := strings.CutPrefix(file, folder+"/")
			if !ok || below == "model.toml" {
				return nil
			}
			data, err := e.from.read(ctx, file)
			if err := e.write(path.Join(format.ModelFolder(to), below), data, err); err != nil {
				return err
			}
			return e.remove(file)
		})
		if err != nil {
			return err
		}
		data, err := format.EncodeModel(&format.Model{Name: m.Name, Renamed: to})
		return e.write(path.Join(folder, "model.toml"), data, err)
	})
	if err != nil {
		err = fmt.Errorf("renaming model %s: %w", name, err)
	}
	return done, err
}
