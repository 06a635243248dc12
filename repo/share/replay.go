package share

import (
	"context"
	"fmt"
	"maps"
	"path"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// ConflictError means that a run differs at the remote.
type ConflictError struct {
	ID       string
	File     string
	Redacted bool // a commit of ours redacted it
}

func (e *ConflictError) Error() string {
	if e.Redacted {
		return fmt.Sprintf("run %s was redacted here, and its %s also changed on the remote", e.ID, e.File)
	}
	return fmt.Sprintf("run %s has a different %s on the remote: it was finished twice", e.ID, e.File)
}

// replayer makes run commits again on top of what others have pushed, tree by tree.
type replayer struct {
	dirs  git.Dirs
	trees *git.Trees
	tip   string // the commit to build on
	tree  string
	known map[string]*snapshot // by the .runs folder
	sign  bool
	// theirs collects the ids of runs that differ at the tip, for which the tip's run is used. If it is nil, such a run
	// causes a *ConflictError.
	theirs map[string]bool
}

func newReplayer(ctx context.Context, dirs git.Dirs, trees *git.Trees, tip string) (*replayer, error) {
	p := &replayer{dirs: dirs, trees: trees, tip: tip, known: map[string]*snapshot{}, sign: git.Signs(ctx, dirs)}
	if tip != "" {
		c, err := trees.Commit(tip)
		if err != nil {
			return nil, err
		}
		p.tree = c.Tree
	}
	return p, nil
}

func (p *replayer) snapshot(at string) (*snapshot, error) {
	if c, ok := p.known[at]; ok {
		return c, nil
	}
	c, err := readSnapshot(p.trees, p.tree, at)
	p.known[at] = c
	return c, err
}

// apply makes the same commit on the tip. If the tip already has all of its changes, it does nothing.
func (p *replayer) apply(ctx context.Context, c *runCommit) error {
	settled, err := p.settle(ctx, c)
	if err != nil {
		return err
	}
	if err := p.findConflicts(c, settled); err != nil {
		return err
	}
	edits := settled.edits
	for _, e := range c.edits {
		at := placeOf(e.Path)
		if at.kind == ofBatch || at.kind == ofRun && settled.runs[at.at+at.run] && !isNote(at) {
			continue
		}
		take, err := p.onTip(ctx, c, e)
		if err != nil {
			return err
		}
		edits = append(edits, take...)
	}
	shared, err := p.sharedBefore(c, edits)
	if err != nil {
		return err
	}
	edits = append(edits, shared...)
	tree, err := p.trees.Edit(p.tree, edits)
	if err != nil {
		return err
	}
	if tree == p.tree {
		return nil
	}
	if err := p.checkSettled(tree, c, settled); err != nil {
		return err
	}
	if tree == "" {
		if tree, err = p.trees.Empty(); err != nil {
			return err
		}
	}
	next := git.CommitObject{Tree: tree, Message: c.Message, Author: c.Author, Sign: p.sign}
	if p.tip != "" {
		next.Parents = []string{p.tip}
	}
	if p.tip, err = git.WriteCommit(ctx, p.dirs, next); err != nil {
		return err
	}
	p.tree = tree
	clear(p.known)
	return nil
}

// findConflicts adds to theirs the runs of a commit that differ at the tip. It does nothing if theirs is nil.
func (p *replayer) findConflicts(c *runCommit, settled *settlement) error {
	if p.theirs == nil {
		return nil
	}
	for _, e := range c.edits {
		at := placeOf(e.Path)
		if at.kind != ofRun || e.ID == "" || settled.runs[at.at+at.run] {
			continue
		}
		there, exists, err := p.trees.Find(p.tree, e.Path)
		if err != nil {
			return err
		}
		if exists && there.ID != e.ID {
			ours, err := p.redacts(c, e, there)
			if err != nil {
				return err
			}
			if !ours {
				p.theirs[at.run] = true
			}
		}
	}
	return nil
}

// onTip returns the changes to make on the tip for one change of the commit.
func (p *replayer) onTip(ctx context.Context, c *runCommit, e git.Edit) ([]git.Edit, error) {
	at := placeOf(e.Path)
	known, err := p.snapshot(at.at)
	if err != nil {
		return nil, err
	}
	there, exists, err := p.trees.Find(p.tree, e.Path)
	if err != nil {
		return nil, err
	}
	switch at.kind {
	case ofMark:
		edits := []git.Edit{e}
		if _, has := known.runs[at.mark]; has && e.ID != "" {
			// Remove the whole run, including notes that others have added since.
			edits = append(edits, git.Edit{Path: path.Join(at.at, runPath(at.mark))})
		}
		return edits, nil
	case ofRun:
		switch {
		case e.ID == "": // removed when its marker is added
			return nil, nil
		case known.removed[at.run] && !c.restores(at):
			return nil, nil
		case p.theirs[at.run] && path.Base(path.Dir(at.name)) != "notes":
			return nil, nil
		case exists && there.ID != e.ID:
			if ours, err := p.redacts(c, e, there); err != nil || ours {
				return []git.Edit{e}, err
			}
			return nil, &ConflictError{
				at.run, strings.TrimPrefix(at.name, runPath(at.run)+"/"), c.redacted[at.at+at.run],
			}
		}
	case ofShared:
		if e.ID == "" && exists {
			// Others may have recorded a run that refers to it.
			grown, err := p.hasNewRuns(c, known, at.at)
			if err != nil || grown {
				return nil, err
			}
		}
	case ofSetup:
		if exists && at.name == configName && e.ID != "" && there.ID != e.ID {
			return p.requireOnTip(ctx, at.at, e.ID, there)
		}
		if exists {
			return nil, nil
		}
	}
	return []git.Edit{e}, nil
}

// sharedBefore returns the shared files that new runs of the commit need and that GC has removed from the tip since.
func (p *replayer) sharedBefore(c *runCommit, edits []git.Edit) ([]git.Edit, error) {
	lacks := map[string]map[string]string{} // by the .runs folder
	var more []git.Edit
	for _, e := range edits {
		at := placeOf(e.Path)
		records, err := p.recordsIn(e, at)
		if err != nil {
			return nil, err
		}
		if len(records) == 0 {
			continue
		}
		if lacks[at.at] == nil {
			then, err := readSnapshot(p.trees, c.Tree, at.at)
			if err != nil {
				return nil, err
			}
			known, err := p.snapshot(at.at)
			if err != nil {
				return nil, err
			}
			lacks[at.at] = maps.Clone(then.shared)
			maps.DeleteFunc(lacks[at.at], func(name, _ string) bool { return known.shared[name] != "" })
			for _, e := range edits {
				delete(lacks[at.at], strings.TrimPrefix(e.Path, at.at+"/"))
			}
		}
		if len(lacks[at.at]) == 0 {
			continue
		}
		for _, record := range records {
			for _, name := range repo.NamedIn(record) {
				if blob := lacks[at.at][name]; blob != "" {
					more = append(more, git.Edit{Path: path.Join(at.at, name), Mode: "100644", ID: blob})
				}
			}
		}
	}
	return more, nil
}

// recordsIn returns the records that a change adds. What cannot be read has none: verify reports it.
func (p *replayer) recordsIn(e git.Edit, at place) ([][]byte, error) {
	switch {
	case e.ID == "":
	case at.kind == ofRun && at.name == path.Join(runPath(at.run), repo.RecordName):
		record, err := p.trees.Blob(e.ID, format.MaxRecordBytes)
		if isBroken(err) {
			return nil, err
		}
		if err == nil {
			return [][]byte{record}, nil
		}
	case at.kind == ofBatch && at.name == path.Join(at.pack, format.BatchRunsName):
		data, err := p.trees.Blob(e.ID, format.MaxBatchBytes)
		if isBroken(err) {
			return nil, err
		}
		var records [][]byte
		if err == nil {
			runs, _ := format.DecodeBatch(format.BatchRunsName, data)
			for _, r := range runs {
				records = append(records, r.Record)
			}
		}
		return records, nil
	}
	return nil, nil
}

// hasNewRuns reports whether the tip has runs that the commit does not have.
func (p *replayer) hasNewRuns(c *runCommit, known *snapshot, at string) (bool, error) {
	then, err := readSnapshot(p.trees, c.Tree, at)
	if err != nil {
		return false, err
	}
	for id := range known.runs {
		if _, ok := then.runs[id]; !ok {
			return true, nil
		}
	}
	return false, nil
}
