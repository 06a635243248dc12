package share

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// heldBatch is a batch of a commit. It may be used by several goroutines, each with Trees of its own.
type heldBatch struct {
	path  string                   // relative to .runs
	tree  string                   // of its folder
	files map[string]git.TreeEntry // by their paths in it
	ids   []string                 // of its runs, sorted
	runs  map[string]batchedRun

	mu      sync.Mutex
	records map[string][]byte            // by run; nil until they are needed, and again when other batches are read
	tables  map[string][]byte            // metrics.parquet and values.parquet, likewise
	digests map[string]map[string]string // of the rows of each run in a table
	named   error                        // whether its name is the one that its files give
	checked bool                         // named is set
}

// batchedRun is what is known about a run of a batch without its record.
type batchedRun struct {
	record         string // the id that a blob of its record would have
	points, values string // the digests beside the record
}

// maxBatchFiles is the largest number of files of a batch.
const maxBatchFiles = 2 * maxRunFiles

// batchMemory keeps the batches that were read, of all commits: branches and their histories have most in common.
var batchMemory struct {
	sync.Mutex
	held   map[string]*heldBatch // by path and tree
	wrong  map[string]error      // why one cannot be read, likewise
	recent []*heldBatch          // those whose content is kept
}

const (
	maxHeldBatches   = 1000 // batches whose names are kept
	maxRecentBatches = 3    // batches whose content is kept
)

// readBatch reads a batch of a commit. day is the folder of its day.
func readBatch(trees *git.Trees, day string, e git.TreeEntry) (*heldBatch, error) {
	at := path.Join(day, e.Name)
	key := at + " " + e.ID
	batchMemory.Lock()
	known, wrong := batchMemory.held[key], batchMemory.wrong[key]
	batchMemory.Unlock()
	if known != nil || wrong != nil {
		return known, wrong
	}
	b, err := openBatch(trees, day, e)
	var damaged *format.FileError
	if err != nil && !errors.As(err, &damaged) { // it may be read another time
		return nil, err
	}
	batchMemory.Lock()
	defer batchMemory.Unlock()
	if len(batchMemory.held)+len(batchMemory.wrong) >= maxHeldBatches || batchMemory.held == nil {
		batchMemory.held, batchMemory.wrong = map[string]*heldBatch{}, map[string]error{}
	}
	if err != nil {
		batchMemory.wrong[key] = err // a day may have many runs, and each of them looks into each batch
		return nil, err
	}
	batchMemory.held[key] = b
	return b, nil
}

// openBatch reads a batch that is not remembered.
func openBatch(trees *git.Trees, day string, e git.TreeEntry) (*heldBatch, error) {
	at := path.Join(day, e.Name)
	b := &heldBatch{path: at, tree: e.ID, files: map[string]git.TreeEntry{}, runs: map[string]batchedRun{}}
	err := trees.Walk(e.ID, "", func(name string, e git.TreeEntry) error {
		if len(b.files) == maxBatchFiles {
			return fmt.Errorf("%s has more than %d files", at, maxBatchFiles)
		}
		b.files[name] = e
		return nil
	})
	if err != nil {
		return nil, err
	}
	runs, err := b.decode(trees)
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		if format.IDDay(r.ID) != day {
			return nil, &format.FileError{
				File: path.Join(at, format.BatchRunsName), Reason: fmt.Sprintf("run %s does not belong to this day", r.ID),
			}
		}
		record, err := git.BlobID(e.ID, int64(len(r.Record)), bytes.NewReader(r.Record))
		if err != nil {
			return nil, err
		}
		b.ids = append(b.ids, r.ID)
		b.runs[r.ID] = batchedRun{record, r.Points, r.Values}
	}
	return b, nil
}

// decode reads the records of the batch.
func (b *heldBatch) decode(trees *git.Trees) ([]format.BatchRun, error) {
	e, ok := b.files[format.BatchRunsName]
	if !ok || !strings.HasPrefix(e.Mode, "100") {
		return nil, fmt.Errorf("%s has no %s", b.path, format.BatchRunsName)
	}
	data, err := trees.Blob(e.ID, format.MaxBatchBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path.Join(b.path, format.BatchRunsName), err)
	}
	return format.DecodeBatch(path.Join(b.path, format.BatchRunsName), data)
}

// use marks the content of the batch as used last, and forgets that of others.
func (b *heldBatch) use() {
	batchMemory.Lock()
	var forget []*heldBatch
	recent := slices.DeleteFunc(batchMemory.recent, func(other *heldBatch) bool { return other == b })
	recent = append(recent, b)
	if n := len(recent) - maxRecentBatches; n > 0 {
		forget = slices.Clone(recent[:n])
		recent = slices.Clone(recent[n:])
	}
	batchMemory.recent = recent
	batchMemory.Unlock()
	for _, other := range forget {
		if other.mu.TryLock() { // otherwise it is used right now, and forgotten later
			other.records, other.tables = nil, nil
			other.mu.Unlock()
		}
	}
}

// record returns the record of a run.
func (b *heldBatch) record(trees *git.Trees, id string) ([]byte, error) {
	b.use()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.records == nil {
		runs, err := b.decode(trees)
		if err != nil {
			return nil, err
		}
		b.records = make(map[string][]byte, len(runs))
		for _, r := range runs {
			b.records[r.ID] = r.Record
		}
	}
	return b.records[id], nil
}

// table returns the content of metrics.parquet or values.parquet, which is nil if no run has rows. The caller holds mu.
func (b *heldBatch) table(trees *git.Trees, name string) ([]byte, error) {
	if data, ok := b.tables[name]; ok {
		return data, nil
	}
	e, ok := b.files[name]
	if !ok {
		return nil, nil
	}
	data, err := trees.Blob(e.ID, format.MaxBatchBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path.Join(b.path, name), err)
	}
	if b.tables == nil {
		b.tables = map[string][]byte{}
	}
	b.tables[name] = data
	return data, nil
}

// rowDigest returns the digest of the rows that a run has in a table.
func (b *heldBatch) rowDigest(trees *git.Trees, name, id string) (string, error) {
	b.use()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.digests[name] == nil {
		data, err := b.table(trees, name)
		if err != nil {
			return "", err
		}
		digests, err := tableDigests(name, data, b.ids)
		if err != nil {
			return "", fmt.Errorf("%s: %w", b.path, err)
		}
		if b.digests == nil {
			b.digests = map[string]map[string]string{}
		}
		b.digests[name] = digests
	}
	if digest, ok := b.digests[name][id]; ok {
		return digest, nil
	}
	return new(format.RowDigest).Sum(), nil // of no rows
}

// tableDigests returns the digest of the rows of each run in a table of a batch. Reading one takes at most a second.
func tableDigests(name string, data []byte, ids []string) (digests map[string]string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s cannot be read: %v", name, p)
		}
	}()
	ctx := context.Background()
	if digests = make(map[string]string, len(ids)); data == nil {
		return digests, nil
	}
	var there []string
	var digest func(id string) (string, error)
	if name == format.ValuesName {
		values, err := format.OpenBatchValues(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return nil, err
		}
		if there, err = values.IDs(); err != nil {
			return nil, err
		}
		digest = func(id string) (string, error) {
			v, err := values.Run(id)
			if err != nil {
				return "", err
			}
			return v.Digest(ctx)
		}
	} else {
		metrics, err := format.OpenBatchMetrics(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return nil, err
		}
		if there, err = metrics.IDs(); err != nil {
			return nil, err
		}
		digest = func(id string) (string, error) {
			m, err := metrics.Run(id)
			if err != nil {
				return "", err
			}
			return m.Digest(ctx)
		}
	}
	for _, id := range there {
		if _, ok := slices.BinarySearch(ids, id); !ok {
			return nil, fmt.Errorf("%s has rows of run %s, which is not in %s", name, id, format.BatchRunsName)
		}
		if digests[id], err = digest(id); err != nil {
			return nil, fmt.Errorf("run %s: %w", id, err)
		}
	}
	return digests, nil
}

// runFiles returns the files of a run of the batch.
func (b *heldBatch) runFiles(trees *git.Trees, id string) (runFiles, error) {
	r, ok := b.runs[id]
	if !ok {
		return nil, nil
	}
	file := func(name, id string) runFile {
		return runFile{TreeEntry: git.TreeEntry{Mode: "100644", Name: name, ID: id}}
	}
	files := runFiles{}
	for name, e := range b.files {
		if own, ok := strings.CutPrefix(name, path.Join(format.BatchFilesName, id)+"/"); ok {
			files[own] = runFile{TreeEntry: e, at: path.Join(b.path, name)}
		}
	}
	record, err := b.record(trees, id)
	if err != nil {
		return nil, err
	}
	for name, e := range b.tablesOf(id, record) {
		f := file(name, e)
		f.batch, f.run = b, id
		files[name] = f
	}
	f := file(repo.RecordName, r.record)
	f.batch, f.run = b, id
	files[repo.RecordName] = f
	return files, nil
}

// tablesOf returns ids of the rows that a run has in the tables of the batch. An id names the digest that the rows must
// have, and the table that has them.
func (b *heldBatch) tablesOf(id string, record []byte) map[string]string {
	run, err := format.DecodeRun(repo.RecordName, record)
	if err != nil {
		return nil // it is reported when the run is verified
	}
	tables := map[string]string{}
	for _, name := range []string{format.MetricsName, format.ValuesName} {
		if f, ok := run.Files[name]; ok {
			tables[name] = "rows " + b.declared(id, name, f) + " " + b.files[name].ID
		}
	}
	return tables
}

// declared returns the digest that the rows of a run must have. file is the entry of its record.
func (b *heldBatch) declared(id, name string, file format.File) string {
	r := format.BatchRun{Points: b.runs[id].points, Values: b.runs[id].values}
	return r.PointsOf(name, file)
}

// check verifies what belongs to no run: that the name of the batch is the one that its files give, and that it has no
// file that is not of one of its runs.
func (b *heldBatch) check(trees *git.Trees) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.checked {
		return b.named
	}
	var files []format.BatchFile
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		e := b.files[name]
		if !strings.HasPrefix(e.Mode, "100") || !isBatchFile(name) {
			b.named, b.checked = fmt.Errorf("%s does not belong to a batch", path.Join(b.path, name)), true
			return b.named
		}
		if own, ok := strings.CutPrefix(name, format.BatchFilesName+"/"); ok {
			id, _, _ := strings.Cut(own, "/")
			if _, ok := b.runs[id]; !ok {
				b.named, b.checked = fmt.Errorf("%s is of a run that the batch does not have", path.Join(b.path, name)), true
				return b.named
			}
		}
		digest, _, _, err := trees.Sum(e.ID, maxBlobBytes)
		if err != nil {
			return fmt.Errorf("%s: %w", path.Join(b.path, name), err)
		}
		files = append(files, format.BatchFile{Path: name, SHA256: digest})
	}
	if want := format.BatchName(files); path.Base(b.path) != want {
		b.named = fmt.Errorf("%s is not the batch that was written: its files make %s", b.path, want)
	}
	b.checked = true
	return b.named
}

// isBatchFile reports whether a batch may have a file with this path.
func isBatchFile(name string) bool {
	switch name {
	case format.BatchRunsName, format.MetricsName, format.ValuesName:
		return true
	}
	parts := strings.SplitN(name, "/", 3)
	return len(parts) == 3 && parts[0] == format.BatchFilesName && format.CheckID(parts[1]) == nil &&
		format.CheckPath(parts[2]) == nil && !slices.Contains(
		[]string{repo.RecordName, format.MetricsName, format.ValuesName}, parts[2]) && path.Dir(parts[2]) != "notes"
}

// errTwoVersions means that a commit has two versions of a run.
var errTwoVersions = errors.New("it is in two places and differs")

// join adds the files of another place of the same run. The run must be the same in both.
func (files runFiles) join(trees *git.Trees, more runFiles) error {
	if len(files) == 0 {
		maps.Copy(files, more)
		return nil
	}
	if _, ok := files[repo.RecordName]; ok {
		for name, e := range more {
			was, ok := files[name]
			if !ok && path.Dir(name) == "notes" {
				continue
			}
			same, err := false, error(nil)
			if ok {
				same, err = sameContent(trees, was, e)
			}
			if err != nil {
				return err
			}
			if !same {
				return fmt.Errorf("%w: %s", errTwoVersions, name)
			}
		}
	}
	for name, e := range more {
		if _, ok := files[name]; !ok {
			files[name] = e
		}
	}
	return nil
}

// sameContent reports whether two files of a run are equal, one of which may be in a batch.
func sameContent(trees *git.Trees, a, b runFile) (bool, error) {
	if a.ID == b.ID {
		return true, nil
	}
	if a.batch == nil && b.batch == nil || a.Name == repo.RecordName {
		return false, nil
	}
	x, err := a.rowDigest(trees)
	if err != nil {
		return false, err
	}
	y, err := b.rowDigest(trees)
	return err == nil && x == y, err
}
