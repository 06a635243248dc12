package index

import (
	"encoding/binary"
	"hash/fnv"
	"os"
)

// Apart is what says something about the runs of a day outside of the folder of the day.
type Apart struct {
	// Dir has a folder for each run with notes that no commit holds. It changes when such a note comes or goes. It is
	// empty if there is none.
	Dir string
	// Left has, for each run, a digest of its notes that are not in the working tree.
	Left map[string]uint64

	stamp Stamp // of Dir
}

// lookApart returns a function that returns what is apart of a day now. What is compared with the index may be looked
// at for all days at once; what the index will say of a run is looked at right before the run is read.
func (h *Home) lookApart() func(day string) Apart {
	if h.Apart == nil {
		return func(string) Apart { return Apart{} }
	}
	of := h.Apart()
	return func(day string) Apart {
		a := of(day)
		if a.Dir != "" {
			info, err := os.Lstat(a.Dir)
			if err != nil || !info.IsDir() {
				a.Dir = ""
			} else {
				a.stamp = StampOf(info)
			}
		}
		return a
	}
}

func (a Apart) newest() int64 { return a.stamp.newest() }

// digest returns a number that is another one if something changed, and 0 if nothing is apart.
func (a Apart) digest() uint64 {
	sum := uint64(0)
	if a.Dir != "" {
		sum = digest(a.stamp)
	}
	for id, left := range a.Left {
		sum ^= mix(id, left) // in no order
	}
	return sum
}

func mix(text string, n uint64) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(binary.LittleEndian.AppendUint64([]byte(text), n))
	return h.Sum64()
}

// has reports whether something may be apart about a run.
func (a Apart) has(id string) bool { return a.Dir != "" || a.Left[id] != 0 }
