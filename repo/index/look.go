package index

import (
	"os"
	"path/filepath"
)

// look is what the folder of a run looked like.
type look struct {
	id         string
	run, notes Stamp
	late       Stamp  // of the folder of its notes that is apart
	left       uint64 // see Apart.Left
	ok         bool   // the folder exists
	batch      inBatch
}

// noFolder is the digest of a run of a batch that has no folder of its own, nor anything apart.
const noFolder = 1

// digest returns a number that is another one if the folder of the run or that of its notes changed, or what is apart.
func (l look) digest() uint64 {
	apart := l.late != Stamp{} || l.left != 0
	switch {
	case apart && (l.ok || l.batch.place > 0):
		return max(digest(l.run, l.notes, l.late)^mix(l.id, l.left), noFolder+1)
	case l.ok:
		return max(digest(l.run, l.notes), noFolder+1)
	case l.batch.place > 0:
		return noFolder
	}
	return 0
}

// settled returns the digest, or 0 if the folders may have changed again after clock without another stamp.
func (l look) settled(clock int64) uint64 {
	if max(l.run.newest(), l.notes.newest(), l.late.newest(), l.batch.newest) >= clock {
		return 0
	}
	return l.digest()
}

// looker looks at the folders of the runs of a day.
type looker struct {
	dir   string
	apart Apart
}

// look returns the stamps of a run. A folder that holds no other folder has no notes.
func (l *looker) look(id string) look {
	at := look{id: id, left: l.apart.Left[id]}
	if l.apart.Dir != "" {
		if info, err := os.Lstat(filepath.Join(l.apart.Dir, id, "notes")); err == nil {
			at.late = StampOf(info)
		}
	}
	info, err := os.Lstat(filepath.Join(l.dir, id))
	if err != nil || !info.IsDir() {
		return at
	}
	at.ok, at.run = true, StampOf(info)
	if at.run.single {
		return at
	}
	if info, err := os.Lstat(filepath.Join(l.dir, id, "notes")); err == nil {
		at.notes = StampOf(info)
	}
	return at
}
