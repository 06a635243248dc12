package format

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

// TestExperiment: an experiment file gives back what was written, and a file of another experiment is refused.
func TestExperiment(t *testing.T) {
	at := time.Date(2026, 11, 30, 8, 0, 0, 1000, time.UTC)
	for _, want := range []*Experiment{
		{Name: "taxi"},
		{Name: "taxi", Title: "Taxi fares", Created: at, Deleted: at, Tags: map[string]string{"mlflow.note.content": "a\nb"}},
		{Name: "taxi", Unknown: map[string]any{"later": int64(1)}},
	} {
		data, err := EncodeExperiment(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeExperiment(ExperimentFile("taxi"), data)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: read %+v from\n%s", err, got, data)
		}
		if _, err := DecodeExperiment(ExperimentFile("other"), data); err == nil {
			t.Error("the file of another experiment is read")
		}
	}
	for _, text := range []string{
		"", "schema = 1\n", "schema = 2\nexperiment = \"taxi\"\n", "schema = 1\nexperiment = \"a\\nb\"\n",
		"schema = 1\nexperiment = \"taxi\"\ntags = 1\n",
	} {
		if _, err := DecodeExperiment(ExperimentFile("taxi"), []byte(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func FuzzDecodeExperiment(f *testing.F) {
	f.Add([]byte("schema = 1\nexperiment = \"taxi\"\ntitle = \"x\"\n[tags]\na = \"b\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeExperiment(ExperimentFile("taxi"), data)
		if err != nil {
			return
		}
		text, err := EncodeExperiment(e)
		if err != nil {
			t.Fatalf("%v: %q", err, data)
		}
		again, err := DecodeExperiment(ExperimentFile("taxi"), text)
		if err != nil {
			t.Fatal(err)
		}
		more, err := EncodeExperiment(again)
		if err != nil || !bytes.Equal(more, text) {
			t.Fatalf("%v: %q became %q", err, text, more)
		}
	})
}

// TestMergeExperiments: what two clones change in different places is all there, whichever comes first, and what only
// one changes is as it made it.
func TestMergeExperiments(t *testing.T) {
	at := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	base := &Experiment{Name: "taxi", Created: at, Tags: map[string]string{"a": "1", "b": "2", "c": "3"}}
	ours := &Experiment{Name: "taxi", Title: "Taxi", Created: at, Tags: map[string]string{"a": "one", "b": "2", "d": "4"}}
	theirs := &Experiment{
		Name: "taxi", Created: at.Add(-time.Hour), Deleted: at,
		Tags: map[string]string{"a": "1", "b": "two", "c": "3", "e": "5"},
	}
	want := &Experiment{
		Name: "taxi", Title: "Taxi", Created: at.Add(-time.Hour), Deleted: at,
		Tags: map[string]string{"a": "one", "b": "two", "d": "4", "e": "5"},
	}
	for _, got := range []*Experiment{MergeExperiments(base, ours, theirs), MergeExperiments(base, theirs, ours)} {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("merged to %+v, want %+v", got, want)
		}
	}
	if got := MergeExperiments(base, ours, base); !reflect.DeepEqual(got, ours) {
		t.Errorf("merged to %+v, want %+v", got, ours)
	}
	if got := MergeExperiments(base, base, theirs); !reflect.DeepEqual(got, theirs) {
		t.Errorf("merged to %+v, want %+v", got, theirs)
	}
	none := &Experiment{Name: "taxi"}
	if got := MergeExperiments(none, ours, none); !reflect.DeepEqual(got, ours) {
		t.Errorf("merged to %+v, want %+v", got, ours)
	}
}
