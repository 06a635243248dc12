package share

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
)

const (
	maxRunFiles  = 20_000   // of one run in Git
	maxBlobBytes = 1 << 30  // of one file of a run in Git
	maxNoteFiles = 10_000   // of one run
	maxRunBytes  = 16 << 30 // of all files of a run
	maxHeldBytes = 64 << 20 // of a file that is read into memory; of a larger one, only the digest is verified
)

// checker verifies the runs of a commit before their content is used. It verifies each shared file once.
type checker struct {
	trees  *git.Trees
	shared map[string]sharedResult // by name and blob
	// batches reports whether somebody else verifies what belongs to no run of a batch.
	batches bool
}

// sharedResult is the result for a shared file.
type sharedResult struct {
	err              error
	content, listing string // of a manifest: the dataset digests computed from it
}

// VerifyRuns verifies runs of a snapshot that came from somebody else. It returns those that do not match their
// records. A run that cannot be read at all does not keep the others from being verified.
func VerifyRuns(ctx context.Context, dirs git.Dirs, at *snapshot, ids []string) ([]repo.Damage, error) {
	trees, err := git.OpenTrees(ctx, dirs)
	if err != nil {
		return nil, err
	}
	defer func() { trees.Close() }()
	k := &checker{trees: trees, shared: map[string]sharedResult{}}
	var bad []repo.Damage
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		from := *at
		from.trees = k.trees
		files, err := from.run(id)
		problems := []error{err}
		if err == nil {
			_, problems = k.run(ctx, id, files, at.shared)
		}
		if len(problems) == 0 {
			continue
		}
		bad = append(bad, repo.Damage{ID: id, Err: fmt.Errorf("run %s: %w", id, errors.Join(problems...))})
		if slices.ContainsFunc(problems, isBroken) { // Git exits when it reads a damaged object
			trees.Close()
			if trees, err = git.OpenTrees(ctx, dirs); err != nil {
				return nil, err
			}
			k.trees = trees
		}
	}
	return bad, nil
}

// run verifies the files of a run: first their names, kinds, number and sizes, then the record, then every digest. It
// returns the record if the record can be read.
func (k *checker) run(ctx context.Context, id string, files runFiles,
	shared map[string]string,
) (run *format.Run, problems []error) {
	defer func() { // a parser that fails on one run must not stop the others
		if p := recover(); p != nil {
			run, problems = nil, []error{fmt.Errorf("its files cannot be read: %v", p)}
		}
	}()
	if err := checkNames(files); err != nil {
		return nil, []error{err}
	}
	record, ok := files[repo.RecordName]
	if !ok {
		return nil, []error{errors.New("it has no run.toml")}
	}
	if metrics, ok := files[repo.MetricsName]; ok && record.batch == nil && metrics.batch == nil {
		if err := k.trees.Ahead(record.ID, metrics.ID); err != nil { // Git reads the second while we decode the first
			return nil, []error{fmt.Errorf("run.toml: %w", err)}
		}
	}
	data, err := record.read(k.trees, format.MaxRecordBytes)
	if err != nil {
		return nil, []error{fmt.Errorf("run.toml: %w", err)}
	}
	run, err = format.DecodeRun(repo.RecordName, data)
	switch {
	case err != nil:
		return nil, []error{err}
	case run.ID != id:
		return nil, []error{fmt.Errorf("run.toml says that it is run %s", run.ID)}
	case run.Status == format.Running:
		return nil, []error{errors.New("run.toml says that it is running")}
	}
	problem := func(err error) {
		if err != nil && len(problems) < maxProblems {
			problems = append(problems, err)
		}
	}
	if total := recordedBytes(run); total > maxRunBytes {
		return run, []error{fmt.Errorf("it has %d bytes, the limit for a run in Git is %d", total, int64(maxRunBytes))}
	}
	if record.batch != nil && !k.batches {
		problem(record.batch.check(k.trees))
	}
	named := map[string]bool{repo.RecordName: true}
	for _, name := range slices.Sorted(maps.Keys(run.Files)) {
		named[name] = true
		if _, ok := files[name]; !ok && format.LocalFile(name, run.Files[name].Bytes) {
			continue // it stayed on the machine that recorded it
		}
		if files[name].rows() {
			problem(k.batchedRows(ctx, run, name, files[name]))
			continue
		}
		if path.Ext(name) == ".parquet" && run.Files[name].Bytes <= maxHeldBytes {
			problem(k.table(ctx, run, files, name))
			continue
		}
		problem(k.file(files, name, run.Files[name].SHA256, run.Files[name].Bytes))
	}
	artifacts, err := k.artifacts(run, files)
	problem(err)
	for _, a := range artifacts {
		name := path.Join("artifacts", a.Path)
		named[name] = true
		if a.Where == "" {
			problem(k.file(files, name, a.SHA256, a.Bytes))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch {
		case named[name]:
		case path.Dir(name) == "notes" && strings.HasSuffix(name, ".toml"):
			problem(k.note(name, files[name]))
		default:
			problem(fmt.Errorf("run.toml does not name %s", name))
		}
	}
	for _, name := range repo.SharedNames(run) {
		problem(k.sharedFile(name, shared))
	}
	for _, d := range run.Datasets {
		if d.Manifest != "" {
			problem(k.manifest(d, shared))
		}
	}
	if _, ok := run.Files[repo.MetricsName]; !ok && len(run.Metrics) > 0 {
		problem(fmt.Errorf("run.toml summarizes %d metrics, but there are no points", len(run.Metrics)))
	}
	return run, problems
}

// maxProblems is how many problems are reported for one run.
const maxProblems = 20

// recordedBytes returns the total size of the files that run.toml lists.
func recordedBytes(run *format.Run) int64 {
	total := int64(0)
	add := func(n int64) { total = min(total+min(n, maxRunBytes+1), maxRunBytes+1) }
	for _, f := range run.Files {
		add(f.Bytes)
	}
	for _, a := range run.Artifacts {
		if a.Where == "" {
			add(a.Bytes)
		}
	}
	return total
}

// checkNames returns an error if a name or kind of file is unsafe to write to a file system.
func checkNames(files runFiles) error {
	if len(files) > maxRunFiles {
		return fmt.Errorf("it has %d files, the limit is %d", len(files), maxRunFiles)
	}
	notes := 0
	folded := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := format.CheckPath(name); err != nil {
			return err
		}
		if path.Dir(name) == "notes" {
			if notes++; notes > maxNoteFiles {
				return fmt.Errorf("it has more than %d notes", maxNoteFiles)
			}
		}
		if mode := files[name].Mode; !strings.HasPrefix(mode, "100") {
			if reason, ok := kinds[mode]; ok {
				return fmt.Errorf("%s: %s", name, reason)
			}
			return fmt.Errorf("%s is not a regular file", name)
		}
		lower := strings.ToLower(name)
		if other, ok := folded[lower]; ok {
			return fmt.Errorf("%s and %s are the same file if case is ignored", other, name)
		}
		folded[lower] = name
	}
	return nil
}

// file verifies the size and digest of a file. An artifact may instead be a pointer of Git LFS with the same digest and
// size.
func (k *checker) file(files runFiles, name, digest string, size int64) error {
	e, ok := files[name]
	if !ok {
		return fmt.Errorf("%s is missing", name)
	}
	got, n, head, err := e.sum(k.trees, maxBlobBytes)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case got == digest && n == size:
		return nil
	}
	if sum, bytes, ok := capture.Pointer(head); ok && strings.HasPrefix(name, "artifacts/") && sum == digest &&
		bytes == size {
		return nil
	}
	if n != size {
		return fmt.Errorf("%s is not the file that was recorded: it has %d bytes, not %d", name, n, size)
	}
	return digestDiffers(name)
}

func digestDiffers(name string) error {
	return fmt.Errorf("%s is not the file that was recorded: its digest differs", name)
}

func (k *checker) artifacts(run *format.Run, files runFiles) ([]format.Artifact, error) {
	want, ok := run.Files[format.ArtifactsName]
	if !ok {
		return run.Artifacts, nil
	}
	e, ok := files[format.ArtifactsName]
	if !ok {
		return nil, nil // it is reported as a missing file
	}
	data, err := e.read(k.trees, format.MaxArtifactsBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", format.ArtifactsName, err)
	}
	sum := sha256.Sum256(data)
	if hex.EncodeToString(sum[:]) != want.SHA256 {
		return nil, nil
	}
	artifacts, err := format.DecodeArtifacts(data)
	if err == nil && int64(len(artifacts)) != want.Rows {
		err = fmt.Errorf("%s has %d rows, run.toml says %d", format.ArtifactsName, len(artifacts), want.Rows)
	}
	return artifacts, err
}

func (k *checker) note(name string, f runFile) error {
	data, err := f.read(k.trees, format.MaxNoteBytes)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	_, err = format.DecodeNote(name, data)
	return err
}

// table verifies the size and digest of a Parquet file, and its number of rows.
func (k *checker) table(ctx context.Context, run *format.Run, files runFiles, name string) error {
	e, ok := files[name]
	want := run.Files[name]
	if !ok || want.Bytes < 0 {
		return k.file(files, name, want.SHA256, want.Bytes)
	}
	data, err := e.read(k.trees, want.Bytes)
	if err != nil || int64(len(data)) != want.Bytes {
		return k.file(files, name, want.SHA256, want.Bytes)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want.SHA256 {
		return digestDiffers(name)
	}
	return repo.CheckRows(ctx, run, name, bytes.NewReader(data), int64(len(data)))
}

// sharedFile verifies the shared file called name.
func (k *checker) sharedFile(name string, shared map[string]string) error {
	blob, ok := shared[name]
	if !ok {
		return fmt.Errorf("%s is missing", name)
	}
	return k.verifyShared(name, blob).err
}

// manifest verifies that the manifest of a dataset yields the digest of the dataset.
func (k *checker) manifest(d format.Dataset, shared map[string]string) error {
	name := repo.ManifestName(d)
	p := k.verifyShared(name, shared[name])
	makes := p.content
	if d.Hash == format.HashListing {
		makes = p.listing
	}
	if p.err == nil && makes != d.SHA256 {
		return fmt.Errorf("the manifest of dataset %s has the digest %.12s, but %.12s was recorded", d.Name, makes, d.SHA256)
	}
	return nil // a damaged manifest has already been reported
}

// verifyShared verifies a shared file once.
func (k *checker) verifyShared(name, blob string) sharedResult {
	key := sharedKey(name, blob)
	p, known := k.shared[key]
	if !known {
		if p = k.readShared(name, blob); p.err != nil {
			p.err = fmt.Errorf("%s: %w", name, p.err)
		}
		k.shared[key] = p
	}
	return p
}

func sharedKey(name, blob string) string { return name + "\x00" + blob }

func (k *checker) readShared(name, blob string) sharedResult {
	limit := repo.SharedLimit(name)
	sum, size, _, err := k.trees.Sum(blob, limit)
	if err != nil {
		return sharedResult{err: err}
	}
	if sum != strings.TrimSuffix(path.Base(name), path.Ext(name)) {
		return sharedResult{err: repo.ErrDigest}
	}
	if size > maxHeldBytes && path.Ext(name) == ".patch" {
		return sharedResult{} // it is verified when it is applied
	}
	data, err := k.trees.Blob(blob, limit)
	if err != nil {
		return sharedResult{err: err}
	}
	switch path.Ext(name) {
	case ".toml":
		_, err = format.DecodeEnvironment(name, data)
	case ".patch":
		_, err = format.ReadPatch(bytes.NewReader(data))
	case ".parquet":
		entries, err := format.DecodeManifest(data)
		if err != nil {
			return sharedResult{err: err}
		}
		var p sharedResult
		p.content, _ = format.ManifestDigest(entries, false)
		p.listing, _ = format.ManifestDigest(entries, true)
		return p
	}
	return sharedResult{err: err}
}
