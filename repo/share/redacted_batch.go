package share

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/transition"
)

// workingBatches remembers what redactions need of each batch of the working tree. They ask for each of its runs.
type workingBatches struct {
	rows  map[string]map[string]string // the digests of the rows of a table, by its path in .runs
	stale map[string]bool              // what isStale has found, by the path of the batch
}

// addRedactedBatch is addRedacted for a run in a batch: the redaction has written the batch anew, and it replaces the
// one of the commit.
func (p *plan) addRedactedBatch(ctx context.Context, known *snapshot, e *repo.Entry, there runFiles) (bool, error) {
	record, err := e.RecordBytes()
	if err != nil {
		return false, err
	}
	id, err := git.BlobID(there[repo.RecordName].ID, int64(len(record)), bytes.NewReader(record))
	if err != nil || id == there[repo.RecordName].ID {
		return false, err
	}
	now, files, err := p.versionInBatch(ctx, e, id)
	if err != nil {
		return false, err
	}
	for name, file := range there {
		if now.Files[name] == "" { // others have annotated it on that branch
			now.Files[name] = file.ID
		}
	}
	change, err := transition.Check(versionOf(known.trees, there, known.sharedBlob), now, false)
	if err != nil {
		return false, fmt.Errorf("run %s: %w", e.ID, err)
	}
	if change.Kind != transition.Redacted {
		return false, nil
	}
	was, err := recordOf(known.trees, there[repo.RecordName])
	if err != nil {
		return false, err
	}
	for _, f := range files {
		if path.Dir(f.Name) == "notes" {
			p.paths = append(p.paths, path.Join(runPath(e.ID), f.Name))
		}
	}
	if err := p.replaceBatch(known, e); err != nil {
		return false, err
	}
	shared := repo.SharedNames(e.Run)
	for _, name := range shared {
		if _, there := known.shared[name]; there {
			continue
		}
		size, err := p.repo.PlaceShared(ctx, name)
		if err != nil {
			return false, fmt.Errorf("run %s: %w", e.ID, err)
		}
		known.shared[name] = placedHere
		p.paths = append(p.paths, name)
		p.Files++
		p.Bytes += size
	}
	p.Redacted = append(p.Redacted, e.ID)
	for _, name := range repo.SharedNames(was) {
		if !slices.Contains(shared, name) && !slices.Contains(p.orphans, name) {
			p.orphans = append(p.orphans, name)
		}
	}
	return true, nil
}

// redactBatches writes the batches of a branch that is not checked out anew, with the redacted versions of runs, which
// the working tree has in folders of their own. A run that two clones have packed stays in one of its batches.
func (p *plan) redactBatches(ctx context.Context, known *snapshot) error {
	for _, at := range slices.Sorted(maps.Keys(p.within)) {
		held := known.batches[at]
		inputs, err := held.inputs(known.trees, nil)
		if err != nil {
			return err
		}
		blobs := map[string]string{} // of the files that change, by their paths in the batch
		inputs = slices.DeleteFunc(inputs, func(in repo.BatchInput) bool {
			return p.within[at][in.ID] && known.in[in.ID][0] != held
		})
		for i := range inputs {
			if p.within[at][inputs[i].ID] {
				if err := p.redactInput(ctx, held, &inputs[i], blobs); err != nil {
					return fmt.Errorf("run %s: %w", inputs[i].ID, err)
				}
			}
		}
		p.remove = append(p.remove, at)
		edits, err := held.store(ctx, p.repo.Git, inputs, func(name string) string {
			return cmp.Or(blobs[name], held.files[name].ID)
		})
		if err != nil {
			return err
		}
		for _, e := range edits {
			p.paths = append(p.paths, e.Path)
			p.blobs[e.Path] = e.ID
			p.Files++
		}
	}
	return nil
}

// redactInput replaces the record and the files of a run for its batch by those of the working tree.
func (p *plan) redactInput(ctx context.Context, held *heldBatch, in *repo.BatchInput, blobs map[string]string) error {
	e, record, err := p.repo.ReadRecord(in.ID)
	if err != nil {
		return err
	}
	in.Record = record
	config, err := p.repo.Config()
	if err != nil {
		return err
	}
	for i, f := range in.Files {
		if isArtifact(f.Path) && config.Artifacts.Store == format.StoreLFS {
			continue // it cannot be redacted
		}
		data, err := e.ReadFile(f.Path, transition.MaxBytes)
		sum := sha256.Sum256(data)
		digest := hex.EncodeToString(sum[:])
		if errors.Is(err, fs.ErrNotExist) || err == nil && digest == f.SHA256 {
			continue
		}
		if err != nil {
			return err
		}
		name := path.Join(format.BatchFilesName, in.ID, f.Path)
		if blobs[name], err = git.WriteBlob(ctx, p.repo.Git, data); err != nil {
			return err
		}
		in.Files[i].SHA256 = digest
	}
	return nil
}

// versionInBatch returns a run of a batch of the working tree, and the files that a commit would have. record is the id
// of its record.
func (p *plan) versionInBatch(ctx context.Context, e *repo.Entry, record string) (*transition.Version, []repo.File,
	error,
) {
	files, err := e.Content(ctx)
	if err != nil {
		return nil, nil, err
	}
	at := path.Join(e.Batch().Day, e.Batch().Name)
	v := &transition.Version{Files: map[string]string{repo.RecordName: record}, Batched: true}
	data := map[string][]byte{}
	for _, f := range files {
		switch f.Name {
		case repo.RecordName:
			if data[f.Name], err = e.RecordBytes(); err != nil {
				return nil, nil, err
			}
		case format.MetricsName, format.ValuesName:
			v.Files[f.Name] = "rows of " + at
		default:
			if data[f.Name], err = e.ReadFile(f.Name, transition.MaxBytes); err != nil {
				return nil, nil, err
			}
			if v.Files[f.Name], err = git.BlobID(record, int64(len(data[f.Name])), bytes.NewReader(data[f.Name])); err != nil {
				return nil, nil, err
			}
		}
	}
	v.Read = func(name string) ([]byte, error) {
		if data, ok := data[name]; ok {
			return data, nil
		}
		return nil, fmt.Errorf("%s is missing", name)
	}
	v.Rows = func(name string) (string, error) {
		digests, err := p.rowDigests(e.Batch(), name)
		if digest, ok := digests[e.ID]; ok || err != nil {
			return digest, err
		}
		return new(format.RowDigest).Sum(), nil
	}
	v.Shared = func(name string) ([]byte, error) { return p.repo.ReadShared(ctx, name, transition.MaxBytes) }
	return v, files, nil
}

// rowDigests returns the digests of the rows that a table of a batch of the working tree has, by run.
func (p *plan) rowDigests(b *repo.Batch, table string) (map[string]string, error) {
	at := path.Join(b.Day, b.Name)
	if digests := p.batched.rows[path.Join(at, table)]; digests != nil {
		return digests, nil
	}
	tables, err := p.repo.ReadBatchFiles(at)
	if err != nil {
		return nil, err
	}
	digests, err := tableDigests(table, tables[table], b.IDs())
	if err != nil {
		return nil, err
	}
	if p.batched.rows == nil {
		p.batched.rows = map[string]map[string]string{}
	}
	p.batched.rows[path.Join(at, table)] = digests
	return digests, nil
}

// replaceBatch adds the batches of a run to the plan and removes those of the commit that have the run, once. After two
// clones have packed a run, several batches have it. Every other run of those must be in one of the new batches too, or
// marked as removed.
func (p *plan) replaceBatch(known *snapshot, e *repo.Entry) error {
	now := slices.DeleteFunc(p.repo.BatchesOf(e.ID), func(b *repo.Batch) bool { return p.isStale(known, b) })
	if len(now) == 0 {
		return &repo.HintError{
			Err:  fmt.Errorf("run %s: others have redacted runs of its batch", e.ID),
			Hint: fmt.Sprintf("run 'git checkout HEAD -- .runs', and redact run %s again", format.IDRandom(e.ID)),
		}
	}
	for _, held := range known.in[e.ID] {
		same := func(b *repo.Batch) bool { return path.Join(b.Day, b.Name) == held.path }
		if slices.ContainsFunc(now, same) || slices.Contains(p.remove, held.path) {
			continue
		}
		for _, id := range held.ids {
			has := func(b *repo.Batch) bool { return slices.Contains(b.IDs(), id) }
			if !slices.ContainsFunc(now, has) && !known.removed[id] && len(known.in[id]) < 2 {
				return fmt.Errorf("run %s: %s lacks run %s, which %s has", e.ID, path.Join(now[0].Day, now[0].Name), id,
					held.path)
			}
		}
		p.remove = append(p.remove, held.path)
	}
	for _, b := range now {
		if err := p.addWritten(known, b); err != nil {
			return err
		}
	}
	return nil
}

// isStale reports whether a batch of the working tree has a run as it was before a redaction that the commit has. Such
// a batch would take the redaction back.
func (p *plan) isStale(known *snapshot, b *repo.Batch) bool {
	at := path.Join(b.Day, b.Name)
	stale, asked := p.batched.stale[at]
	if !asked {
		stale = p.hasFormer(known, b)
		if p.batched.stale == nil {
			p.batched.stale = map[string]bool{}
		}
		p.batched.stale[at] = stale
	}
	return stale
}

// hasFormer is isStale, read anew.
func (p *plan) hasFormer(known *snapshot, b *repo.Batch) bool {
	for _, id := range b.IDs() {
		if known.removed[id] && len(known.in[id]) == 0 {
			return true // it would bring back the record of a removed run
		}
		if known.runs[id] == "" || known.removed[id] {
			continue
		}
		own, err := p.repo.BatchRecord(b, id)
		if err != nil {
			return true
		}
		files, err := known.run(id)
		if err != nil {
			continue // the commit has two versions, which pack settles
		}
		record := files[repo.RecordName]
		if record.ID == "" {
			continue
		}
		if blob, err := git.BlobID(record.ID, int64(len(own)), bytes.NewReader(own)); err != nil || blob == record.ID {
			continue
		}
		there, err := recordOf(known.trees, record)
		if err == nil && repo.Precedes(own, there) {
			return true
		}
	}
	return false
}

// addWritten adds a batch of the working tree that the commit lacks to the plan, once.
func (p *plan) addWritten(known *snapshot, b *repo.Batch) error {
	at := path.Join(b.Day, b.Name)
	if known.batches[at] != nil || slices.Contains(p.paths, path.Join(at, format.BatchRunsName)) {
		return nil
	}
	return filepath.WalkDir(b.Dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(b.Dir, file)
		p.paths = append(p.paths, path.Join(at, filepath.ToSlash(name)))
		p.Files++
		p.Bytes += info.Size()
		return err
	})
}
