package format

import "time"

// Note is one file of notes/: an annotation of a run. The file is never edited. If two notes set the same key, the
// later one wins.
type Note struct {
	Time    time.Time
	Author  string
	Name    string
	Text    string // the key is note
	Tags    map[string]string
	Removed []string // tags
	Unknown map[string]any
}

// NoteName returns the name of a notes file written at t. The names sort by time, and are unique although their
// writers do not coordinate.
func NoteName(t time.Time) string {
	return t.UTC().Format("20060102-150405.000000") + "-" + RandomLetters(4) + ".toml"
}

// EncodeNote returns the bytes of a notes file. It returns an error if DecodeNote would refuse them.
func EncodeNote(n *Note) ([]byte, error) {
	data := appendTOML(nil, n.tree())
	if _, err := DecodeNote("note", data); err != nil {
		return nil, err
	}
	return data, nil
}

// tree returns the note with its keys in reading order.
func (n *Note) tree() object {
	var o object
	o.add("schema", int64(Schema))
	o.add("time", n.Time)
	o.addText("author", n.Author)
	o.addText("name", n.Name)
	o.addText("note", n.Text)
	o.addTexts("removed", n.Removed)
	if len(n.Tags) > 0 {
		o.add("tags", textObject(n.Tags))
	}
	o.merge(n.Unknown)
	return o
}

// DecodeNote reads a notes file as strictly as a run.toml.
func DecodeNote(file string, data []byte) (*Note, error) {
	m, err := parseTOML(file, data, MaxNoteBytes)
	if err != nil {
		return nil, err
	}
	t := table{&reader{file: file, data: data}, nil, m}
	if schema := t.integer("schema"); schema != Schema {
		t.fail(t.at("schema"), "must be %d", Schema)
	}
	n := &Note{
		Time: t.time("time"), Author: t.text("author"), Name: t.text("name"), Text: t.text("note"),
		Removed: t.texts("removed"),
	}
	if n.Time.IsZero() {
		t.fail(t.at("time"), "missing")
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

// Apply merges the note into the record. The caller must apply notes in the order of their times; notes with the same
// time, in the order of their file names.
func (n *Note) Apply(r *Run) {
	if n.Name != "" {
		r.Name = n.Name
	}
	if n.Text != "" {
		r.Note = n.Text
	}
	for _, key := range n.Removed {
		delete(r.Tags, key)
	}
	for key, value := range n.Tags {
		if r.Tags == nil {
			r.Tags = map[string]string{}
		}
		r.Tags[key] = value
	}
}
