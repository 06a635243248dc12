package format

import (
	"maps"
	"slices"
)

// EncodeRun returns the canonical run.toml of r. It returns an error if DecodeRun would refuse it.
func EncodeRun(r *Run) ([]byte, error) {
	data := appendTOML(nil, r.tree())
	if _, err := DecodeRun("run.toml", data); err != nil {
		return nil, err
	}
	return data, nil
}

// tree returns the record with its keys in reading order.
func (r *Run) tree() object {
	var o object
	o.add("schema", max(r.Schema, Schema))
	o.addTexts("requires", r.Requires)
	o.add("id", r.ID)
	o.addText("name", r.Name)
	o.addText("key", r.Key)
	o.addText("experiment", r.Experiment)
	o.add("status", string(r.Status))
	o.add("started", r.Started)
	if !r.Ended.IsZero() {
		o.add("ended", r.Ended)
	}
	o.addText("end_reason", r.EndReason)
	o.addText("author", r.Author)
	o.addTexts("command", r.Command)
	o.addText("cwd", r.Cwd)
	if r.ExitCode != nil {
		o.add("exit_code", *r.ExitCode)
	}
	o.addText("signal", r.Signal)
	o.addText("group", r.Group)
	o.addText("parent", r.Parent)
	o.addText("resumes", r.Resumes)
	if r.Adds {
		o.add("adds", true)
	}
	o.addText("reproduces", r.Reproduces)
	o.addText("note", r.Note)
	params, nulls := splitNulls(r.Params)
	nulls = append(nulls, r.Nulls...)
	slices.Sort(nulls)
	o.addTexts("nulls", slices.Compact(nulls))
	if len(params) > 0 {
		o.add("params", mapObject(params))
	}
	if len(r.Tags) > 0 {
		o.add("tags", textObject(r.Tags))
	}
	if len(r.Metrics) > 0 {
		var metrics object
		for _, key := range slices.Sorted(maps.Keys(r.Metrics)) {
			metrics.add(key, r.Metrics[key].tree())
		}
		o.add("metrics", metrics)
	}
	if len(r.Summary) > 0 {
		o.add("summary", mapObject(r.Summary))
	}
	o.addObjects("defined", len(r.Defined), func(i int) object { return r.Defined[i].tree() })
	if r.Source != nil {
		o.add("source", r.Source.tree())
	}
	if r.Environment != nil {
		o.add("environment", r.Environment.tree())
	}
	if r.Machine != nil {
		o.add("machine", r.Machine.tree())
	}
	if r.Trace != nil {
		o.add("trace", r.Trace.tree())
	}
	o.addObjects("datasets", len(r.Datasets), func(i int) object { return r.Datasets[i].tree() })
	o.addObjects("artifacts", len(r.Artifacts), func(i int) object { return r.Artifacts[i].tree() })
	if len(r.Conflicts) > 0 {
		var conflicts object
		for _, key := range slices.Sorted(maps.Keys(r.Conflicts)) {
			conflicts.add(key, r.Conflicts[key])
		}
		o.add("conflicts", conflicts)
	}
	if len(r.Extra) > 0 {
		o.add("extra", mapObject(r.Extra))
	}
	if len(r.Files) > 0 {
		var files object
		for _, name := range slices.Sorted(maps.Keys(r.Files)) {
			files.add(name, r.Files[name].tree())
		}
		o.add("files", files)
	}
	o.addObjects("redacted", len(r.Redacted), func(i int) object { return r.Redacted[i].tree() })
	o.merge(r.Unknown)
	return o
}

func (m Metric) tree() object {
	var o object
	o.add("last", m.Last)
	if m.Min != nil {
		o.add("min", m.Min.Value)
		o.add("min_step", m.Min.Step)
	}
	if m.Max != nil {
		o.add("max", m.Max.Value)
		o.add("max_step", m.Max.Step)
	}
	o.add("count", m.Count)
	o.addText("goal", m.Goal)
	return o
}

func (s *Source) tree() object {
	var o object
	o.addText("commit", s.Commit)
	o.addText("branch", s.Branch)
	o.addText("remote", s.Remote)
	o.add("dirty", s.Dirty)
	o.addText("tree", s.Tree)
	o.addText("base", s.Base)
	if s.Durable != nil {
		o.add("durable", *s.Durable)
	}
	o.addTexts("patches", s.Patches)
	o.addText("entry", s.Entry)
	o.addText("reader", s.Reader)
	if s.Redacted {
		o.add("redacted", true)
	}
	o.addText("redacted_tree", s.RedactedTree)
	o.addObjects("omitted", len(s.Omitted), func(i int) object {
		var item object
		item.add("path", s.Omitted[i].Path)
		item.add("bytes", s.Omitted[i].Bytes)
		item.addInt("count", s.Omitted[i].Count)
		item.add("reason", s.Omitted[i].Reason)
		return item
	})
	o.addObjects("submodules", len(s.Submodules), func(i int) object { return s.Submodules[i].tree() })
	o.addObjects("packages", len(s.Packages), func(i int) object { return s.Packages[i].tree() })
	for _, key := range []string{"omitted", "submodules", "packages"} {
		if i := o.index(key); i >= 0 {
			o[i].section = true
		}
	}
	return o
}

func (s *Submodule) tree() object {
	var o object
	o.add("path", s.Path)
	return append(o, s.Part.tree()...)
}

func (p *Package) tree() object {
	var o object
	o.add("name", p.Name)
	o = append(o, p.Part.tree()...)
	o.addText("folder", p.Folder)
	o.addInt("omitted", p.Omitted)
	return o
}

func (p *Part) tree() object {
	var o object
	o.addText("url", p.URL)
	o.addText("commit", p.Commit)
	o.add("tree", p.Tree)
	o.addText("base", p.Base)
	o.addTexts("patches", p.Patches)
	if p.Redacted {
		o.add("redacted", true)
	}
	return o
}

func (e *Environment) tree() object {
	var o object
	o.addText("digest", e.Digest)
	o.addText("python", e.Python)
	o.addText("os", e.OS)
	o.addText("arch", e.Arch)
	o.addTexts("withheld", e.Withheld)
	if len(e.Variables) > 0 {
		o = append(o, field{key: "variables", value: textObject(e.Variables), section: true})
	}
	return o
}

func (m *Machine) tree() object {
	var o object
	o.addText("host", m.Host)
	o.addText("kernel", m.Kernel)
	o.addText("cpu", m.CPU)
	o.addInt("cores", m.Cores)
	o.addInt("memory", m.Memory)
	o.addTexts("gpus", m.GPUs)
	return o
}

func (d Dataset) tree() object {
	var o object
	o.add("name", d.Name)
	o.addText("path", d.Path)
	o.addText("sha256", d.SHA256)
	o.add("bytes", d.Bytes)
	o.add("files", d.Files)
	o.addInt("rows", d.Rows)
	o.addTexts("columns", d.Columns)
	o.addText("manifest", d.Manifest)
	o.addText("hash", d.Hash)
	o.addText("dvc", d.DVC)
	o.addText("role", d.Role)
	o.addText("digest", d.Digest)
	o.addText("source", d.Source)
	o.addText("source_type", d.SourceType)
	o.addText("schema", d.Schema)
	o.addText("profile", d.Profile)
	o.addText("details", d.Details)
	o.addText("noticed", d.Noticed)
	return o
}

func (t *Trace) tree() object {
	var o object
	o.add("road", t.Road)
	o.addInt("files", t.Files)
	o.addInt("withheld", t.Withheld)
	o.addTexts("problems", t.Problems)
	o.addTexts("ignored", t.Ignored)
	o.addTexts("folders", t.Folders)
	o.addTexts("imported", t.Imported)
	o.addText("stdin", t.Stdin)
	o.addText("stdin_data", t.StdinData)
	return o
}

func (a Artifact) tree() object {
	var o object
	o.add("path", a.Path)
	o.add("sha256", a.SHA256)
	o.add("bytes", a.Bytes)
	o.addText("kind", a.Kind)
	o.addText("key", a.Key)
	if a.Step != nil {
		o.add("step", *a.Step)
	}
	o.addText("caption", a.Caption)
	o.addText("where", a.Where)
	return o
}

func (f File) tree() object {
	var o object
	o.add("sha256", f.SHA256)
	o.add("bytes", f.Bytes)
	o.addInt("rows", f.Rows)
	o.addInt("cut", f.Cut)
	o.addText("points", f.Points)
	return o
}
