package index

import (
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// Bounds of what a column holds of one run. What is larger is only in the record.
const (
	maxTextBytes = 1 << 10
	maxKeyBytes  = 512
	maxParams    = 2000 // of one run
	maxNamed     = 200  // datasets or variables of one run
)

// value is one cell: for texts and lists, text holds the bytes.
type value struct {
	kind Kind
	word uint64
	text string
}

// put takes the value of a column.
type put func(scope Scope, key string, v value)

// attribute takes the value of a column of Attributes. It leaves out absent ones.
func (put put) attribute(key string, v value) {
	if v.kind != Absent {
		put(Attributes, key, v)
	}
}

// fact is like attribute, for Facts.
func (put put) fact(key string, v value) {
	if v.kind != Absent {
		put(Facts, key, v)
	}
}

// visit calls put with every value of a record that is in a column, except those of visitShared.
func visit(r *format.Run, put put) {
	visitIdentity(r, put.attribute)
	for name, v := range r.Summary {
		put(Summary, name, valueOf(v))
	}
	for name, v := range r.Tags {
		put(Tags, name, textValue(v))
	}
	for name, m := range r.Metrics {
		visitMetric(name, m, put)
	}
	flat := r.Params.Flatten()
	if irregular(r, flat) {
		put(Facts, Irregular, value{kind: Bool, word: 1})
	} else {
		for name, v := range flat {
			put(Params, name, valueOf(v))
		}
	}
	visitFacts(r, put.fact)
}

// visitShared calls put with the values that depend on nothing but the tables that a format.RunDecoder shares.
func visitShared(r *format.Run, put put) {
	visitTables(r, put.attribute)
	if e := r.Environment; e != nil && len(e.Variables) <= maxNamed {
		for name, v := range e.Variables {
			put(Variables, name, textValue(v))
		}
	}
	if len(r.Datasets) <= maxNamed {
		for i := len(r.Datasets) - 1; i >= 0; i-- { // of two with one name, the first counts
			put(Datasets, r.Datasets[i].Name, textValue(r.Datasets[i].Identity()))
		}
	}
	put.fact(Shared, texts(sharedFiles(r)))
	put.fact(Noticed, noticed(r.Datasets))
}

func visitIdentity(r *format.Run, put func(key string, v value)) {
	put("name", given(r.Name))
	put("key", given(r.Key))
	put("experiment", given(r.Experiment))
	put("status", given(string(r.Status)))
	put("started", timeValue(r.Started))
	put("ended", timeValue(r.Ended))
	put("end_reason", given(r.EndReason))
	put("signal", given(r.Signal))
	put("author", given(r.Author))
	put("group", given(r.Group))
	put("parent", given(r.Parent))
	put("resumes", given(r.Resumes))
	put("reproduces", given(r.Reproduces))
	put("note", given(r.Note))
	put("command", given(strings.Join(r.Command, " ")))
	put("cwd", given(r.Cwd))
	if r.ExitCode != nil {
		put("exit_code", intValue(*r.ExitCode))
	}
}

func visitTables(r *format.Run, put func(key string, v value)) {
	if s := r.Source; s != nil {
		put("source.commit", given(s.Commit))
		put("source.branch", given(s.Branch))
		put("source.remote", given(s.Remote))
		put("source.dirty", value{kind: Bool, word: bit(s.Dirty)})
		put("source.tree", given(s.Tree))
		put("source.base", given(s.Base))
		put("source.entry", given(s.Entry))
		if s.Durable != nil {
			put("source.durable", value{kind: Bool, word: bit(*s.Durable)})
		}
		put("source.patches", texts(s.Patches))
		put("source.submodules", given(s.PatchedSubmodules()))
		if len(s.Omitted) > 0 {
			put("source.omitted", value{kind: Elsewhere})
		}
	}
	if e := r.Environment; e != nil {
		put("environment.digest", given(e.Digest))
		put("environment.python", given(e.Python))
		put("environment.os", given(e.OS))
		put("environment.arch", given(e.Arch))
	}
	if m := r.Machine; m != nil {
		put("machine.host", given(m.Host))
		put("machine.kernel", given(m.Kernel))
		put("machine.cpu", given(m.CPU))
		put("machine.gpus", texts(m.GPUs))
		if m.Cores != 0 {
			put("machine.cores", intValue(m.Cores))
		}
		if m.Memory != 0 {
			put("machine.memory", intValue(m.Memory))
		}
	}
}

func visitMetric(name string, m format.Metric, put func(scope Scope, key string, v value)) {
	put(MetricLast, name, floatValue(m.Last))
	put(MetricCount, name, intValue(m.Count))
	if m.Min != nil {
		put(MetricMin, name, floatValue(m.Min.Value))
		put(MetricMinStep, name, intValue(m.Min.Step))
	}
	if m.Max != nil {
		put(MetricMax, name, floatValue(m.Max.Value))
		put(MetricMaxStep, name, intValue(m.Max.Step))
	}
	if m.Goal != "" {
		put(MetricGoal, name, textValue(m.Goal))
	}
}

func visitFacts(r *format.Run, put func(key string, v value)) {
	count := func(key string, n int64) {
		if n != 0 {
			put(key, intValue(n))
		}
	}
	yes := func(key string, is bool) {
		if is {
			put(key, value{kind: Bool, word: 1})
		}
	}
	if f, ok := r.Files["metrics.parquet"]; ok {
		count(Points, max(1, f.Rows))
	}
	_, values := r.Files["values.parquet"]
	yes(Values, values)
	_, listed := r.Files["artifacts.parquet"]
	yes(Listed, listed)
	count(Artifacts, int64(len(r.Artifacts)))
	away := int64(0)
	for _, a := range r.Artifacts {
		if a.Where != "" {
			away++
		}
	}
	count(Away, away)
	yes(Unknown, len(r.Unknown) > 0)
	yes(Extra, len(r.Extra) > 0)
	yes(Conflicts, len(r.Conflicts) > 0)
	yes(Redacted, len(r.Redacted) > 0)
	yes(Dotted, dotted(r.Params) || sharedName(r.Datasets))
	put(Definition, definitions(r.Defined))
}

// irregular reports whether the names of the params of a run do not tell them apart, or are too many for columns. It
// also covers datasets and variables that are too many.
func irregular(r *format.Run, flat map[string]any) bool {
	if len(flat) > maxParams || len(r.Datasets) > maxNamed ||
		r.Environment != nil && len(r.Environment.Variables) > maxNamed {
		return true
	}
	for name := range flat {
		if len(name) > maxKeyBytes || strings.ContainsRune(name, '"') {
			return true
		}
	}
	return false
}

// dotted reports whether a key has a dot, so that the names of params do not say which tables they are in.
func dotted(params map[string]any) bool {
	for key, v := range params {
		if table, ok := v.(map[string]any); strings.Contains(key, ".") || ok && dotted(table) {
			return true
		}
	}
	return false
}

// sharedName reports whether two datasets have the same name.
func sharedName(datasets []format.Dataset) bool {
	if len(datasets) < 2 {
		return false
	}
	seen := map[string]bool{}
	for _, d := range datasets {
		if seen[d.Name] {
			return true
		}
		seen[d.Name] = true
	}
	return false
}

// sharedFiles returns the paths of the shared files that a record names.
func sharedFiles(r *format.Run) []string {
	var paths []string
	if r.Source != nil {
		for _, digest := range r.Source.AllPatches() {
			paths = append(paths, "sources/"+digest+".patch")
		}
	}
	if r.Environment != nil && r.Environment.Digest != "" {
		paths = append(paths, "environments/"+r.Environment.Digest+".toml")
	}
	for _, d := range r.Datasets {
		if d.Manifest != "" {
			paths = append(paths, "datasets/"+d.Manifest+".parquet")
		}
	}
	return paths
}

// noticed returns what tells replicates apart of the datasets that were noticed, as one list.
func noticed(datasets []format.Dataset) value {
	var list []any
	for _, d := range datasets {
		if d.Noticed != "" {
			list = append(list, []any{d.Name, d.Path, d.SHA256, d.Bytes, d.Manifest, d.Hash, d.DVC, d.Digest, d.Noticed})
		}
	}
	if len(list) == 0 {
		return value{}
	}
	return valueOf(list)
}

// ReadNoticed returns the datasets of a run that were noticed, from the value of its fact Noticed. It is nil if the
// value is not of this form.
func ReadNoticed(v any) []format.Dataset {
	list, _ := v.([]any)
	var datasets []format.Dataset
	for _, item := range list {
		parts, _ := item.([]any)
		if len(parts) != 9 {
			return nil
		}
		var d format.Dataset
		d.Bytes, _ = parts[3].(int64)
		for i, into := range []*string{
			&d.Name, &d.Path, &d.SHA256, nil, &d.Manifest, &d.Hash, &d.DVC, &d.Digest, &d.Noticed,
		} {
			if into != nil {
				*into, _ = parts[i].(string)
			}
		}
		datasets = append(datasets, d)
	}
	return datasets
}

// definitions returns what a record defines about metrics, as one list.
func definitions(defined []format.Definition) value {
	list := make([]any, 0, len(defined))
	for _, d := range defined {
		list = append(list, []any{d.Name, d.StepMetric, d.StepSync, d.Hidden, d.Summary, d.Goal})
	}
	if len(list) == 0 {
		return value{}
	}
	return valueOf(list)
}

func given(s string) value {
	if s == "" {
		return value{}
	}
	return textValue(s)
}

func textValue(s string) value {
	if len(s) > maxTextBytes {
		return value{kind: Elsewhere}
	}
	return value{kind: Text, text: s}
}

func texts(list []string) value {
	if len(list) == 0 {
		return value{}
	}
	values := make([]any, len(list))
	for i, s := range list {
		values[i] = s
	}
	return valueOf(values)
}

func intValue(n int64) value     { return value{kind: Int, word: uint64(n)} }
func floatValue(f float64) value { return value{kind: Float, word: math.Float64bits(f)} }

// timeValue returns a time in microseconds, as records have them. A zero time is Absent.
func timeValue(t time.Time) value {
	if t.IsZero() {
		return value{}
	}
	return value{kind: Time, word: uint64(t.UnixMicro())}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// valueOf returns the cell for a value of a record.
func valueOf(v any) value {
	switch v := v.(type) {
	case string:
		return textValue(v)
	case int64:
		return intValue(v)
	case float64:
		return floatValue(v)
	case bool:
		return value{kind: Bool, word: bit(v)}
	case time.Time:
		if t := v.UnixMicro(); time.UnixMicro(t).Equal(v) {
			return value{kind: Time, word: uint64(t)}
		}
		return value{kind: Elsewhere}
	}
	if v == format.Null {
		return value{kind: Null}
	}
	data, ok := appendValue(nil, v, 0)
	if !ok || len(data) > maxTextBytes {
		return value{kind: Elsewhere}
	}
	return value{kind: List, text: string(data)}
}

const maxDepth = 32

// appendValue appends a list, a table or what is in one. Each value is a letter and its content.
func appendValue(b []byte, v any, depth int) ([]byte, bool) {
	if depth > maxDepth || len(b) > maxTextBytes {
		return b, false
	}
	switch v := v.(type) {
	case string:
		return append(binary.AppendUvarint(append(b, 's'), uint64(len(v))), v...), true
	case int64:
		return binary.AppendVarint(append(b, 'i'), v), true
	case float64:
		return binary.LittleEndian.AppendUint64(append(b, 'd'), math.Float64bits(v)), true
	case bool:
		if v {
			return append(b, 't'), true
		}
		return append(b, 'f'), true
	case []any:
		b = binary.AppendUvarint(append(b, 'l'), uint64(len(v)))
		for _, item := range v {
			var ok bool
			if b, ok = appendValue(b, item, depth+1); !ok {
				return b, false
			}
		}
		return b, true
	case map[string]any:
		return append(b, 'e'), len(v) == 0
	}
	return append(b, 'n'), v == format.Null
}

// readValue reads what appendValue wrote and returns the rest.
func readValue(b string, depth int) (v any, rest string, ok bool) {
	if b == "" || depth > maxDepth {
		return nil, "", false
	}
	letter, b := b[0], b[1:]
	switch letter {
	case 's':
		n, b, ok := readUvarint(b)
		if !ok || n > uint64(len(b)) {
			return nil, "", false
		}
		return b[:n], b[n:], true
	case 'i':
		n, b, ok := readUvarint(b)
		return int64(n>>1) ^ -int64(n&1), b, ok
	case 'd':
		if len(b) < 8 {
			return nil, "", false
		}
		return math.Float64frombits(binary.LittleEndian.Uint64([]byte(b[:8]))), b[8:], true
	case 't', 'f':
		return letter == 't', b, true
	case 'n':
		return format.Null, b, true
	case 'e':
		return map[string]any{}, b, true
	case 'l':
		n, b, ok := readUvarint(b)
		if !ok || n > uint64(len(b)) { // each item takes a byte at least
			return nil, "", false
		}
		list := make([]any, n)
		for i := range list {
			if list[i], b, ok = readValue(b, depth+1); !ok {
				return nil, "", false
			}
		}
		return list, b, true
	}
	return nil, "", false
}

func readUvarint(b string) (n uint64, rest string, ok bool) {
	for i := 0; i < len(b) && i < binary.MaxVarintLen64; i++ {
		n |= uint64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return n, b[i+1:], true
		}
	}
	return 0, "", false
}
