package format

import (
	"maps"
	"slices"
)

// Consumed says how many bytes of each journal of an active run are already in a finished run. The bytes after them go
// to another run, which resumes the finished one. There are two kinds of such files. consumed-*.toml is written before
// the folder of the finished run gets its name, and has the digest of the finished record. rest-*.toml is written
// before the resuming run is made, and has the id of that run.
type Consumed struct {
	Record   string           // SHA-256 of the finished run.toml
	Run      string           // id of the resuming run
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
		t.fail(t.path, "must name either a record or a run")
	}
	if s, ok := t.sub("journals"); ok {
		for _, name := range slices.Sorted(maps.Keys(s.m)) {
			c.Journals[name] = s.size(name)
		}
	}
	return c, t.err
}
