// Package format reads and writes the bytes of a repository of runs: ids, run.toml, notes, config.toml, journals and the
// Parquet files of points. SPEC.md describes them; this package knows no git, no command line and no policy.
package format

// Schema is the version of run.toml that this package writes. A larger one is refused with a word about upgrading.
const Schema = 1

// Bounds on what is read. A file past them is an error that says so; they keep a hostile run from taking all memory.
const (
	MaxRecordBytes = 8 << 20  // run.toml
	MaxNoteBytes   = 1 << 20  // one notes file
	MaxConfigBytes = 1 << 20  // config.toml
	MaxLineBytes   = 16 << 20 // one journal line
	MaxKeyBytes    = 250      // a metric key, a param or tag name
	MaxTextBytes   = 64 << 10 // a name, a note, a tag value
	MaxValueBytes  = 1 << 20  // a value that is no number, as JSON
	MaxDepth       = 16       // nesting of params
	MaxParams      = 10_000   // params of a run, counting leaves
	MaxMetrics     = 10_000   // metric keys of a run
	MaxDefined     = 1000     // definitions of metrics
	MaxListed      = 100      // artifacts that stand in run.toml itself
)
