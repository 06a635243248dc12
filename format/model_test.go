package format

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

var modelTime = time.Date(2026, 11, 30, 8, 0, 0, 1000, time.UTC)

// TestModelFiles: each file of the registry gives back what was written.
func TestModelFiles(t *testing.T) {
	four, three := ModelVersionID{4, "k7qx2m9a"}, ModelVersionID{3, "00000000"}
	digest := strings.Repeat("0a", 32)
	check := func(want, got any, err error, data []byte) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: read %+v from\n%s", err, got, data)
		}
	}
	for _, want := range []*Model{
		{Name: "taxi"}, {Name: "a b?", Renamed: "taxi"}, {Name: "con", Unknown: map[string]any{"x": int64(1)}},
	} {
		data, err := EncodeModel(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeModel(ModelFolder(want.Name)+"/model.toml", data)
		check(want, got, err, data)
		if _, err := DecodeModel("models/other/model.toml", data); err == nil {
			t.Error("the file of another model is read")
		}
	}
	for _, want := range []*ModelVersion{
		{ModelVersionID: four, Run: "20261123-142530-k7qx2m9a", SHA256: digest, Files: 1, Created: modelTime},
		{
			ModelVersionID: four, Run: "20261123-142530-k7qx2m9a", Path: "model", SHA256: digest, Bytes: 7, Files: 2,
			Flavors: []string{"python_function", "sklearn"}, Created: modelTime, Author: "Ada", Note: "a\nb",
			Tags: map[string]string{"a": "b"}, Unknown: map[string]any{"later": true},
		},
	} {
		data, err := EncodeModelVersion(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeModelVersion("models/taxi/versions/4-k7qx2m9a.toml", data)
		check(want, got, err, data)
		if _, err := DecodeModelVersion("models/taxi/versions/5-k7qx2m9a.toml", data); err == nil {
			t.Error("the file of another version is read")
		}
	}
	for kind, list := range map[ModelPointerKind][]*ModelPointer{
		ModelStages: {
			{Time: modelTime, By: "Ada", Reason: "better", Was: []ModelVersionID{three}},
			{Time: modelTime, Versions: []ModelVersionID{four, three}},
		},
		ModelAliases: {
			{Time: modelTime, Versions: []ModelVersionID{four}, Was: []ModelVersionID{three}},
			{Time: modelTime, Versions: []ModelVersionID{four}},
		},
		ModelArchived: {{Time: modelTime, By: "Ada", Reason: "old"}},
	} {
		for _, want := range list {
			data, err := EncodeModelPointer(kind, want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := DecodeModelPointer(kind, "x", data)
			check(want, got, err, data)
		}
	}
	for _, want := range []*ModelNote{
		{Time: modelTime, Text: "predicts fares", Author: "Ada"},
		{Time: modelTime, Version: four, Number: 7, Cleared: true, Tags: map[string]string{"a": "b"}, Removed: []string{"c"}},
	} {
		data, err := EncodeModelNote(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeModelNote("x", data)
		check(want, got, err, data)
	}
}

// TestModelNames: a name that would be taken for something else, or for a path, is refused.
func TestModelNames(t *testing.T) {
	for _, name := range []string{"", "a/b", "a:b", "a@b", "a\nb", " a", strings.Repeat("a", MaxKeyBytes+1)} {
		if CheckModelName(name) == nil {
			t.Errorf("%q is the name of a model", name)
		}
	}
	for _, name := range []string{"taxi", "Taxi fares", "..", "con", "é", `a\b`} {
		if err := CheckModelName(name); err != nil {
			t.Error(err)
		}
		if err := CheckPath(ModelFolder(name)); err != nil {
			t.Error(err)
		}
	}
	for _, label := range []string{"", "4", "v4", "4-k7qx", "latest", "Archived", "none", "a b", "../x", "con", "a.b"} {
		if CheckModelLabel("alias", label) == nil {
			t.Errorf("%q is an alias", label)
		}
	}
	for _, id := range []string{
		"", "4", "4-", "0-k7qx2m9a", "04-k7qx2m9a", "-4-k7qx2m9a", "4-k7qx2m9i", "4-k7qx2m9aa", "+4-k7qx2m9a",
	} {
		if _, err := ParseModelVersionID(id); err == nil {
			t.Errorf("%q is a version", id)
		}
	}
}

// FuzzModel: what is read of a file of the registry can be written, and is then read as the same.
func FuzzModel(f *testing.F) {
	f.Add([]byte("schema = 1\nmodel = \"taxi\"\nrenamed = \"fares\"\n"))
	f.Add([]byte("schema = 1\nversion = 4\nrun = \"20261123-142530-k7qx2m9a\"\nsha256 = \"" + strings.Repeat("0a", 32) +
		"\"\nbytes = 1\nfiles = 1\ncreated = 2026-11-30T08:00:00Z\n"))
	f.Add([]byte("schema = 1\nversions = [\"4-k7qx2m9a\"]\ntime = 2026-11-30T08:00:00Z\nwas = []\n"))
	f.Add([]byte("schema = 1\nversion = \"4-k7qx2m9a\"\ntime = 2026-11-30T08:00:00Z\nnote = \"x\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		modelAgain(t, data, func(d []byte) (*Model, error) { return DecodeModel("models/taxi/model.toml", d) }, EncodeModel)
		modelAgain(t, data, func(d []byte) (*ModelVersion, error) { return DecodeModelVersion("4-k7qx2m9a.toml", d) },
			EncodeModelVersion)
		modelAgain(t, data, func(d []byte) (*ModelNote, error) { return DecodeModelNote("x", d) }, EncodeModelNote)
		for _, kind := range []ModelPointerKind{ModelStages, ModelAliases, ModelArchived} {
			modelAgain(t, data, func(d []byte) (*ModelPointer, error) { return DecodeModelPointer(kind, "x", d) },
				func(p *ModelPointer) ([]byte, error) { return EncodeModelPointer(kind, p) })
		}
	})
}

func modelAgain[T any](t *testing.T, data []byte, decode func([]byte) (*T, error), encode func(*T) ([]byte, error)) {
	t.Helper()
	v, err := decode(data)
	if err != nil {
		return
	}
	text, err := encode(v)
	if err != nil {
		t.Fatalf("%v: %q", err, data)
	}
	again, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	more, err := encode(again)
	if err != nil || !bytes.Equal(more, text) {
		t.Fatalf("%v: %q became %q", err, text, more)
	}
}
