package wandb

import (
	"fmt"
	"slices"
)

// fullest keeps, of several logs of one run, the one that says most: a log with an end before one without, then the one
// with most records. A copy that broke off hides nothing, wherever it lies. It returns a text for each log that it
// leaves out. Logs that cannot be read are kept: they are reported one by one.
func fullest(all []*runLog) (kept []*runLog, copies []string) {
	best := map[string]*runLog{}
	for _, l := range all {
		if l.err != nil {
			continue
		}
		id := l.head.id()
		if old := best[id]; old == nil || l.saysMore(old) {
			best[id] = l
		}
	}
	for _, l := range all {
		if l.err == nil {
			if first := best[l.head.id()]; first != l {
				copies = append(copies, fmt.Sprintf("skipped %s: it is a log of the same run as %s, and has %s",
					l.Name(), first.Name(), l.comparedWith(first)))
				continue
			}
		}
		kept = append(kept, l)
	}
	slices.Sort(copies)
	return kept, copies
}

// saysMore reports whether a log has more of a run than another one. Of equal ones, the first by its path counts.
func (l *runLog) saysMore(other *runLog) bool {
	switch {
	case (l.head.exit != nil) != (other.head.exit != nil):
		return l.head.exit != nil
	case l.head.records != other.head.records:
		return l.head.records > other.head.records
	}
	return l.file.Path < other.file.Path
}

func (l *runLog) comparedWith(other *runLog) string {
	if l.head.records == other.head.records {
		return "as many records"
	}
	return fmt.Sprintf("%d of %d records", l.head.records, other.head.records)
}
