package diff

import (
	"cmp"
	"maps"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
)

// ManifestReader reads the manifest of a dataset. If it is nil, manifests are not known.
type ManifestReader func(format.Dataset) ([]format.ManifestEntry, error)

// compareNoticed compares data that one side has named and that was noticed on the other: only the files count that the
// other side read.
func (c *Comparison) compareNoticed(d *Dataset, a, b Side) {
	x, errA := noticedFiles(*d.A, a.Manifest)
	y, errB := noticedFiles(*d.B, b.Manifest)
	if errA != nil || errB != nil {
		c.Problems = append(c.Problems, Problem{ManifestUnread, d.Name, cmp.Or(errA, errB)})
		return
	}
	d.agrees = x != nil && y != nil
	common := false
	for path, old := range x {
		e, ok := y[path]
		common = common || ok
		if ok && differs(old, e) {
			d.agrees = false
			d.Files = append(d.Files, FileChange{Path: e.Path, Change: "changed", Bytes: [2]int64{old.Bytes, e.Bytes}})
		}
	}
	d.agrees = d.agrees && common
	listsort.Sort(d.Files, func(x, y FileChange) int { return strings.Compare(x.Path, y.Path) })
}

// untraced reports whether nobody looked at what a run reads, so that it may have read data that another one read.
func untraced(r *format.Run) bool { return r.Trace == nil || r.Trace.Road == format.RoadNone }

// noticedFiles returns the files of a dataset by a key that tells them from the files of other datasets. It is nil if
// they are not known.
func noticedFiles(d format.Dataset, read ManifestReader) (map[string]format.ManifestEntry, error) {
	if d.Manifest == "" {
		if d.SHA256 == "" || d.Hash != "" {
			return nil, nil
		}
		return map[string]format.ManifestEntry{place(d): {Path: d.Name, Bytes: d.Bytes, SHA256: d.SHA256}}, nil
	}
	if read == nil {
		return nil, nil
	}
	entries, err := read(d)
	if err != nil {
		return nil, err
	}
	files := make(map[string]format.ManifestEntry, len(entries))
	for _, e := range entries {
		files[place(d)+"/"+e.Path] = e
	}
	return files, nil
}

// differs reports whether two files have another content, as far as that is known.
func differs(a, b format.ManifestEntry) bool {
	return a.Bytes != b.Bytes || a.SHA256 != "" && b.SHA256 != "" && a.SHA256 != b.SHA256
}

// NoticedAgrees reports whether no file that both runs read has another content. Runs that read other files agree, and
// a run of which nothing was noticed agrees with all. Files of manifests that cannot be read do not count.
func NoticedAgrees(a, b *format.Run, read ManifestReader) bool {
	var n NoticedFiles
	return n.Add(a, read) && n.Add(b, read)
}

// NoticedFiles are the files that runs were seen to read, with their contents.
type NoticedFiles struct {
	known map[string]bool // datasets, by name and identity
	sets  []noticedSet
	files map[string]format.ManifestEntry // of the sets that were loaded
}

type noticedSet struct {
	format.Dataset
	loaded bool
}

// Add adds the files of a run, or returns false and adds nothing if one of them has another content than in the runs
// that were added before. It reads a manifest only if another dataset has files in the same place and differs.
func (n *NoticedFiles) Add(r *format.Run, read ManifestReader) bool {
	var fresh []format.Dataset
	for _, d := range r.Datasets {
		if d.Noticed != "" && !n.known[d.Name+"\x00"+d.Identity()] {
			fresh = append(fresh, d)
		}
	}
	for _, d := range fresh {
		if !n.agrees(d, read) {
			return false
		}
	}
	if n.known == nil {
		n.known = map[string]bool{}
	}
	for _, d := range fresh {
		n.known[d.Name+"\x00"+d.Identity()] = true
		n.sets = append(n.sets, noticedSet{Dataset: d})
	}
	return true
}

// agrees compares a dataset with the files so far.
func (n *NoticedFiles) agrees(d format.Dataset, read ManifestReader) bool {
	var files map[string]format.ManifestEntry
	for i := range n.sets {
		s := &n.sets[i]
		if !overlap(place(d), place(s.Dataset)) {
			continue
		}
		if files == nil {
			var err error
			if files, err = noticedFiles(d, read); err != nil || files == nil {
				return true
			}
		}
		if !s.loaded {
			s.loaded = true
			if n.files == nil {
				n.files = map[string]format.ManifestEntry{}
			}
			if others, err := noticedFiles(s.Dataset, read); err == nil {
				maps.Copy(n.files, others)
			}
		}
	}
	for path, e := range files {
		if old, ok := n.files[path]; ok && differs(old, e) {
			return false
		}
	}
	return true
}

// overlap reports whether one place is the other, or below it.
func overlap(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// place returns what tells the files of a dataset from those of others.
func place(d format.Dataset) string {
	if d.Path == "" {
		return "\x00" + d.Name // outside the project
	}
	return d.Path
}
