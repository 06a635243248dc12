package repo

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// Trashed is a removed run that RestoreRun restores. Its record is that in the trash.
type Trashed struct {
	*Entry
	Removed time.Time
	By      *Worktree // the other worktree that has removed it; nil for this one
}

// Trashed lists the removed runs of all worktrees, those of this one first, each with the newest first. It leaves out a
// run whose record the trash does not have, and one that is here again.
func (r *Repository) Trashed() ([]Trashed, error) {
	removed, err := r.RemovedIDs()
	if err != nil {
		return nil, err
	}
	var all []Trashed
	seen := map[string]bool{}
	for _, t := range r.allTrashes() {
		batches, err := batchesOfTrash(t.folders)
		if err != nil {
			return nil, fmt.Errorf("listing removed runs: %w", err)
		}
		for _, batch := range slices.Backward(batches) {
			at, err := time.Parse(trashTime, batch[:min(len(batch), len(trashTime))])
			if err != nil {
				continue
			}
			together := len(all)
			for _, id := range trashedIn(t.folders, batch) {
				if seen[id] || !removed[id] && r.HasRun(id) {
					continue
				}
				dir, _ := inTrash(t.folders, batch, id)
				if e, err := r.readTrashedIn(dir, id); err == nil {
					seen[id] = true
					all = append(all, Trashed{e, at, t.worktree})
				}
			}
			slices.SortStableFunc(all[together:], func(a, b Trashed) int { return b.Started.Compare(a.Started) })
		}
	}
	return all, nil
}

// trashedIn lists the runs that one Remove has moved to the trash.
func trashedIn(folders []string, batch string) []string {
	var ids []string
	for _, dir := range folders {
		for _, run := range subfolders(filepath.Join(dir, batch), 1, isRunID) {
			ids = append(ids, filepath.Base(run))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// trashedRecords lists the folders of removed runs that hold a record, by the ids of the runs, in the trash of every
// worktree. Those of one run are in the order in which RestoreRun looks for it.
func (r *Repository) trashedRecords() (map[string][]string, error) {
	all := map[string][]string{}
	for _, t := range r.allTrashes() {
		batches, err := batchesOfTrash(t.folders)
		if err != nil {
			return nil, err
		}
		for _, batch := range slices.Backward(batches) {
			for _, dir := range t.folders {
				for _, run := range subfolders(filepath.Join(dir, batch), 1, isRunID) {
					if exists(filepath.Join(run, RecordName)) {
						all[filepath.Base(run)] = append(all[filepath.Base(run)], run)
					}
				}
			}
		}
	}
	return all, nil
}

// minTrashedPrefix is the minimum length of the beginning of an id in a selector, as in package query.
const minTrashedPrefix = 4

// MatchTrashed returns those of the removed runs that a selector names: by the id, by the name, or by the beginning of
// the id or of its random part. Of runs with the name, it returns the one that was removed last.
func MatchTrashed(all []Trashed, selector string) []Trashed {
	var begin []Trashed
	var named *Trashed
	for i, t := range all {
		switch {
		case t.ID == selector:
			return []Trashed{t}
		case selector != "" && t.Name == selector:
			if named == nil || t.Removed.After(named.Removed) {
				named = &all[i]
			}
		case len(selector) >= minTrashedPrefix &&
			(strings.HasPrefix(t.ID, selector) || strings.HasPrefix(format.IDRandom(t.ID), selector)):
			begin = append(begin, t)
		}
	}
	if named != nil {
		return []Trashed{*named}
	}
	return begin
}
