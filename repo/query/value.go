// Package query finds runs among a list of records: expressions, selectors, sorting and grouping.
package query

import (
	"math"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// Context is what a question needs to know beside the runs.
type Context struct {
	Goal func(metric string) string // "min", "max" or "", by configuration or name
	Now  time.Time
}

// Value returns what a key means for a run, as expressions, columns, sorting and grouping use it: a string, int64, float64,
// bool, time.Time, []any or map[string]any. A key with a prefix (metrics., params., tags., or the name of a table) is
// looked up there; a bare key is a metric, else a param, else a tag, else an attribute.
func Value(r *format.Run, key string, c Context) (any, bool) {
	prefix, rest, dotted := strings.Cut(key, ".")
	if dotted {
		switch prefix {
		case "metrics":
			return metric(r, rest, c)
		case "params":
			return param(r.Params, rest)
		case "tags":
			v, ok := r.Tags[rest]
			return v, ok
		case "attributes":
			return attribute(r, rest)
		}
	}
	if v, ok := metric(r, key, c); ok {
		return v, true
	}
	if v, ok := param(r.Params, key); ok {
		return v, true
	}
	if v, ok := r.Tags[key]; ok {
		return v, true
	}
	return attribute(r, key)
}

// metric returns the best value of a metric by its goal, the last where the goal is unknown, or the part that a suffix
// names: rmse.last, .min, .max, .min_step, .max_step, .count.
func metric(r *format.Run, key string, c Context) (any, bool) {
	if m, ok := r.Metrics[key]; ok {
		return Best(m, goalOf(m, key, c)), true
	}
	i := strings.LastIndexByte(key, '.')
	if i < 0 {
		return nil, false
	}
	m, ok := r.Metrics[key[:i]]
	if !ok {
		return nil, false
	}
	switch key[i+1:] {
	case "last":
		return m.Last, true
	case "best":
		return Best(m, goalOf(m, key[:i], c)), true
	case "count":
		return m.Count, true
	case "min", "min_step":
		return extreme(m, m.Min, strings.HasSuffix(key, "step"))
	case "max", "max_step":
		return extreme(m, m.Max, strings.HasSuffix(key, "step"))
	}
	return nil, false
}

// extreme of a metric with one point is that point.
func extreme(m format.Metric, e *format.Extreme, step bool) (any, bool) {
	switch {
	case e != nil && step:
		return e.Step, true
	case e != nil:
		return e.Value, true
	case step || m.Count != 1:
		return nil, false
	}
	return m.Last, true
}

func goalOf(m format.Metric, key string, c Context) string {
	if c.Goal != nil {
		if goal := c.Goal(key); goal != "" {
			return goal
		}
	}
	return m.Goal
}

// Best is the value of a metric that counts: the smallest or largest by its goal, else the last. NaN where every point is.
func Best(m format.Metric, goal string) float64 {
	switch {
	case goal == format.GoalMin && m.Min != nil:
		return m.Min.Value
	case goal == format.GoalMax && m.Max != nil:
		return m.Max.Value
	}
	return m.Last
}

// param looks up a dotted path; a key with dots of its own is found too.
func param(params map[string]any, key string) (any, bool) {
	if v, ok := params[key]; ok {
		return v, true
	}
	for i := 0; i < len(key); i++ {
		if key[i] != '.' {
			continue
		}
		if sub, ok := params[key[:i]].(map[string]any); ok {
			if v, ok := param(sub, key[i+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// attribute is a key of the record itself.
func attribute(r *format.Run, key string) (any, bool) {
	text := func(s string) (any, bool) { return s, s != "" }
	switch key {
	case "id":
		return r.ID, true
	case "name":
		return text(r.Name)
	case "key":
		return text(r.Key)
	case "experiment":
		return text(r.Experiment)
	case "status":
		return string(r.Status), true
	case "started":
		return r.Started, true
	case "ended":
		return r.Ended, !r.Ended.IsZero()
	case "duration":
		return r.Ended.Sub(r.Started).Seconds(), !r.Ended.IsZero()
	case "end_reason":
		return text(r.EndReason)
	case "signal":
		return text(r.Signal)
	case "author":
		return text(r.Author)
	case "group":
		return text(r.Group)
	case "parent":
		return text(r.Parent)
	case "resumes":
		return text(r.Resumes)
	case "reproduces":
		return text(r.Reproduces)
	case "note":
		return text(r.Note)
	case "command":
		return text(strings.Join(r.Command, " "))
	case "cwd":
		return text(r.Cwd)
	case "exit_code":
		if r.ExitCode == nil {
			return nil, false
		}
		return *r.ExitCode, true
	}
	return tableAttribute(r, key)
}

func tableAttribute(r *format.Run, key string) (any, bool) {
	text := func(s string) (any, bool) { return s, s != "" }
	prefix, rest, _ := strings.Cut(key, ".")
	if s := r.Source; s != nil {
		switch key {
		case "source.commit", "commit":
			return text(s.Commit)
		case "source.branch", "branch":
			return text(s.Branch)
		case "source.remote":
			return text(s.Remote)
		case "source.dirty", "dirty":
			return s.Dirty, true
		case "source.tree", "tree":
			return text(s.Tree)
		case "source.base":
			return text(s.Base)
		case "source.entry":
			return text(s.Entry)
		}
	}
	if e := r.Environment; e != nil {
		switch key {
		case "environment.python", "python":
			return text(e.Python)
		case "environment.os", "os":
			return text(e.OS)
		case "environment.arch", "arch":
			return text(e.Arch)
		case "environment.digest":
			return text(e.Digest)
		}
		if name, ok := strings.CutPrefix(key, "environment.variables."); ok {
			v, ok := e.Variables[name]
			return v, ok
		}
	}
	if m := r.Machine; m != nil {
		switch key {
		case "machine.host", "host":
			return text(m.Host)
		case "machine.cpu":
			return text(m.CPU)
		case "machine.kernel":
			return text(m.Kernel)
		case "machine.cores":
			return m.Cores, m.Cores != 0
		case "machine.memory":
			return m.Memory, m.Memory != 0
		}
	}
	switch prefix {
	case "datasets":
		for _, d := range r.Datasets {
			if d.Name == rest {
				return d.SHA256, true
			}
		}
	case "artifacts":
		for _, a := range r.Artifacts {
			if a.Path == rest {
				return a.SHA256, true
			}
		}
	case "extra":
		return param(r.Extra, rest)
	}
	return param(r.Unknown, key)
}

// number returns a value as a float64.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return math.NaN(), false
}
