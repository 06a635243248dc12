// Package format reads and writes the bytes of a repository of runs: ids, run.toml, notes, config.toml, journals and
// the Parquet files of points and values. SPEC.md describes them.
//
// The package contains no policy and knows neither Git nor the command line. From this module, it imports only
// internal/json and internal/parquet. To change what the record of a run contains, start in record.go and follow the
// field through record_read.go and record_write.go. For a journal line, start in journal.go; for a setting, in
// config.go.
package format

// Schema is the version of run.toml that this package writes. A reader accepts a larger one, unless
// the record requires something that the reader does not understand.
const Schema = 1

// Bounds on what is read. A file that exceeds one is refused with an error that contains the bound. The bounds keep a
// hostile run from using all memory.
const (
	MaxRecordBytes = 8 << 20  // run.toml
	MaxNoteBytes   = 1 << 20  // one notes file
	MaxConfigBytes = 1 << 20  // config.toml
	MaxLineBytes   = 16 << 20 // one journal line
	MaxKeyBytes    = 250      // a metric key, a param or tag name
	MaxTextBytes   = 64 << 10 // a name, a note, a tag value
	MaxValueBytes  = 1 << 20  // a non-numeric value, as JSON
	MaxDepth       = 16       // nesting of params
	MaxParams      = 10_000   // params of a run, counted by CountValues
	MaxMetrics     = 10_000   // metric keys of a run
	MaxDefined     = 1000     // definitions of metrics
	MaxListed      = 100      // artifacts listed in run.toml itself
)
