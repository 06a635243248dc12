package diff

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
)

// Dataset pairs the datasets that have the same name. A or B is nil if that side lacks it.
type Dataset struct {
	Name  string
	A, B  *format.Dataset
	Files []FileChange // nil if the data is equal or a side has no list of its files

	agrees bool // it was noticed on one side only, and nothing is known to differ
}

// Same reports whether both sides have the dataset with the same content. Data that was noticed on one side is the same
// if nobody looked at what the other side reads, or if the other side has named the same files.
func (d Dataset) Same() bool {
	return d.agrees || d.A != nil && d.B != nil && d.A.Identity() == d.B.Identity()
}

// Noticed reports whether a side has the data only because a recorder noticed it.
func (d Dataset) Noticed() bool {
	return d.A != nil && d.A.Noticed != "" || d.B != nil && d.B.Noticed != ""
}

// FileChange is a file of a dataset that differs.
type FileChange struct {
	Path   string
	From   string   // the former name of a renamed file
	Change string   // added, removed, changed, renamed
	Bytes  [2]int64 // the size on each side, 0 for a file that a side lacks
}

// datasets pairs the datasets of two sides by name, and lists the files that differ.
func (c *Comparison) datasets(a, b Side, o Options) {
	byName := map[string]*Dataset{}
	add := func(r *format.Run, set func(d *Dataset, v *format.Dataset)) {
		for i := range r.Datasets {
			v := &r.Datasets[i]
			if byName[v.Name] == nil {
				byName[v.Name] = &Dataset{Name: v.Name}
			}
			set(byName[v.Name], v)
		}
	}
	add(a.first(), func(d *Dataset, v *format.Dataset) { d.A = v })
	add(b.first(), func(d *Dataset, v *format.Dataset) { d.B = v })
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		d := byName[name]
		oneNoticed := d.A != nil && d.B != nil && (d.A.Noticed == "") != (d.B.Noticed == "")
		switch {
		case d.Same():
		case oneNoticed:
			c.compareNoticed(d, a, b)
		case d.Noticed():
			d.agrees = d.A == nil && untraced(a.first()) || d.B == nil && untraced(b.first())
		}
		if d.Same() && !o.All {
			continue
		}
		if !d.Same() && !oneNoticed && d.hasManifests() && a.Manifest != nil && b.Manifest != nil {
			x, errA := a.Manifest(*d.A)
			y, errB := b.Manifest(*d.B)
			if err := cmp.Or(errA, errB); err != nil {
				c.Problems = append(c.Problems, Problem{ManifestUnread, name, err})
			} else {
				d.Files = CompareManifests(x, y)
			}
		}
		c.Datasets = append(c.Datasets, *d)
	}
}

func (d *Dataset) hasManifests() bool {
	return d.A != nil && d.B != nil && d.A.Manifest != "" && d.B.Manifest != ""
}

// CompareManifests lists the files in which two versions of a dataset differ, sorted by path. If a removed file and an
// added file have the same content, they are listed as one renamed file.
func CompareManifests(a, b []format.ManifestEntry) []FileChange {
	before := make(map[string]format.ManifestEntry, len(a))
	for _, e := range a {
		before[e.Path] = e
	}
	changes := []FileChange{}
	var added []format.ManifestEntry
	for _, e := range b {
		old, ok := before[e.Path]
		delete(before, e.Path)
		switch {
		case !ok:
			added = append(added, e)
		case old.SHA256 != e.SHA256 || old.Bytes != e.Bytes:
			changes = append(changes, FileChange{Path: e.Path, Change: "changed", Bytes: [2]int64{old.Bytes, e.Bytes}})
		}
	}
	gone := map[string][]string{}
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if sum := before[path].SHA256; sum != "" {
			gone[sum] = append(gone[sum], path)
		}
	}
	for _, e := range added {
		if from := gone[e.SHA256]; e.SHA256 != "" && len(from) > 0 {
			changes = append(changes,
				FileChange{Path: e.Path, From: from[0], Change: "renamed", Bytes: [2]int64{e.Bytes, e.Bytes}})
			gone[e.SHA256] = from[1:]
			delete(before, from[0])
			continue
		}
		changes = append(changes, FileChange{Path: e.Path, Change: "added", Bytes: [2]int64{0, e.Bytes}})
	}
	for path, e := range before {
		changes = append(changes, FileChange{Path: path, Change: "removed", Bytes: [2]int64{e.Bytes, 0}})
	}
	listsort.Sort(changes, func(x, y FileChange) int { return strings.Compare(x.Path, y.Path) })
	return changes
}

// sameData reports whether two runs have the same datasets. Of those that were noticed, the files count that both runs
// read.
func sameData(a, b *format.Run, manifest ManifestReader) bool {
	identities := func(r *format.Run) []string {
		var out []string
		for _, d := range r.Datasets {
			if d.Noticed == "" {
				out = append(out, d.Name+" "+d.Identity())
			}
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(identities(a), identities(b)) && NoticedAgrees(a, b, manifest)
}
