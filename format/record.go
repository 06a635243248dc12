package format

import (
	"fmt"
	"time"
)

// Status is the state of a run.
type Status string

// The states of a run. Running is the only one that is not an end.
const (
	Running  Status = "running"
	Finished Status = "finished"
	Failed   Status = "failed"
	Killed   Status = "killed"
	Crashed  Status = "crashed"
)

// Valid reports whether s is one of the five states.
func (s Status) Valid() bool {
	switch s {
	case Running, Finished, Failed, Killed, Crashed:
		return true
	}
	return false
}

// Run is the record of a run: what run.toml says. Times are UTC with microseconds. A zero field is absent.
type Run struct {
	ID         string
	Name       string
	Key        string // the caller's own stable name
	Experiment string
	Status     Status
	Started    time.Time
	Ended      time.Time // zero while running
	EndReason  string    // preempted, interrupted, ...
	Author     string
	Command    []string
	Cwd        string // relative to the root of the tree; empty at the root
	ExitCode   *int64 // nil is unknown
	Signal     string // the signal that ended the program, like SIGKILL
	Group      string
	Parent     string // id of the run that this one is part of
	Resumes    string // id of the run that this one continues
	Reproduces string // id of the run that this one repeats
	Note       string
	Nulls      []string // dotted paths of params that are null: TOML has no null

	Params      Params
	Tags        map[string]string
	Metrics     map[string]Metric
	Summary     map[string]any // values of Params' types by flat names, as the program set them
	Defined     []Definition
	Source      *Source
	Environment *Environment
	Machine     *Machine
	Datasets    []Dataset
	Artifacts   []Artifact
	Files       map[string]File
	Redacted    []Redaction
	Conflicts   map[string][]any // dotted param to the later values that lost
	Extra       map[string]any   // unknown journal keys, capped

	// Unknown holds the keys that this version does not know, nested as in the file. They are kept and shown.
	Unknown map[string]any
}

// Metric is one line of [metrics].
type Metric struct {
	Last     float64
	Min, Max *Extreme // nil with a single point, or where every value is NaN
	Count    int64
	Goal     string // "min", "max" or ""
}

// Extreme is the smallest or largest value of a metric and the first step that reached it.
type Extreme struct {
	Value float64
	Step  int64
}

// Source says which code ran.
type Source struct {
	Commit  string
	Branch  string
	Remote  string // without credentials
	Dirty   bool
	Tree    string
	Base    string
	Durable *bool // false: base may vanish with its branch
	Patches []string
	Entry   string
	Omitted []Omitted

	// Redacted says that a secret was taken out of a patch: base and patches no longer make Tree but RedactedTree, or nothing
	// where that is empty.
	Redacted     bool
	RedactedTree string
}

// Omitted names something that lies in the working tree and not in the recorded tree.
type Omitted struct {
	Path   string
	Bytes  int64
	Count  int64 // files, where path is a pattern or a folder
	Reason string
}

// Environment says what the program ran in; what runs share stands in environments/<digest>.toml.
type Environment struct {
	Digest    string
	Python    string
	OS        string
	Arch      string
	Variables map[string]string
	Withheld  []string // variables left out because their values look like secrets
}

// Machine is this run's own machine; comparisons fold it.
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
	SHA256   string // of the file, or of the sorted manifest of a folder; empty where only DVC's hash is known
	Bytes    int64
	Files    int64
	Rows     int64    // of a CSV or Parquet file; 0 is absent
	Columns  []string // of such a file
	Manifest string   // SHA-256 of datasets/<digest>.parquet, which lists the files of a folder
	Hash     string   // HashListing: SHA256 is that of names and sizes alone; else empty
	DVC      string   // the MD5 that a .dvc file gives
	Role     string
}

// Identity is what two datasets must share to be the same data: a digest, else DVC's.
func (d Dataset) Identity() string {
	switch {
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
	Key     string // with Step: the metric-like key that it was logged under
	Step    *int64
	Caption string
	Where   string // empty: beside the run
}

// File is one entry of [files]: what a file beside run.toml must be before it is opened.
type File struct {
	SHA256 string
	Bytes  int64
	Rows   int64 // points, lines or entries; 0 is absent
	Cut    int64 // bytes left out of the middle of a console log; 0 is absent
}

// Title is how people call the run: its name, else the random part of its id.
func (r *Run) Title() string {
	if r.Name != "" {
		return r.Name
	}
	return IDRandom(r.ID)
}

// String names the run in messages.
func (r *Run) String() string {
	if r.Name != "" {
		return fmt.Sprintf("%s (%s)", r.Name, r.ID)
	}
	return r.ID
}
