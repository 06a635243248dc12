package format

import (
	"fmt"
	"maps"
	"time"
)

// Status is the status of a run.
type Status string

// The statuses of a run. All but Running are final.
const (
	Running  Status = "running"
	Finished Status = "finished"
	Failed   Status = "failed"
	Killed   Status = "killed"
	Crashed  Status = "crashed"
)

// Valid reports whether s is one of the statuses above.
func (s Status) Valid() bool {
	switch s {
	case Running, Finished, Failed, Killed, Crashed:
		return true
	}
	return false
}

// Run is the record of a run, as in run.toml. Times are UTC with microseconds. A zero field is absent.
type Run struct {
	Schema     int64    // of the record, at least 1; 0 is Schema
	Requires   []string // what a reader or writer has to understand; see Writable
	ID         string
	Name       string
	Key        string // a stable name that the caller chose
	Experiment string
	Status     Status
	Started    time.Time
	Ended      time.Time // zero while running
	EndReason  string    // preempted, interrupted, ...
	Author     string
	Command    []string
	Cwd        string // relative to the root of the tree; empty at the root
	ExitCode   *int64 // nil if unknown
	Signal     string // the signal that ended the program, like SIGKILL
	Group      string
	Parent     string // id of the run within which this one was started
	Resumes    string // id of the run that this one continues
	Adds       bool   // its points add to those of the runs that it resumes, and replace none
	Reproduces string // id of the run that this one repeats
	Note       string
	// Nulls are dotted keys of params that the record notes as null although Params say otherwise. Earlier versions
	// recorded both. They are kept, and mean nothing. The nulls of Params are Null.
	Nulls []string

	Params      Params
	Tags        map[string]string
	Metrics     map[string]Metric
	Summary     map[string]any // by flat names; the values have the types of Params
	Defined     []Definition
	Source      *Source
	Environment *Environment
	Machine     *Machine
	Datasets    []Dataset
	Artifacts   []Artifact
	Files       map[string]File
	Trace       *Trace // nil if nobody looked at what the program reads
	Redacted    []Redaction
	Conflicts   map[string][]any // from a dotted param to the later values, which were not taken
	Extra       map[string]any   // unknown keys of journals, bounded

	// Unknown holds the keys that this version does not know, nested as in the file. They are kept and shown.
	Unknown map[string]any
}

// Metric is one line of the table [metrics].
type Metric struct {
	Last     float64
	Min, Max *Extreme // nil if there is one point only, or if every value is NaN
	Count    int64
	Goal     string // GoalMin, GoalMax or ""
}

// Metric returns a metric of the run. A number in the summary counts as a metric with one point, if there is no metric
// with its name.
func (r *Run) Metric(name string) (Metric, bool) {
	if m, ok := r.Metrics[name]; ok {
		return m, true
	}
	switch v := r.Summary[name].(type) {
	case int64:
		return Metric{Last: float64(v), Count: 1}, true
	case float64:
		return Metric{Last: v, Count: 1}, true
	}
	return Metric{}, false
}

// AllMetrics returns the metrics of the run by name, with those that Metric takes from the summary. The caller must not
// change the map.
func (r *Run) AllMetrics() map[string]Metric {
	all := r.Metrics
	for name, v := range r.Summary {
		if _, ok := r.Metrics[name]; ok || !IsNumber(v) {
			continue
		}
		if len(all) == len(r.Metrics) {
			if all = maps.Clone(r.Metrics); all == nil {
				all = map[string]Metric{}
			}
		}
		all[name], _ = r.Metric(name)
	}
	return all
}

// Extreme is the smallest or largest value of a metric and the first step that reached it.
type Extreme struct {
	Value float64
	Step  int64
}

// Source identifies the code that ran.
type Source struct {
	Commit  string
	Branch  string
	Remote  string // without credentials
	Dirty   bool
	Tree    string
	Base    string
	Durable *bool // false if base may vanish with its branch
	Patches []string
	Entry   string
	Reader  string // ReaderNative if no git program read the repository; otherwise empty
	Omitted []Omitted

	Submodules []Submodule // those that were checked out, also within others; sorted by path
	Packages   []Package   // editable packages from repositories outside the project; sorted by name

	// Redacted is true if a secret was removed from a patch. Base and the patches then make RedactedTree instead of
	// Tree. If RedactedTree is empty, the patches do not apply.
	Redacted     bool
	RedactedTree string
}

// ReaderNative is the Reader of a source that was read without the git program.
const ReaderNative = "native"

// Part is the source of another repository. Its patches lead from Base to Tree, as those of a Source do.
type Part struct {
	URL     string // of its remote, without credentials
	Commit  string // that is checked out; of a submodule, as the tree that contains it names it
	Tree    string
	Base    string // empty for the tree without entries
	Patches []string

	Redacted bool // a secret was removed from a patch, which no longer makes Tree
}

// Submodule is the source of a submodule.
type Submodule struct {
	Path string // relative to the root of the project
	Part
}

// Package is the source of a Python distribution that is installed as editable from a repository outside the project.
type Package struct {
	Name string // as in the environment
	Part
	Folder  string // of the repository that has the package; empty for its root
	Omitted int64  // files of the repository that the tree lacks and that may matter
}

// Omitted is something in the working tree that is not in the recorded tree.
type Omitted struct {
	Path   string
	Bytes  int64
	Count  int64 // files, if the path is a pattern or a folder
	Reason string
}

// Environment is what the program ran in. The part that runs share is in environments/<digest>.toml (see
// EnvironmentFile).
type Environment struct {
	Digest    string
	Python    string
	OS        string
	Arch      string
	Variables map[string]string
	Withheld  []string // variables that were not recorded because their values look like secrets
}

// Machine is the machine that the run ran on.
type Machine struct {
	Host   string
	Kernel string
	CPU    string
	Cores  int64
	Memory int64 // bytes
	GPUs   []string
}

// Dataset is the identity of data that the run used.
type Dataset struct {
	Name     string
	Path     string // relative to the root; empty for data outside the project
	SHA256   string // of the file, or of the sorted manifest of a folder; empty if only DVC's hash is known
	Bytes    int64
	Files    int64
	Rows     int64    // of a CSV or Parquet file; 0 is absent
	Columns  []string // of such a file
	Manifest string   // SHA-256 of datasets/<digest>.parquet, which lists the files of a folder
	Hash     string   // HashListing if SHA256 covers only names and sizes, otherwise empty
	DVC      string   // the MD5 in a .dvc file
	Role     string

	// Noticed is the road by which a recorder saw that the program read the data: RoadPython or RoadSyscalls. It is
	// empty for data that somebody has named. The files are those that were read, not all of the folder.
	Noticed string

	// Digest is what the library of the program computed of the data that it had in memory, in its own way. Nobody
	// can verify it.
	Digest string
	// Source is the address that the library gives for the data, such as a URL or a path below the root. SourceType is
	// its kind in the words of the library, such as local, http or hugging_face.
	Source, SourceType string
	// Schema and Profile are what the library says of the columns and of the size of the data, as JSON in its own form.
	Schema, Profile string
	// Details is what else the library says of the data, as JSON: the keys of its source beside the address, and tags.
	Details string
}

// SourceModel is the SourceType of a model that a run used: MLflow has it beside the datasets.
const SourceModel = "mlflow_model"

// The roads by which a recorder notices what a program reads.
const (
	RoadPython   = "python"   // an audit hook in each Python process
	RoadSyscalls = "syscalls" // the system calls of all processes
	RoadNone     = "none"     // nothing was noticed
)

// Trace says how a recorder looked at what the program reads. Without problems, the datasets are all of its inputs that
// are not source, as far as the road can see.
type Trace struct {
	Road     string
	Files    int64    // files that were read and are recorded in a dataset
	Withheld int64    // files that were read and must not be named, such as keys
	Problems []string // what is not known, or not recorded as it should be
	Folders  []string // that the program used, relative to the root, and that Git does not track
	Imported []string // modules of installed packages that the program imported
	Ignored  []string // of RoadNone, or if nothing was noticed: what Git ignores in the project and a program may read

	Stdin     string // the file that was standard input, relative to the root; empty if it was not one of the project
	StdinData string // otherwise the name of the dataset that was standard input, or empty
}

// UnknownInputs says what is not known of the inputs of the run, or returns "".
func (r *Run) UnknownInputs() string {
	t := r.Trace
	switch {
	case t == nil:
		return ""
	case t.Withheld > 0:
		return fmt.Sprintf("its inputs are not fully known: %d of the files that it read must not be named", t.Withheld)
	case len(t.Problems) > 0:
		return "its inputs are not fully known: " + t.Problems[0]
	case len(t.Ignored) > 0 && t.Road != RoadNone:
		return fmt.Sprintf("nothing that it read was noticed, and %s is not in Git", t.Ignored[0])
	case len(t.Ignored) > 0:
		return fmt.Sprintf("what it read was not noticed, and %s is not in Git", t.Ignored[0])
	}
	return ""
}

// LibraryDigest begins the identity of a dataset of which only the digest of a library is known.
const LibraryDigest = "digest:"

// Identity returns the digest of the data or, without one, DVC's hash or that of a library. Two datasets with the same
// identity are the same data.
func (d Dataset) Identity() string {
	switch {
	case d.SHA256 == "" && d.DVC == "" && d.Digest != "":
		return LibraryDigest + d.Digest
	case d.SHA256 == "":
		return d.DVC
	case d.Hash != "":
		return d.Hash + ":" + d.SHA256
	}
	return d.SHA256
}

// Artifact is an output of the run.
type Artifact struct {
	Path    string // relative to artifacts/
	SHA256  string
	Bytes   int64
	Kind    string
	Key     string // key that it was logged under, at Step
	Step    *int64
	Caption string
	Where   string // WhereLocal or the URL of a store; empty if it is in the run's folder
}

// File is an entry of the table [files]. Before a reader uses a file next to run.toml, it compares the file with its
// entry.
type File struct {
	SHA256 string
	Bytes  int64
	Rows   int64 // points, lines or entries; 0 is absent
	Cut    int64 // bytes removed from the middle of a console log; 0 is absent
	// Points is the digest of the rows of metrics.parquet or values.parquet, however a file stores them: see RowDigest.
	// It is empty in records of earlier versions.
	Points string
}

// Title returns the run's name or, without one, the random part of its id.
func (r *Run) Title() string {
	if r.Name != "" {
		return r.Name
	}
	return IDRandom(r.ID)
}

// String returns the text that messages use for the run.
func (r *Run) String() string {
	if r.Name != "" {
		return fmt.Sprintf("%s (%s)", r.Name, r.ID)
	}
	return r.ID
}
