package format

import "time"

// Owner is a file owner-*.toml of an active run. It identifies a process that keeps the run active. A later command
// uses it to decide whether the process still exists; it decides nothing about a process on another machine.
type Owner struct {
	Kind      string // OwnerProcess, or OwnerDetached: a run started by `runs start` has no process of its own
	PID       int64
	Start     string // when the process started, in a unit of the operating system
	Boot      string // id of the machine's boot
	Namespace string // id of the namespace of process ids
	Host      string
	Runs      string // absolute path of the .runs folder that the finished run goes to
	Clone     string // clone id, which is secret, of the clone in which the process was started
	Worktree  string // id of the worktree that the finished run goes to
	Store     string // name of the common store of that .runs folder
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
	o.addText("clone", w.Clone)
	o.addText("worktree", w.Worktree)
	o.addText("store", w.Store)
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
		Namespace: t.text("namespace"), Host: t.text("host"), Runs: t.text("runs"), Clone: t.text("clone"),
		Worktree: t.text("worktree"), Store: t.text("store"), Since: t.time("since"),
	}
	if w.Kind != OwnerProcess && w.Kind != OwnerDetached {
		t.fail(t.at("kind"), "%q is neither process nor detached", w.Kind)
	}
	return w, t.err
}
