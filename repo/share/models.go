package share

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/registry"
	"github.com/gitruns/runs/repo/regular"
)

// isModelFile reports whether a path under .runs is that of a file of the registry of models.
func isModelFile(name string) bool {
	parts := strings.Split(name, "/")
	if len(parts) < 3 || parts[0] != format.ModelsName {
		return false
	}
	switch {
	case len(parts) == 3:
		return parts[2] == "model.toml"
	case len(parts) > 4 || !strings.HasSuffix(parts[3], ".toml"):
		return false
	}
	switch stem := strings.TrimSuffix(parts[3], ".toml"); parts[2] {
	case "versions", string(format.ModelArchived):
		_, err := format.ParseModelVersionID(stem)
		return err == nil
	case string(format.ModelStages):
		return format.CheckModelLabel("stage", stem) == nil
	case string(format.ModelAliases):
		return format.CheckModelLabel("alias", stem) == nil
	case "notes":
		return true
	}
	return false
}

// mayChange reports whether a file of the registry may change: versions and notes are written once.
func mayChange(name string) bool {
	return format.ModelFileKind(name) == "" || format.IsModelPointer(name)
}

// addModels adds files of the registry of models: those that are named, with what they refer to, and otherwise the
// versions of the runs that the commit takes or that base has. If runs are named, only theirs count. A branch that is
// not checked out gets none: the registry belongs to the code.
func (p *plan) addModels(ctx context.Context, trees *git.Trees, base string, q Request) error {
	if p.beside {
		return nil
	}
	if len(q.Models) == 0 && len(p.Runs) == 0 && q.IDs != nil {
		return nil
	}
	files := p.repo.ModelReader()
	folders, err := files.List(ctx, format.ModelsName)
	if err != nil {
		return fmt.Errorf("reading the registry of models: %w", err)
	}
	if len(folders) == 0 && len(q.Models) == 0 {
		return nil
	}
	unlock, err := p.repo.LockModels(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := p.repo.RestoreModels(ctx); err != nil {
		return err
	}
	files.Forget()
	p.Doing = q.Doing
	for _, name := range q.Models {
		if err := p.addModelFile(trees, base, name); err != nil {
			return err
		}
	}
	for _, folder := range folders {
		dir := path.Join(format.ModelsName, folder)
		touched := slices.ContainsFunc(q.Models, func(name string) bool { return strings.HasPrefix(name, dir+"/") })
		if err := p.addVersions(ctx, files, trees, base, dir, touched, q.IDs); err != nil {
			return err
		}
	}
	return nil
}

// addModelFile adds a file of the registry as the working tree has it: written, changed or removed.
func (p *plan) addModelFile(trees *git.Trees, base, name string) error {
	if !isModelFile(name) {
		return fmt.Errorf("%s is not a file of the registry of models", name)
	}
	if slices.Contains(p.paths, name) || slices.Contains(p.remove, name) {
		return nil
	}
	there, has, err := trees.Find(base, path.Join(p.at, name))
	if err != nil {
		return err
	}
	data, err := regular.ReadFile(filepath.Join(p.repo.Dir, filepath.FromSlash(name)))
	switch {
	case errors.Is(err, fs.ErrNotExist) && has:
		p.remove = append(p.remove, name)
		p.Models++
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	if has {
		id, err := git.BlobID(there.ID, int64(len(data)), bytes.NewReader(data))
		if err != nil || id == there.ID {
			return err
		}
	}
	if format.ModelFileKind(name) == "versions" && !has {
		p.Versions = append(p.Versions, p.versionText(name))
	} else {
		p.Models++
	}
	p.paths = append(p.paths, name)
	p.Files++
	p.Bytes += int64(len(data))
	return nil
}

// versionText names a version in the message of a commit.
func (p *plan) versionText(name string) string {
	parts := strings.Split(name, "/")
	number, _, _ := strings.Cut(parts[3], "-")
	model := parts[1]
	data, err := regular.ReadFile(filepath.Join(p.repo.Dir, format.ModelsName, parts[1], "model.toml"))
	if err == nil {
		if m, err := format.DecodeModel(path.Join(format.ModelsName, parts[1], "model.toml"), data); err == nil {
			model = m.Name
		}
	}
	return model + "@" + number
}

// addVersions adds the files of a model that base lacks: those of a version whose run is taken or in base, or all but
// the pointers if a file of the model was named.
func (p *plan) addVersions(ctx context.Context, files *repo.ModelReader, trees *git.Trees, base, dir string,
	touched bool, ids []string,
) error {
	lacks := func(name string) bool {
		_, has, err := trees.Find(base, path.Join(p.at, name))
		return err == nil && !has
	}
	names, err := files.List(ctx, path.Join(dir, "versions"))
	if err != nil {
		return err
	}
	config, err := p.repo.Config()
	if err != nil {
		return err
	}
	elsewhere := config.Commit.Branch != "" // the runs go to another branch
	added := touched
	for _, name := range names {
		name = path.Join(dir, "versions", name)
		if !isModelFile(name) || !lacks(name) {
			continue
		}
		if !touched || !elsewhere {
			data, err := files.Read(ctx, name)
			if err != nil {
				return err
			}
			v, err := format.DecodeModelVersion(name, data)
			if err != nil {
				continue // verify reports it
			}
			taken := slices.ContainsFunc(p.Runs, func(run CommittedRun) bool { return run.ID == v.Run })
			if !taken && ids != nil && !slices.Contains(ids, v.Run) {
				continue
			}
			if committed, err := p.holds(trees, base, v.Run); err != nil || !taken && !committed {
				if err != nil {
					return err
				}
				continue
			}
		}
		added = true
		if err := p.addModelFile(trees, base, name); err != nil {
			return err
		}
	}
	if !added {
		return nil
	}
	notes, err := files.List(ctx, path.Join(dir, "notes"))
	if err != nil {
		return err
	}
	others := []string{path.Join(dir, "model.toml")}
	for _, name := range notes {
		others = append(others, path.Join(dir, "notes", name))
	}
	for _, name := range others {
		if isModelFile(name) && lacks(name) {
			if err := p.addModelFile(trees, base, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// holds reports whether base has a run. The snapshot of the plan may lack days in which there is nothing to commit.
func (p *plan) holds(trees *git.Trees, base, id string) (bool, error) {
	known := p.known
	if day := format.IDDay(id); p.settled != nil && p.settled.has(day, true) {
		var err error
		known, err = readSnapshotOf(trees, base, p.at, func(e git.TreeEntry) bool { return e.Name == day })
		if err != nil {
			return false, err
		}
	}
	_, has := known.runs[id]
	return has && !known.removed[id], nil
}

// CommitModels commits changes of the registry of models to the branch that is checked out, with the runs of the
// versions that pointers name and the commit would not have. With the setting commit.branch, these runs are committed
// to that branch first. doing is what the summary of the commit says of the models.
func CommitModels(ctx context.Context, r *repo.Repository, files, runs []string, doing, message string,
) (done []*Committed, err error) {
	config, err := r.Config()
	if err != nil {
		return nil, err
	}
	if runs == nil {
		runs = []string{} // nil would be all runs
	}
	q := Request{IDs: runs, Models: files, Doing: doing, Message: message}
	if config.Commit.Branch != "" {
		if len(runs) > 0 {
			c, err := Commit(ctx, r, Request{IDs: runs, Branch: config.Commit.Branch})
			if err != nil {
				return nil, err
			}
			if !c.Empty() {
				done = append(done, c)
			}
		}
		q.IDs = []string{}
	}
	c, err := Commit(ctx, r, q)
	if err != nil {
		return done, err
	}
	return append(done, c), nil
}

// LoadModel writes the files of a version to a new folder, whole or not at all, and verifies each. Files that are not
// on this machine are fetched from the store.
func LoadModel(ctx context.Context, r *repo.Repository, v *registry.Version, find registry.FindRun, dir string,
	progress func(done, total int64),
) (*registry.Content, error) {
	fail := func(err error) (*registry.Content, error) { return nil, fmt.Errorf("loading %s: %w", v, err) }
	if _, err := os.Lstat(dir); err == nil {
		return fail(&repo.HintError{
			Err: fmt.Errorf("%s already exists", dir), Hint: "remove it, or name another folder",
		})
	}
	c, err := v.Content(ctx, find)
	if err != nil {
		return fail(err)
	}
	if err := FetchArtifacts(ctx, r, c.Part, c.Artifacts, progress); err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return fail(err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".runs-*")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	for _, a := range c.Artifacts {
		if ctx.Err() != nil {
			return fail(ctx.Err())
		}
		name := registry.Below(c.Path, a.Path)
		if err := c.Part.ExportArtifact(a, filepath.Join(tmp, filepath.FromSlash(name))); err != nil {
			return fail(err)
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fail(err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return fail(err)
	}
	return c, nil
}

// VerifyModel returns what is wrong with a model, as registry.Model.Verify does. It also reads the bytes of versions
// that are on this machine.
func VerifyModel(ctx context.Context, r *repo.Repository, m *registry.Model, find registry.FindRun) (
	[]registry.Problem, error,
) {
	store, err := storeURL(r)
	if err != nil {
		return nil, err
	}
	return m.Verify(ctx, find, func(v *registry.Version, c *registry.Content) (problems []registry.Problem) {
		for _, a := range c.Artifacts {
			if ctx.Err() != nil {
				return problems
			}
			if reason := wrongBytes(c.Part, a, store); reason != "" {
				problems = append(problems, registry.Problem{
					Model: m.Name, Path: v.File(),
					Reason: fmt.Sprintf("version %s: artifact %s of run %s %s", v, a.Path, v.Run, reason),
					Hint:   "run 'runs verify " + format.IDRandom(v.Run) + "' to see what is damaged",
				})
			}
		}
		return problems
	})
}

// wrongBytes returns what is wrong with the bytes of an artifact. Bytes that only a store has are not read.
func wrongBytes(e *repo.Entry, a format.Artifact, store string) string {
	switch {
	case e.HasArtifact(a):
		if err := e.CopyArtifact(a, io.Discard); err != nil {
			return "cannot be read: " + err.Error()
		}
	case a.Where != "" && store == "":
		return "is not on this machine, and no artifact store is configured"
	case a.Where == "" && !e.Pointer(a):
		return "is missing"
	}
	return ""
}
