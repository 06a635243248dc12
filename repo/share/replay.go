package share

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
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
	// back holds the shared files that the tip lacked and new runs have brought back, with one of these runs.
	back map[string]string
	// thin keeps a run that has the same record on both sides in the tip's batch alone.
	thin bool
	// newNames holds the shared files that new runs of the tip name; see newRunNames.
	newNames map[string]map[string]bool
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
	tree, err := p.merge(ctx, c)
	if err != nil || tree == p.tree {
		return err
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

// merge returns the tree of the tip with the changes of a commit.
func (p *replayer) merge(ctx context.Context, c *runCommit) (string, error) {
	settled, err := p.settle(ctx, c)
	if err != nil {
		return "", err
	}
	if err := p.findConflicts(c, settled); err != nil {
		return "", err
	}
	edits := settled.edits
	for _, e := range c.edits {
		at := placeOf(e.Path)
		if at.kind == ofBatch || at.kind == ofRun && settled.runs[at.at+at.run] && !isNote(at) {
			continue
		}
		take, err := p.onTip(ctx, c, e)
		if err != nil {
			return "", err
		}
		edits = append(edits, take...)
	}
	shared, err := p.sharedBefore(c, edits)
	if err != nil {
		return "", err
	}
	edits = append(edits, shared...)
	tree, err := p.trees.Edit(p.tree, edits)
	if err != nil || tree == p.tree {
		return tree, err
	}
	if err := p.checkSettled(tree, c, settled); err != nil {
		return "", err
	}
	if tree == "" {
		return p.trees.Empty()
	}
	return tree, nil
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
			needed, err := p.newRunNames(c, known, at)
			if err != nil || needed {
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
	case ofExperiment:
		if exists && there.ID != e.ID {
			return p.experimentOnTip(ctx, c, e, there)
		}
	case ofModel:
		return p.modelOnTip(c, e, there, exists)
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
					p.bringBack(path.Join(at.at, name), record)
					more = append(more, git.Edit{Path: path.Join(at.at, name), Mode: "100644", ID: blob})
				}
			}
		}
	}
	return more, nil
}

// bringBack notes that a run brings a shared file back.
func (p *replayer) bringBack(name string, record []byte) {
	run, err := format.DecodeRun(repo.RecordName, record)
	if err != nil {
		return // verify reports it
	}
	if p.back == nil {
		p.back = map[string]string{}
	}
	p.back[name] = run.ID
}

// redactedBack returns a warning for each shared file that was brought back although a redaction at the tip had taken
// it away: the text is on the branch again, for the run that still names it.
func redactedBack(ctx context.Context, dirs git.Dirs, trees *git.Trees, tip string, back map[string]string,
) ([]string, error) {
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(back)) {
		id, err := git.LastChange(ctx, dirs, tip, name)
		if err != nil {
			return warnings, err
		}
		if id == "" {
			continue
		}
		commit, err := readRunCommit(ctx, dirs, trees, "", id)
		if err != nil || commit == nil || len(commit.redacted) == 0 {
			continue // it was collected, or the user's own commit took it away
		}
		run := format.IDRandom(back[name])
		which := run
		if len(back) > 1 {
			which = "--all"
		}
		warnings = append(warnings, fmt.Sprintf("run %s names %s, out of which others have redacted a text: the branch has "+
			"the file again; run 'runs redact %s PATTERN' to redact it there too", run, name, which))
	}
	return warnings, nil
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

// sameRecord reports whether two snapshots have the same record of a run, or both none.
func sameRecord(trees *git.Trees, a, b *snapshot, id string) (bool, error) {
	if a.runs[id] == b.runs[id] {
		return true, nil
	}
	was, err := a.recordID(trees, id)
	if err != nil {
		return false, err
	}
	is, err := b.recordID(trees, id)
	return was == is, err
}

// recordID returns the id of the record of a run, without reading it.
func (c *snapshot) recordID(trees *git.Trees, id string) (string, error) {
	if batches := c.in[id]; len(batches) > 0 {
		return batches[0].runs[id].record, nil
	}
	if c.folders[id] == "" {
		return "", nil
	}
	e, _, err := trees.Find(c.folders[id], repo.RecordName)
	return e.ID, err
}

// newRunNames reports whether a run that the tip has and the commit does not have, or another version of one, names a
// shared file. A record that cannot be read may name it.
func (p *replayer) newRunNames(c *runCommit, known *snapshot, file place) (bool, error) {
	key := file.at + " " + c.id + " " + p.tree
	if p.newNames[key] == nil {
		then, err := readSnapshot(p.trees, c.Tree, file.at)
		if err != nil {
			return false, err
		}
		names := map[string]bool{}
		for id := range known.runs {
			if known.removed[id] {
				continue
			}
			if same, err := sameRecord(p.trees, known, then, id); err != nil || same {
				if err != nil {
					return false, err
				}
				continue
			}
			files, err := known.run(id)
			if isBroken(err) {
				return false, err
			}
			if err != nil {
				return true, nil
			}
			if _, ok := files[repo.RecordName]; !ok {
				continue
			}
			data, err := files[repo.RecordName].read(p.trees, format.MaxRecordBytes)
			if isBroken(err) {
				return false, err
			}
			if err != nil {
				return true, nil
			}
			for _, name := range repo.NamedIn(data) {
				names[name] = true
			}
		}
		p.newNames = map[string]map[string]bool{key: names}
	}
	return p.newNames[key][file.name], nil
}
