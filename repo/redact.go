package repo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// RedactRequest says what to redact in a run: the matches of a pattern, or the findings of the search for secrets.
type RedactRequest struct {
	Pattern     *regexp.Regexp // nil for the findings of the search
	Rule        string         // only findings of this rule
	Fingerprint string         // only this finding
	DryRun      bool
	// Joined has the redactions of another branch that this one repeats, by the ids of their runs, so that the result
	// follows from both.
	Joined map[string]JoinedRedaction
}

// JoinedRedaction is how another branch has redacted a run.
type JoinedRedaction struct {
	Entries []format.Redaction // of its record, without those that the run here has too
	Was     string             // the digest of its record
}

// Redacted is what a redaction did, or would do.
type Redacted struct {
	What          string        // the rules whose findings were replaced, or "pattern"
	Places        int           // number of places that were replaced
	Runs          []RedactedRun // the run, and the runs that share a changed file with it
	Removed       []string      // shared files that no run in this clone needs any more
	NotRestorable []string      // runs whose source can no longer be restored
	InTrash       []string      // removed runs in the trash that hold the secret too
	Left          []string      // other files that hold it, in leftover active folders and among stored artifacts
	Holders       []string      // ids of the other runs among Runs that hold the secret in files of their own
}

// RedactedRun is one run and its files that changed, relative to .runs. Of a run that only shares a changed file, these
// are that file, and run.toml for its new digest.
type RedactedRun struct {
	ID    string
	Files []string
}

// ErrNothingToRedact is returned if the run holds nothing to redact.
var ErrNothingToRedact = errors.New("the run holds no such text or secret")

// Redact replaces a secret in a finished run and in its shared files. It also updates other runs that share these
// files, and each changed record lists the redaction. A redaction is complete or does not happen: if the process is
// killed, the next redaction or commit completes it.
func (r *Repository) Redact(ctx context.Context, id string, ask RedactRequest) (*Redacted, error) {
	if err := r.Writable(); err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", id, err)
	}
	if r.InGit {
		if _, err := r.worktree(); err != nil { // redactions are kept by the id of their worktree
			return nil, fmt.Errorf("redacting run %s: %w", id, err)
		}
	}
	unlock, err := r.LockRedactions(ctx)
	if err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", id, err)
	}
	defer unlock()
	if _, err := r.completeRedactions(ctx); err != nil {
		return nil, err
	}
	x := &redaction{
		repo: r, id: id, ask: ask, done: &Redacted{What: "pattern"},
		shared: map[string][]byte{}, contents: map[string][]byte{}, runs: map[string]*rewrite{},
		trees: map[string]string{},
	}
	err = x.plan(ctx, id)
	if err == nil {
		err = x.checkLeftOut()
	}
	if err == nil && !ask.DryRun {
		err = x.apply(ctx)
	}
	if err == nil {
		err = errors.Join(x.searchTrash(), x.searchActive())
	}
	if err == nil {
		err = x.searchSharers(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", id, err)
	}
	return x.done, nil
}

type redaction struct {
	repo     *Repository
	id       string
	ask      RedactRequest
	done     *Redacted
	config   *format.Config
	literals []string          // the secrets that the search found
	rules    map[string]bool   // the rules that found them
	contents map[string][]byte // the bytes of the run's shared files
	shared   map[string][]byte // the new bytes of a shared file, by its old name
	renamed  map[string]string // the new name of a shared file, by its old name
	runs     map[string]*rewrite
	trees    map[string]string   // the trees that redacted patches make
	removed  map[string]bool     // runs with a removal marker
	trashed  map[string][]string // folders of removed runs with a record, by id
}

// rewrite is a run that the redaction changes.
type rewrite struct {
	run   *format.Run // without notes
	old   []byte      // run.toml as it was
	was   map[string][]byte
	files map[string][]byte
	batch *inBatch // that has the run; nil for a run with a folder of its own
	trash string   // the folder of a removed run; otherwise empty
}

// entry returns the run with the place of its files.
func (x *redaction) entry(w *rewrite) *Entry {
	e := &Entry{Run: w.run, repo: x.repo, batch: w.batch, Dir: w.trash}
	if w.trash == "" {
		e.Dir, _ = x.repo.FindRun(w.run.ID)
	}
	return e
}

// plan finds everything that has to change, without changing anything on disk.
func (x *redaction) plan(ctx context.Context, id string) error {
	var err error
	if x.config, err = x.repo.Config(); err != nil {
		return err
	}
	if x.removed, err = x.repo.RemovedIDs(); err != nil {
		return err
	}
	if x.trashed, err = x.repo.trashedRecords(); err != nil {
		return err
	}
	main, err := x.read(id)
	if err != nil {
		return err
	}
	x.runs[id] = main
	if main.trash == "" {
		if err := errors.Join(x.repo.GatherNotes(id), x.repo.GatherLate(id)); err != nil {
			return err
		}
	}
	e := x.entry(main)
	files, err := x.ownFiles(e)
	if err != nil {
		return err
	}
	if main.trash != "" {
		if err := x.addTrashedNotes(files, id); err != nil {
			return err
		}
	}
	names := SharedNames(main.run)
	main.was = files
	contents := x.contents
	for _, name := range names {
		if contents[name], err = x.readShared(ctx, name); err != nil {
			return err
		}
	}
	var nothing error
	if x.ask.Pattern == nil {
		nothing = x.search(ctx, files, contents)
		if nothing != nil && !errors.Is(nothing, ErrNothingToRedact) {
			return nothing
		}
	}
	if err := x.checkOutside(ctx, e); err != nil {
		return err
	}
	if nothing != nil {
		return nothing
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == RecordName {
			continue
		}
		data, n, err := x.redactFile(ctx, name, files[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if n > 0 {
			main.files[name] = data
			x.done.Places += n
		}
	}
	for _, name := range names {
		data, n, err := x.redactFile(ctx, name, contents[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if n > 0 {
			x.shared[name] = data
			x.done.Places += n
		}
	}
	if err := x.redactRecord(main); err != nil {
		return err
	}
	if _, joined := x.ask.Joined[id]; x.done.Places == 0 && !joined {
		return ErrNothingToRedact
	}
	if len(x.rules) > 0 {
		x.done.What = strings.Join(slices.Sorted(maps.Keys(x.rules)), ", ")
	}
	return x.findSharers(ctx)
}

// checkLeftOut returns an error if a sparse checkout leaves out a file of a run that changes, or of its batch. The
// tables of a batch are read from Git; what else there is may hold the secret too.
func (x *redaction) checkLeftOut() error {
	left := x.repo.left
	for _, id := range slices.Sorted(maps.Keys(x.runs)) {
		folders := []string{path.Join(format.IDDay(id), id)}
		if x.runs[id].trash != "" {
			folders = nil
		}
		if b := x.runs[id].batch; b != nil {
			folders = append(folders, path.Join(b.Day, b.Name, format.BatchFilesName))
		}
		for _, dir := range folders {
			if left.hasBelow(dir) {
				return LeftOutError("run " + id)
			}
		}
	}
	return nil
}

// LeftOutError says that a run, which run names in a sentence, cannot be rewritten because a sparse checkout leaves it,
// or a file of it, out.
func LeftOutError(run string) error {
	return withHint(fmt.Errorf("%s is not checked out as a whole", run),
		"run 'git sparse-checkout disable' first, or repeat in a full clone")
}

// read reads the record of a finished run, without its notes.
func (x *redaction) read(id string) (*rewrite, error) {
	if w, err := x.readTrashed(id); w != nil || err != nil {
		return w, err
	}
	if batches := x.repo.batchesOf(Home{Dir: x.repo.Dir}, id); len(batches) > 0 {
		e, err := x.repo.readBatched(Home{Dir: x.repo.Dir}, id, batches)
		if err != nil {
			return nil, err
		}
		data := e.batch.run.Record
		run, err := decodeFinished(RecordName, id, data)
		return &rewrite{run: run, old: data, files: map[string][]byte{}, batch: e.batch}, err
	}
	dir, _ := x.repo.FindRun(id)
	if err := realDir(dir); err != nil {
		return nil, err
	}
	data, err := readBounded(filepath.Join(dir, RecordName), format.MaxRecordBytes)
	if err != nil {
		return nil, err
	}
	run, err := decodeFinished(RecordName, id, data)
	return &rewrite{run: run, old: data, files: map[string][]byte{}}, err
}

// ownFiles reads the files of the run itself and verifies their digests.
func (x *redaction) ownFiles(e *Entry) (map[string][]byte, error) {
	files := map[string][]byte{RecordName: x.runs[e.ID].old}
	add := func(name string, want format.File) (err error) {
		if e.batch != nil && isBatchTable(name) {
			files[name], err = e.readBatchedTable(name)
			return err
		}
		f, err := e.openVerified(name, want)
		if err != nil || f == nil {
			return err // a file that is not on this machine cannot be published from it
		}
		defer func() { _ = f.Close() }()
		files[name], err = io.ReadAll(io.NewSectionReader(f, 0, want.Bytes))
		return err
	}
	for name, want := range e.Files {
		if err := add(name, want); err != nil {
			return nil, err
		}
	}
	artifacts, err := e.AllArtifacts()
	if err != nil {
		return nil, err
	}
	for _, a := range artifacts {
		if a.Where == "" {
			err := add(path.Join(artifactsName, a.Path), format.File{SHA256: a.SHA256, Bytes: a.Bytes})
			if err != nil {
				return nil, err
			}
		}
	}
	err = e.EachNote(func(f File, data []byte) error {
		files[f.Name] = data
		return nil
	})
	if err != nil {
		return nil, err
	}
	return files, nil
}

func (x *redaction) readShared(ctx context.Context, name string) ([]byte, error) {
	return x.repo.ReadShared(ctx, name, SharedLimit(name))
}

// findSharers adds the other runs that use a shared file that changes.
func (x *redaction) findSharers(ctx context.Context) error {
	x.renamed = map[string]string{}
	for name, data := range x.shared {
		kind, _, _ := sharedName(name)
		sum := sha256.Sum256(data)
		x.renamed[name] = path.Join(kind.folder, hex.EncodeToString(sum[:])+kind.extension)
	}
	ids, err := x.repo.AllFinishedIDs()
	if err != nil {
		return err
	}
	for _, id := range append(ids, slices.Sorted(maps.Keys(x.trashed))...) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if x.runs[id] != nil || len(x.shared) == 0 {
			continue
		}
		w, err := x.read(id)
		if err != nil && x.isTrashed(id) { // verify does not read it either
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			if e, err := x.repo.readFinished(id); err == nil && x.shares(e.Run) {
				return LeftOutError("run " + id + ", which shares a file with it,")
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("run %s may share a file with this run: %w", id, err)
		}
		if x.shares(w.run) {
			x.runs[id] = w
		}
	}
	actives, err := x.repo.Actives()
	if err != nil {
		return err
	}
	for _, a := range append(actives, x.repo.OtherActives()...) {
		e, err := a.Entry(ctx)
		if err == nil && x.shares(e.Run) {
			err := fmt.Errorf("run %s is still running and shares a file with this run", a.ID)
			return withHint(err, "repeat when it has ended")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(x.runs)) {
		w := x.runs[id]
		r := RedactedRun{ID: id, Files: []string{path.Join(format.IDDay(id), id, RecordName)}}
		for _, name := range slices.Sorted(maps.Keys(w.files)) {
			r.Files = append(r.Files, path.Join(format.IDDay(id), id, name))
		}
		for _, name := range SharedNames(w.run) {
			if _, ok := x.shared[name]; ok {
				r.Files = append(r.Files, name)
			}
		}
		x.done.Runs = append(x.done.Runs, r)
	}
	return nil
}

func (x *redaction) shares(run *format.Run) bool {
	return slices.ContainsFunc(SharedNames(run), func(name string) bool { return x.shared[name] != nil })
}
