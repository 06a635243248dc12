package share

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/lock"
	"github.com/gitruns/runs/repo/regular"
)

// packing keeps what a command does with batches of the working tree repeatable. Before the command writes a batch, it
// notes the batch in `<git dir>/runs/packing`. Whoever finds a note completes it: if HEAD has the batch, the folders of
// its runs lose what it holds; if neither HEAD nor the index has it, it goes, because its runs are still by themselves.
type packing struct {
	repo   *repo.Repository
	locked *os.File
	names  []string // batches, relative to .runs
}

func packingFile(r *repo.Repository) string { return filepath.Join(r.Git.Git, "runs", "packing") }

// packingWait is how long a command waits for another one that packs.
const packingWait = time.Minute

// beginPacking takes the lock, after it has completed what a killed command left.
func beginPacking(ctx context.Context, r *repo.Repository) (*packing, error) {
	k := &packing{repo: r}
	for until := time.Now().Add(packingWait); ; {
		ok, err := k.take()
		if err != nil {
			return nil, err
		}
		if ok {
			break
		}
		if time.Now().After(until) {
			return nil, errors.New("another command is packing runs into batches")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := k.complete(ctx); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

func (k *packing) take() (bool, error) {
	file := packingFile(k.repo)
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return false, err
	}
	f, err := regular.OpenFile(file+".lock", os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return false, err
	}
	ok, err := lock.Try(f)
	if err != nil || !ok {
		_ = f.Close()
		return false, err
	}
	k.locked = f
	return true, nil
}

func (k *packing) close() { _ = k.locked.Close() }

// completePacking completes what a killed command, or a commit of code, left to do. If another command is packing, it
// does nothing.
func completePacking(ctx context.Context, r *repo.Repository) error {
	if _, err := os.Lstat(packingFile(r)); err != nil {
		return nil
	}
	k := &packing{repo: r}
	if ok, err := k.take(); err != nil || !ok {
		return err
	}
	defer k.close()
	return k.complete(ctx)
}

// note notes a batch before it is written.
func (k *packing) note(name string) error {
	k.names = append(k.names, name)
	return k.write()
}

func (k *packing) write() error {
	file := packingFile(k.repo)
	if len(k.names) == 0 {
		err := os.Remove(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	at, err := k.repo.TreePath()
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, name := range k.names {
		b.WriteString(path.Join(at, name) + "\n")
	}
	tmp := file + "-" + format.RandomLetters(8)
	if err := os.WriteFile(tmp, []byte(b.String()), 0o666); err != nil {
		return err
	}
	return os.Rename(tmp, file)
}

// complete completes all notes. Those of other .runs folders stay.
func (k *packing) complete(ctx context.Context) error {
	data, err := regular.ReadFile(packingFile(k.repo))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	at, err := k.repo.TreePath()
	if err != nil {
		return err
	}
	trees, err := git.OpenTrees(ctx, k.repo.Git)
	if err != nil {
		return err
	}
	defer trees.Close()
	k.names = nil
	for line := range strings.Lines(string(data)) {
		name, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), at+"/")
		if p := placeOf(path.Join(repo.DirName, name, format.BatchRunsName)); !ok || p.kind != ofBatch {
			continue
		}
		done, err := k.settle(ctx, trees, at, name)
		if err != nil {
			return fmt.Errorf("completing %s: %w", path.Join(at, name), err)
		}
		if !done {
			k.names = append(k.names, name)
		}
	}
	return k.write()
}

// settle completes the note of a batch. done is false if a commit that has it is still to come.
func (k *packing) settle(ctx context.Context, trees *git.Trees, at, name string) (done bool, err error) {
	if _, err := os.Lstat(filepath.Join(k.repo.Dir, filepath.FromSlash(name))); err != nil {
		return true, nil // a switch of branches has removed it
	}
	held, err := batchIn(trees, "HEAD", at, name)
	if err != nil {
		return false, err
	}
	if held != nil {
		return true, k.dropSingles(held)
	}
	tracked, err := git.Tracked(ctx, k.repo.Git, path.Join(at, name))
	if err != nil || len(tracked) > 0 {
		return false, err
	}
	return true, k.dropBatch(trees, at, name)
}

// dropSingles removes what the runs of a committed batch have in folders of their own. It compares the batch on disk
// with the commit, and each run with the batch, before it removes the run's files.
func (k *packing) dropSingles(held *heldBatch) error {
	for name, e := range held.files {
		same, err := sameFile(filepath.Join(k.repo.Dir, filepath.FromSlash(path.Join(held.path, name))), e.ID)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !same {
			return nil // somebody has changed the batch: the runs stay by themselves
		}
		if err != nil {
			return err
		}
	}
	tables, err := k.repo.ReadBatchFiles(held.path)
	if err != nil {
		return err
	}
	runs, err := format.DecodeBatch(path.Join(held.path, format.BatchRunsName), tables[format.BatchRunsName])
	if err != nil {
		return err
	}
	own := map[string][]string{}
	for name := range held.files {
		if rest, ok := strings.CutPrefix(name, format.BatchFilesName+"/"); ok {
			id, file, _ := strings.Cut(rest, "/")
			own[id] = append(own[id], file)
		}
	}
	digests := map[string]map[string]string{}
	for _, name := range []string{format.MetricsName, format.ValuesName} {
		if digests[name], err = tableDigests(name, tables[name], held.ids); err != nil {
			return err
		}
	}
	for _, r := range runs {
		if _, err := os.Lstat(k.repo.RunDir(r.ID)); err != nil {
			continue
		}
		rows, ok := k.sameRows(r.ID, digests)
		if !ok {
			continue // verify reports it
		}
		slices.Sort(own[r.ID])
		var differs *repo.PackedDiffersError
		err := k.repo.DropPacked(held.path, r.ID, r.Record, rows, own[r.ID])
		if err != nil && !errors.As(err, &differs) { // verify reports what differs
			return err
		}
	}
	return nil
}

// sameRows returns the tables of a run by itself whose rows a batch has too. ok is false if such rows differ. A table
// of which the batch has no rows, because it is local, is left out.
func (k *packing) sameRows(id string, digests map[string]map[string]string) (tables []string, ok bool) {
	for name, of := range digests {
		file := filepath.Join(k.repo.RunDir(id), name)
		want, held := of[id]
		if _, err := os.Lstat(file); err != nil || !held {
			continue
		}
		if got, err := digestOnDisk(context.Background(), file); err != nil || got != want {
			return nil, false
		}
		tables = append(tables, name)
	}
	return tables, true
}

// dropBatch removes a batch that HEAD does not have, if each of its runs is by itself too, or in HEAD elsewhere.
func (k *packing) dropBatch(trees *git.Trees, at, name string) error {
	tables, err := k.repo.ReadBatchFiles(name)
	if err != nil {
		return nil // it is incomplete, and verify reports it
	}
	runs, err := format.DecodeBatch(name, tables[format.BatchRunsName])
	if err != nil {
		return nil
	}
	for _, r := range runs {
		own, err := readAtMost(filepath.Join(k.repo.RunDir(r.ID), repo.RecordName), format.MaxRecordBytes)
		if err == nil && string(own) == string(r.Record) {
			continue
		}
		files, err := filesIn(trees, "HEAD", at, r.ID)
		if err != nil {
			return nil
		}
		record := files[repo.RecordName]
		id, err := git.BlobID(record.ID, int64(len(r.Record)), bytes.NewReader(r.Record))
		if err == nil && (id == record.ID || redactedLater(trees, record, r.Record)) {
			continue
		}
		if _, marked, err := trees.Find("HEAD", path.Join(at, repo.RemovedName, r.ID)); err != nil || !marked {
			return nil
		}
	}
	return k.repo.RemoveBatch(name)
}

// redactedLater reports whether a record that HEAD has comes from this one by redactions.
func redactedLater(trees *git.Trees, record runFile, old []byte) bool {
	data, err := record.read(trees, format.MaxRecordBytes)
	if err != nil {
		return false
	}
	run, err := format.DecodeRun(repo.RecordName, data)
	if err != nil {
		return false
	}
	sum := sha256.Sum256(old)
	was := hex.EncodeToString(sum[:])
	return slices.ContainsFunc(run.Redacted, func(r format.Redaction) bool { return r.Was == was })
}
