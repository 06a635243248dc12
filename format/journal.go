package format

// Line is one record of a journal. A field that the line does not have is zero.
type Line struct {
	Time    int64 // µs since 1970 UTC
	Step    int64
	HasStep bool
	Metrics []MetricValue
	Params  Params
	Set     Params   // params that the writer means to change
	Nulls   []string // dotted paths of params given as null
	Tags    map[string]string
	Note    string

	Values  []ValueText    // non-numeric values: texts, lists, histograms
	Summary map[string]any // by the name of a metric; nil removes a key
	Defined *Definition    // how a metric is to be read

	Artifact *ArtifactLine
	Dataset  *DatasetLine
	// Joined says what a program that joined the run calls it. The first one in a run counts, for what the process that
	// started the run has not named.
	Joined *JoinedLine
	// ExitCode is how a program that joined the run says that it ended, whatever its exit status; nil if it does not
	// say.
	ExitCode *int64
	// Event is what the writer says about itself: EventEnd.
	Event string
	// Aside says why the line must be set aside: this version does not store a reserved part of it.
	Aside string
	// Unknown holds the keys that no version has defined.
	Unknown map[string]any
}

// EventEnd is the event of a journal's last line: its writer has closed it.
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

// ArtifactLine names an output. Path is where it is now, on the writer's machine; Name is its name in the run.
type ArtifactLine struct {
	Path, Name string
	Kind, Key  string
	Caption    string
	Step       *int64
	SHA256     string // with Bytes: the writer has copied it to the run's artifacts folder already
	Bytes      int64
}

// JoinedLine is what a program that joined a run says the run belongs to. An empty field says nothing.
type JoinedLine struct{ Experiment, Group, Key string }

// DatasetLine names data that the run uses. If it has a digest, the writer has hashed the data already.
type DatasetLine Dataset
