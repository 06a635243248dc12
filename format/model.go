package format

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// ModelsName is the folder in .runs that holds the registry of models.
const ModelsName = "models"

// MaxModelBytes is how many bytes a file of the registry may have.
const MaxModelBytes = 1 << 20

// maxModelVersion is the largest number of a version.
const maxModelVersion = 1_000_000_000

// MaxModelStage is how many versions a stage may have.
const MaxModelStage = 1_000

// ModelFolder returns the folder of a model in .runs. Two names may have the same folder: model.toml says which one has
// it.
func ModelFolder(name string) string { return path.Join(ModelsName, PortablePath(name)) }

// CheckModelName returns why text cannot be the name of a model.
func CheckModelName(text string) error {
	if err := CheckNamed("name of the model", text); err != nil {
		return err
	}
	if strings.ContainsAny(text, "/:@") {
		return fmt.Errorf("the name of the model %q contains /, : or @", text)
	}
	if strings.Trim(text, " ") != text {
		return fmt.Errorf("the name of the model %q begins or ends with a space", text)
	}
	return nil
}

// isModelLabel reports whether text has 1 to 100 of the characters A-Z, a-z, 0-9, - and _.
func isModelLabel(text string) bool {
	for _, c := range []byte(text) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return len(text) >= 1 && len(text) <= 100
}

// isModelNumber reports whether text would be taken for the number of a version, as MLflow writes one too.
func isModelNumber(text string) bool {
	if text != "" && (text[0] == 'v' || text[0] == 'V') {
		text = text[1:]
	}
	number, _, _ := strings.Cut(text, "-")
	return number != "" && strings.Trim(number, "0123456789") == ""
}

// CheckModelLabel returns why text cannot be the name of a stage or of an alias.
func CheckModelLabel(what, text string) error {
	switch {
	case !isModelLabel(text):
		return fmt.Errorf("the %s %q must have 1 to 100 of the characters A-Z, a-z, 0-9, - and _", what, text)
	case isModelNumber(text):
		return fmt.Errorf("the %s %q looks like the number of a version", what, text)
	case isReserved(text):
		return fmt.Errorf("the %s %q is a name that a file system reserves", what, text)
	}
	switch strings.ToLower(text) {
	case "latest", "none", "archived":
		return fmt.Errorf("the %s %q has a meaning of its own", what, text)
	}
	return nil
}

// ModelVersionID is the identity of a version: the number that it was registered with, and eight random letters. The
// letters alone tell versions apart, so that a number which two clones have given out can be changed.
type ModelVersionID struct {
	Number int64
	Random string
}

// NewModelVersionID returns an identity with new letters.
func NewModelVersionID(number int64) ModelVersionID {
	return ModelVersionID{number, RandomLetters(idRandomLength)}
}

// ModelVersionIDOf returns an identity whose letters depend only on a digest.
func ModelVersionIDOf(number int64, digest []byte) ModelVersionID {
	return ModelVersionID{number, digestLetters(digest)}
}

func (v ModelVersionID) String() string { return fmt.Sprintf("%d-%s", v.Number, v.Random) }

// ParseModelVersionID reads an identity such as "4-k7qx2m9a".
func ParseModelVersionID(s string) (ModelVersionID, error) {
	digits, letters, _ := strings.Cut(s, "-")
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || number < 1 || number > maxModelVersion || strconv.FormatInt(number, 10) != digits ||
		len(letters) != idRandomLength || strings.Trim(letters, idAlphabet) != "" {
		return ModelVersionID{}, fmt.Errorf("%q is not a version of a model (like 4-k7qx2m9a)", s)
	}
	return ModelVersionID{number, letters}, nil
}

// Model is a model.toml. It says only what every clone writes for the same model, so that clones that create it at once
// do not conflict. What else is known of the model is in its notes.
type Model struct {
	Name    string
	Renamed string // the name that the model has now, if it was renamed: the folder then belongs to that model
	Unknown map[string]any
}

// EncodeModel returns the bytes of a model.toml. It returns an error if DecodeModel would refuse them.
func EncodeModel(m *Model) ([]byte, error) {
	var o object
	o.add("schema", int64(Schema))
	o.add("model", m.Name)
	o.addText("renamed", m.Renamed)
	o.merge(m.Unknown)
	data := appendTOML(nil, o)
	if _, err := DecodeModel(path.Join(ModelFolder(m.Name), "model.toml"), data); err != nil {
		return nil, err
	}
	return data, nil
}

// DecodeModel reads a model.toml as strictly as a run.toml. file is its path in .runs, which must be that of the model.
func DecodeModel(file string, data []byte) (*Model, error) {
	t, err := openModelFile(file, data)
	if err != nil {
		return nil, err
	}
	m := &Model{Name: t.needText("model"), Renamed: t.text("renamed")}
	for key, text := range map[string]string{"model": m.Name, "renamed": m.Renamed} {
		if err := CheckModelName(text); text != "" && err != nil {
			t.fail(t.at(key), "%v", err)
		}
	}
	if m.Name != "" && path.Join(ModelFolder(m.Name), "model.toml") != file {
		t.fail(t.at("model"), "does not belong to this file, but to %s/model.toml", ModelFolder(m.Name))
	}
	if m.Renamed == m.Name && m.Renamed != "" {
		t.fail(t.at("renamed"), "must be another name")
	}
	m.Unknown = t.rest()
	if t.err != nil {
		return nil, t.err
	}
	return m, nil
}

// openModelFile reads a file of the registry and checks its schema.
func openModelFile(file string, data []byte) (table, error) {
	m, err := parseTOML(file, data, MaxModelBytes)
	if err != nil {
		return table{}, err
	}
	t := table{&reader{file: file, data: data}, nil, m}
	if schema := t.integer("schema"); schema != Schema {
		t.fail(t.at("schema"), "must be %d", Schema)
	}
	return t, nil
}

// ModelVersion is a file of versions/: bytes that a run has made, under the name of a model. It is written once.
type ModelVersion struct {
	ModelVersionID
	Run     string // its id
	Path    string // a file or folder of the run's artifacts; empty: all of them
	SHA256  string // of the manifest of the files (ManifestDigest), by their paths below Path
	Bytes   int64
	Files   int64
	Flavors []string // of MLflow, sorted
	Created time.Time
	Author  string
	Note    string
	Tags    map[string]string
	Unknown map[string]any
}

// EncodeModelVersion returns the bytes of a version's file. It returns an error if DecodeModelVersion would refuse
// them.
func EncodeModelVersion(v *ModelVersion) ([]byte, error) {
	var o object
	o.add("schema", int64(Schema))
	o.add("version", v.Number)
	o.add("run", v.Run)
	o.addText("path", v.Path)
	o.add("sha256", v.SHA256)
	o.add("bytes", v.Bytes)
	o.add("files", v.Files)
	o.addTexts("flavors", v.Flavors)
	o.add("created", v.Created)
	o.addText("author", v.Author)
	o.addText("note", v.Note)
	if len(v.Tags) > 0 {
		o.add("tags", textObject(v.Tags))
	}
	o.merge(v.Unknown)
	data := appendTOML(nil, o)
	if _, err := DecodeModelVersion(v.String()+".toml", data); err != nil {
		return nil, err
	}
	return data, nil
}

// DecodeModelVersion reads a version's file as strictly as a run.toml. Its name must be that of the version.
func DecodeModelVersion(file string, data []byte) (*ModelVersion, error) {
	t, err := openModelFile(file, data)
	if err != nil {
		return nil, err
	}
	v := &ModelVersion{
		Run: t.needText("run"), Path: t.text("path"), SHA256: t.needText("sha256"), Bytes: t.size("bytes"),
		Files: t.size("files"), Flavors: t.texts("flavors"), Created: t.time("created"), Author: t.text("author"),
		Note: t.text("note"),
	}
	if v.ModelVersionID, err = ParseModelVersionID(strings.TrimSuffix(path.Base(file), ".toml")); err != nil {
		return nil, &FileError{File: file, Reason: err.Error()}
	}
	if number := t.integer("version"); number != v.Number {
		t.fail(t.at("version"), "must be %d, as the name of the file says", v.Number)
	}
	if err := CheckID(v.Run); v.Run != "" && err != nil {
		t.fail(t.at("run"), "%v", err)
	}
	if err := CheckPath(v.Path); v.Path != "" && err != nil {
		t.fail(t.at("path"), "%v", err)
	}
	if v.SHA256 != "" && !isHex(v.SHA256, false) {
		t.fail(t.at("sha256"), "must be 64 hexadecimal digits")
	}
	if v.Files < 1 {
		t.fail(t.at("files"), "must be at least 1")
	}
	if v.Created.IsZero() {
		t.fail(t.at("created"), "missing")
	}
	if s, ok := t.sub("tags"); ok {
		v.Tags = s.strings()
	}
	v.Unknown = t.rest()
	if t.err != nil {
		return nil, t.err
	}
	return v, nil
}

// ModelPointer is a file of stages/ or aliases/, which names versions, or one of archived/, whose name does.
type ModelPointer struct {
	Versions []ModelVersionID
	By       string
	Time     time.Time
	Reason   string
	Was      []ModelVersionID // what the file named before
	Unknown  map[string]any
}

// ModelPointerKind is the folder of a pointer.
type ModelPointerKind string

// The folders of pointers.
const (
	ModelStages   ModelPointerKind = "stages"
	ModelAliases  ModelPointerKind = "aliases"
	ModelArchived ModelPointerKind = "archived"
)

// ModelFileKind returns the folder of a file in that of its model, such as versions. name is its path in .runs. It is
// empty for model.toml, which has no folder of its own.
func ModelFileKind(name string) string {
	if parts := strings.Split(name, "/"); len(parts) == 4 {
		return parts[2]
	}
	return ""
}

// IsModelPointer reports whether a path in .runs is that of a pointer.
func IsModelPointer(name string) bool {
	switch ModelPointerKind(ModelFileKind(name)) {
	case ModelStages, ModelAliases, ModelArchived:
		return true
	}
	return false
}

// EncodeModelPointer returns the bytes of a pointer. It returns an error if DecodeModelPointer would refuse them.
func EncodeModelPointer(kind ModelPointerKind, p *ModelPointer) ([]byte, error) {
	var o object
	o.add("schema", int64(Schema))
	texts := func(ids []ModelVersionID) []string {
		list := make([]string, len(ids))
		for i, id := range ids {
			list[i] = id.String()
		}
		return list
	}
	versions, was := texts(p.Versions), texts(p.Was)
	switch {
	case kind == ModelStages:
		o.add("versions", versions)
	case kind == ModelAliases && len(versions) == 1 && len(was) <= 1:
		o.add("version", versions[0])
	case len(versions)+len(was) > 0:
		return nil, errors.New("an alias names one version")
	}
	o.addText("by", p.By)
	o.add("time", p.Time)
	o.addText("reason", p.Reason)
	if kind == ModelStages {
		o.addTexts("was", was)
	} else if len(was) > 0 {
		o.add("was", was[0])
	}
	o.merge(p.Unknown)
	data := appendTOML(nil, o)
	if _, err := DecodeModelPointer(kind, string(kind), data); err != nil {
		return nil, err
	}
	return data, nil
}

// DecodeModelPointer reads a pointer as strictly as a run.toml.
func DecodeModelPointer(kind ModelPointerKind, file string, data []byte) (*ModelPointer, error) {
	t, err := openModelFile(file, data)
	if err != nil {
		return nil, err
	}
	p := &ModelPointer{By: t.text("by"), Time: t.time("time"), Reason: t.text("reason")}
	switch kind {
	case ModelStages:
		if !t.has("versions") {
			t.fail(t.at("versions"), "missing")
		}
		p.Versions, p.Was = t.modelVersions("versions", t.texts("versions")), t.modelVersions("was", t.texts("was"))
	case ModelAliases:
		p.Versions = t.modelVersions("version", []string{t.needText("version")})
		if was := t.text("was"); was != "" {
			p.Was = t.modelVersions("was", []string{was})
		}
	}
	if p.Time.IsZero() {
		t.fail(t.at("time"), "missing")
	}
	p.Unknown = t.rest()
	if t.err != nil {
		return nil, t.err
	}
	return p, nil
}

// modelVersions reads the versions that a key names.
func (t table) modelVersions(key string, texts []string) []ModelVersionID {
	if len(texts) > MaxModelStage {
		t.fail(t.at(key), "must not name more than %d versions", MaxModelStage)
		return nil
	}
	seen := map[string]bool{}
	var ids []ModelVersionID
	for _, text := range texts {
		id, err := ParseModelVersionID(text)
		switch {
		case text == "": // text or needText has failed
			continue
		case err != nil:
			t.fail(t.at(key), "%v", err)
		case seen[id.Random]:
			t.fail(t.at(key), "names version %s twice", text)
		}
		seen[id.Random] = true
		ids = append(ids, id)
	}
	return ids
}

// ModelNote is a file of notes/ of a model: what is known of it, or of one of its versions, beyond the other files. It
// is never edited. If two notes set the same key, the later one wins.
type ModelNote struct {
	Time    time.Time
	Author  string
	Version ModelVersionID // zero: the note is about the model
	Number  int64          // the number that Version has from now on; 0: it keeps its number
	Text    string         // the key is note: the description
	Cleared bool           // the description is removed
	Tags    map[string]string
	Removed []string // tags
	Unknown map[string]any
}

// EncodeModelNote returns the bytes of a note. It returns an error if DecodeModelNote would refuse them.
func EncodeModelNote(n *ModelNote) ([]byte, error) {
	var o object
	o.add("schema", int64(Schema))
	o.add("time", n.Time)
	o.addText("author", n.Author)
	if n.Version != (ModelVersionID{}) {
		o.add("version", n.Version.String())
	}
	o.addInt("number", n.Number)
	o.addText("note", n.Text)
	if n.Cleared {
		o.add("cleared", true)
	}
	o.addTexts("removed", n.Removed)
	if len(n.Tags) > 0 {
		o.add("tags", textObject(n.Tags))
	}
	o.merge(n.Unknown)
	data := appendTOML(nil, o)
	if _, err := DecodeModelNote("note", data); err != nil {
		return nil, err
	}
	return data, nil
}

// DecodeModelNote reads a note as strictly as a run.toml.
func DecodeModelNote(file string, data []byte) (*ModelNote, error) {
	t, err := openModelFile(file, data)
	if err != nil {
		return nil, err
	}
	n := &ModelNote{
		Time: t.time("time"), Author: t.text("author"), Number: t.integer("number"), Text: t.text("note"),
		Cleared: t.boolean("cleared"), Removed: t.texts("removed"),
	}
	if n.Time.IsZero() {
		t.fail(t.at("time"), "missing")
	}
	if text := t.text("version"); text != "" {
		if ids := t.modelVersions("version", []string{text}); len(ids) == 1 {
			n.Version = ids[0]
		}
	}
	if n.Number < 0 || n.Number > maxModelVersion {
		t.fail(t.at("number"), "must be from 1 to %d", maxModelVersion)
	}
	if n.Number > 0 && n.Version.Number == 0 {
		t.fail(t.at("number"), "needs a version")
	}
	if n.Cleared && n.Text != "" {
		t.fail(t.at("cleared"), "cannot be combined with a note")
	}
	if s, ok := t.sub("tags"); ok {
		n.Tags = s.strings()
	}
	n.Unknown = t.rest()
	if t.err != nil {
		return nil, t.err
	}
	return n, nil
}
