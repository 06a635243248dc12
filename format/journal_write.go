package format

import (
	"slices"
	"strconv"
)

// AppendLine appends l as one journal line, with a newline. Parse can read it back.
func AppendLine(b []byte, l *Line) []byte {
	b = append(b, `{"t":`...)
	b = appendSeconds(b, l.Time)
	if l.HasStep {
		b = append(b, `,"step":`...)
		b = strconv.AppendInt(b, l.Step, 10)
	}
	if len(l.Metrics) > 0 {
		b = append(b, `,"m":{`...)
		for i, m := range l.Metrics {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendQuoted(b, m.Key)
			b = append(b, ':')
			b = AppendJSONFloat(b, m.Value)
		}
		b = append(b, '}')
	}
	if l.Labels != (Labels{}) {
		b = append(append(b, `,"labels":`...), l.Labels.String()...)
	}
	var o object
	if len(l.Params) > 0 {
		o.add("p", marked(l.Params))
	}
	if len(l.Set) > 0 {
		o.add("set", marked(l.Set))
	}
	if len(l.Tags) > 0 {
		tags := make(map[string]any, len(l.Tags))
		for key, text := range l.Tags {
			tags[key] = text
		}
		o.add("tags", marked(tags))
	}
	o.addText("note", l.Note)
	if len(l.Summary) > 0 {
		o.add("summary", marked(l.Summary))
	}
	if l.Defined != nil {
		o.add("metric", l.Defined.tree())
	}
	if l.Artifact != nil {
		o.add("artifact", l.Artifact.tree())
	}
	if l.Dataset != nil {
		o.add("dataset", l.Dataset.tree())
	}
	if l.Joined != nil {
		o.add("joined", l.Joined.tree())
	}
	if l.ExitCode != nil {
		o.add("exit_code", *l.ExitCode)
	}
	o.addText("event", l.Event)
	o = append(o, mapObject(marked(l.Unknown))...)
	if len(l.Values) > 0 {
		b = append(b, `,"values":{`...)
		for i, v := range l.Values {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(appendQuoted(b, v.Key), ':'), v.JSON...)
		}
		b = append(b, '}')
	}
	for _, f := range o {
		b = append(b, ',')
		b = appendQuoted(b, f.key)
		b = append(b, ':')
		b = AppendJSON(b, f.value)
	}
	return append(b, "}\n"...)
}

// numberWord is a text that a reader of journals would take for a number. An escape makes it a text (SPEC 4.2).
type numberWord string

// AppendJSON appends the text with its first character escaped.
func (w numberWord) AppendJSON(b []byte) []byte {
	b = append(b, `"\u00`...)
	b = strconv.AppendUint(b, uint64(w[0]), 16)
	return append(append(b, w[1:]...), '"')
}

// marked returns a table in which the texts that read as numbers are numberWords. It changes nothing in place.
func marked(table map[string]any) map[string]any {
	if !hasNumberWord(table) {
		return table
	}
	all := make(map[string]any, len(table))
	for key, v := range table {
		all[key] = mark(v)
	}
	return all
}

func mark(value any) any {
	switch v := value.(type) {
	case string:
		if isNumberWord(v) {
			return numberWord(v)
		}
	case map[string]any:
		return marked(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = mark(v[i])
		}
		return list
	}
	return value
}

func hasNumberWord(value any) bool {
	switch v := value.(type) {
	case string:
		return isNumberWord(v)
	case map[string]any:
		for _, item := range v {
			if hasNumberWord(item) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasNumberWord)
	}
	return false
}

func isNumberWord(text string) bool {
	return text == "NaN" || text == "Infinity" || text == "-Infinity"
}

func (a *ArtifactLine) tree() object {
	var o object
	o.addText("path", a.Path)
	o.addText("name", a.Name)
	o.addText("kind", a.Kind)
	o.addText("key", a.Key)
	if a.Step != nil {
		o.add("step", *a.Step)
	}
	o.addText("caption", a.Caption)
	o.addText("sha256", a.SHA256)
	o.addInt("bytes", a.Bytes)
	return o
}

func (j *JoinedLine) tree() object {
	o := object{}
	o.addText("experiment", j.Experiment)
	o.addText("group", j.Group)
	o.addText("key", j.Key)
	return o
}

func (d *DatasetLine) tree() object {
	var o object
	o.addText("path", d.Path)
	o.addText("name", d.Name)
	o.addText("role", d.Role)
	o.addText("sha256", d.SHA256)
	o.addInt("bytes", d.Bytes)
	o.addInt("files", d.Files)
	o.addInt("rows", d.Rows)
	o.addTexts("columns", d.Columns)
	o.addText("manifest", d.Manifest)
	o.addText("hash", d.Hash)
	o.addText("dvc", d.DVC)
	o.addText("digest", d.Digest)
	o.addText("source", d.Source)
	o.addText("source_type", d.SourceType)
	o.addText("schema", d.Schema)
	o.addText("profile", d.Profile)
	o.addText("details", d.Details)
	return o
}

func appendSeconds(b []byte, us int64) []byte {
	b = strconv.AppendInt(b, us/1_000_000, 10)
	b = append(b, '.')
	f := strconv.AppendInt(nil, 1_000_000+us%1_000_000, 10)
	return append(b, f[1:]...)
}
