package share

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// packRun is a run that may go into a batch.
type packRun struct {
	id    string
	sizes packSizes
	must  bool // it has no folder of its own
	// load returns the run. For each file under format.BatchFilesName it calls own, with the bytes.
	load func(ctx context.Context, own func(name string, data []byte) error) (repo.BatchInput, error)
}

// packSizes are the sizes of the files of a run in bytes, but for its annotations.
type packSizes struct {
	tables [3]int64 // of batchTables
	most   int64    // of the largest file
	total  int64
}

// add adds a file.
func (s *packSizes) add(name string, bytes int64) {
	if i := slices.Index(batchTables, name); i >= 0 {
		s.tables[i] = bytes
	}
	if path.Dir(name) != "notes" {
		s.most = max(s.most, bytes)
		s.total += bytes
	}
}

// fits reports whether no file is too large for a batch.
func (s packSizes) fits() bool { return s.most <= format.MaxBatchBytes-recordRoom }

// madeBatch is a batch that was built. Its files have been handed to the encoder.
type madeBatch struct {
	*repo.BuiltBatch
	path  string            // relative to .runs
	blobs map[string]string // ids, by path in the batch
	bytes int64             // of all files
}

// chunks divides runs into those of one batch each: of one day, at most format.MaxBatchRuns, with files that fit. Runs
// that cannot share a batch are left out.
func chunks(runs []packRun) [][]packRun {
	runs = slices.Clone(runs)
	slices.SortFunc(runs, func(a, b packRun) int { return strings.Compare(a.id, b.id) })
	var all [][]packRun
	var chunk []packRun
	var total [3]int64
	flush := func() {
		if len(chunk) > 0 {
			all = append(all, chunk)
		}
		chunk, total = nil, [3]int64{}
	}
	for _, run := range runs {
		if len(chunk) > 0 && (format.IDDay(chunk[0].id) != format.IDDay(run.id) || len(chunk) == format.MaxBatchRuns) {
			flush()
		}
		for i := range total {
			if total[i]+run.sizes.tables[i]+recordRoom > format.MaxBatchBytes {
				flush()
				break
			}
		}
		for i := range total {
			total[i] += run.sizes.tables[i] + recordRoom
		}
		chunk = append(chunk, run)
	}
	flush()
	return all
}

// recordRoom is about what a batch adds to a record.
const recordRoom = 256

var batchTables = []string{repo.RecordName, format.MetricsName, format.ValuesName}

// packer builds batches.
type packer struct {
	encoder *git.Encoder
	least   int      // runs of a batch
	place   *packing // notes the batches that are written to the working tree; nil: they only go into Git
	made    []*madeBatch
	alone   []string // runs that must keep a folder of their own
}

// build builds batches of runs and hands their files to the encoder.
func (k *packer) build(ctx context.Context, runs []packRun) error {
	for _, chunk := range chunks(runs) {
		if err := k.batch(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// batch builds a batch of runs, or several if it gets too large.
func (k *packer) batch(ctx context.Context, runs []packRun) (err error) {
	if len(runs) < k.least && !slices.ContainsFunc(runs, func(r packRun) bool { return r.must }) {
		for _, run := range runs {
			k.alone = append(k.alone, run.id)
		}
		return nil
	}
	b := &madeBatch{blobs: map[string]string{}}
	var in *repo.IncomingBatch
	if k.place != nil {
		if in, err = k.place.repo.ReceiveBatch(format.IDDay(runs[0].id)); err != nil {
			return err
		}
		defer in.Discard()
	}
	b.BuiltBatch, err = k.read(ctx, runs, b, in)
	single := new(repo.NotBatchableError)
	switch {
	case errors.As(err, &single):
		k.encoder.Drop()
		k.alone = append(k.alone, single.ID)
		return k.batch(ctx, slices.DeleteFunc(slices.Clone(runs), func(r packRun) bool { return r.id == single.ID }))
	case errors.Is(err, format.ErrBatchTooLarge):
		k.encoder.Drop()
		if len(runs) == 1 {
			k.alone = append(k.alone, runs[0].id)
			return nil
		}
		if err := k.batch(ctx, runs[:len(runs)/2]); err != nil {
			return err
		}
		return k.batch(ctx, runs[len(runs)/2:])
	case err != nil:
		return err
	}
	b.path = path.Join(format.IDDay(runs[0].id), b.Name)
	for name, data := range b.Tables {
		if b.blobs[name], err = k.encoder.Blob(data, ""); err != nil {
			return err
		}
		b.bytes += int64(len(data))
	}
	if err := k.encoder.Flush(); err != nil {
		return err
	}
	if in != nil {
		if err := k.place.note(b.path); err != nil {
			return err
		}
		if err := in.Place(b.BuiltBatch); err != nil {
			return err
		}
	}
	b.Tables = nil
	k.made = append(k.made, b)
	return nil
}

// read reads the runs and builds their batch in memory.
func (k *packer) read(ctx context.Context, runs []packRun, b *madeBatch, in *repo.IncomingBatch) (*repo.BuiltBatch,
	error,
) {
	var inputs []repo.BatchInput
	for _, run := range runs {
		input, err := run.load(ctx, func(name string, data []byte) error {
			at := path.Join(format.BatchFilesName, run.id, name)
			id, err := k.encoder.Blob(data, path.Base(name))
			b.blobs[at] = id
			b.bytes += int64(len(data))
			if err == nil && k.encoder.Held() > maxHeldOfRun {
				err = k.encoder.Flush()
			}
			if err == nil && in != nil {
				err = in.Add(at, data)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("run %s: %w", run.id, err)
		}
		inputs = append(inputs, input)
	}
	return repo.BuildBatch(ctx, inputs)
}

// loader collects the files of a run for a batch.
type loader struct {
	in    repo.BatchInput
	wants map[string]string // the ids that the files must have; nil: whatever they are
	own   func(name string, data []byte) error
}

// add adds a file of the run.
func (l *loader) add(name string, data []byte) error {
	if want, ok := l.wants[name]; ok {
		id, err := git.BlobID(want, int64(len(data)), bytes.NewReader(data))
		if err != nil {
			return err
		}
		if id != want {
			return fmt.Errorf("%s has changed in the meantime", name)
		}
	}
	switch {
	case name == repo.RecordName:
		l.in.Record = data
	case name == format.MetricsName:
		l.in.Metrics = func() (*format.Metrics, error) {
			return format.OpenMetrics(bytes.NewReader(data), int64(len(data)))
		}
	case name == format.ValuesName:
		l.in.Values = func() (*format.Values, error) {
			return format.OpenValues(bytes.NewReader(data), int64(len(data)))
		}
	case path.Dir(name) == "notes":
	default:
		sum := sha256.Sum256(data)
		l.in.Files = append(l.in.Files, format.BatchFile{Path: name, SHA256: hex.EncodeToString(sum[:])})
		return l.own(name, data)
	}
	return nil
}

// fromDisk returns a run of the working tree, whose files were verified and have these ids.
func (p *plan) fromDisk(run CommittedRun, unpacked *unpackedRows) packRun {
	r := packRun{id: run.ID, sizes: run.sizes, must: run.from != ""}
	r.load = func(ctx context.Context, own func(string, []byte) error) (repo.BatchInput, error) {
		l := loader{in: repo.BatchInput{ID: run.ID}, wants: map[string]string{}, own: own}
		for _, f := range run.files {
			l.wants[f.Name] = f.ID
		}
		e, record, err := p.repo.ReadRecord(run.ID)
		if err != nil {
			return l.in, err
		}
		err = e.EachContent(ctx, record, format.MaxBatchBytes, func(f repo.File, data []byte, open *os.File) error {
			var err error
			switch {
			case data != nil:
			case open != nil:
				data, err = io.ReadAll(io.NewSectionReader(open, 0, format.MaxBatchBytes+1))
			default:
				data, err = unpacked.rows(p.repo, &run, f.Name)
			}
			if err != nil {
				return err
			}
			return l.add(f.Name, bytes.Clone(data))
		})
		return l.in, err
	}
	return r
}

// unpackedRows reads the rows of runs that a batch of the working tree has, batch by batch.
type unpackedRows struct {
	mu     sync.Mutex
	batch  string
	tables map[string][]byte
}

// rows returns the file of points or values that a run of a batch would have by itself.
func (u *unpackedRows) rows(r *repo.Repository, run *CommittedRun, name string) (data []byte, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.batch != run.from || u.tables == nil {
		if u.tables, err = r.ReadBatchFiles(run.from); err != nil {
			return nil, err
		}
		u.batch = run.from
	}
	return repo.UnpackRows(name, u.tables[name], run.ID)
}
