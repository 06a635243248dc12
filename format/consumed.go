package format

import (
	"maps"
	"slices"
)

// Consumed says how far the journals of a run in progress went into a finished one. Written before the finished folder
// gets its name (consumed-*.toml), it names the run.toml by digest; what lies behind belongs to a run that resumes this
// one. Written before that run is made of what lies behind (rest-*.toml), it names it by id.
type Consumed struct {
	Record   string           // SHA-256 of the finished run.toml
	Run      string           // id of the run that resumes
	Journals map[string]int64 // bytes by file name
}

// EncodeConsumed returns the bytes of a consumed file.
func EncodeConsumed(c *Consumed) []byte {
	var o, journals object
	o.add("schema", int64(Schema))
	o.addText("record", c.Record)
	o.addText("run", c.Run)
	for _, name := range slices.Sorted(maps.Keys(c.Journals)) {
		journals.add(name, c.Journals[name])
	}
	o.add("journals", journals)
	return appendTOML(nil, o)
}

// DecodeConsumed reads a consumed file.
func DecodeConsumed(file string, data []byte) (*Consumed, error) {
	m, err := parseTOML(file, data, MaxNoteBytes)
	if err != nil {
		return nil, err
	}
	t := table{&reader{file: file, data: data}, nil, m}
	c := &Consumed{Record: t.digest("record"), Run: t.id("run", false), Journals: map[string]int64{}}
	if (c.Record == "") == (c.Run == "") {
		t.fail(t.path, "names neither a record nor a run, or both")
	}
	if s, ok := t.sub("journals"); ok {
		for _, name := range slices.Sorted(maps.Keys(s.m)) {
			c.Journals[name] = s.size(name)
		}
	}
	return c, t.err
}
