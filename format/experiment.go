package format

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
)

// MaxExperimentBytes is how many bytes an experiment file may have.
const MaxExperimentBytes = 1 << 20

// Experiment is a file of experiments/: what is known of an experiment beyond its runs.
type Experiment struct {
	Name    string    // that runs have
	Title   string    // that it is shown under, if it is not Name
	Created time.Time // zero if it is not known
	Deleted time.Time // zero unless it was deleted; its runs stay
	Tags    map[string]string
	Unknown map[string]any
}

// ExperimentID returns the id of an experiment, which names its file: 18 digits of the SHA-256 of its name, so that all
// clones agree.
func ExperimentID(name string) string {
	sum := sha256.Sum256([]byte(name))
	const digits = 900_000_000_000_000_000
	return fmt.Sprint(100_000_000_000_000_000 + binary.BigEndian.Uint64(sum[:8])%digits)
}

// ExperimentFile returns the path of the file of an experiment in .runs.
func ExperimentFile(name string) string { return "experiments/" + ExperimentID(name) + ".toml" }

// EncodeExperiment returns the bytes of an experiment file. It returns an error if DecodeExperiment would refuse them.
func EncodeExperiment(e *Experiment) ([]byte, error) {
	var o object
	o.add("schema", int64(Schema))
	o.add("experiment", e.Name)
	o.addText("title", e.Title)
	if !e.Created.IsZero() {
		o.add("created", e.Created)
	}
	if !e.Deleted.IsZero() {
		o.add("deleted", e.Deleted)
	}
	if len(e.Tags) > 0 {
		o.add("tags", textObject(e.Tags))
	}
	o.merge(e.Unknown)
	data := appendTOML(nil, o)
	if _, err := DecodeExperiment(ExperimentFile(e.Name), data); err != nil {
		return nil, err
	}
	return data, nil
}

// DecodeExperiment reads an experiment file as strictly as a run.toml. file is its path in .runs, which must be that of
// the experiment.
func DecodeExperiment(file string, data []byte) (*Experiment, error) {
	m, err := parseTOML(file, data, MaxExperimentBytes)
	if err != nil {
		return nil, err
	}
	t := table{&reader{file: file, data: data}, nil, m}
	if schema := t.integer("schema"); schema != Schema {
		t.fail(t.at("schema"), "must be %d", Schema)
	}
	e := &Experiment{
		Name: t.needText("experiment"), Title: t.text("title"), Created: t.time("created"), Deleted: t.time("deleted"),
	}
	for key, text := range map[string]string{"experiment": e.Name, "title": e.Title} {
		if err := CheckNamed(key, text); text != "" && err != nil {
			t.fail(t.at(key), "%v", err)
		}
	}
	if e.Name != "" && ExperimentFile(e.Name) != file {
		t.fail(t.at("experiment"), "does not belong to this file, but to %s", ExperimentFile(e.Name))
	}
	if s, ok := t.sub("tags"); ok {
		e.Tags = s.strings()
	}
	e.Unknown = t.rest()
	if t.err != nil {
		return nil, t.err
	}
	return e, nil
}
