package format

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
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

// MergeExperiments returns theirs with what changed from base to ours. Of two creations, the earlier one counts.
func MergeExperiments(base, ours, theirs *Experiment) *Experiment {
	merged := *theirs
	if ours.Title != base.Title {
		merged.Title = ours.Title
	}
	if !ours.Deleted.Equal(base.Deleted) {
		merged.Deleted = ours.Deleted
	}
	if merged.Created.IsZero() || !ours.Created.IsZero() && ours.Created.Before(merged.Created) {
		merged.Created = ours.Created
	}
	merged.Tags = maps.Clone(theirs.Tags)
	for key, text := range ours.Tags {
		if was, ok := base.Tags[key]; ok && was == text {
			continue
		}
		if merged.Tags == nil {
			merged.Tags = map[string]string{}
		}
		merged.Tags[key] = text
	}
	for key := range base.Tags {
		if _, ok := ours.Tags[key]; !ok {
			delete(merged.Tags, key)
		}
	}
	merged.Unknown = maps.Clone(ours.Unknown)
	if theirs.Unknown != nil {
		if merged.Unknown == nil {
			merged.Unknown = map[string]any{}
		}
		maps.Copy(merged.Unknown, theirs.Unknown)
	}
	return &merged
}
