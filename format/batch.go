package format

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// The names of the files of a batch, which is a folder in the folder of its day. metrics.parquet and values.parquet
// have the names that they have in the folder of a run.
const (
	BatchRunsName  = "runs.toml" // the records
	BatchFilesName = "files"     // files/<id>/<name>: the other files of the runs, under the names that they have there
)

// Bounds of a batch. A run that does not fit keeps a folder of its own.
const (
	MaxBatchRuns  = 1000
	MaxBatchBytes = 32 << 20 // a file
)

// BatchRequires is the entry of requires in config.toml of a project that has batches.
const BatchRequires = "batches"

const batchPrefix = "batch-"

// BatchFile is a file of a batch.
type BatchFile struct {
	Path   string // below the folder of the batch, with slashes
	SHA256 string
}

// BatchName returns the name of the batch with these files, like batch-k7qx2m9a. The order of the files does not
// matter: the name is made from the SHA-256 of what sha256sum prints for them, sorted by path.
func BatchName(files []BatchFile) string {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b BatchFile) int { return strings.Compare(a.Path, b.Path) })
	sum := sha256.New()
	for _, f := range files {
		_, _ = fmt.Fprintf(sum, "%s  %s\n", f.SHA256, f.Path)
	}
	return batchPrefix + digestLetters(sum.Sum(nil))
}

// IsBatchName reports whether a folder in the folder of a day is a batch by its name.
func IsBatchName(name string) bool {
	letters, ok := strings.CutPrefix(name, batchPrefix)
	if !ok || len(letters) != idRandomLength {
		return false
	}
	for _, c := range []byte(letters) {
		if !isIDLetter(c) {
			return false
		}
	}
	return true
}

// BatchRun is a run in the runs.toml of a batch.
type BatchRun struct {
	ID     string
	SHA256 string // of Record
	Record []byte // the run.toml of the run, byte for byte
	// Points and Values are the digests of the run's rows in metrics.parquet and values.parquet: see RowDigest. They are
	// set only if the record has such a file, and its entry in [files] has no Points.
	Points string
	Values string
}

// NewBatchRun returns the entry of a run. files are those of the record. points and values are the digests of its rows,
// or empty if the run has none.
func NewBatchRun(id string, record []byte, files map[string]File, points, values string) BatchRun {
	sum := sha256.Sum256(record)
	run := BatchRun{ID: id, SHA256: hex.EncodeToString(sum[:]), Record: record}
	if f, ok := files[MetricsName]; ok && f.Points == "" {
		run.Points = points
	}
	if f, ok := files[ValuesName]; ok && f.Points == "" {
		run.Values = values
	}
	return run
}

// PointsOf returns the digest of the rows that the run has in a file of the batch: MetricsName or ValuesName. file is
// its entry in the record.
func (r *BatchRun) PointsOf(name string, file File) string {
	switch {
	case file.Points != "":
		return file.Points
	case name == ValuesName:
		return r.Values
	}
	return r.Points
}
