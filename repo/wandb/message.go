package wandb

import (
	"time"

	"github.com/gitruns/runs/repo/importer"
)

// The fields of a record that describe a run.
// https://github.com/wandb/wandb/blob/main/wandb/proto/wandb_internal.proto
const (
	recordHistory     = 2
	recordSummary     = 3
	recordConfig      = 5
	recordFiles       = 6
	recordStats       = 7
	recordArtifact    = 8
	recordTensorBoard = 9
	recordAlert       = 10
	recordMetric      = 12
	recordOutputRaw   = 13
	recordRun         = 17
	recordExit        = 18
	recordPreempting  = 23
	recordUseArtifact = 25
	recordEnvironment = 26
)

// withoutContent are the records with nothing that the client itself shows of a run: other forms of what is read, the
// client's telemetry and markers, and links between artifacts and collections.
var withoutContent = []importer.FieldNumber{
	1, 4, 11, 16, recordExit, 19, 20, 21, 22, recordPreempting, 24, recordEnvironment, 100, 200,
}

// item is an entry of a history, a summary, a config or samples: a key, or the keys of nested dicts, and the value as
// JSON.
type item struct {
	path []string
	json []byte
}

// parseItem reads an item. It reuses the memory of it.path.
func parseItem(data []byte, it *item) error {
	it.path, it.json = it.path[:0], nil
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 1, 2:
			if f.Num == 2 || len(f.Sub) > 0 {
				it.path = append(it.path, string(f.Sub))
			}
		case 16:
			it.json = f.Sub
		}
	}
	return f.Err
}

// eachItem calls take for each item in a field of a message.
func eachItem(data []byte, field importer.FieldNumber, it *item, take func(*item) error) error {
	f := importer.FieldsOf(data)
	for f.Next() {
		if f.Num != field || f.Sub == nil {
			continue
		}
		if err := parseItem(f.Sub, it); err != nil {
			return err
		}
		if err := take(it); err != nil {
			return err
		}
	}
	return f.Err
}

// maxTime is the end of the year 9999, in seconds.
const maxTime = 253402300799

// timestamp reads a Timestamp message. It returns zero if the time is out of range.
func timestamp(data []byte) (time.Time, error) {
	var seconds, nanos int64
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 1:
			seconds = int64(f.V)
		case 2:
			nanos = int64(f.V)
		}
	}
	if seconds <= 0 || seconds > maxTime || nanos < 0 || nanos >= 1e9 {
		return time.Time{}, f.Err
	}
	return time.Unix(seconds, nanos).UTC(), f.Err
}

// runMessage is a run record. The client writes another one when the program changes the run.
type runMessage struct {
	id, entity, project, group, job, name, notes, sweep, host string
	tags                                                      []string
	started                                                   time.Time
	remote, commit                                            string
	config, summary                                           []byte
}

func parseRun(data []byte) (*runMessage, error) {
	var m runMessage
	f := importer.FieldsOf(data)
	for f.Next() {
		var err error
		switch f.Num {
		case 1:
			m.id = string(f.Sub)
		case 2:
			m.entity = string(f.Sub)
		case 3:
			m.project = string(f.Sub)
		case 4:
			m.config = f.Sub
		case 5:
			m.summary = f.Sub
		case 6:
			m.group = string(f.Sub)
		case 7:
			m.job = string(f.Sub)
		case 8:
			m.name = string(f.Sub)
		case 9:
			m.notes = string(f.Sub)
		case 10:
			m.tags = append(m.tags, string(f.Sub))
		case 12:
			m.sweep = string(f.Sub)
		case 13:
			m.host = string(f.Sub)
		case 17:
			m.started, err = timestamp(f.Sub)
		case 21:
			m.remote, m.commit, err = parseGit(f.Sub)
		}
		if err != nil {
			return nil, err
		}
	}
	return &m, f.Err
}

func parseGit(data []byte) (remote, commit string, err error) {
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 1:
			remote = string(f.Sub)
		case 2:
			commit = string(f.Sub)
		}
	}
	return remote, commit, f.Err
}

// exitMessage records the end of a run.
type exitMessage struct {
	code    int64
	runtime int64 // seconds
}

func parseExit(data []byte) (*exitMessage, error) {
	var m exitMessage
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 1:
			m.code = int64(int32(f.V))
		case 2:
			m.runtime = int64(int32(f.V))
		}
	}
	return &m, f.Err
}

// machine describes where the run ran. Newer clients record it, older ones write it to files/wandb-metadata.json.
type machine struct {
	OS         string   `json:"os"`
	Python     string   `json:"python"`
	Args       []string `json:"args"`
	Program    string   `json:"program"`
	CodePath   string   `json:"codePath"`
	LocalPath  string   `json:"codePathLocal"` // path of the program from the working folder
	Host       string   `json:"host"`
	Root       string   `json:"root"`
	Executable string   `json:"executable"`
	Cores      int64    `json:"cpu_count"`
	GPU        string   `json:"gpu"`
	GPUCount   int64    `json:"gpu_count"`
	Git        struct {
		Remote string `json:"remote"`
		Commit string `json:"commit"`
	} `json:"git"`
	CPU    string `json:"-"`
	Memory int64  `json:"-"` // bytes
}

// parseEnvironment adds one record to m. A log may have several.
func parseEnvironment(data []byte, m *machine) error {
	f := importer.FieldsOf(data)
	args := []string(nil)
	for f.Next() {
		var err error
		switch f.Num {
		case 1:
			m.OS = string(f.Sub)
		case 2:
			m.Python = string(f.Sub)
		case 5:
			args = append(args, string(f.Sub))
		case 6:
			m.Program = string(f.Sub)
		case 7:
			m.CodePath = string(f.Sub)
		case 8:
			m.LocalPath = string(f.Sub)
		case 9:
			m.Git.Remote, m.Git.Commit, err = parseGit(f.Sub)
		case 11:
			m.Root = string(f.Sub)
		case 12:
			m.Host = string(f.Sub)
		case 14:
			m.Executable = string(f.Sub)
		case 16:
			m.Cores = int64(f.V)
		case 18:
			m.GPU = string(f.Sub)
		case 19:
			m.GPUCount = int64(f.V)
		case 21:
			m.Memory, err = firstNumber(f.Sub)
		case 22:
			var known map[importer.FieldNumber]string
			known, err = texts(f.Sub)
			m.CPU = known[3]
		}
		if err != nil {
			return err
		}
	}
	if args != nil {
		m.Args = args
	}
	return f.Err
}

func firstNumber(data []byte) (n int64, err error) {
	f := importer.FieldsOf(data)
	for f.Next() {
		if f.Num == 1 {
			n = int64(f.V)
		}
	}
	return n, f.Err
}

// metricMessage records a call of define_metric.
type metricMessage struct {
	name, glob, stepMetric string
	stepSync, hidden       bool
	expanded               bool
	summary                []string
	goal                   string
}

// summaryFields are the kinds of summary that define_metric knows, by their field numbers.
var summaryFields = map[importer.FieldNumber]string{
	1: "min", 2: "max", 3: "mean", 4: "best", 5: "last", 6: "none", 7: "copy", 8: "first",
}

func parseMetric(data []byte) (*metricMessage, error) {
	var m metricMessage
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 1:
			m.name = string(f.Sub)
		case 2:
			m.glob = string(f.Sub)
		case 4:
			m.stepMetric = string(f.Sub)
		case 6:
			options := importer.FieldsOf(f.Sub)
			for options.Next() {
				switch options.Num {
				case 1:
					m.stepSync = options.V != 0
				case 2:
					m.hidden = options.V != 0
				}
			}
			if options.Err != nil {
				return nil, options.Err
			}
		case 7:
			words := importer.FieldsOf(f.Sub)
			for words.Next() {
				if word := summaryFields[words.Num]; word != "" && words.V != 0 {
					m.summary = append(m.summary, word)
				}
			}
			if words.Err != nil {
				return nil, words.Err
			}
		case 8:
			m.goal = map[uint64]string{1: "min", 2: "max"}[f.V]
		case 10:
			m.expanded = f.V != 0
		}
	}
	return &m, f.Err
}

// artifactMessage records a version of an artifact that the run made.
type artifactMessage struct {
	kind, name, description, metadata string
	client                            string // the client's own id of the version
	aliases                           []string
	entries                           []artifactEntry
	manifestFile                      bool // the files are listed outside the log
}

// artifactEntry is one file of an artifact.
type artifactEntry struct {
	path, digest, ref, local string
	size                     int64
}

func parseArtifact(data []byte) (*artifactMessage, error) {
	var m artifactMessage
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 4:
			m.kind = string(f.Sub)
		case 5:
			m.name = string(f.Sub)
		case 7:
			m.description = string(f.Sub)
		case 8:
			m.metadata = string(f.Sub)
		case 11:
			m.aliases = append(m.aliases, string(f.Sub))
		case 12:
			if err := m.manifest(f.Sub); err != nil {
				return nil, err
			}
		case 15:
			m.client = string(f.Sub)
		}
	}
	return &m, f.Err
}

func (m *artifactMessage) manifest(data []byte) error {
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 4:
			e, err := parseEntry(f.Sub)
			if err != nil {
				return err
			}
			m.entries = append(m.entries, e)
		case 5:
			m.manifestFile = len(f.Sub) > 0
		}
	}
	return f.Err
}

func parseEntry(data []byte) (e artifactEntry, err error) {
	f := importer.FieldsOf(data)
	for f.Next() {
		switch f.Num {
		case 1:
			e.path = string(f.Sub)
		case 2:
			e.digest = string(f.Sub)
		case 3:
			e.ref = string(f.Sub)
		case 4:
			e.size = int64(f.V)
		case 6:
			e.local = string(f.Sub)
		}
	}
	return e, f.Err
}

// texts returns the text fields of a message by their numbers.
func texts(data []byte) (map[importer.FieldNumber]string, error) {
	m := map[importer.FieldNumber]string{}
	f := importer.FieldsOf(data)
	for f.Next() {
		if f.Sub != nil {
			m[f.Num] = string(f.Sub)
		}
	}
	return m, f.Err
}
