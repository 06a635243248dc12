package share

import (
	"context"
	"slices"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/git"
)

// Missing lists the runs of HEAD that the working tree lacks although a checkout would bring them: somebody has deleted
// them, or the batch that has them. Runs that were removed, or that a sparse checkout leaves out, are not among them.
// The catalog must list all runs.
func Missing(ctx context.Context, c *catalog.Catalog) ([]string, error) {
	if !c.Repository().InGit {
		return nil, nil
	}
	head, err := git.Resolve(ctx, c.Repository().Git, "HEAD")
	if err != nil || head == "" {
		return nil, err
	}
	d, err := openDays(ctx, c.Repository())
	if err != nil {
		return nil, err
	}
	defer d.close()
	known, err := d.known(head)
	if err != nil {
		return nil, err
	}
	return d.missing(known, c)
}

// missing is Missing for what HEAD knows.
func (d *days) missing(known knownRuns, c *catalog.Catalog) ([]string, error) {
	here := 0
	for _, r := range c.Rows() {
		if known.runs[r.ID()] {
			here++
		}
	}
	if here == len(known.runs) {
		return nil, nil
	}
	removed, err := d.repo.RemovedIDs()
	if err != nil {
		return nil, err
	}
	there := c.IDs()
	for _, damage := range c.Damage() {
		there[damage.ID] = true
	}
	var ids []string
	for id := range known.runs {
		if !there[id] && !removed[id] && !known.removed[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if len(ids) <= maxProved {
		ids = slices.DeleteFunc(ids, func(id string) bool { return d.onlyNotes(known.commit, id) })
	}
	return ids, nil
}

// maxProved is the number of runs up to which missing looks whether the commit has their records.
const maxProved = 1000

// onlyNotes reports whether a commit has notes of a run and not the run.
func (d *days) onlyNotes(commit, id string) bool {
	files, err := filesIn(d.trees, commit, d.at, id)
	_, there := files[repo.RecordName]
	return err == nil && !there
}
