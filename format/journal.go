package format

// Line is one line of a journal. A field that is absent from the line is zero.
type Line struct {
	Time    int64 // µs since 1970 UTC
	Step    int64
	HasStep bool
	Metrics []MetricValue
	Labels  Labels // of the metrics
	Params  Params
	Set     Params // params that the writer changes on purpose
	Tags    map[string]string
	Note    string

	Values  []ValueText    // non-numeric values: texts, lists, histograms
	Summary map[string]any // by the name of a metric; nil removes a key
	Defined *Definition    // how a metric is to be read

	Artifact *ArtifactLine
	Dataset  *DatasetLine
	// Joined holds the names that a program gives to the run that it joined. Only the first such line of a run is
	// used, and only for names that the process that started the run did not set.
	Joined *JoinedLine
	// ExitCode is the exit code that a program that joined the run reports in the journal, whatever its actual exit
	// status is. It is nil if the program reports none.
	ExitCode *int64
	// Event is an event of the writer: EventEnd, or empty.
	Event string
	// Aside says why the line must be set aside, although its other parts are used: a part of it is reserved, invalid or
	// too large. It is empty if nothing was left out.
	Aside string
	// NullsLost are the summary keys whose value had a null that a record cannot hold; see WithoutNulls.
	NullsLost []string
	// Unknown holds the keys that no version has defined.
	Unknown map[string]any
}

// EventEnd is the event in the last line of a journal that its writer has closed.
const EventEnd = "end"

// MetricValue is one metric of a line.
type MetricValue struct {
	Key   string
	Value float64
}

// ValueText is one non-numeric value of a line.
type ValueText struct {
	Key  string
	JSON string // as AppendJSON writes it, at most MaxValueBytes
}

// ArtifactLine describes an artifact. Path is where the file is now, on the writer's machine; Name is its name in the
// run.
type ArtifactLine struct {
	Path, Name string
	Kind, Key  string
	Caption    string
	Step       *int64
	SHA256     string // if set with Bytes, the writer has already copied the file to the run's artifacts folder
	Bytes      int64
}

// JoinedLine says what a run belongs to, according to a program that joined it. A field that the program did not set
// is empty.
type JoinedLine struct{ Experiment, Group, Key string }

// DatasetLine describes data that the run uses. If it has a digest, the writer has already hashed the data.
type DatasetLine Dataset
