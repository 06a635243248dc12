package share

import (
	"context"
	"errors"
	"iter"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// write stores the files, the trees and two commits: one for the branch, and one for keptRef, which keeps the runs. It
// returns the updates of both refs. The caller sets the ref of the first. While Git stores the objects, write calls
// beside.
func (w *writer) write(ctx context.Context, p *plan, base string, beside func() error) ([]git.RefUpdate, error) {
	edits, kept := p.edits()
	message := w.request.Message
	if message == "" {
		message = p.message()
	}
	w.trees.WriteTo(p.objects)
	tree, err := w.edit(p, base, edits)
	if err != nil {
		return nil, err
	}
	keep, err := w.keep(ctx, p, kept)
	if err != nil {
		return nil, err
	}
	if err := p.store(ctx, beside); err != nil {
		return nil, err
	}
	if p.Commit, err = w.commitTree(ctx, base, tree, message); err != nil {
		return nil, err
	}
	updates := []git.RefUpdate{{Old: base, New: p.Commit}}
	update, err := keep.commit(ctx, w.repo.Git)
	if err == nil && update.New != update.Old {
		updates = append(updates, update)
	}
	return updates, err
}

// commit stores a commit that changes base, which may be empty.
func (w *writer) commit(ctx context.Context, base string, edits []git.Edit, message string) (string, error) {
	tree, err := w.trees.Edit(base, edits)
	if err != nil {
		return "", err
	}
	return w.commitTree(ctx, base, tree, message)
}

func (w *writer) commitTree(ctx context.Context, base, tree, message string) (string, error) {
	c := git.CommitObject{Tree: tree, Message: message, Sign: git.Signs(ctx, w.repo.Git)}
	if base != "" {
		c.Parents = []string{base}
	}
	return git.WriteCommit(ctx, w.repo.Git, c)
}

// store gives the objects to Git and calls beside at the same time. It waits for both.
func (p *plan) store(ctx context.Context, beside func() error) error {
	var group errgroup.Group
	if beside != nil {
		group.Go(beside)
	}
	err := p.objects.Store(ctx)
	return errors.Join(err, group.Wait())
}

// edits returns the changes of the tree, and those of them that also go to keptRef, but for the new runs.
func (p *plan) edits() (edits, kept []git.Edit) {
	for _, name := range p.remove {
		edits = append(edits, git.Edit{Path: path.Join(p.at, name)})
		kept = append(kept, git.Edit{Path: path.Join(p.at, name)})
	}
	for _, name := range p.paths {
		edit := git.Edit{Path: path.Join(p.at, name), Mode: "100644", ID: p.blobs[name]}
		edits = append(edits, edit)
		if strings.Contains(name, "/") && !isExperiment(name) && !isModelFile(name) {
			kept = append(kept, edit)
		}
	}
	// The kept runs are complete only with the shared files that base already has.
	for name, id := range p.before {
		kept = append(kept, git.Edit{Path: path.Join(p.at, name), Mode: "100644", ID: id})
	}
	return edits, kept
}

// edit returns the tree of root with the changes and with the new runs of the plan. root is a commit or tree; it may be
// empty. It writes each folder of a day once.
func (w *writer) edit(p *plan, root string, edits []git.Edit) (string, error) {
	byDay := map[string][]git.Edit{}
	for day, runs := range p.days() {
		list, err := w.addRuns(root, path.Join(p.at, day), runs)
		if err != nil {
			return "", err
		}
		byDay[path.Join(p.at, day)] = list
	}
	var rest []git.Edit
	for _, e := range edits {
		if day := dayOf(p.at, e.Path); byDay[day] != nil {
			e.Path = strings.TrimPrefix(e.Path, day+"/")
			byDay[day] = append(byDay[day], e)
			continue
		}
		rest = append(rest, e)
	}
	for day, list := range byDay {
		was, _, err := w.trees.Find(root, day)
		if err != nil {
			return "", err
		}
		if !was.IsTree() {
			was.ID = ""
		}
		id, err := w.trees.Edit(was.ID, list)
		if err != nil {
			return "", err
		}
		rest = append(rest, git.Edit{Path: day, Mode: "40000", ID: id})
	}
	return w.trees.Edit(root, rest)
}

// dayOf returns the folder of the day of a path.
func dayOf(at, file string) string {
	name := strings.TrimPrefix(file, at+"/")
	day, _, _ := strings.Cut(name, "/")
	return path.Join(at, day)
}

// days iterates over the days of the new runs.
func (p *plan) days() iter.Seq2[string, []CommittedRun] {
	return func(yield func(string, []CommittedRun) bool) {
		for from := 0; from < len(p.Runs); {
			day, to := format.IDDay(p.Runs[from].ID), from+1
			for to < len(p.Runs) && format.IDDay(p.Runs[to].ID) == day {
				to++
			}
			if !yield(day, p.Runs[from:to]) {
				return
			}
			from = to
		}
	}
}

// addRuns returns the changes of the folder of a day that add runs. A run whose folder exists there, for example with
// notes, gets its files one by one.
func (w *writer) addRuns(root, day string, runs []CommittedRun) ([]git.Edit, error) {
	there := map[string]bool{}
	was, ok, err := w.trees.Find(root, day)
	if err == nil && ok && was.IsTree() {
		var entries []git.TreeEntry
		entries, err = w.trees.Read(was.ID)
		for _, e := range entries {
			there[e.Name] = true
		}
	}
	list := make([]git.Edit, 0, len(runs))
	for _, run := range runs {
		if run.batched {
			for _, f := range run.files {
				if path.Dir(f.Name) == "notes" {
					list = append(list, git.Edit{Path: path.Join(run.ID, f.Name), Mode: f.Mode, ID: f.ID})
				}
			}
			continue
		}
		if !there[run.ID] {
			list = append(list, git.Edit{Path: run.ID, Mode: "40000", ID: run.tree})
			continue
		}
		for _, f := range run.files {
			list = append(list, git.Edit{Path: path.Join(run.ID, f.Name), Mode: f.Mode, ID: f.ID})
		}
	}
	return list, err
}
