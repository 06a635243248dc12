package share

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/index"
	"github.com/gitruns/runs/repo/transition"
)

// BranchNameError means that a name is not valid for a branch.
type BranchNameError = git.BranchNameError

// WaitingRuns are the runs that the next commit takes.
type WaitingRuns struct {
	Finished int // with status finished
	Resumed  int // that those resume, whatever their status
}

// Uncommitted counts the runs with status finished that the runs branch does not have, and those that they resume.
func Uncommitted(ctx context.Context, r *repo.Repository) (n WaitingRuns, err error) {
	if !r.InGit {
		return n, nil
	}
	local, err := runsBranch(ctx, r)
	if err != nil {
		return n, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return n, err
	}
	defer trees.Close()
	return countUncommitted(ctx, r, trees, local.seen, local.checkedOut)
}

// countUncommitted is Uncommitted for a commit, which may be empty. marks is as for uncommittedOn.
func countUncommitted(ctx context.Context, r *repo.Repository, trees *git.Trees, commit string, marks bool) (
	n WaitingRuns, err error,
) {
	ids, err := uncommittedOn(r, trees, commit, marks)
	if err != nil || len(ids) == 0 {
		return n, err
	}
	c, err := catalog.Here(ctx, r)
	if err != nil {
		return n, err
	}
	defer c.Close()
	counted := map[string]bool{}
	for _, row := range c.Rows() {
		if row.Active() == nil && row.Status() == format.Finished && ids[row.ID()] && !row.Elsewhere() {
			counted[row.ID()] = true
		}
	}
	n.Finished = len(counted)
	n.Resumed, err = countResumed(c, counted, func(id string) (bool, error) {
		if ids[id] {
			return true, nil
		}
		return lacks(r, trees, commit, id)
	})
	return n, err
}

// lacks reports whether a commit, which may be empty, has neither a run nor its removal marker. It reads one day.
func lacks(r *repo.Repository, trees *git.Trees, commit, id string) (bool, error) {
	at, err := r.TreePath()
	if err != nil {
		return false, err
	}
	known, err := readSnapshotOf(trees, commit, at, func(day git.TreeEntry) bool { return day.Name == format.IDDay(id) })
	if err != nil {
		return false, err
	}
	_, there := known.runs[id]
	return !there && !known.removed[id], nil
}

// countResumed returns how many runs that are not counted yet are resumed by those that are, and are not committed, as
// lacking reports: a commit takes them too, whatever their status.
func countResumed(c *catalog.Catalog, counted map[string]bool, lacking func(id string) (bool, error)) (n int,
	err error,
) {
	rows := map[string]*catalog.Row{}
	var newer []string
	for _, row := range c.Rows() {
		if row.Active() == nil {
			rows[row.ID()] = row
		}
		if row.Resumes() != "" && counted[row.ID()] {
			newer = append(newer, row.ID())
		}
	}
	seen := map[string]bool{}
	for _, id := range newer {
		for row := rows[id]; row != nil && !seen[row.ID()]; row = rows[row.Resumes()] {
			seen[row.ID()] = true
			if counted[row.ID()] {
				continue
			}
			is, err := lacking(row.ID())
			if err != nil {
				return n, err
			}
			if is {
				n++
			}
		}
	}
	return n, nil
}

// uncommittedOn returns the ids of the ended runs that a commit, which may be empty, does not have. It leaves out those
// that a commit has left out because they were unsuccessful. marks reports whether the removal markers in the working
// tree are those of the commit: a run that it marks and that is here was restored.
func uncommittedOn(r *repo.Repository, trees *git.Trees, commit string, marks bool) (map[string]bool, error) {
	at, err := r.TreePath()
	if err != nil {
		return nil, err
	}
	settled, err := settledAt(r, trees, commit, at)
	if err != nil {
		return nil, err
	}
	defer settled.close()
	wanted := func(day string) bool { return !settled.has(day, false) }
	known, err := readSnapshotOf(trees, commit, at, func(day git.TreeEntry) bool { return wanted(day.Name) })
	if err != nil {
		return nil, err
	}
	ids, err := r.OwnIDs(wanted)
	if err != nil {
		return nil, err
	}
	removed, err := r.RemovedIDs()
	if err != nil {
		return nil, err
	}
	open, days := map[string]bool{}, map[string]bool{}
	for id := range removed {
		if _, there := known.runs[id]; there || !known.removed[id] {
			open[format.IDDay(id)] = true
		}
	}
	waiting := map[string]bool{}
	for _, id := range ids {
		day := format.IDDay(id)
		days[day] = true
		_, there := known.runs[id]
		open[day] = open[day] || !there || known.removed[id]
		if known.removed[id] && marks || !there && !known.removed[id] {
			waiting[id] = true
		}
	}
	for day := range days {
		if !open[day] {
			settled.settle(day, 0, false)
		}
	}
	return waiting, nil
}

// knownRuns is what a commit knows about runs.
type knownRuns struct {
	commit  string
	runs    map[string]bool
	removed map[string]bool // those with a removal marker
}

func (d *days) known(commit string) (knownRuns, error) {
	known := knownRuns{commit, nil, map[string]bool{}}
	folders, err := d.of(commit)
	known.runs = make(map[string]bool, d.count(folders))
	if err != nil {
		return known, err
	}
	for _, tree := range folders {
		for _, id := range d.seen[tree] {
			known.runs[id] = true
		}
	}
	return known, d.addRemoved(commit, known.removed)
}

// uncommitted counts the runs of a catalog that a commit would take, and that no other worktree has recorded: those
// with status finished that the branch does not know, those that they resume, and those that it marks as removed and
// that were restored. marks is as for uncommittedOn. restored are the latter, sorted; resumed counts those between.
func uncommitted(known knownRuns, c *catalog.Catalog, marks bool) (n, resumed int, restored []string) {
	counted := map[string]bool{}
	for _, r := range c.Rows() {
		if r.Active() != nil || r.Elsewhere() {
			continue
		}
		switch {
		case marks && known.removed[r.ID()]:
			counted[r.ID()] = true
			restored = append(restored, r.ID())
		case r.Status() == format.Finished && !known.runs[r.ID()] && !known.removed[r.ID()]:
			counted[r.ID()] = true
		}
	}
	resumed, _ = countResumed(c, counted, func(id string) (bool, error) {
		return !known.runs[id] && !known.removed[id], nil
	})
	slices.Sort(restored)
	return len(counted) + resumed, resumed, restored
}

// countPending counts the annotations, removals and files of experiments that the next commit takes. It looks only at
// what is pending. beside is as for changedExperiments.
func (o *Overview) countPending(
	ctx context.Context, r *repo.Repository, d *days, known knownRuns, beside bool,
) error {
	removed, err := r.RemovedIDs()
	if err != nil {
		return err
	}
	for id := range removed {
		if !known.removed[id] && (known.runs[id] || r.MarkedHere(id)) {
			o.Removed = append(o.Removed, id)
		}
	}
	slices.Sort(o.Removed)
	late, err := r.LateNotes(r.LateDays()...)
	if err != nil {
		return err
	}
	for id, names := range late {
		if !known.runs[id] || removed[id] {
			continue
		}
		held, err := heldNotes(d.trees, known.commit, d.at, id, names)
		if err != nil {
			return err
		}
		o.Notes += len(names) - len(held)
	}
	experiments, err := changedExperiments(ctx, r, d.trees, known.commit, d.at, beside)
	o.Experiments = len(experiments)
	return err
}

// addRemoved adds the runs that a commit marks as removed to ids. commit may be empty.
func (d *days) addRemoved(commit string, ids map[string]bool) error {
	removed, err := removedIn(d.trees, commit, d.at)
	maps.Copy(ids, removed)
	return err
}

const (
	maxListed  = 50   // branches that RunsOnOtherBranches reads
	maxCompare = 2000 // branches that an Overview compares, and as many of remotes
)

// days reads the day folders of branches. It reads each folder once, because branches have most of them in common.
type days struct {
	repo    *repo.Repository
	trees   *git.Trees
	at      string // the .runs folder
	seen    map[string][]string
	batched map[string]bool // whether there are batches among them

	cache *index.Cache            // of folders that were read; nil if none is kept
	added map[string]index.Folder // by tree: what the cache does not have yet
}

func openDays(ctx context.Context, r *repo.Repository) (*days, error) {
	at, err := r.TreePath()
	if err != nil {
		return nil, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	return &days{
		repo: r, trees: trees, at: at, seen: map[string][]string{}, batched: map[string]bool{}, cache: r.FolderCache(),
		added: map[string]index.Folder{},
	}, nil
}

// close keeps which runs are in the folders that were read: with batches, finding out reads all records.
func (d *days) close() {
	d.trees.Close()
	if len(d.added) == 0 {
		return
	}
	used := make(map[string]bool, len(d.seen))
	for tree := range d.seen {
		used[tree] = true
	}
	d.cache.AddFolders(d.added, used)
}

// dayFolders returns the day folders of a commit, which may be empty.
func dayFolders(trees *git.Trees, commit, at string) ([]git.TreeEntry, error) {
	e, ok, err := trees.Find(commit, at)
	if err != nil || !ok || !e.IsTree() {
		return nil, err
	}
	folders, err := trees.Read(e.ID)
	return slices.DeleteFunc(slices.Clone(folders), func(e git.TreeEntry) bool {
		return !e.IsTree() ||
			format.CheckDay(e.Name) != nil
	}), err
}

// of returns the tree ids of a commit's day folders. It reads the folders that it has not read before.
func (d *days) of(commit string) ([]string, error) {
	folders, err := dayFolders(d.trees, commit, d.at)
	if err != nil {
		return nil, err
	}
	var trees []string
	for _, folder := range folders {
		trees = append(trees, folder.ID)
		if _, known := d.seen[folder.ID]; known {
			continue
		}
		if d.cache != nil {
			if f, ok := d.cache.Folder(folder.ID, folder.Name); ok {
				d.seen[folder.ID], d.batched[folder.ID] = f.IDs, f.Batch != ""
				continue
			}
		}
		entries, err := d.trees.Read(folder.ID)
		if err != nil {
			return nil, err
		}
		ids, whole, err := idsOf(d.trees, folder.Name, entries)
		if err != nil {
			return nil, err
		}
		f := index.Folder{IDs: ids}
		if i := slices.IndexFunc(entries, func(e git.TreeEntry) bool {
			return e.IsTree() && format.IsBatchName(e.Name)
		}); i >= 0 {
			f.Batch = entries[i].Name
		}
		d.seen[folder.ID], d.batched[folder.ID] = ids, f.Batch != ""
		if whole && d.cache != nil {
			d.added[folder.ID] = f
		}
	}
	return trees, nil
}

// count returns how many runs some folders have together.
func (d *days) count(trees []string) int {
	n := 0
	for _, tree := range trees {
		n += len(d.seen[tree])
	}
	return n
}

// idsOf returns the ids of the runs in the folder of a day, each once. whole is false if a batch could not be read.
func idsOf(trees *git.Trees, day string, entries []git.TreeEntry) (ids []string, whole bool, err error) {
	ids, whole = []string{}, true
	batched := false
	for _, e := range entries {
		switch {
		case !e.IsTree():
		case format.CheckID(e.Name) == nil && format.IDDay(e.Name) == day:
			ids = append(ids, e.Name)
		case format.IsBatchName(e.Name):
			b, err := readBatch(trees, day, e)
			if isBroken(err) {
				return nil, false, err
			}
			if err != nil { // verify reports it
				whole = false
				continue
			}
			batched = true
			ids = append(ids, b.ids...)
		}
	}
	if batched {
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	return ids, whole, nil
}

// RunsOnOtherBranches lists the runs that are on other local branches but not in the commit that is checked out, and
// that were not removed here. It looks only at file names, and only at the newest branches.
func RunsOnOtherBranches(ctx context.Context, r *repo.Repository) ([]string, error) {
	if !r.InGit || git.OnlyBranch(r.Git) {
		return nil, nil
	}
	branches, err := git.NewestBranches(ctx, r.Git, maxListed, false)
	if err != nil || len(branches) == 0 || len(branches) == 1 && branches[0].Here {
		return nil, err
	}
	removed, err := r.RemovedIDs()
	if err != nil {
		return nil, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	at, err := r.TreePath()
	if err != nil {
		return nil, err
	}
	here := map[string]string{} // the day folders of the commit that is checked out, by day
	var pairs []git.TreePair
	var others []git.TreeEntry // the day folders of the pairs
	seen := map[string]bool{}
	empty := ""
	// The branch that is checked out comes first: the others are compared with it.
	if i := slices.IndexFunc(branches, func(b git.Branch) bool { return b.Here }); i > 0 {
		branches[0], branches[i] = branches[i], branches[0]
	}
	for _, b := range branches {
		folders, err := dayFolders(trees, b.Commit, at)
		if err != nil {
			return nil, fmt.Errorf("reading branch %s: %w", b.Name, err)
		}
		for _, day := range folders {
			if b.Here {
				here[day.Name] = day.ID
			}
			if seen[day.ID] || here[day.Name] == day.ID {
				continue
			}
			seen[day.ID] = true
			from := here[day.Name]
			if from == "" {
				if empty == "" {
					if empty, err = trees.Empty(); err != nil {
						return nil, err
					}
				}
				from = empty
			}
			pairs = append(pairs, git.TreePair{From: from, To: day.ID})
			others = append(others, day)
		}
	}
	names, err := git.AddedNames(ctx, r.Git, pairs)
	if err != nil {
		return nil, err
	}
	if names, err = withoutBatches(trees, names, here, others); err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(id string) bool { return format.CheckID(id) != nil || removed[id] })
	slices.Sort(names)
	return slices.Compact(names), nil
}

// withoutBatches replaces the batches among names, which others have, with their runs. It leaves out runs that are in a
// batch here. here has the day folders by day.
func withoutBatches(trees *git.Trees, names []string, here map[string]string, others []git.TreeEntry,
) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	added := map[string]bool{}
	for _, name := range names {
		added[name] = true
	}
	have := map[string]bool{}
	for _, day := range others {
		for _, from := range []struct {
			tree  string
			other bool
		}{{here[day.Name], false}, {day.ID, true}} {
			entries, err := trees.Read(from.tree)
			if err != nil {
				return nil, err
			}
			ids, _, err := idsOf(trees, day.Name, slices.DeleteFunc(slices.Clone(entries), func(e git.TreeEntry) bool {
				return from.other && !(format.IsBatchName(e.Name) && added[e.Name])
			}))
			if err != nil {
				return nil, err
			}
			if from.other {
				names = append(names, ids...)
				continue
			}
			for _, id := range ids {
				have[id] = true
			}
		}
	}
	return slices.DeleteFunc(names, func(id string) bool { return have[id] }), nil
}

// Overview reports where in Git the runs of a clone are.
type Overview struct {
	Uncommitted int                  // of this worktree, with status finished, and those that they resume
	Resumed     int                  // the latter
	Experiments int                  // whose files the runs branch does not have as they are
	Notes       int                  // of committed runs, that the runs branch does not have: annotations and tags
	Removed     []string             // removed runs that the runs branch still has, or whose markers it lacks
	Restored    []string             // runs of this worktree that the runs branch marks as removed
	Redactions  []WaitingRedaction   // of committed runs, that are not committed
	Unredacted  []UnredactedRun      // runs that the runs branch has as they were before a redaction
	Missing     []string             // runs of HEAD that were deleted from the working tree; see Missing
	Files       []string             // other files of HEAD that were deleted from it; see MissingFiles
	Elsewhere   []repo.RunsElsewhere // runs of other worktrees that no commit holds
	Unpushed    int                  // on the runs branch and on no branch of a remote
	Remote      bool                 // a remote is configured
	Alone       []BranchRuns         // branches with runs that no other branch has
	Lost        int                  // that were committed in this clone, and that nothing but keptRef has
	Damage      []Problem            // of BranchDamage
	Conflict    *MergeConflict       // nil if Git has merged everything in .runs
	Warnings    []string
}

// BranchRuns is a local branch with runs that no other branch has, here or at a remote.
type BranchRuns struct {
	Branch string
	Runs   int
}

// ReadOverview reads the Overview of the repository of a catalog.
func ReadOverview(ctx context.Context, c *catalog.Catalog) (*Overview, error) {
	o, r := &Overview{}, c.Repository()
	if !r.InGit {
		return o, nil
	}
	var err error
	if o.Elsewhere, err = r.Elsewhere(); err != nil {
		return nil, err
	}
	remotes, err := git.Remotes(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	o.Remote = len(remotes) > 0
	branches, err := git.NewestBranches(ctx, r.Git, maxCompare, true)
	if err != nil {
		return nil, err
	}
	local, err := runsBranch(ctx, r)
	if err != nil {
		return nil, err
	}
	d, err := openDays(ctx, r)
	if err != nil {
		return nil, err
	}
	defer d.close()
	known, err := d.known(local.seen)
	if err != nil {
		return nil, err
	}
	o.Uncommitted, o.Resumed, o.Restored = uncommitted(known, c, local.checkedOut)
	if err := o.countPending(ctx, r, d, known, !local.checkedOut); err != nil {
		return nil, err
	}
	if o.Redactions, err = Waiting(ctx, r); err != nil {
		return nil, err
	}
	removed, err := r.RemovedIDs()
	if err != nil {
		return nil, err
	}
	maps.Copy(removed, known.removed)
	if o.Unredacted, err = unredacted(ctx, r, d.trees, local, o.Redactions); err != nil {
		return nil, err
	}
	runs, err := o.compare(d, branches, local, removed)
	if err != nil {
		return nil, err
	}
	head, err := git.Resolve(ctx, r.Git, "HEAD")
	if err != nil {
		return nil, err
	}
	if err := o.countLost(ctx, d, c, []string{head, local.seen}, branches, runs); err != nil {
		return nil, err
	}
	if head != known.commit {
		if known, err = d.known(head); err != nil {
			return nil, err
		}
	}
	if o.Missing, err = d.missing(known, c); err != nil {
		return nil, err
	}
	if o.Files, err = missingFiles(ctx, r, d.trees, head, d.at); err != nil {
		return nil, err
	}
	if err := o.warn(d, head, local); err != nil {
		return nil, err
	}
	if o.Damage, err = BranchDamage(ctx, r); err != nil {
		return o, err
	}
	if local.checkedOut {
		if err := o.settleUnmarked(r); err != nil {
			return o, err
		}
	}
	o.Conflict, err = FindConflict(ctx, r, len(c.Damage()) > 0)
	return o, err
}

// settleUnmarked counts a removed run that a commit of the user's own has removed without its marker as a removal that
// is not committed: the next commit adds the marker.
func (o *Overview) settleUnmarked(r *repo.Repository) error {
	if len(o.Damage) == 0 {
		return nil
	}
	removed, err := r.RemovedIDs()
	if err != nil {
		return err
	}
	o.Damage = slices.DeleteFunc(o.Damage, func(p Problem) bool {
		if p.Reason != transition.Unmarked || !removed[p.ID] {
			return false
		}
		if !slices.Contains(o.Removed, p.ID) {
			o.Removed = append(o.Removed, p.ID)
		}
		return true
	})
	slices.Sort(o.Removed)
	return nil
}

// warn warns if the code branch does not require a reader to know batches that it or the runs branch has, and if a
// merge could mix batches.
func (o *Overview) warn(d *days, head string, local localBranch) error {
	if head == "" {
		return nil
	}
	batches := func() (bool, error) {
		for _, commit := range []string{head, local.seen} {
			folders, err := d.of(commit)
			if err != nil {
				return false, err
			}
			if slices.ContainsFunc(folders, func(tree string) bool { return d.batched[tree] }) {
				return true, nil
			}
		}
		return false, nil
	}
	required, err := notRequired(d.trees, head, d.at, batches)
	if err != nil {
		return err
	}
	mixed, err := mergesBatches(d.repo, d.at, batches)
	for _, warning := range []string{required, mixed} {
		if warning != "" {
			o.Warnings = append(o.Warnings, warning)
		}
	}
	return err
}

// countLost counts the runs that only keptRef has. runs has those of the branches. Neither the commits nor the branches
// mark them as removed.
func (o *Overview) countLost(ctx context.Context, d *days, c *catalog.Catalog, commits []string,
	branches []git.Branch, runs map[string]branchPlace,
) error {
	kept, err := git.Resolve(ctx, d.repo.Git, keptRef)
	if err != nil || kept == "" {
		return err
	}
	folders, err := d.of(kept)
	if err != nil {
		return err
	}
	var lost []string
	for _, tree := range folders {
		for _, id := range d.seen[tree] {
			if _, there := runs[id]; !there {
				lost = append(lost, id)
			}
		}
	}
	if len(lost) == 0 {
		return nil
	}
	known, err := d.repo.RemovedIDs()
	if err != nil {
		return err
	}
	for id := range c.IDs() {
		known[id] = true
	}
	for _, b := range branches {
		commits = append(commits, b.Commit)
	}
	for _, commit := range append(commits, kept) {
		if err := d.addRemoved(commit, known); err != nil {
			return err
		}
	}
	for _, id := range lost {
		if !known[id] {
			o.Lost++
		}
	}
	return nil
}

// branchPlace says which branches have a run, or the folder of a day.
type branchPlace struct {
	only     string // the local branch, if there is only one
	several  bool
	atRemote bool
}

// compare finds the branches that each run is on. A run that was removed here counts on no branch. Its cost depends
// only on the number of different day folders, because branches share equal ones.
func (o *Overview) compare(d *days, branches []git.Branch, local localBranch, removed map[string]bool,
) (map[string]branchPlace, error) {
	holders := map[string]*branchPlace{} // by the tree id of the day folder
	join := func(p *branchPlace, branch string, remote bool) {
		p.atRemote = p.atRemote || remote
		p.several = p.several || remote || p.only != "" && p.only != branch
		if !remote {
			p.only = branch
		}
	}
	for _, b := range branches {
		folders, err := d.of(b.Commit)
		if err != nil {
			return nil, fmt.Errorf("reading branch %s: %w", b.Name, err)
		}
		for _, tree := range folders {
			if holders[tree] == nil {
				holders[tree] = &branchPlace{}
			}
			join(holders[tree], b.Name, b.Remote)
		}
	}
	trees := slices.Collect(maps.Keys(holders))
	runs := make(map[string]branchPlace, d.count(trees))
	for _, tree := range trees {
		p := holders[tree]
		for _, id := range d.seen[tree] {
			at := runs[id]
			if p.only != "" {
				join(&at, p.only, false)
			}
			at.several, at.atRemote = at.several || p.several, at.atRemote || p.atRemote
			runs[id] = at
		}
	}
	alone := map[string]int{}
	for id, p := range runs {
		if !p.several && !removed[id] {
			alone[p.only]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(alone)) {
		o.Alone = append(o.Alone, BranchRuns{name, alone[name]})
	}
	folders, err := d.of(local.tip)
	for _, tree := range folders {
		for _, id := range d.seen[tree] {
			if o.Remote && !runs[id].atRemote {
				o.Unpushed++
			}
		}
	}
	return runs, err
}
