package git

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gitruns/runs/repo/git/native"
)

// checkCommits refuses what only git does when it commits.
func (f files) checkCommits(context.Context) error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	if sign, _, err := r.Config().Bool("commit.gpgsign"); err != nil || sign {
		return errors.Join(err, &native.Unsupported{What: "commit.gpgSign is set, and only git signs commits"})
	}
	for _, identity := range []func() (native.Identity, error){r.Author, r.Committer} {
		if _, err := identity(); err != nil {
			return fromNative(err)
		}
	}
	if err := r.CheckWorktree(); err != nil {
		return err
	}
	if _, err := r.ReadIndex(f.indexPath()); err != nil {
		return err
	}
	return f.checkHooks(r)
}

// refusedHook is the hook that may refuse to move a ref. The hooks of `git commit` do not run in a commit of runs.
const refusedHook = "reference-transaction"

func (f files) checkHooks(r *native.Repository) error {
	folder, set, err := r.Config().Path("core.hookspath")
	switch {
	case err != nil:
		return err
	case !set:
		folder = filepath.Join(f.Common, "hooks")
	default:
		folder = absolute(f.Root, folder)
	}
	hook := filepath.Join(folder, refusedHook)
	if info, err := os.Stat(hook); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
		return &native.Unsupported{What: hook + " is a hook, and only git runs it"}
	}
	return nil
}

func (f files) sha256(context.Context) (bool, error) {
	r, err := f.open()
	if err != nil {
		return false, err
	}
	r.Close()
	return false, nil
}

func (f files) store(_ context.Context, w *ObjectWriter) error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	if err := w.file.Close(); err != nil {
		return err
	}
	w.file = nil
	return r.StorePack(w.folder, w.places, looseObjects)
}

// fileTrees is a treeMaker that writes the files of a repository.
type fileTrees struct{ repository *native.Repository }

func (f files) treeMaker(context.Context) (treeMaker, error) {
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	return fileTrees{r}, nil
}

func (t fileTrees) make(entries []TreeEntry) (string, error) {
	data, err := encodeTree(entries)
	if err != nil {
		return "", err
	}
	id, err := t.repository.Store(native.Tree, data)
	return id.String(), err
}

func (t fileTrees) failed(err error) error { return err }

func (t fileTrees) close() { t.repository.Close() }

func (f files) writeBlob(_ context.Context, data []byte) (string, error) {
	r, err := f.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	id, err := r.Store(native.Blob, data)
	return id.String(), err
}

func (f files) writeCommit(_ context.Context, c CommitObject) (string, error) {
	if c.Sign {
		return "", &native.Unsupported{What: "only git signs commits"}
	}
	r, err := f.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	n := native.NewCommit{Message: c.Message}
	if n.Tree, err = treeIn(r, c.Tree); err != nil {
		return "", err
	}
	if n.Parents, err = idsOf(r, c.Parents); err != nil {
		return "", err
	}
	if a := c.Author; a != nil {
		author, err := native.NewIdentity("author", a.Name, a.Email, a.Date)
		if err != nil {
			return "", fromNative(err)
		}
		n.Author = &author
	}
	id, err := r.StoreCommit(n)
	return id.String(), fromNative(err)
}

// edit changes an index file, which need not exist.
func (f files) edit(index string, change func(r *native.Repository, x *native.Index) error) error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	x, err := r.ReadIndex(index)
	if err != nil {
		return err
	}
	if x.Info == nil {
		if x.Version, err = r.NewIndexVersion(); err != nil {
			return err
		}
	}
	if err := change(r, x); err != nil {
		return err
	}
	if err := r.SmudgeRacy(x); err != nil {
		return err
	}
	return r.WriteIndex(x, index+".lock", index)
}

func (f files) stage(ctx context.Context, index string, add iter.Seq[string], remove []string) error {
	return f.edit(index, func(r *native.Repository, x *native.Index) error {
		stage, err := r.NewStage(x)
		if err != nil {
			return err
		}
		var put []native.IndexEntry
		for path := range add {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			e, err := stage.Measure(path)
			if err != nil {
				return err
			}
			put = append(put, e)
		}
		return x.Change(put, remove)
	})
}

func (f files) stageEntries(_ context.Context, index string, entries []Edit) error {
	return f.edit(index, func(_ *native.Repository, x *native.Index) error {
		put := make([]native.IndexEntry, len(entries))
		for i, e := range entries {
			id, ok := native.ParseID(e.ID)
			var mode uint32
			if _, err := fmt.Sscanf(e.Mode, "%o", &mode); err != nil || !ok {
				return fmt.Errorf("changing the index: %q has the mode %q and the object %q", e.Path, e.Mode, e.ID)
			}
			put[i] = native.IndexEntry{Path: e.Path, Mode: mode, ID: id}
		}
		return x.Change(put, nil)
	})
}

func (f files) refresh(ctx context.Context, folders []string) (err error) {
	o, err := beginWithin(ctx, f.Dirs, "stage", fmt.Sprintf("%08x", rand.Uint32()), 0, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	err = f.edit(o.index, func(r *native.Repository, x *native.Index) error {
		return r.Refresh(x, scope(folders).has)
	})
	if err != nil {
		return err
	}
	return o.FinishIndex(ctx, "")
}

// paths are paths and the folders above them.
type paths struct{ at, above map[string]bool }

func pathsOf(edits []Edit) paths {
	p := paths{map[string]bool{}, map[string]bool{}}
	for _, e := range edits {
		p.at[e.Path] = true
		for dir := e.Path; ; {
			i := strings.LastIndexByte(dir, '/')
			if i < 0 {
				break
			}
			dir = dir[:i]
			p.above[dir] = true
		}
	}
	return p
}

// differ reports whether two trees differ at one of the paths.
func (p paths) differ(r *native.Repository, from, to native.ID) (bool, error) {
	enters := func(folder string) bool { return p.above[folder] }
	err := r.Diff(from, to, enters, func(c native.Change) error {
		if p.at[c.Path] {
			return errDiffers
		}
		return nil
	})
	if errors.Is(err, errDiffers) {
		return true, nil
	}
	return false, err
}

// treeOrEmpty returns the tree of a commit, or the tree without entries if commit is empty.
func treeOrEmpty(r *native.Repository, commit string) (native.ID, error) {
	if commit == "" {
		return native.EmptyTree, nil
	}
	return treeIn(r, commit)
}

func (f files) changedAt(_ context.Context, from, to string, edits []Edit) (bool, error) {
	r, err := f.open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	a, err := treeOrEmpty(r, from)
	if err != nil {
		return false, err
	}
	b, err := treeOrEmpty(r, to)
	if err != nil {
		return false, err
	}
	return pathsOf(edits).differ(r, a, b)
}

func (f files) stagedAt(_ context.Context, index, from string, edits []Edit) (bool, error) {
	r, err := f.open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	tree, err := treeOrEmpty(r, from)
	if err != nil {
		return false, err
	}
	x, err := r.ReadIndex(index)
	if err != nil {
		return false, err
	}
	p := pathsOf(edits)
	staged := map[string]native.IndexEntry{}
	for _, e := range x.Entries {
		if p.at[e.Path] && !e.IntentToAdd {
			staged[e.Path] = e
		}
	}
	enters := func(folder string) bool { return p.above[folder] }
	err = r.Diff(native.EmptyTree, tree, enters, func(c native.Change) error {
		if !p.at[c.Path] {
			return nil
		}
		e, ok := staged[c.Path]
		if !ok || e.Stage > 0 || e.ID != c.To.ID || fmt.Sprintf("%o", e.Mode) != strings.TrimLeft(c.To.Mode, "0") {
			return errDiffers
		}
		delete(staged, c.Path)
		return nil
	})
	if errors.Is(err, errDiffers) {
		return true, nil
	}
	return len(staged) > 0, err
}

// fileHashes is a fileIDs that reads files.
type fileHashes struct {
	repository *native.Repository
	stage      *native.Stage
	store      bool
	answers    []string
}

func (f files) fileIDs(_ context.Context, store bool) (fileIDs, error) {
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	stage, err := r.NewStage(&native.Index{})
	if err != nil {
		r.Close()
		return nil, err
	}
	return &fileHashes{repository: r, stage: stage, store: store}, nil
}

func (h *fileHashes) ask(path string) error {
	if h.store {
		id, err := h.stage.Keep(path)
		h.answers = append(h.answers, id.String())
		return err
	}
	e, err := h.stage.Measure(path)
	h.answers = append(h.answers, e.ID.String())
	return err
}

func (h *fileHashes) next() (string, error) {
	if len(h.answers) == 0 {
		return "", errors.New("no file was asked for")
	}
	id := h.answers[0]
	h.answers = h.answers[1:]
	return id, nil
}

func (h *fileHashes) close() { h.repository.Close() }

func (f files) filterOf(_ context.Context, path string) (string, error) {
	r, err := f.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	return r.FilterOf(path)
}

func (f files) ignoreRule(ctx context.Context, path string, untracked bool) (rule IgnoreRule, ok bool, err error) {
	if !untracked {
		tracked, err := f.tracked(ctx, path)
		if err != nil || len(tracked) > 0 {
			return rule, false, err
		}
	}
	r, err := f.open()
	if err != nil {
		return rule, false, err
	}
	defer r.Close()
	found, err := r.IgnoreRule(path)
	return IgnoreRule{found.Source, strconv.Itoa(found.Line), found.Pattern}, found.Ignored, err
}

func (f files) ignored(ctx context.Context, paths []string) (map[string]bool, error) {
	tracked, err := f.trackedFiles(ctx)
	if err != nil {
		return nil, err
	}
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	ignored, err := r.Ignored(paths)
	maps.DeleteFunc(ignored, func(path string, _ bool) bool { return tracked[path] })
	return ignored, err
}

func (f files) ignoredFiles(_ context.Context, except string) ([]string, error) {
	index, err := f.readStaged()
	if err != nil {
		return nil, err
	}
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.IgnoredFiles(index, except)
}

func (f files) attributes(_ context.Context, names, paths []string) ([]Attribute, error) {
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	values, err := r.Attributes(names, paths)
	var found []Attribute
	for i, path := range paths {
		for k, name := range names {
			if err == nil {
				found = append(found, Attribute{path, name, values[i][k].String()})
			}
		}
	}
	return found, err
}
