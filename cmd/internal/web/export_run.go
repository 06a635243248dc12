package web

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
	"github.com/gitruns/runs/repo/view"
)

// searchRecords searches what the records contain, whatever the answers show of it. The place of a finding is then that
// in the record, which people can mend.
func (x *exporter) searchRecords(ctx context.Context) error {
	for _, e := range x.entries {
		text, err := share.RecordText(e)
		if err != nil {
			return err
		}
		if err := x.search.Search(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// collectRun adds the answers about a run. What cannot be read of it is counted, and does not stop the export: its page
// says what is wrong with it.
func (x *exporter) collectRun(ctx context.Context, e *repo.Entry) error {
	add := func(path string) error { return x.addOfRun(ctx, path) }
	if err := add("run/" + e.ID + ".json"); err != nil {
		return err
	}
	if env := e.Environment; env != nil && env.Digest != "" {
		if err := add("environment/" + e.ID + ".json"); err != nil {
			return err
		}
	}
	for i, d := range e.Datasets {
		if d.Manifest == "" {
			continue
		}
		if err := add("manifest/" + e.ID + "/" + strconv.Itoa(i) + ".json"); err != nil {
			return err
		}
	}
	if err := x.collectValues(ctx, e); err != nil {
		return err
	}
	if err := x.collectParts(ctx, e); err != nil {
		return err
	}
	return x.collectMedia(ctx, e)
}

// unread counts an answer that could not be made. It returns an error only if the export was interrupted.
func (x *exporter) unread(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	x.Notes.Unread++
	return nil
}

// addOfRun adds an answer to the pack, or counts it if it cannot be read.
func (x *exporter) addOfRun(ctx context.Context, path string) error {
	one, err := x.ask(ctx, path, nil)
	if err != nil {
		return x.unread(ctx)
	}
	x.pack.add(one.path, one.data)
	return nil
}

// addOptional keeps an answer for which there may be no space. Once there cannot be, it only counts it.
func (x *exporter) addOptional(ctx context.Context, path string) error {
	if x.held > x.most() {
		x.leave(path)
		return nil
	}
	one, err := x.ask(ctx, path, nil)
	if err != nil {
		return x.unread(ctx)
	}
	x.hold(one)
	return nil
}

// hold keeps an answer until it is known whether there is space for it.
func (x *exporter) hold(one body) {
	if kind, _ := view.ImageOf(one.data); kind != "" {
		one.compressed = one.data // it is compressed already
	} else {
		one.compressed = compress(one.data)
	}
	x.optional = append(x.optional, one)
	x.held += x.cost(len(one.compressed), 1)
}

// collectValues adds the non-numeric values of a run.
func (x *exporter) collectValues(ctx context.Context, e *repo.Entry) error {
	if e.ValuesBytes() == 0 && e.Active == nil {
		return nil
	}
	list := "values/" + e.ID + ".json"
	one, err := x.ask(ctx, list, nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var values view.Values
	if err != nil || json.Unmarshal(one.data, &values) != nil {
		x.Notes.Unread++
		return nil
	}
	x.pack.add(list, one.data)
	for _, key := range values.Keys {
		if err := x.addOptional(ctx, "values/"+e.ID+"/"+key.Name+".json"); err != nil {
			return err
		}
	}
	return nil
}

// collectParts adds what is only exported if it is asked for.
func (x *exporter) collectParts(ctx context.Context, e *repo.Entry) error {
	if x.options.has(PartSource) && e.Source != nil && len(e.Source.Patches) > 0 {
		if err := x.addOptional(ctx, "patch/"+e.ID+".txt"); err != nil {
			return err
		}
	}
	if x.options.has(PartMachine) && e.Active == nil && e.Files["system.parquet"].Bytes > 0 {
		if err := x.addOptional(ctx, "machine/"+e.ID+".json"); err != nil {
			return err
		}
	}
	if x.options.has(PartLog) && hasLog(e) {
		if err := x.addOptional(ctx, "log/"+e.ID+".txt"); err != nil {
			return err
		}
	}
	return nil
}

func hasLog(e *repo.Entry) bool {
	_, ok := e.Files["output.log"]
	return ok || e.Active != nil
}

// collectMedia adds the artifacts that a page shows, the newest of each run first.
func (x *exporter) collectMedia(ctx context.Context, e *repo.Entry) error {
	all, err := e.AllArtifacts()
	if err != nil {
		x.Notes.Unread++
		return nil
	}
	all = slices.Clone(all)
	listsort.Stable(all, func(a, b format.Artifact) int { return cmp.Compare(stepOf(b), stepOf(a)) })
	for _, a := range all {
		if shown := a.Key != "" || view.LooksLikeImage(a); !shown || e.ArtifactFile(a) == "" {
			continue
		}
		name := view.ArtifactPath(e.ID, a)
		if a.Bytes > x.most() { // it cannot fit, so it is not read
			x.leave(name)
			continue
		}
		if err := x.addOptional(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// stepOf returns the step at which an artifact was logged; one without a step comes last.
func stepOf(a format.Artifact) int64 {
	if a.Step == nil {
		return math.MinInt64
	}
	return *a.Step
}
