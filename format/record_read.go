package format

import (
	"fmt"
	"maps"
	"slices"
)

// DecodeRun reads a run.toml strictly. Each known key must have the right type and be in range. Otherwise, DecodeRun
// returns a *FileError with the line and the reason. It keeps unknown keys in Unknown. file is the name used in
// errors.
func DecodeRun(file string, data []byte) (*Run, error) {
	var d RunDecoder
	return d.Decode(file, data)
}

// decodeAny decodes any record. file and data are those of DecodeRun.
func decodeAny(file string, data []byte) (*Run, error) {
	m, err := parseTOML(file, data, MaxRecordBytes)
	if err != nil {
		return nil, err
	}
	t := table{&reader{file: file, data: data}, nil, m}
	schema, _ := m["schema"].(int64)
	r := readRun(t)
	if wrong, ok := t.err.(*FileError); ok && schema > Schema { // nothing wraps it yet
		wrong.Reason += fmt.Sprintf("; the record has schema %d, and this version of runs knows %d: upgrade runs", schema,
			Schema)
	}
	if t.err != nil {
		return nil, t.err
	}
	return r, nil
}

func readRun(t table) *Run {
	schema, requires := t.integer("schema"), t.texts("requires")
	if schema < Schema {
		t.fail(t.at("schema"), "must be at least %d", Schema)
		return nil
	}
	if names := missing(requires, forReading); len(names) > 0 && t.err == nil {
		t.err = requiresError(t.file, lineOf(t.data, t.at("requires")), "reading", names)
		return nil
	}
	r := &Run{
		Requires:   requires,
		ID:         t.id("id", true),
		Name:       t.text("name"),
		Key:        t.text("key"),
		Experiment: t.text("experiment"),
		Status:     Status(t.needText("status")),
		Started:    t.time("started"),
		Ended:      t.time("ended"),
		EndReason:  t.text("end_reason"),
		Author:     t.text("author"),
		Command:    t.texts("command"),
		Cwd:        t.relative("cwd"),
		Signal:     t.text("signal"),
		Group:      t.text("group"),
		Parent:     t.id("parent", false),
		Resumes:    t.id("resumes", false),
		Adds:       t.boolean("adds"),
		Reproduces: t.id("reproduces", false),
		Note:       t.text("note"),
	}
	if schema > Schema {
		r.Schema = schema
	}
	nulls := t.texts("nulls")
	if len(nulls) > MaxParams {
		t.fail(t.at("nulls"), "more than %d entries", MaxParams)
		nulls = nil
	}
	if t.has("exit_code") {
		code := t.integer("exit_code")
		r.ExitCode = &code
	}
	unknown := map[string]any{}
	sub := func(key string, read func(table)) {
		if s, ok := t.sub(key); ok {
			read(s)
			if rest := s.rest(); rest != nil {
				unknown[key] = rest
			}
		}
	}
	list := func(key string, read func(table)) {
		if rest := t.each(key, read); rest != nil {
			unknown[key] = rest
		}
	}
	if p, ok := t.sub("params"); ok {
		r.Params = p.values(p.m, false)
	}
	if len(nulls) > 0 {
		if r.Params == nil {
			r.Params = Params{}
		}
		r.Nulls = joinNulls(r.Params, nulls)
	}
	if p, ok := t.sub("tags"); ok {
		r.Tags = p.strings()
	}
	if p, ok := t.sub("metrics"); ok {
		r.Metrics = make(map[string]Metric, len(p.m))
		rest := p.children(func(key string, s table) { r.Metrics[key] = readMetric(s) })
		if rest != nil {
			unknown["metrics"] = rest
		}
	}
	if p, ok := t.sub("summary"); ok {
		r.Summary = p.values(p.m, false)
	}
	list("defined", func(s table) { r.Defined = append(r.Defined, readDefinition(s)) })
	sub("source", func(s table) { r.Source = readSource(s, unknown) })
	sub("environment", func(s table) {
		r.Environment = &Environment{
			Digest: s.digest("digest"), Python: s.text("python"), OS: s.text("os"), Arch: s.text("arch"),
			Withheld: s.texts("withheld"),
		}
		if v, ok := s.sub("variables"); ok {
			r.Environment.Variables = v.strings()
		}
	})
	sub("machine", func(s table) {
		r.Machine = &Machine{
			Host: s.text("host"), Kernel: s.text("kernel"), CPU: s.text("cpu"),
			Cores: s.size("cores"), Memory: s.size("memory"), GPUs: s.texts("gpus"),
		}
	})
	sub("trace", func(s table) {
		r.Trace = &Trace{
			Road: s.needText("road"), Files: s.size("files"), Withheld: s.size("withheld"), Problems: s.texts("problems"),
			Ignored: s.texts("ignored"), Folders: s.texts("folders"), Imported: s.texts("imported"),
			Stdin: s.relative("stdin"), StdinData: s.text("stdin_data"),
		}
	})
	list("datasets", func(s table) { r.Datasets = append(r.Datasets, readDataset(s)) })
	var paths pathSet
	list("artifacts", func(s table) {
		a := readArtifact(s)
		if s.err == nil && !paths.add(a.Path) {
			s.fail(s.at("path"), "%q is listed twice", a.Path)
		}
		r.Artifacts = append(r.Artifacts, a)
	})
	if p, ok := t.sub("conflicts"); ok {
		r.Conflicts = map[string][]any{}
		for key, v := range p.values(p.m, false) {
			values, ok := v.([]any)
			if !ok {
				p.fail(p.at(key), "must be a list, got %s", kindOf(v))
				break
			}
			r.Conflicts[key] = values
		}
	}
	if p, ok := t.sub("extra"); ok {
		r.Extra = p.values(p.m, true)
	}
	if p, ok := t.sub("files"); ok {
		r.Files = make(map[string]File, len(p.m))
		rest := p.children(func(key string, s table) {
			if err := CheckPath(key); err != nil {
				s.fail(s.path, "%v", err)
			}
			r.Files[key] = File{
				SHA256: s.needDigest("sha256"), Bytes: s.size("bytes"), Rows: s.size("rows"), Cut: s.size("cut"),
				Points: s.digest("points"),
			}
		})
		if rest != nil {
			unknown["files"] = rest
		}
	}
	list("redacted", func(s table) { r.Redacted = append(r.Redacted, readRedaction(s)) })
	for key, v := range t.rest() {
		unknown[key] = v
	}
	if len(unknown) > 0 {
		r.Unknown = unknown
	}
	t.checkRun(r)
	return r
}

// checkRun checks the rules that concern more than one key.
func (t table) checkRun(r *Run) {
	switch {
	case !r.Status.Valid():
		t.fail(t.at("status"), "%q is not one of running, finished, failed, killed, crashed", string(r.Status))
	case r.Started.IsZero():
		t.fail(t.at("started"), "missing")
	case r.Status == Running && !r.Ended.IsZero():
		t.fail(t.at("ended"), "must be absent while the run is running")
	case r.Status != Running && r.Ended.IsZero():
		t.fail(t.at("ended"), "missing, and the run is %s", r.Status)
	case t.err == nil && IDTime(r.ID).Sub(r.Started).Abs().Hours() > 24:
		t.fail(t.at("started"), "differs from the time in the id by more than a day")
	case len(r.Metrics) > MaxMetrics:
		t.fail(t.at("metrics"), "more than %d metrics", MaxMetrics)
	case len(r.Defined) > MaxDefined:
		t.fail(t.at("defined"), "more than %d definitions", MaxDefined)
	case len(r.Artifacts) > MaxListed:
		t.fail(t.at("artifacts"), "more than %d artifacts", MaxListed)
	}
}

// strings takes all keys of the table, which must be strings.
func (t table) strings() map[string]string {
	texts := make(map[string]string, len(t.m))
	for key, v := range t.values(t.m, false) {
		s, ok := v.(string)
		switch {
		case !ok:
			t.fail(t.at(key), "must be a string, got %s", kindOf(v))
		case len(s) > MaxTextBytes:
			t.fail(t.at(key), "must not be longer than %d bytes", MaxTextBytes)
		}
		texts[key] = s
		delete(t.m, key)
	}
	return texts
}

// children reads each key of the table as a table. It returns the keys in these tables that were not taken.
func (t table) children(read func(key string, s table)) map[string]any {
	unknown := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(t.m)) {
		if err := CheckKey(key); err != nil {
			t.fail(t.at(key), "%v", err)
		}
		if s, ok := t.sub(key); ok {
			read(key, s)
			if rest := s.rest(); rest != nil {
				unknown[key] = rest
			}
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return unknown
}

// id reads the id of a run. If must is true, a missing id is an error.
func (t table) id(key string, must bool) string {
	if must && !t.has(key) {
		t.fail(t.at(key), "missing")
	}
	s := t.text(key)
	if s != "" {
		if err := CheckID(s); err != nil {
			t.fail(t.at(key), "%v", err)
		}
	}
	return s
}

// relative reads a path that CheckPath allows.
func (t table) relative(key string) string {
	s := t.text(key)
	if s != "" {
		if err := CheckPath(s); err != nil {
			t.fail(t.at(key), "%v", err)
		}
	}
	return s
}

// hash reads a digest of 64 hex digits or, if git is true, a Git object id of 40 or 64.
func (t table) hash(key string, git bool) string {
	s := t.text(key)
	if s != "" && !isHex(s, git) {
		t.fail(t.at(key), "%q is not a hash in lower-case hex", s)
	}
	return s
}

func (t table) digest(key string) string { return t.hash(key, false) }

func (t table) needDigest(key string) string {
	if !t.has(key) {
		t.fail(t.at(key), "missing")
	}
	return t.hash(key, false)
}

func readMetric(t table) Metric {
	if !t.has("last") {
		t.fail(t.at("last"), "missing")
	}
	m := Metric{
		Last: t.float("last"), Min: t.extreme("min"), Max: t.extreme("max"), Count: t.size("count"), Goal: t.text("goal"),
	}
	switch {
	case m.Count < 1:
		t.fail(t.at("count"), "must be at least 1")
	case m.Goal != "" && m.Goal != GoalMin && m.Goal != GoalMax:
		t.fail(t.at("goal"), "%q is neither min nor max", m.Goal)
	case (m.Min == nil) != (m.Max == nil):
		t.fail(t.path, "must have both min and max, or neither")
	}
	return m
}

func (t table) extreme(key string) *Extreme {
	if !t.has(key) {
		if t.has(key + "_step") {
			t.fail(t.at(key+"_step"), "requires %s", key)
		}
		return nil
	}
	if !t.has(key + "_step") {
		t.fail(t.at(key), "requires %s_step", key)
	}
	return &Extreme{Value: t.float(key), Step: t.integer(key + "_step")}
}

func readSource(t table, unknown map[string]any) *Source {
	s := &Source{
		Commit: t.hash("commit", true), Branch: t.text("branch"), Remote: t.text("remote"), Dirty: t.boolean("dirty"),
		Tree: t.hash("tree", true), Base: t.hash("base", true), Patches: t.texts("patches"), Entry: t.relative("entry"),
		Reader: t.text("reader"), Redacted: t.boolean("redacted"), RedactedTree: t.hash("redacted_tree", true),
	}
	if t.has("durable") {
		durable := t.boolean("durable")
		s.Durable = &durable
	}
	for _, digest := range s.Patches {
		if !isHex(digest, false) {
			t.fail(t.at("patches"), "%q is not a SHA-256 in lower-case hex", digest)
		}
	}
	rest := t.each("omitted", func(o table) {
		s.Omitted = append(s.Omitted, Omitted{
			Path: o.needText("path"), Bytes: o.size("bytes"), Count: o.size("count"), Reason: o.needText("reason"),
		})
	})
	if rest != nil {
		t.m["omitted"] = rest // the caller's rest() keeps it with the other unknown keys
	}
	if rest := t.each("submodules", func(o table) { s.Submodules = append(s.Submodules, readSubmodule(o)) }); rest != nil {
		t.m["submodules"] = rest
	}
	if len(s.Submodules) > MaxSubmodules {
		t.fail(t.at("submodules"), "has %d entries, the limit is %d", len(s.Submodules), MaxSubmodules)
	}
	for i := 1; i < len(s.Submodules); i++ {
		if s.Submodules[i].Path <= s.Submodules[i-1].Path {
			t.fail(t.at("submodules"), "%q is there twice or out of order", s.Submodules[i].Path)
		}
	}
	if rest := t.each("packages", func(o table) { s.Packages = append(s.Packages, readPackage(o)) }); rest != nil {
		t.m["packages"] = rest
	}
	if len(s.Packages) > MaxPackages {
		t.fail(t.at("packages"), "has %d entries, the limit is %d", len(s.Packages), MaxPackages)
	}
	for i := 1; i < len(s.Packages); i++ {
		if s.Packages[i].Name <= s.Packages[i-1].Name {
			t.fail(t.at("packages"), "%q is there twice or out of order", s.Packages[i].Name)
		}
	}
	return s
}

// MaxSubmodules is how many submodules a record has at most, and MaxPackages how many packages.
const (
	MaxSubmodules = 1000
	MaxPackages   = 100
)

func readSubmodule(t table) Submodule {
	if !t.has("path") {
		t.fail(t.at("path"), "missing")
	}
	return Submodule{t.relative("path"), readPart(t)}
}

func readPackage(t table) Package {
	return Package{t.needText("name"), readPart(t), t.relative("folder"), t.size("omitted")}
}

func readPart(t table) Part {
	if !t.has("tree") {
		t.fail(t.at("tree"), "missing")
	}
	p := Part{
		URL: t.text("url"), Commit: t.hash("commit", true), Tree: t.hash("tree", true), Base: t.hash("base", true),
		Patches: t.texts("patches"), Redacted: t.boolean("redacted"),
	}
	for _, digest := range p.Patches {
		if !isHex(digest, false) {
			t.fail(t.at("patches"), "%q is not a SHA-256 in lower-case hex", digest)
		}
	}
	return p
}

func readDataset(t table) Dataset {
	d := Dataset{
		Name: t.needText("name"), Path: t.relative("path"), SHA256: t.digest("sha256"),
		Bytes: t.size("bytes"), Files: t.size("files"), Rows: t.size("rows"), Columns: t.texts("columns"),
		Manifest: t.digest("manifest"), Hash: t.text("hash"), DVC: t.text("dvc"), Role: t.text("role"),
		Digest: t.text("digest"), Source: t.text("source"), SourceType: t.text("source_type"),
		Schema: t.text("schema"), Profile: t.text("profile"), Details: t.text("details"),
		Noticed: t.text("noticed"),
	}
	if d.Hash != "" && d.Hash != HashListing {
		t.fail(t.at("hash"), "must be \"listing\" or absent, got %q", d.Hash)
	}
	return d
}

func readArtifact(t table) Artifact {
	if !t.has("path") {
		t.fail(t.at("path"), "missing")
	}
	a := Artifact{
		Path: t.relative("path"), SHA256: t.needDigest("sha256"), Bytes: t.size("bytes"), Kind: t.text("kind"),
		Key: t.text("key"), Caption: t.text("caption"), Where: t.text("where"),
	}
	if t.has("step") {
		step := t.integer("step")
		a.Step = &step
	}
	return a
}
