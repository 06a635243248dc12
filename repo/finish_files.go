package repo

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/console"
	"github.com/gitruns/runs/repo/regular"
)

// finished is the run that a finish builds.
type finished struct {
	run      *format.Run
	read     map[string]int64 // how far each journal was read
	warnings []string
	left     bool     // a file in the run's folder could not be taken, and stays there
	outputs  []string // absolute paths of files that the run may have written, see noteOutputs
}

// fill writes every file of the finished run except run.toml into folder, and returns the record that lists them.
func (a *Active) fill(ctx context.Context, folder string, end Finish) (*finished, error) {
	run, err := a.record()
	if err != nil {
		return nil, err
	}
	b := &finished{run: run, read: map[string]int64{}}
	if b.warnings, err = a.hear(&end); err != nil {
		return nil, err
	}
	run.Status, run.Ended = end.Status, end.Ended
	if run.Status == "" {
		run.Status = format.Finished
	}
	if run.Ended.IsZero() {
		run.Ended = now()
	}
	run.ExitCode, run.Signal, run.EndReason = end.ExitCode, end.Signal, end.EndReason
	run.Files = map[string]format.File{}
	untraced := a.ignoredData(ctx, run)
	f, err := a.foldInto(ctx, folder, b)
	if err != nil {
		return nil, err
	}
	if f.exitCode != nil && run.Status == format.Finished {
		run.Status, run.ExitCode = format.Failed, f.exitCode
	}
	countLost(run, end.LostRows)
	settings := a.settings()
	run.Metrics = f.metrics(settings.GoalIn(run))
	if err := a.fillSystem(ctx, folder, b, settings); err != nil {
		return nil, err
	}
	if err := a.fillOutput(folder, b); err != nil {
		return nil, err
	}
	reach := sync.OnceValue(func() error { return a.mayReach(ctx, end.takeover) })
	if err := a.fillArtifacts(ctx, folder, b, f, settings, reach); err != nil {
		return nil, err
	}
	a.fillDatasets(ctx, b, f, reach)
	a.fillNoticed(ctx, b, f, end, reach, untraced)
	if len(f.aside) > 0 {
		if err := b.write(
			filepath.Join(folder, asideName), asideName, f.asideBytes(), int64(len(f.aside)),
		); err != nil {
			return nil, err
		}
		first := f.aside[0]
		f.warn(
			"%d lines were rejected and are kept in %s; the first: %s:%d: %s", len(f.aside)+f.leftOut, asideName,
			first.file, first.line, first.reason,
		)
	}
	if f.leftOut > 0 {
		f.warn("%d more of them were left out: %s holds at most %d bytes", f.leftOut, asideName, maxAsideBytes)
	}
	if err := linkNotes(a.Dir, folder, func(file, name string) error {
		_, err := linkFile(file, filepath.Join(folder, name))
		return err
	}); err != nil {
		return nil, err
	}
	b.warnings = append(b.warnings, f.warnings...)
	if len(run.Files) == 0 {
		run.Files = nil
	}
	return b, nil
}

// countLost adds the rows that the starter could not write to those that other writers counted in the tag lost_rows.
func countLost(run *format.Run, lost int64) {
	const tag = "lost_rows"
	if lost <= 0 {
		return
	}
	if said, err := strconv.ParseInt(run.Tags[tag], 10, 64); err == nil && said > 0 && said < math.MaxInt64-lost {
		lost += said
	}
	if run.Tags == nil {
		run.Tags = map[string]string{}
	}
	run.Tags[tag] = strconv.FormatInt(lost, 10)
}

// foldInto reads the journals and writes metrics.parquet and values.parquet.
func (a *Active) foldInto(ctx context.Context, folder string, b *finished) (*fold, error) {
	sorter := format.NewPointSorter(a.Dir)
	defer func() { _ = sorter.Close() }()
	files, err := a.journals(journalPrefix)
	if err != nil {
		return nil, err
	}
	sortJournals(files)
	values := format.NewValueSorter(a.Dir)
	defer func() { _ = values.Close() }()
	f := newFold(b.run, sorter.Add)
	f.settings = a.settings().Experiment
	f.value = values.Add
	for _, file := range files {
		if err := f.journal(ctx, file, 0, file.size); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file.name, err)
		}
		b.read[file.name] = f.end
	}
	if f.lostValue > 0 {
		f.warn("left out %d values: %v, under at most %d keys", f.lostValue, format.ErrValuesFull, format.MaxMetrics)
	}
	if len(f.curves) > 0 {
		if err := b.writeRows(folder, MetricsName, sorter); err != nil {
			return nil, err
		}
	}
	if values.Rows() > 0 {
		if err := b.writeRows(folder, format.ValuesName, values); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// rowWriter yields the rows of a Parquet file in order.
type rowWriter interface {
	WriteParquet(w io.Writer) error
	Rows() int64
	Digest() string // of the rows that WriteParquet wrote
}

func (b *finished) writeRows(folder, name string, sorter rowWriter) error {
	out, err := createHashed(filepath.Join(folder, name))
	if err != nil {
		return err
	}
	if err = sorter.WriteParquet(out); err == nil {
		err = out.close()
	} else {
		out.abandon()
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	file := format.File{SHA256: out.sum(), Bytes: out.bytes, Rows: sorter.Rows()}
	if name != systemName { // which no batch has
		file.Points = sorter.Digest()
	}
	b.run.Files[name] = file
	return nil
}

// fillSystem writes the machine samples. It thins them, because they are meant for an overview of the whole run.
func (a *Active) fillSystem(ctx context.Context, folder string, b *finished, settings *format.Config) error {
	files, err := a.journals(systemPrefix)
	if err != nil || len(files) == 0 {
		return err
	}
	sortJournals(files)
	points := map[string][]format.Point{}
	f := newFold(&format.Run{}, func(key string, p format.Point) error {
		points[key] = append(points[key], p)
		return nil
	})
	for _, file := range files {
		if err := f.journal(ctx, file, 0, file.size); err != nil {
			return fmt.Errorf("reading %s: %w", file.name, err)
		}
		b.read[file.name] = f.end
	}
	if len(points) == 0 {
		return nil
	}
	sorter := format.NewPointSorter(a.Dir)
	defer func() { _ = sorter.Close() }()
	for _, key := range slices.Sorted(maps.Keys(points)) {
		for _, p := range format.Thin(points[key], settings.System.Points) {
			if err := sorter.Add(key, p); err != nil {
				return err
			}
		}
	}
	return b.writeRows(folder, systemName, sorter)
}

// fillOutput joins the captured console output: output.log, and the output-*.log of other nodes that joined the run.
func (a *Active) fillOutput(folder string, b *finished) error {
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.Type().IsRegular() || name != outputName &&
			!(strings.HasPrefix(name, "output-") && strings.HasSuffix(name, ".log")) {
			continue
		}
		path := filepath.Join(a.Dir, name)
		cut, err := console.Join(path)
		if err != nil {
			return fmt.Errorf("joining %s: %w", name, err)
		}
		file, err := linkFile(path, filepath.Join(folder, name))
		if err != nil {
			return err
		}
		file.Cut = cut
		b.run.Files[name] = file
	}
	return nil
}

// fillDatasets records the datasets in the journals.
func (a *Active) fillDatasets(ctx context.Context, b *finished, f *fold, reach func() error) {
	for _, line := range f.datasets {
		item := format.Dataset(line)
		item.Path = ""
		if !hashedByWriter(item) {
			got, err := a.hashDataset(ctx, b, line, reach)
			if err != nil && line.Digest == "" {
				f.warn("dataset %s was left out: %v", line.Path, err)
				continue
			}
			item = got
		} else {
			if format.CheckPath(line.Path) == nil {
				item.Path = line.Path
			}
			if err := a.repo.hasShared(ctx, sharedDatasets, item.Manifest); err != nil {
				f.warn("the manifest of dataset %s is not recorded: %v", line.Path, err)
				item.Manifest = ""
			}
		}
		if item.Name == "" {
			item.Name = path.Base(filepath.ToSlash(line.Path))
		}
		i := slices.IndexFunc(b.run.Datasets, func(d format.Dataset) bool { return d.Name == item.Name })
		switch {
		case i < 0:
			b.run.Datasets = append(b.run.Datasets, item)
		case b.run.Datasets[i].Identity() != item.Identity():
			f.warn("dataset %s was named twice with different content: the first is recorded", item.Name)
		}
	}
}

// hashDataset hashes the data that a journal line names. If the line has the digest of a library, the dataset can be
// recorded without a hash, and the error says why it has none.
func (a *Active) hashDataset(
	ctx context.Context, b *finished, line format.DatasetLine, reach func() error,
) (format.Dataset, error) {
	plain := format.Dataset{
		Name: line.Name, Role: line.Role, Rows: max(line.Rows, 0), Columns: line.Columns, Digest: line.Digest,
		Source: line.Source, SourceType: line.SourceType, Schema: line.Schema, Profile: line.Profile,
		Details: line.Details,
	}
	if line.Path == "" {
		return plain, errors.New("the dataset has no path")
	}
	if err := reach(); err != nil {
		return plain, err
	}
	from := line.Path
	if !filepath.IsAbs(from) {
		from = filepath.Join(a.repo.TreeRoot(), filepath.FromSlash(b.run.Cwd), filepath.FromSlash(from))
	}
	got, err := a.repo.Dataset(ctx, DatasetRequest{Name: line.Name, Path: from, Role: line.Role})
	if err != nil {
		return plain, err
	}
	got.Digest, got.Source, got.SourceType = line.Digest, line.Source, line.SourceType
	got.Schema, got.Profile, got.Details = line.Schema, line.Profile, line.Details
	if got.Rows == 0 && len(got.Columns) == 0 {
		got.Rows, got.Columns = plain.Rows, plain.Columns
	}
	return got, nil
}

// hashedByWriter reports whether a journal describes a dataset completely, so that it can be recorded as it is.
func hashedByWriter(d format.Dataset) bool {
	return (format.IsDigest(d.SHA256) || d.SHA256 == "" && d.DVC != "") &&
		(d.Manifest == "" || format.IsDigest(d.Manifest)) &&
		(d.Hash == "" || d.Hash == format.HashListing) && d.Bytes >= 0 && d.Files >= 0 && d.Rows >= 0
}

// write writes a small file of the run and adds it to [files].
func (b *finished) write(path, name string, data []byte, rows int64) error {
	if err := writeFile(path, data); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	b.run.Files[name] = format.File{SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(data)), Rows: rows}
	return nil
}

// hashedFile is a new file that is hashed while it is written.
type hashedFile struct {
	f     *os.File
	w     *bufio.Writer
	hash  hash.Hash
	bytes int64
}

func createHashed(path string) (*hashedFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	h := &hashedFile{f: f, hash: sha256.New()}
	h.w = bufio.NewWriterSize(io.MultiWriter(f, h.hash), 256<<10)
	return h, nil
}

func (h *hashedFile) Write(p []byte) (int, error) {
	h.bytes += int64(len(p))
	return h.w.Write(p)
}

// close makes the file durable.
func (h *hashedFile) close() error {
	err := h.w.Flush()
	if err == nil {
		err = h.f.Sync()
	}
	if closeErr := h.f.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (h *hashedFile) abandon() { _ = h.f.Close() }

func (h *hashedFile) sum() string { return hex.EncodeToString(h.hash.Sum(nil)) }

// linkFile links a file that no longer changes to a second name, or copies it if the file system cannot link.
func linkFile(from, to string) (format.File, error) {
	if info, err := os.Lstat(from); err != nil {
		return format.File{}, err
	} else if !info.Mode().IsRegular() {
		return format.File{}, fmt.Errorf("%s is not a regular file", from)
	}
	if err := os.Link(from, to); err != nil {
		return copyFile(from, to)
	}
	f, err := regular.Open(to)
	if err != nil {
		return format.File{}, err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err == nil {
		err = syncFile(to)
	}
	return format.File{SHA256: hex.EncodeToString(sum.Sum(nil)), Bytes: n}, err
}

// syncFile makes the content of a file durable. Windows does this only for a file that is open for writing.
func syncFile(path string) error {
	f, err := regular.OpenFile(path, os.O_WRONLY, 0)
	if err != nil { // it is read-only, or a program that runs
		return syncReadOnly(path)
	}
	return errors.Join(f.Sync(), f.Close())
}

// copyFile copies a regular file and makes the copy durable.
func copyFile(from, to string) (format.File, error) {
	info, err := os.Stat(from)
	if err != nil {
		return format.File{}, err
	}
	if !info.Mode().IsRegular() {
		return format.File{}, fmt.Errorf("%s is not a regular file", from)
	}
	src, err := regular.Open(from)
	if err != nil {
		return format.File{}, err
	}
	defer func() { _ = src.Close() }()
	return writeHashed(to, src)
}

// writeHashed writes the content of r to a new file.
func writeHashed(to string, r io.Reader) (format.File, error) {
	out, err := createHashed(to)
	if err != nil {
		return format.File{}, err
	}
	if _, err = io.Copy(out, r); err == nil {
		err = out.close()
	} else {
		out.abandon()
	}
	if err != nil {
		_ = os.Remove(to)
		return format.File{}, err
	}
	return format.File{SHA256: out.sum(), Bytes: out.bytes}, nil
}

// linkNotes adds the notes that were written while the run was in progress. It links each with link.
func linkNotes(from, to string, link func(file, name string) error) error {
	if err := realDir(filepath.Join(from, notesName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(from, notesName))
	if errors.Is(err, fs.ErrNotExist) || len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(to, notesName), 0o777); err != nil {
		return err
	}
	for _, entry := range entries {
		if !isNote(entry) {
			continue
		}
		target := filepath.Join(to, notesName, entry.Name())
		if exists(target) {
			continue
		}
		if err := link(filepath.Join(from, notesName, entry.Name()), filepath.Join(notesName, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// moveNotes moves notes that were written during a finish to the finished run.
func (a *Active) moveNotes() error { return addNotes(a.Dir, a.repo.RunDir(a.ID)) }

// addNotes adds to a finished run the notes in another folder that it does not have.
func addNotes(from, runDir string) error {
	return linkNotes(from, runDir, func(file, name string) error {
		return writeIntoRun(runDir, name, func(tmp string) error {
			_, err := linkFile(file, tmp)
			return err
		})
	})
}
