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
	Found         []FoundText   // the runs that were asked for and that held the secret, sorted by id
	Runs          []RedactedRun // these runs, and the runs that share a changed file with them
	Removed       []string      // shared files that no run in this clone needs any more
	NotRestorable []string      // runs whose source can no longer be restored
	InTrash       []string      // removed runs in the trash that hold the secret too
	Left          []string      // other files that hold it, in leftover active folders and among stored artifacts
	Holders       []string      // ids of the other runs among Runs that hold the secret in files of their own
	Searched      int           // the number of runs that were searched
	Skipped       []Damage      // runs that RedactEach could not read or redact, and left alone
	Running       []string      // runs in progress that hold the secret
	Experiments   []string      // files of experiments that held it, by their paths in .runs
}

// FoundText says where a run held a secret.
type FoundText struct {
	ID     string
	Places int
	Files  []string // by their names in the folder of the run, or for shared files by their former paths in .runs
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
	x := r.newRedaction(ask)
	x.only = id
	if err := x.run(ctx, []string{id}); err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", id, err)
	}
	return x.done, nil
}

// RedactEach is Redact for those of many runs that hold the secret, in one redaction. It leaves out runs that cannot be
// read or redacted, and says why. With all, it also takes the secret out of the files of experiments, and the runs in
// progress are searched. Its errors do not name the runs that were asked for.
func (r *Repository) RedactEach(ctx context.Context, ids []string, all bool, ask RedactRequest) (*Redacted, error) {
	x := r.newRedaction(ask)
	x.all = all
	if err := x.run(ctx, ids); err != nil {
		return nil, err
	}
	return x.done, nil
}

func (r *Repository) newRedaction(ask RedactRequest) *redaction {
	return &redaction{
		repo: r, ask: ask, done: &Redacted{What: "pattern"}, asked: map[string]bool{}, plans: map[string]*sharedPlan{},
		shared: map[string][]byte{}, contents: map[string][]byte{}, runs: map[string]*rewrite{}, trees: map[string]string{},
		passed: map[string][]string{}, tables: map[string]*BatchTables{}, rulesIn: map[string][]string{},
	}
}

// run plans the redaction and makes it, while nobody else redacts.
func (x *redaction) run(ctx context.Context, ids []string) error {
	r := x.repo
	if err := r.Writable(); err != nil {
		return err
	}
	if r.InGit {
		if _, err := r.worktree(); err != nil { // redactions are kept by the id of their worktree
			return err
		}
	}
	unlock, err := r.LockRedactions(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := r.completeRedactions(ctx); err != nil {
		return err
	}
	err = x.plan(ctx, ids)
	if err == nil {
		err = x.checkLeftOut()
	}
	if err == nil && !x.ask.DryRun {
		err = x.apply(ctx)
	}
	if err == nil {
		err = errors.Join(x.searchTrash(), x.searchActive())
	}
	if err == nil {
		err = x.searchSharers(ctx)
	}
	if err == nil && x.reported() == 0 {
		err = ErrNothingToRedact
	}
	return err
}

// reported counts what the redaction has to report.
func (x *redaction) reported() int {
	d := x.done
	return len(d.Runs) + len(d.Skipped) + len(d.Running) + len(d.Experiments) + len(d.InTrash) + len(d.Left)
}

type redaction struct {
	repo     *Repository
	only     string // the run of Redact; empty for RedactEach
	all      bool
	ask      RedactRequest
	done     *Redacted
	config   *format.Config
	literals []string            // the secrets that the search found
	rulesIn  map[string][]string // the rules that found them, by run and shared file
	contents map[string][]byte   // the former bytes of the shared files that change
	shared   map[string][]byte   // the new bytes of a shared file, by its old name
	plans    map[string]*sharedPlan
	renamed  map[string]string // the new name of a shared file, by its old name
	runs     map[string]*rewrite
	asked    map[string]bool     // those of runs that hold the secret and that the caller asked for
	passed   map[string][]string // the shared files of runs that do not hold it
	trees    map[string]string   // the trees that redacted patches make
	removed  map[string]bool     // runs with a removal marker
	trashed  map[string][]string // folders of removed runs with a record, by id
	tables   map[string]*BatchTables
	changes  []experimentChange
}

// sharedPlan is what a redaction does to a shared file.
type sharedPlan struct {
	old, new []byte // nil if it does not change
	places   int
	err      error // why it cannot be redacted
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
func (x *redaction) plan(ctx context.Context, ids []string) error {
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
	if x.all {
		ids = append(slices.Clone(ids), slices.Sorted(maps.Keys(x.trashed))...)
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	if x.ask.Pattern == nil {
		if ids, err = x.searchRuns(ctx, ids); err != nil {
			return err
		}
	}
	nothing := x.ask.Pattern == nil && len(x.rules()) == 0
	report := progressOver(x.repo.Reading, len(ids))
	for i, id := range ids {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := x.planRun(ctx, id, nothing)
		if err != nil && !x.skip(ctx, id, err) {
			return err
		}
		report(i + 1)
	}
	x.done.Searched = len(x.passed) + len(x.asked)
	if x.all {
		if err := x.planExperiments(); err != nil {
			return err
		}
	}
	_, joined := x.ask.Joined[x.only]
	if x.only != "" && x.done.Places == 0 && !joined {
		return ErrNothingToRedact
	}
	if rules := x.rules(); len(rules) > 0 {
		x.done.What = strings.Join(rules, ", ")
	}
	return x.findSharers(ctx)
}

// rules returns the rules that have found something, sorted.
func (x *redaction) rules() []string {
	all := map[string]bool{}
	for _, found := range x.rulesIn {
		for _, rule := range found {
			all[rule] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// progressOver returns a function that reports how many of many runs are done.
func progressOver(reading func(done, total int), total int) func(done int) {
	if reading == nil || total < heldBatches {
		return func(int) {}
	}
	return func(done int) { reading(done, total) }
}

// skip notes that RedactEach leaves a run out. It reports whether it does: everything else is an error of the whole.
func (x *redaction) skip(ctx context.Context, id string, err error) bool {
	if x.only != "" || ctx.Err() != nil {
		return false
	}
	if x.isTrashed(id) || errors.Is(err, fs.ErrNotExist) && !x.repo.HasRun(id) {
		return true // the search of the trash reports what still holds the secret; or it was removed meanwhile
	}
	x.done.Skipped = append(x.done.Skipped, Damage{id, err})
	return true
}

// searchRuns collects the secrets that the rules find in runs, and returns the runs that could be searched.
func (x *redaction) searchRuns(ctx context.Context, ids []string) ([]string, error) {
	report := progressOver(x.repo.Reading, len(ids))
	var searched []string
	for i, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w, err := x.open(id)
		if err == nil {
			err = x.search(ctx, w)
		}
		if err != nil && !x.skip(ctx, id, err) {
			return nil, err
		}
		if err == nil {
			searched = append(searched, id)
		}
		report(i + 1)
	}
	slices.SortFunc(x.literals, func(a, b string) int { return len(b) - len(a) })
	return searched, nil
}

// open reads a run with all of its files, for the redaction of its texts.
func (x *redaction) open(id string) (*rewrite, error) {
	w, err := x.read(id)
	if err != nil {
		return nil, err
	}
	if w.trash == "" {
		if err := errors.Join(x.repo.GatherNotes(id), x.repo.GatherLate(id)); err != nil {
			return nil, err
		}
	}
	e := x.entry(w)
	if w.was, err = x.ownFiles(w, e); err != nil {
		return nil, err
	}
	if w.trash != "" {
		return w, x.addTrashedNotes(w.was, id)
	}
	return w, nil
}

// planRun plans the redaction of a run that was asked for. If nothing is true, the search has found no secret: only
// files outside Git can hold one.
func (x *redaction) planRun(ctx context.Context, id string, nothing bool) error {
	w, err := x.open(id)
	if err != nil {
		return err
	}
	if err := x.checkOutside(ctx, x.entry(w)); err != nil {
		return err
	}
	names := SharedNames(w.run)
	if nothing {
		x.passed[id] = names
		return nil
	}
	found := FoundText{ID: id}
	for _, name := range slices.Sorted(maps.Keys(w.was)) {
		if name == RecordName {
			continue
		}
		data, n, err := x.redactFile(ctx, w, name, w.was[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if n > 0 {
			w.files[name] = data
			found.Places += n
			found.Files = append(found.Files, name)
		} else if name != format.ArtifactsName {
			w.was[name] = nil // only its name is needed
		}
	}
	for _, name := range names {
		p, err := x.planShared(ctx, name)
		if err != nil {
			return err
		}
		if p.places > 0 {
			found.Files = append(found.Files, name)
		}
	}
	n, err := x.redactRecord(w)
	if err != nil {
		return err
	}
	if n > 0 {
		found.Places += n
		found.Files = append([]string{RecordName}, found.Files...)
	}
	if _, joined := x.ask.Joined[id]; len(found.Files) == 0 && !joined {
		x.passed[id] = names
		return nil
	}
	for _, name := range names {
		p := x.plans[name]
		found.Places += p.places
		if p.places > 0 && x.shared[name] == nil {
			x.shared[name], x.contents[name] = p.new, p.old
			x.done.Places += p.places
		}
	}
	x.done.Places += found.Places - x.sharedPlaces(names)
	x.runs[id], x.asked[id] = w, true
	x.done.Found = append(x.done.Found, found)
	return nil
}

// sharedPlaces counts the places that are replaced in shared files.
func (x *redaction) sharedPlaces(names []string) (n int) {
	for _, name := range names {
		n += x.plans[name].places
	}
	return n
}

// planShared plans the redaction of a shared file, once.
func (x *redaction) planShared(ctx context.Context, name string) (*sharedPlan, error) {
	p := x.plans[name]
	if p == nil {
		p = &sharedPlan{}
		data, err := x.readShared(ctx, name)
		if err != nil {
			return nil, err
		}
		if p.new, p.places, p.err = x.redactFile(ctx, nil, name, data); p.places > 0 {
			p.old = data
		}
		x.plans[name] = p
	}
	if p.err != nil {
		return nil, fmt.Errorf("%s: %w", name, p.err)
	}
	return p, nil
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

// ownFiles reads the files of the run itself and verifies their digests. The tables of a batch stay where they are:
// their names have no bytes.
func (x *redaction) ownFiles(w *rewrite, e *Entry) (map[string][]byte, error) {
	files := map[string][]byte{RecordName: w.old}
	add := func(name string, want format.File) (err error) {
		if e.batch != nil && isBatchTable(name) {
			files[name] = nil
			return nil
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
		if x.runs[id] != nil || len(x.shared) == 0 || x.isPassed(id) {
			continue
		}
		w, err := x.read(id)
		if err != nil && x.isTrashed(id) { // verify does not read it either
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			if e, err := x.repo.readFinished(id); err == nil && x.shares(e.Run) {
				return LeftOutError("run " + id + ", which shares a file with " + x.these() + ",")
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("run %s may share a file with %s: %w", id, x.these(), err)
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
			err := fmt.Errorf("run %s is still running and shares a file with %s", a.ID, x.these())
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

func (x *redaction) shares(run *format.Run) bool { return x.anyChanges(SharedNames(run)) }

// isPassed reports whether the redaction is known to leave a run as it is.
func (x *redaction) isPassed(id string) bool {
	names, passed := x.passed[id]
	return passed && !x.anyChanges(names)
}

// anyChanges reports whether one of these shared files changes.
func (x *redaction) anyChanges(shared []string) bool {
	return slices.ContainsFunc(shared, func(name string) bool { return x.shared[name] != nil })
}

// these names the runs that were asked for in a sentence.
func (x *redaction) these() string {
	if x.only != "" {
		return "this run"
	}
	return "a redacted one"
}
