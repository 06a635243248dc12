package index

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/format"
)

// Batch is a folder in the folder of a day that has the records of many runs. Notes of its runs are in the folders that
// the runs have by themselves.
type Batch struct {
	Name string
	IDs  []string
	Bad  bool // its records cannot be read: the day is looked at each time
	Left bool // its file of records is left out of the working tree, and may come without a change of the day
}

// batchStamp is a batch of a day, with the stamp of its file of records, or noRecords.
type batchStamp struct {
	name  string
	stamp uint64
}

const batchNameBytes = len("batch-") + 8

// noRecords is the stamp of a batch without a file of records.
const noRecords = 0

const maxBatches = 1<<16 - 1 // of a day

// batched is where the runs of a day are that are in batches.
type batched struct {
	batches []batchStamp
	runs    map[string]inBatch
	bad     bool
}

type inBatch struct {
	place  uint16 // the number of the first batch of the run, counted from 1
	newest int64  // when one of its batches last changed
	same   bool   // all of its batches are as they were
	only   bool   // the run is in this batch, and nowhere else
}

// batchesOf looks at the batches of a day. old is the day as it was, or nil.
func (r *reading) batchesOf(day string, old *Day) batched {
	var found batched
	if r.Batches == nil {
		return found
	}
	for _, b := range r.Batches(day) {
		if b.Left && len(b.Name) == batchNameBytes && len(found.batches) < maxBatches {
			found.batches = append(found.batches, batchStamp{b.Name, noRecords})
			continue
		}
		info, err := os.Lstat(batchRecords(filepath.Join(r.Dir, day), b.Name))
		if b.Bad || err != nil || len(b.Name) != batchNameBytes || len(found.batches) == maxBatches {
			found.bad = true
			continue
		}
		stamp := StampOf(info)
		at := batchStamp{b.Name, digest(stamp)}
		found.batches = append(found.batches, at)
		same := old != nil && slices.Contains(old.batches, at)
		if found.runs == nil {
			found.runs = make(map[string]inBatch, len(b.IDs))
		}
		for _, id := range b.IDs {
			run, ok := found.runs[id]
			if run.only = !ok; !ok {
				run.place, run.same = uint16(len(found.batches)), true
			}
			run.newest, run.same = max(run.newest, stamp.newest()), run.same && same
			found.runs[id] = run
		}
	}
	return found
}

func batchRecords(day, name string) string { return filepath.Join(day, name, format.BatchRunsName) }

// ids returns the runs of folders and batches, sorted.
func (b batched) ids(folders []string) []string {
	ids := slices.Clone(folders)
	for id := range b.runs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// sameBatches reports whether the batches of a day are as they were.
func (d *Day) sameBatches(home string) bool {
	for _, b := range d.batches {
		stamp := uint64(noRecords)
		if info, err := os.Lstat(batchRecords(filepath.Join(home, d.Name), b.name)); err == nil {
			stamp = digest(StampOf(info))
		}
		if stamp != b.stamp {
			return false
		}
	}
	return true
}
