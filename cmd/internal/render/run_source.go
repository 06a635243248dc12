package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
)

// artifactRole is the role of a dataset that is an artifact of another run in this project.
const artifactRole = "artifact"

// origin shows the source, data, machine and environment of the run.
func (v Run) origin(p *page, r *format.Run) {
	v.source(p, r.Source)
	var models []string // that the run used
	titled := r.Trace != nil && (r.Trace.Withheld > 0 || len(r.Trace.Problems) > 0)
	if titled {
		p.title("data")
	}
	for i := range r.Datasets {
		d := &r.Datasets[i]
		if d.SourceType == format.SourceModel {
			models = append(models, d.Digest)
			continue
		}
		if !titled {
			titled = true
			p.title("data")
		}
		dataset(p, d)
	}
	if r.Trace != nil {
		trace(p, r)
	}
	if len(models) > 0 {
		p.title("models used")
	}
	for _, id := range models {
		p.line("  %s", terminal.Clean(id))
	}
	if machine := machineOf(r); len(machine) > 0 {
		p.line("")
		p.pair("ran with", strings.Join(machine, ", "))
	}
	if e := r.Environment; e != nil {
		v.environment(p, e)
	}
}

func (v Run) source(p *page, s *format.Source) {
	if s == nil || s.Commit == "" && !s.Dirty {
		return
	}
	p.title("source")
	commit := "none yet"
	if s.Commit != "" {
		commit = s.Commit[:12]
	}
	if s.Branch != "" {
		commit += " on " + s.Branch
	}
	if s.Dirty && s.Commit != "" {
		commit += " with uncommitted changes"
	}
	p.pair("  commit", commit)
	p.pair("  remote", s.Remote)
	p.pair("  program", s.Entry)
	if s.Reader == format.ReaderNative {
		p.pair("  read by", "runs, on a machine without git")
	}
	v.restorable(p, s)
}

// trace says how the data was noticed that nobody has named, and what is not known of it.
func trace(p *page, r *format.Run) {
	if r.Trace.Withheld > 0 {
		p.line("  %s", p.t.Paint(terminal.Dim, terminal.Count(r.Trace.Withheld, "file")+
			" with a name that is not recorded, as of keys or hidden files"))
	}
	if len(r.Trace.Ignored) > 0 {
		what := "what the program read was not noticed"
		if r.Trace.Road != format.RoadNone {
			what = "nothing that the program read was noticed"
		}
		what += "; not in Git: " + strings.Join(r.Trace.Ignored, ", ")
		if len(r.Trace.Problems)+len(r.Datasets) > 0 || r.Trace.Withheld > 0 { // there is a title
			p.line("  %s", what)
		} else {
			p.pair("data", what)
		}
	}
	for _, problem := range r.Trace.Problems {
		p.line("  %s", p.t.Paint(terminal.Yellow, "not known: "+terminal.Clean(problem)))
	}
}

// dataset describes a dataset in one line.
func dataset(p *page, d *format.Dataset) {
	where := d.Path
	switch {
	case where == "" && d.Role == artifactRole:
		where = "artifact of this project"
	case where == "" && d.Noticed != "" && d.Source != "":
		where = d.Source + " at " + short(d.Digest)
	case where == "" && d.Noticed != "" && d.Digest != "":
		where = d.SourceType + " at " + d.Digest
	case where == "" && d.Source != "":
		where = d.Source
	case where == "" && d.SHA256 == "" && d.DVC == "":
		where = "in memory"
	case where == "":
		where = "outside the project"
	}
	size := terminal.Bytes(d.Bytes)
	if d.Bytes == 0 && d.SHA256 == "" {
		size = "size unknown"
	}
	if d.Files > 1 {
		size += fmt.Sprintf(" in %d files", d.Files)
	}
	if d.Rows > 0 {
		size += ", " + terminal.Count(d.Rows, "row")
	}
	if len(d.Columns) > 0 {
		size += ", " + terminal.Count(int64(len(d.Columns)), "column")
	}
	kind := "sha256 " + short(d.SHA256)
	switch {
	case d.Hash != "":
		kind = "names and sizes only: " + short(d.SHA256)
	case d.SHA256 == "" && d.Noticed != "":
		kind = terminal.Count(d.Files, "file")
	case d.SHA256 == "" && d.DVC == "":
		kind = "the program's digest " + d.Digest
	case d.SHA256 == "":
		kind = "dvc " + d.DVC
	}
	switch d.Noticed {
	case "":
	case format.RoadSyscalls:
		kind += ", noticed by system calls"
	default:
		kind += ", noticed by " + d.Noticed
	}
	kind = p.t.Paint(terminal.Dim, terminal.Clean(kind))
	p.line("  %s  %s, %s, %s", terminal.Clean(d.Name), terminal.Clean(where), size, kind)
}

// machineOf describes the interpreter, system and hardware of a run.
func machineOf(r *format.Run) (parts []string) {
	if e := r.Environment; e != nil {
		if e.Python != "" {
			parts = append(parts, "Python "+e.Python)
		}
		if e.OS != "" {
			parts = append(parts, e.OS+"/"+e.Arch)
		}
	}
	if m := r.Machine; m != nil {
		if m.CPU != "" {
			parts = append(parts, m.CPU)
		}
		if m.Cores > 0 {
			parts = append(parts, terminal.Count(m.Cores, "core"))
		}
		if m.Memory > 0 {
			parts = append(parts, terminal.Bytes(m.Memory))
		}
		parts = append(parts, m.GPUs...)
		if m.Host != "" {
			parts = append(parts, "on "+m.Host)
		}
	}
	return parts
}

// environment shows the number of packages and lists the recorded variables.
func (v Run) environment(p *page, e *format.Environment) {
	if f := v.Environment; f != nil {
		var parts []string
		for _, part := range []struct {
			packages format.Packages
			what     string
		}{
			{f.Packages, "Python package"},
			{f.Conda, "conda package"},
			{f.Go, "Go module"},
			{f.Node, "Node package"},
			{f.R, "R package"},
		} {
			if n := len(part.packages); n > 0 {
				parts = append(parts, terminal.Count(int64(n), part.what))
			}
		}
		outside := int64(0)
		for _, e := range f.Editable {
			if e.Files != "" || e.Tree != "" {
				outside++
			}
		}
		if outside > 0 {
			parts = append(parts, terminal.Count(outside, "editable package")+" outside the project")
		}
		if f.CUDA != "" {
			parts = append(parts, "CUDA "+f.CUDA)
		}
		if f.Driver != "" {
			parts = append(parts, "driver "+f.Driver)
		}
		if len(f.Locks) > 0 {
			parts = append(parts, strings.Join(slices.Sorted(maps.Keys(f.Locks)), ", "))
		}
		p.pair("packages", strings.Join(parts, ", "))
	}
	if len(e.Variables) == 0 && len(e.Withheld) == 0 {
		return
	}
	p.title("variables")
	for _, name := range slices.Sorted(maps.Keys(e.Variables)) {
		p.line("  %s = %s", terminal.Clean(name), terminal.Clean(e.Variables[name]))
	}
	for _, name := range e.Withheld {
		p.line("  %s %s", terminal.Clean(name), p.t.Paint(terminal.Dim, "withheld: it may be a secret"))
	}
}

// shownOmitted is the maximum number of files to list that were left out of the source.
const shownOmitted = 10

// partText tells a part of the source that has a commit of its own.
func partText(name, commit string, patches []string) string {
	if commit != "" {
		name += " at " + commit[:12]
	}
	if len(patches) > 0 {
		name += ", with changes"
	}
	return name
}

// restorable shows the source tree and lists what cannot be restored.
func (v Run) restorable(p *page, s *format.Source) {
	if s.Tree == "" {
		return
	}
	p.pair("  tree", s.Tree[:12])
	for i, sub := range s.Submodules {
		if i == shownOmitted {
			p.line("    … and %s more", terminal.Count(int64(len(s.Submodules)-i), "submodule"))
			break
		}
		p.pair("  submodule", terminal.Clean(partText(sub.Path, sub.Commit, sub.Patches)))
	}
	for i, pkg := range s.Packages {
		if i == shownOmitted {
			p.line("    … and %s more", terminal.Count(int64(len(s.Packages)-i), "package"))
			break
		}
		text := partText(pkg.Name, pkg.Commit, pkg.Patches)
		if pkg.Omitted > 0 {
			text += ", without " + terminal.Count(pkg.Omitted, "file")
		}
		p.pair("  package", terminal.Clean(text))
	}
	if missing := s.Missing(); missing != "" {
		p.line("  %s", p.t.Paint(terminal.Yellow, "not fully restorable: "+missing))
	}
	shown := 0
	for _, o := range s.Omitted {
		if o.Harmless() && o.Reason != format.OmittedRewritten {
			continue
		}
		if shown++; shown > shownOmitted {
			p.line("    … run 'runs show --toml' to see more")
			break
		}
		what := terminal.Bytes(o.Bytes)
		if o.Count > 0 {
			what = terminal.Count(o.Count, "file") + ", " + what
		}
		reason := o.Reason
		if reason == format.OmittedRewritten {
			reason += "; the tree has it as the commit does"
		}
		p.line("    %s  %s", terminal.Clean(o.Path), p.t.Paint(terminal.Dim, what+": "+terminal.Clean(reason)))
	}
}
