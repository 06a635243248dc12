package format

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

// RunDecoder decodes records as DecodeRun does. Of tables that are the same in one record and in the next, as those of
// a sweep are, it decodes one. The runs that it returns share them, so that the caller must not change what Source,
// Environment, Machine, Trace and Datasets hold. The zero value is ready.
type RunDecoder struct {
	source      decoded[*Source]
	environment decoded[*Environment]
	machine     decoded[*Machine]
	trace       decoded[*Trace]
	datasets    decoded[[]Dataset]
}

// decoded is a table that was decoded, with its text.
type decoded[T any] struct {
	text  []byte
	value T
}

// Decode reads a run.toml strictly; see DecodeRun. The bytes of data must not change while the decoder is in use.
func (d *RunDecoder) Decode(file string, data []byte) (*Run, error) {
	if err := checkFile(file, data, MaxRecordBytes); err != nil {
		return nil, err
	}
	if r, ok := fastRun(data, d); ok {
		return r, nil
	}
	return decodeAny(file, data)
}

// maxFastRecord is how large a record may be that fastRun reads. No smaller one exceeds the bounds of a TOML file.
const maxFastRecord = 64 << 10

// fastRun reads a record with the keys, and in the order, that EncodeRun writes, without a map for each table. It
// returns false for any other record, such as one that is not valid, and the general reader decides. What it accepts,
// it reads in the same way as the general reader.
func fastRun(data []byte, d *RunDecoder) (*Run, bool) {
	if len(data) > maxFastRecord {
		return nil, false
	}
	p := runParser{fast: fastParser{data: data}}
	r := &Run{}
	if p.integer("schema") != Schema {
		return nil, false
	}
	r.ID = p.id("id")
	r.Name, r.Key, r.Experiment = p.text("name"), p.text("key"), p.text("experiment")
	r.Status = Status(p.text("status"))
	r.Started, r.Ended = p.time("started"), p.time("ended")
	r.EndReason, r.Author, r.Command = p.text("end_reason"), p.text("author"), p.texts("command")
	r.Cwd = p.relative("cwd")
	if p.at("exit_code") {
		code := p.number()
		r.ExitCode = &code
	}
	r.Signal, r.Group = p.text("signal"), p.text("group")
	r.Parent, r.Resumes, r.Adds, r.Reproduces = p.id("parent"), p.id("resumes"), p.boolean("adds"), p.id("reproduces")
	r.Note = p.text("note")
	nulls := p.texts("nulls")
	r.Params = p.values("params")
	if len(nulls) > 0 {
		if r.Params == nil {
			r.Params = Params{}
		}
		r.Nulls = joinNulls(r.Params, nulls)
	}
	p.tags(r)
	p.metrics(r)
	r.Summary = p.values("summary")
	r.Source = remember(&p, &d.source, omittedHeader, p.source)
	r.Environment = remember(&p, &d.environment, variablesHeader, p.environment)
	r.Machine = remember(&p, &d.machine, machineHeader, p.machine)
	r.Trace = remember(&p, &d.trace, traceHeader, p.trace)
	r.Datasets = remember(&p, &d.datasets, datasetHeader, p.datasets)
	p.artifacts(r)
	p.files(r)
	if p.bad || p.fast.i < len(data) || r.ID == "" || len(nulls) > MaxParams || !r.plausible() {
		return nil, false
	}
	return r, true
}

// plausible reports whether the record keeps the rules that concern more than one key; see checkRun.
func (r *Run) plausible() bool {
	return r.Status.Valid() && !r.Started.IsZero() && (r.Status == Running) == r.Ended.IsZero() &&
		IDTime(r.ID).Sub(r.Started).Abs() <= 24*time.Hour && len(r.Metrics) <= MaxMetrics && len(r.Artifacts) <= MaxListed
}

// remember reads a table with read, unless it has the text of the one that is known. goesOn is a header with which the
// table may go on.
func remember[T any](p *runParser, k *decoded[T], goesOn string, read func() T) T {
	rest := p.fast.data[p.fast.i:]
	if n := len(k.text); n > 0 && bytes.HasPrefix(rest, k.text) {
		if rest = rest[n:]; len(rest) == 0 || rest[0] == '\n' && !bytes.HasPrefix(rest, []byte(goesOn)) {
			p.fast.i += n
			return k.value
		}
	}
	start := p.fast.i
	v := read()
	if p.fast.i > start && !p.bad {
		*k = decoded[T]{p.fast.data[start:p.fast.i:p.fast.i], v}
	}
	return v
}

// Headers of tables that records may have in common.
const (
	sourceHeader      = "\n[source]\n"
	omittedHeader     = "\n[[source.omitted]]\n"
	environmentHeader = "\n[environment]\n"
	variablesHeader   = "\n[environment.variables]\n"
	machineHeader     = "\n[machine]\n"
	traceHeader       = "\n[trace]\n"
	datasetHeader     = "\n[[datasets]]\n"
)

// runParser reads the lines of a record one after another. After a line of another form, bad is true, and what it
// returns is meaningless.
type runParser struct {
	fast fastParser
	bad  bool
}

// at reports whether the line has a key, and goes to its value.
func (p *runParser) at(key string) bool {
	const equals = " = "
	rest := p.fast.data[p.fast.i:]
	n := len(key)
	if len(rest) < n+len(equals) || string(rest[:n]) != key || string(rest[n:n+len(equals)]) != equals {
		return false
	}
	p.fast.i += n + len(equals)
	return true
}

// skip goes past a text, or returns false if something else is there.
func (p *runParser) skip(text string) bool {
	rest := p.fast.data[p.fast.i:]
	if len(rest) < len(text) || string(rest[:len(text)]) != text {
		return false
	}
	p.fast.i += len(text)
	return true
}

// must is skip of what cannot be missing.
func (p *runParser) must(ok bool) { p.bad = p.bad || !ok }

// more reports whether the table has another line.
func (p *runParser) more() bool {
	return !p.bad && p.fast.i < len(p.fast.data) && p.fast.peek() != '\n'
}

// section goes past the header of a table, and returns false if something else is there. A table has a line.
func (p *runParser) section(header string) bool {
	if p.bad || !p.skip(header) {
		return false
	}
	p.must(p.more())
	return true
}

// string reads a text and what ends it.
func (p *runParser) string(end string) string {
	if p.fast.peek() != '"' {
		p.bad = true
		return ""
	}
	s, ok := p.fast.text()
	p.must(ok && len(s) <= MaxTextBytes && p.skip(end))
	return s
}

func (p *runParser) text(key string) string {
	if !p.at(key) {
		return ""
	}
	s := p.string("\n")
	p.must(s != "")
	return s
}

// needText is text of a key that cannot be missing.
func (p *runParser) needText(key string) string {
	s := p.text(key)
	p.must(s != "")
	return s
}

func (p *runParser) id(key string) string {
	s := p.text(key)
	p.must(s == "" || CheckID(s) == nil)
	return s
}

func (p *runParser) relative(key string) string {
	s := p.text(key)
	p.must(s == "" || CheckPath(s) == nil)
	return s
}

func (p *runParser) hash(key string, git bool) string {
	s := p.text(key)
	p.must(s == "" || isHex(s, git))
	return s
}

// texts reads a list of texts.
func (p *runParser) texts(key string) []string {
	if !p.at(key) {
		return nil
	}
	list := []string{}
	if p.must(p.skip("[")); p.skip("]\n") {
		return list
	}
	for !p.bad {
		if p.fast.peek() != '"' {
			break
		}
		s, ok := p.fast.text()
		p.must(ok)
		if list = append(list, s); p.skip("]\n") {
			return list
		}
		p.must(p.skip(", "))
	}
	p.bad = true
	return nil
}

// digests is texts that are SHA-256.
func (p *runParser) digests(key string) []string {
	list := p.texts(key)
	for _, s := range list {
		p.must(isHex(s, false))
	}
	return list
}

// scalar returns the bytes of a number or a time.
func (p *runParser) scalar() []byte {
	start := p.fast.i
	for p.fast.i < len(p.fast.data) && isScalarByte(p.fast.data[p.fast.i]) {
		p.fast.i++
	}
	return p.fast.data[start:p.fast.i]
}

// whole reads an integer and what ends it.
func (p *runParser) whole(end string) int64 {
	text := p.scalar()
	if isFloat, ok := isNumber(text); isFloat || !ok {
		p.bad = true
		return 0
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	p.must(err == nil && p.skip(end))
	return v
}

func (p *runParser) number() int64 { return p.whole("\n") }

func (p *runParser) integer(key string) int64 {
	if !p.at(key) {
		return 0
	}
	return p.number()
}

// size reads an integer that is not negative.
func (p *runParser) size(key string) int64 {
	v := p.integer(key)
	p.must(v >= 0)
	return v
}

// float reads a float, which the caller must find to end where it should.
func (p *runParser) float() float64 {
	text := p.scalar()
	switch string(text) {
	case "nan":
		return math.NaN()
	case "inf":
		return math.Inf(1)
	case "-inf":
		return math.Inf(-1)
	}
	isFloat, ok := isNumber(text)
	if !ok || !isFloat {
		p.bad = true
		return 0
	}
	v, err := strconv.ParseFloat(string(text), 64)
	p.must(err == nil)
	return v
}

func (p *runParser) boolean(key string) bool {
	if !p.at(key) {
		return false
	}
	if p.skip("true\n") {
		return true
	}
	p.must(p.skip("false\n"))
	return false
}

// time reads a time in UTC.
func (p *runParser) time(key string) time.Time {
	if !p.at(key) {
		return time.Time{}
	}
	const seconds = len("2006-01-02T15:04:05")
	text := string(p.scalar())
	if len(text) <= seconds || len(text) > len(timeLayout) || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
		text[13] != ':' || text[16] != ':' || text[len(text)-1] != 'Z' ||
		!isDay(text[:4], text[5:7], text[8:10]) || !isClock(text[11:13], text[14:16], text[17:seconds]) {
		p.bad = true
		return time.Time{}
	}
	micros, year := 0, digits(text[:4])
	if fraction := text[seconds : len(text)-1]; fraction != "" {
		if micros = digits(fraction[1:]); fraction[0] != '.' || len(fraction) == 1 || micros < 0 {
			p.bad = true
			return time.Time{}
		}
		for range 7 - len(fraction) {
			micros *= 10
		}
	}
	p.must(year >= 1970 && p.skip("\n"))
	return time.Date(year, time.Month(digits(text[5:7])), digits(text[8:10]), digits(text[11:13]), digits(text[14:16]),
		digits(text[17:seconds]), micros*1000, time.UTC)
}

// key reads the key of a table whose keys are free.
func (p *runParser) key() string {
	key, ok := p.fast.key()
	p.must(ok && CheckKey(key) == nil && p.skip(" = "))
	return key
}

// values reads the table of params or of the summary.
func (p *runParser) values(name string) map[string]any {
	if p.bad || !p.skip("\n[") {
		return nil
	}
	if !p.skip(name) || !p.skip("]\n") {
		p.fast.i -= len("\n[")
		return nil
	}
	p.must(p.more())
	m := map[string]any{}
	for p.more() {
		key := p.key()
		v, ok := p.fast.value(0)
		if _, double := m[key]; double || !ok {
			p.bad = true
			return nil
		}
		m[key] = v
		p.must(p.skip("\n"))
	}
	leaves := 0
	if p.bad {
		return nil
	}
	_, _, reason := cleanValue(m, nil, 0, &leaves, false)
	p.must(reason == "")
	return m
}

func (p *runParser) tags(r *Run) {
	if p.section("\n[tags]\n") {
		r.Tags = p.named()
	}
}

// named reads a table of texts.
func (p *runParser) named() map[string]string {
	m := map[string]string{}
	for p.more() {
		key := p.key()
		_, double := m[key]
		p.must(!double)
		m[key] = p.string("\n")
	}
	p.must(len(m) < MaxParams) // the table counts too
	return m
}

func (p *runParser) metrics(r *Run) {
	if !p.section("\n[metrics]\n") {
		return
	}
	r.Metrics = make(map[string]Metric, bytes.Count(p.fast.data[p.fast.i:], []byte("{last = ")))
	for p.more() {
		key := p.key()
		_, double := r.Metrics[key]
		p.must(!double && p.skip("{last = "))
		m := Metric{Last: p.float()}
		if p.skip(", min = ") {
			m.Min = p.extreme(", min_step = ")
			p.must(p.skip(", max = "))
			m.Max = p.extreme(", max_step = ")
		}
		p.must(p.skip(", count = "))
		m.Count = p.whole("")
		if p.skip(", goal = ") {
			m.Goal = p.string("")
			p.must(m.Goal == GoalMin || m.Goal == GoalMax)
		}
		p.must(m.Count >= 1 && p.skip("}\n"))
		r.Metrics[key] = m
	}
}

func (p *runParser) extreme(step string) *Extreme {
	e := &Extreme{Value: p.float()}
	p.must(p.skip(step))
	e.Step = p.whole("")
	return e
}

func (p *runParser) source() *Source {
	if !p.section(sourceHeader) {
		return nil
	}
	s := &Source{
		Commit: p.hash("commit", true), Branch: p.text("branch"), Remote: p.text("remote"), Dirty: p.boolean("dirty"),
		Tree: p.hash("tree", true), Base: p.hash("base", true),
	}
	if start := p.fast.i; p.at("durable") {
		p.fast.i = start
		durable := p.boolean("durable")
		s.Durable = &durable
	}
	s.Patches, s.Entry, s.Reader = p.digests("patches"), p.relative("entry"), p.text("reader")
	s.Redacted, s.RedactedTree = p.boolean("redacted"), p.hash("redacted_tree", true)
	p.must(!p.more())
	for p.section(omittedHeader) {
		s.Omitted = append(s.Omitted, Omitted{
			Path: p.needText("path"), Bytes: p.size("bytes"), Count: p.size("count"), Reason: p.needText("reason"),
		})
		p.must(!p.more())
	}
	return s
}

func (p *runParser) environment() *Environment {
	if !p.section(environmentHeader) {
		return nil
	}
	e := &Environment{
		Digest: p.hash("digest", false), Python: p.text("python"), OS: p.text("os"), Arch: p.text("arch"),
		Withheld: p.texts("withheld"),
	}
	p.must(!p.more())
	if p.section(variablesHeader) {
		e.Variables = p.named()
	}
	return e
}

func (p *runParser) machine() *Machine {
	if !p.section(machineHeader) {
		return nil
	}
	m := &Machine{
		Host: p.text("host"), Kernel: p.text("kernel"), CPU: p.text("cpu"), Cores: p.size("cores"),
		Memory: p.size("memory"), GPUs: p.texts("gpus"),
	}
	p.must(!p.more())
	return m
}

func (p *runParser) trace() *Trace {
	if !p.section(traceHeader) {
		return nil
	}
	t := &Trace{
		Road: p.needText("road"), Files: p.size("files"), Withheld: p.size("withheld"), Problems: p.texts("problems"),
		Ignored: p.texts("ignored"), Folders: p.texts("folders"), Imported: p.texts("imported"),
		Stdin: p.relative("stdin"), StdinData: p.text("stdin_data"),
	}
	p.must(!p.more())
	return t
}

func (p *runParser) datasets() (list []Dataset) {
	for p.section(datasetHeader) {
		d := Dataset{
			Name: p.needText("name"), Path: p.relative("path"), SHA256: p.hash("sha256", false), Bytes: p.size("bytes"),
			Files: p.size("files"), Rows: p.size("rows"), Columns: p.texts("columns"), Manifest: p.hash("manifest", false),
			Hash: p.text("hash"), DVC: p.text("dvc"), Role: p.text("role"), Digest: p.text("digest"),
			Source: p.text("source"), SourceType: p.text("source_type"), Schema: p.text("schema"),
			Profile: p.text("profile"), Details: p.text("details"), Noticed: p.text("noticed"),
		}
		p.must(!p.more() && (d.Hash == "" || d.Hash == HashListing))
		list = append(list, d)
	}
	return list
}

func (p *runParser) artifacts(r *Run) {
	var paths pathSet
	for p.section("\n[[artifacts]]\n") {
		a := Artifact{
			Path: p.relative("path"), SHA256: p.hash("sha256", false), Bytes: p.size("bytes"), Kind: p.text("kind"),
			Key: p.text("key"),
		}
		if p.at("step") {
			step := p.number()
			a.Step = &step
		}
		a.Caption, a.Where = p.text("caption"), p.text("where")
		p.must(!p.more() && a.Path != "" && a.SHA256 != "" && paths.add(a.Path))
		r.Artifacts = append(r.Artifacts, a)
	}
}

func (p *runParser) files(r *Run) {
	if !p.section("\n[files]\n") {
		return
	}
	r.Files = map[string]File{}
	for p.more() {
		key := p.key()
		_, double := r.Files[key]
		p.must(!double && CheckPath(key) == nil && p.skip("{sha256 = "))
		f := File{SHA256: p.string("")}
		p.must(isHex(f.SHA256, false) && p.skip(", bytes = "))
		f.Bytes = p.whole("")
		if p.skip(", rows = ") {
			f.Rows = p.whole("")
		}
		if p.skip(", cut = ") {
			f.Cut = p.whole("")
		}
		if p.skip(", points = ") {
			f.Points = p.string("")
			p.must(isHex(f.Points, false))
		}
		p.must(f.Bytes >= 0 && f.Rows >= 0 && f.Cut >= 0 && p.skip("}\n"))
		r.Files[key] = f
	}
}
