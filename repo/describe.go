package repo

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
)

// Description is what the caller says about a new run.
type Description struct {
	Name, Experiment, Group, Key string
	Parent                       string // id of the parent
	Note                         string
	Params                       format.Params
	Tags                         map[string]string
	Command                      []string // as it was given
	Dir                          string   // absolute, where the program runs
}

// DescriptionError says that a text cannot describe a run.
type DescriptionError struct {
	What string // "name", "experiment", ...
	Err  error
}

func (e *DescriptionError) Error() string { return fmt.Sprintf("the %s %v", e.What, e.Err) }
func (e *DescriptionError) Unwrap() error { return e.Err }

// Describe makes the record of a new run. In its command, working folder and text params, {project} replaces the path
// of the project root and ~ that of the home folder. A text that cannot be recorded is a *DescriptionError.
func (r *Repository) Describe(d Description) (*format.Run, error) {
	for _, text := range []struct{ what, text string }{
		{"name", d.Name}, {"experiment", d.Experiment}, {"group", d.Group}, {"key", d.Key},
	} {
		switch err := format.CheckNamed(text.what, text.text); {
		case text.text == "":
		case strings.TrimSpace(text.text) == "":
			return nil, &DescriptionError{text.what, errBlank}
		case err != nil:
			return nil, &DescriptionError{text.what, fmt.Errorf("cannot be recorded: %w", err)}
		}
	}
	root := r.TreeRoot()
	run := &format.Run{
		Name: d.Name, Experiment: d.Experiment, Group: d.Group, Key: d.Key, Parent: d.Parent, Note: d.Note,
		Params: r.PortableParams(d.Params), Tags: d.Tags,
	}
	for _, arg := range d.Command {
		run.Command = append(run.Command, capture.Portable(root, strings.ToValidUTF8(arg, "\ufffd")))
	}
	if rel, err := filepath.Rel(root, d.Dir); err == nil && format.CheckPath(filepath.ToSlash(rel)) == nil {
		run.Cwd = filepath.ToSlash(rel)
	}
	return run, nil
}

var errBlank = fmt.Errorf("must not be empty")

// PortableParams returns a copy of params in whose texts placeholders replace the paths of this machine, as in
// Describe.
func (r *Repository) PortableParams(params format.Params) format.Params {
	root := r.TreeRoot()
	portable := params.Clone()
	for path, v := range params.Leaves() {
		if text, ok := v.(string); ok {
			_ = portable.Set(path, capture.Portable(root, text)) // cannot fail: the path is that of a leaf
		}
	}
	return portable
}

// CaptureRequest says what to capture of a run.
type CaptureRequest struct {
	Command  []string // as it was given; empty if it is not known
	Dir      string   // absolute, where the program runs
	Datasets []DatasetRequest
	Wait     time.Duration           // how long to wait for the hashes of the datasets; 0 is without limit
	Hashed   func(done, total int64) // gets the bytes hashed so far and the total; may be nil

	Interpreter *capture.Interpreter // the Python that runs; nil if only the command tells
}

// Capture records the author, source, machine, environment and datasets in run. What cannot be captured is left out
// and gives a warning. If hashing the datasets takes longer than q.Wait, late continues it, and the caller must wait
// for late or cancel it.
func (r *Repository) Capture(ctx context.Context, run *format.Run, q CaptureRequest) (late *Hashing,
	warnings []string, err error,
) {
	h := r.HashDatasets(ctx, q.Datasets, q.Hashed)
	warnings, err = r.Origin(ctx, run, OriginRequest{
		Command: q.Command, Dir: q.Dir, Datasets: h.paths(), Interpreter: q.Interpreter,
	})
	if err != nil {
		h.Cancel()
		return nil, nil, err
	}
	datasets, more, complete, err := h.Wait(ctx, q.Wait)
	switch {
	case err != nil:
		h.Cancel()
		return nil, nil, err
	case !complete:
		return h, warnings, nil
	}
	h.Cancel()
	run.Datasets = datasets
	return nil, append(warnings, more...), nil
}
