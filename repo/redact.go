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

// RedactRequest says what to take out of a run: what a pattern matches, or what the search for secrets finds.
type RedactRequest struct {
	Pattern     *regexp.Regexp // nil: finds
	Rule        string         // finds of this rule alone
	Fingerprint string         // this find alone
	DryRun      bool
}

// Redacted is what a redaction did, or would do.
type Redacted struct {
	What          string        // the rules whose findings were replaced, or "pattern"
	Places        int           // that were replaced
	Runs          []RedactedRun // the run, and those that share a changed file with it
	Removed       []string      // shared files that no run in this clone names any more
	NotRestorable []string      // runs whose source can no longer be restored
	InTrash       []string      // removed runs in the trash that hold the secret too
	Left          []string      // other files that hold it: leftovers of active folders, stored artifacts of removed runs
}

// RedactedRun is one run and the files of it that changed, below .runs.
type RedactedRun struct {
	ID    string
	Files []string
}

// ErrNothingToRedact says that what was to be redacted is nowhere in the run.
var ErrNothingToRedact = errors.New("it is nowhere in the run")

// RedactedDir names the runs whose redaction a commit must still take: one empty file a run.
func (r *Repository) RedactedDir() string { return filepath.Join(r.redactions(), "done") }

// redactDir holds redactions that are complete and not yet in their places.
func (r *Repository) redactDir() string { return filepath.Join(r.redactions(), "planned") }

// redactions is where no commit of others can put a file: what lies there is believed.
func (r *Repository) redactions() string {
	if !r.InGit {
		return filepath.Join(r.Dir, "cache", "redact")
	}
	name := sha256.Sum256([]byte(r.Dir)) // a project may have several
	return filepath.Join(r.Git.Git, "runs", "redact-"+hex.EncodeToString(name[:6]))
}

// Redact takes a secret out of a finished run and all that it shares with others. Those runs name the new shared files from
// then on, and all are marked. It happens whole or not at all: killed, the next redaction or commit completes it.
func (r *Repository) Redact(ctx context.Context, id string, ask RedactRequest) (*Redacted, error) {
	unlock, err := r.lockRedactions(ctx)
	if err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", id, err)
	}
	defer unlock()
	if err := r.settleRedactions(); err != nil {
		return nil, err
	}
	x := &redaction{repo: r, ask: ask, done: &Redacted{What: "pattern"}, shared: map[string][]byte{}, runs: map[string]*rewrite{}, trees: map[string]string{}}
	err = x.plan(ctx, id)
	if err == nil && !ask.DryRun {
		err = x.carryOut(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", id, err)
	}
	return x.done, nil
}

type redaction struct {
	repo     *Repository
	ask      RedactRequest
	done     *Redacted
	config   *format.Config
	literals []string          // what the search found, as text
	rules    map[string]bool   // that found it
	shared   map[string][]byte // old name of a shared file to its new bytes
	renamed  map[string]string // old name to new name
	runs     map[string]*rewrite
	trees    map[string]string // of patches that were redacted
}

// rewrite is a run that changes.
type rewrite struct {
	run   *format.Run // without notes
	old   []byte      // run.toml as it was
	files map[string][]byte
}

// plan finds all that changes and changes nothing.
func (x *redaction) plan(ctx context.Context, id string) error {
	var err error
	if x.config, err = x.repo.Config(); err != nil {
		return err
	}
	main, err := x.read(id)
	if err != nil {
		return err
	}
	x.runs[id] = main
	e := &Entry{Run: main.run, Dir: x.repo.RunDir(id), repo: x.repo}
	files, err := x.ownFiles(e)
	if err != nil {
		return err
	}
	names := SharedNames(main.run)
	contents := map[string][]byte{}
	for _, name := range names {
		if contents[name], err = x.readShared(ctx, name); err != nil {
			return err
		}
	}
	var nothing error
	if x.ask.Pattern == nil {
		nothing = x.learn(ctx, files, contents)
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
	if x.done.Places == 0 {
		return ErrNothingToRedact
	}
	if len(x.rules) > 0 {
		x.done.What = strings.Join(slices.Sorted(maps.Keys(x.rules)), ", ")
	}
	return x.findSharers(ctx)
}

// read reads the record of a finished run as it stands in its file.
func (x *redaction) read(id string) (*rewrite, error) {
	dir := x.repo.RunDir(id)
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

// ownFiles reads the files of the run itself, each proved by its digest.
func (x *redaction) ownFiles(e *Entry) (map[string][]byte, error) {
	files := map[string][]byte{RecordName: x.runs[e.ID].old}
	add := func(name string, want format.File) error {
		f, err := e.openVerified(name, want)
		if err != nil || f == nil {
			return err // what is not here cannot leave from here
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
			if err := add(path.Join(artifactsName, a.Path), format.File{SHA256: a.SHA256, Bytes: a.Bytes}); err != nil {
				return nil, err
			}
		}
	}
	notes, err := e.NoteFiles()
	if err != nil {
		return nil, err
	}
	for _, n := range notes {
		if files[n.Name], err = readBounded(filepath.Join(e.Dir, filepath.FromSlash(n.Name)), format.MaxNoteBytes); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (x *redaction) readShared(ctx context.Context, name string) ([]byte, error) {
	kind, digest, _ := sharedName(name)
	file, remove, err := x.repo.shared(ctx, kind, digest)
	if err != nil {
		return nil, err
	}
	defer remove()
	return readBounded(file, kind.limit)
}

// findSharers takes in all other runs that name a shared file that changes.
func (x *redaction) findSharers(ctx context.Context) error {
	x.renamed = map[string]string{}
	for name, data := range x.shared {
		kind, _, _ := sharedName(name)
		sum := sha256.Sum256(data)
		x.renamed[name] = path.Join(kind.folder, hex.EncodeToString(sum[:])+kind.extension)
	}
	ids, err := x.repo.FinishedIDs()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return err
		}
		if x.runs[id] != nil || len(x.shared) == 0 {
			continue
		}
		w, err := x.read(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("run %s may share a file with it: %w", id, err)
		}
		if x.shares(w.run) {
			x.runs[id] = w
		}
	}
	actives, err := x.repo.Actives()
	if err != nil {
		return err
	}
	for _, a := range actives {
		e, err := a.Entry(ctx)
		if err == nil && x.shares(e.Run) {
			return withHint(fmt.Errorf("run %s is in progress and shares a file with it", a.ID), "repeat when it has ended")
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
	return errors.Join(x.lookIntoTrash(), x.lookIntoActive())
}

func (x *redaction) shares(run *format.Run) bool {
	return slices.ContainsFunc(SharedNames(run), func(name string) bool { return x.shared[name] != nil })
}
