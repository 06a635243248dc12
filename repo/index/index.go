// Package index holds the columns of the records of many runs, and the files in which they are cached.
//
// A Table answers which runs there are and what their keys say, without their records: one column per key, numbers and
// dictionaries of texts. A Block holds the columns of the runs of one folder, and a file holds many blocks. The cache
// is disposable. It is never believed over the files of the runs: package repo decides whether a block still describes
// a folder, and reads records from the files before it shows them in full or writes anything.
//
// The package imports only format, and touches no file but its own. Start in table.go for what a reader asks, in
// values.go for what is in a column, in encode.go and parse.go for the bytes, and in file.go for the files.
package index

// Scope says which part of a record a key belongs to.
type Scope uint8

// The scopes of columns. A metric has one column in each of the scopes from MetricLast to MetricGoal.
const (
	// Attributes are the keys of the record itself, by the names of query.Value: name, key, experiment, status, started,
	// ended, end_reason, signal, author, group, parent, resumes, reproduces, note, command (its words joined by spaces),
	// cwd, exit_code, source.X, environment.X and machine.X. The ids are not a column; see Table.ID.
	Attributes Scope = iota
	Params           // by the names of format.Params.Flatten
	Summary
	Tags
	Variables      // environment variables
	Datasets       // from the name of a dataset to its format.Dataset.Identity
	MetricLast     // Float
	MetricMin      // Float; Absent if the record does not have it
	MetricMinStep  // Int
	MetricMax      // Float
	MetricMaxStep  // Int
	MetricCount    // Int
	MetricGoal     // Text; Absent without a goal
	Facts          // what the record says otherwise; see the constants below
	numberOfScopes // the number of scopes above
)

// The keys of the scope Facts. A fact that is false or zero is Absent.
const (
	Points     = "points"     // Int: the rows of metrics.parquet, at least 1; 1 if the record does not say
	Values     = "values"     // Bool: the run has values that are not numbers, in values.parquet
	Artifacts  = "artifacts"  // Int: the artifacts that the record lists
	Away       = "away"       // Int: those of them that are outside the run's folder, see format.Artifact.Where
	Listed     = "listed"     // Bool: artifacts.parquet lists artifacts
	Unknown    = "unknown"    // Bool: the record has keys that this version does not know
	Extra      = "extra"      // Bool: the record has a table [extra]
	Conflicts  = "conflicts"  // Bool: the record has a table [conflicts]
	Redacted   = "redacted"   // Bool: the record lists a redaction
	Irregular  = "irregular"  // Bool: only the record answers for params, datasets and variables
	Dotted     = "dotted"     // Bool: a key in the params has a dot, or two datasets have one name
	Definition = "definition" // Text: see Table.Definitions
	Shared     = "shared"     // List: paths of shared files below .runs that the record names
	Noticed    = "noticed"    // List: the datasets that were noticed, see ReadNoticed
)

// Kind is the type of a value.
type Kind uint8

// The kinds of values.
const (
	Absent    Kind = iota // the run does not have the key
	Null                  // format.Null
	Bool                  // see Column.Bool
	Int                   // see Column.Int
	Float                 // see Column.Float
	Text                  // see Column.Text
	Time                  // see Column.Time
	List                  // a list or a table without keys; see Column.Value
	Elsewhere             // the run has the key, but only its record says the value
	numberOfKinds
)

// IsNumber reports whether a value of the kind is a number.
func (k Kind) IsNumber() bool { return k == Int || k == Float }
