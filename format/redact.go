package format

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Redaction is an entry [[redacted]] of run.toml. It says that the run was rewritten to remove a secret. A finished
// run changes in no other way.
type Redaction struct {
	Time  time.Time
	What  string   // the rules that found the secret, or "pattern"; never the secret itself
	Files []string // files that changed: those of the run, and shared files by their new names under .runs
	Was   string   // SHA-256 of the former run.toml
}

func (r Redaction) tree() object {
	var o object
	o.add("time", r.Time)
	o.add("what", r.What)
	o.addTexts("files", r.Files)
	o.add("was", r.Was)
	return o
}

func readRedaction(t table) Redaction {
	r := Redaction{Time: t.time("time"), What: t.needText("what"), Files: t.texts("files"), Was: t.needDigest("was")}
	if r.Time.IsZero() {
		t.fail(t.at("time"), "missing")
	}
	for _, name := range r.Files {
		if err := CheckPath(name); err != nil {
			t.fail(t.at("files"), "%v", err)
		}
	}
	return r
}

// RedactTexts calls replace with each text that people and programs wrote into the record, including keys, and stores
// the result in its place. It leaves out the id, times, digests, and the names of metrics and artifacts. replace also
// gets numbers, as text; if it changes a number, the number becomes a string.
func (r *Run) RedactTexts(replace func(string) string) {
	for _, s := range []*string{
		&r.Name, &r.Key, &r.Experiment, &r.EndReason, &r.Author, &r.Cwd, &r.Signal, &r.Group, &r.Note,
	} {
		*s = replace(*s)
	}
	redactAll(r.Command, replace)
	redactAll(r.Nulls, replace)
	r.Params = redactMap(r.Params, replace)
	r.Tags = redactTexts(r.Tags, replace)
	r.Summary = redactMap(r.Summary, replace)
	if s := r.Source; s != nil {
		s.Branch, s.Remote, s.Entry = replace(s.Branch), replace(s.Remote), replace(s.Entry)
		for _, p := range s.Parts() {
			p.URL = replace(p.URL)
		}
		for i := range s.Omitted {
			s.Omitted[i].Path, s.Omitted[i].Reason = replace(s.Omitted[i].Path), replace(s.Omitted[i].Reason)
		}
	}
	if e := r.Environment; e != nil {
		e.Variables = redactTexts(e.Variables, replace)
		redactAll(e.Withheld, replace)
	}
	if m := r.Machine; m != nil {
		m.Host, m.Kernel, m.CPU = replace(m.Host), replace(m.Kernel), replace(m.CPU)
		redactAll(m.GPUs, replace)
	}
	for i := range r.Datasets {
		d := &r.Datasets[i]
		d.Name, d.Path, d.Role = replace(d.Name), replace(d.Path), replace(d.Role)
		d.Digest, d.Source, d.SourceType = replace(d.Digest), replace(d.Source), replace(d.SourceType)
		d.Schema, d.Profile, d.Details = replace(d.Schema), replace(d.Profile), replace(d.Details)
		redactAll(d.Columns, replace)
	}
	if r.Trace != nil {
		redactAll(r.Trace.Problems, replace)
		r.Trace.Stdin, r.Trace.StdinData = replace(r.Trace.Stdin), replace(r.Trace.StdinData)
		redactAll(r.Trace.Ignored, replace)
		redactAll(r.Trace.Folders, replace)
		redactAll(r.Trace.Imported, replace)
	}
	for i := range r.Artifacts {
		a := &r.Artifacts[i]
		a.Kind, a.Key, a.Caption = replace(a.Kind), replace(a.Key), replace(a.Caption)
	}
	for _, key := range slices.Sorted(maps.Keys(r.Conflicts)) {
		values := r.Conflicts[key]
		delete(r.Conflicts, key)
		r.Conflicts[replace(key)] = redactValue(values, replace).([]any)
	}
	r.Extra = redactMap(r.Extra, replace)
	r.Unknown = redactMap(r.Unknown, replace)
}

// RedactTexts calls replace with the texts of a note and stores the results, as Run.RedactTexts does.
func (n *Note) RedactTexts(replace func(string) string) {
	n.Author, n.Name, n.Text = replace(n.Author), replace(n.Name), replace(n.Text)
	n.Tags = redactTexts(n.Tags, replace)
	redactAll(n.Removed, replace)
	n.Unknown = redactMap(n.Unknown, replace)
}

func redactAll(texts []string, replace func(string) string) {
	for i, s := range texts {
		texts[i] = replace(s)
	}
}

func redactTexts(m map[string]string, replace func(string) string) map[string]string {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		value := m[key]
		delete(m, key)
		m[replace(key)] = replace(value)
	}
	return m
}

func redactMap(m map[string]any, replace func(string) string) map[string]any {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		value := m[key]
		delete(m, key)
		m[replace(key)] = redactValue(value, replace)
	}
	return m
}

func redactValue(v any, replace func(string) string) any {
	switch v := v.(type) {
	case string:
		return replace(v)
	case []any:
		for i := range v {
			v[i] = redactValue(v[i], replace)
		}
	case []map[string]any:
		for i := range v {
			v[i] = redactMap(v[i], replace)
		}
	case map[string]any:
		return redactMap(v, replace)
	case int64, float64:
		text := fmt.Sprint(v)
		if redacted := replace(text); redacted != text {
			return redacted
		}
	}
	return v
}

// Table returns the record as nested tables: maps, lists, strings, integers, floats, booleans and times. Params hold
// their nulls, which Table does not list under "nulls". The caller may change the result.
func (r *Run) Table() map[string]any {
	m := plainTable(r.tree())
	if len(r.Params) > 0 {
		m["params"] = plainValue(map[string]any(r.Params))
	}
	delete(m, "nulls")
	if len(r.Nulls) > 0 {
		m["nulls"] = plainValue(r.Nulls)
	}
	return m
}

// Table returns the note as nested tables, as Run.Table does.
func (n *Note) Table() map[string]any { return plainTable(n.tree()) }

func plainTable(o object) map[string]any {
	m := make(map[string]any, len(o))
	for _, f := range o {
		m[f.key] = plainValue(f.value)
	}
	return m
}

func plainValue(v any) any {
	switch v := v.(type) {
	case object:
		return plainTable(v)
	case []object:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plainTable(v[i])
		}
		return list
	case []string:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return list
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plainValue(v[i])
		}
		return list
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plainValue(v[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, item := range v {
			m[key] = plainValue(item)
		}
		return m
	case Params:
		return plainValue(map[string]any(v))
	}
	return v
}
