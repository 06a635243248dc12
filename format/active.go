package format

import "time"

// Owner is a file owner-*.toml of a run in progress: who keeps it open. With it a later command decides whether the
// process is gone, and never guesses across machines.
type Owner struct {
	Kind      string // "process", or "detached": a run begun by `runs start` has no process of its own
	PID       int64
	Start     string // when the process started, in the system's own unit
	Boot      string // id of the machine's boot
	Namespace string // of process ids
	Host      string
	Runs      string // the .runs folder that the finished run goes to, absolute: this machine's own
	Since     time.Time
}

// Kinds of owner.
const (
	OwnerProcess  = "process"
	OwnerDetached = "detached"
)

// EncodeOwner returns the bytes of an owner file.
func EncodeOwner(w *Owner) []byte {
	var o object
	o.add("schema", int64(Schema))
	o.add("kind", w.Kind)
	o.addInt("pid", w.PID)
	o.addText("start", w.Start)
	o.addText("boot", w.Boot)
	o.addText("namespace", w.Namespace)
	o.addText("host", w.Host)
	o.addText("runs", w.Runs)
	o.add("since", w.Since)
	return appendTOML(nil, o)
}

// DecodeOwner reads an owner file.
func DecodeOwner(file string, data []byte) (*Owner, error) {
	m, err := parseTOML(file, data, MaxNoteBytes)
	if err != nil {
		return nil, err
	}
	t := table{&reader{file: file, data: data}, nil, m}
	w := &Owner{
		Kind: t.needText("kind"), PID: t.size("pid"), Start: t.text("start"), Boot: t.text("boot"),
		Namespace: t.text("namespace"), Host: t.text("host"), Runs: t.text("runs"), Since: t.time("since"),
	}
	if w.Kind != OwnerProcess && w.Kind != OwnerDetached {
		t.fail(t.at("kind"), "%q is neither process nor detached", w.Kind)
	}
	return w, t.err
}

// Consumed is a file consumed-*.toml of a run in progress, written before the finished folder gets its name: how far each
// journal went into the run.toml with this digest. What lies behind belongs to a run that resumes this one.
type Consumed struct {
	Record   string           // SHA-256 of the finished run.toml
	Journals map[string]int64 // bytes by file name
}

// EncodeConsumed returns the bytes of a consumed file.
func EncodeConsumed(c *Consumed) []byte {
	var o, journals object
	o.add("schema", int64(Schema))
	o.add("record", c.Record)
	for _, name := range sortedKeys(c.Journals) {
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
	c := &Consumed{Record: t.needDigest("record"), Journals: map[string]int64{}}
	if s, ok := t.sub("journals"); ok {
		for _, name := range sortedKeys(s.m) {
			c.Journals[name] = s.size(name)
		}
	}
	return c, t.err
}
