package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// PackRequest selects the runs to pack.
type PackRequest struct {
	Older  time.Duration // pack only runs that started longer ago
	DryRun bool
}

// Packed is the result of Pack.
type Packed struct {
	Commit   string // empty if there was nothing to pack
	Branch   string
	Runs     int      // in the new batches
	Moved    int      // those of them that had a folder of their own
	Joined   int      // batches that fewer new ones replace
	Batches  []string // the new batches, relative to .runs; with DryRun, there are only as many as expected
	Settled  []string // runs that the branch had in two versions: those of a merge, before and after a redaction
	Dropped  []string // removed runs that no batch has any more
	Before   int      // files that went
	After    int      // files that came
	Warnings []string
	// Merge is set if Pack has settled, or with DryRun would settle, the conflicts of a merge, and done nothing else.
	Merge *SettledMerge
}

// Pack moves committed runs into batches by one commit: those that have a folder of their own, and those of small
// batches of the same day. It drops removed runs from their batches. What is in Git's history stays there. If a merge
// has left conflicts in .runs, it settles them instead; see SettleMerge.
func Pack(ctx context.Context, r *repo.Repository, q PackRequest) (*Packed, error) {
	fail := func(err error) (*Packed, error) { return nil, fmt.Errorf("packing runs: %w", err) }
	if !r.InGit {
		return fail(errors.New("this is not a Git repository"))
	}
	if err := r.Writable(); err != nil {
		return fail(err)
	}
	conflict, err := FindConflict(ctx, r, true)
	if err != nil {
		return fail(err)
	}
	if conflict != nil {
		return packConflict(ctx, r, q, conflict)
	}
	if name, end := r.Git.InProgress(); name != "" {
		return nil, &repo.HintError{Err: fmt.Errorf("packing runs: %s is in progress", name), Hint: "run " + end + " first"}
	}
	if git.Merging(r.Git) {
		return nil, &repo.HintError{Err: errors.New("packing runs: a merge is in progress"), Hint: "run 'git commit' first"}
	}
	if at, err := r.TreePath(); err == nil {
		squashing, err := git.Squashing(ctx, r.Git, at)
		if err != nil {
			return fail(err)
		}
		if squashing { // it replaces batches that pack would write anew
			return nil, &repo.HintError{
				Err: errors.New("packing runs: a squash merge of runs is staged"), Hint: "run 'git commit' first",
			}
		}
	}
	end, err := git.LockCommits(ctx, r.Git)
	if err != nil {
		return fail(err)
	}
	defer end()
	if err := refuseWaiting(ctx, r); err != nil {
		return fail(err)
	}
	for try := 0; ; try++ {
		done, err := packOnce(ctx, r, q)
		if errors.Is(err, git.ErrMoved) && try < refSwitches {
			continue
		}
		if err != nil {
			return fail(err)
		}
		return done, nil
	}
}

// packConflict settles the conflicts of a merge.
func packConflict(ctx context.Context, r *repo.Repository, q PackRequest, c *MergeConflict) (*Packed, error) {
	if q.DryRun {
		return &Packed{Merge: &SettledMerge{Files: len(c.Paths), End: c.End}}, nil
	}
	end, err := git.LockCommits(ctx, r.Git)
	if err != nil {
		return nil, fmt.Errorf("packing runs: %w", err)
	}
	defer end()
	settled, err := SettleMerge(ctx, r, c)
	return &Packed{Merge: settled}, err
}

// repacking is the state of one attempt to pack.
type repacking struct {
	*plan
	writer  *writer
	ask     PackRequest
	done    *Packed
	tip     string // the commit whose runs are packed
	members []packRun
	old     []*heldBatch        // whose runs are members
	settled map[string]runFiles // of members that the commit has in two versions: the one that stays
	single  []string            // members with a folder of their own, and runs that a batch has too
	fresh   []string            // members that no batch has
}

func packOnce(ctx context.Context, r *repo.Repository, q PackRequest) (*Packed, error) {
	local, err := runsBranch(ctx, r)
	if err == nil {
		err = local.needLocal()
	}
	if err != nil {
		return nil, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	w := &writer{repo: r, trees: trees}
	defer w.close()
	x := &repacking{writer: w, ask: q, tip: local.tip, done: &Packed{Branch: local.name}, plan: &plan{
		Committed: &Committed{Branch: local.name}, repo: r, before: map[string]string{}, blobs: map[string]string{},
	}}
	if x.at, err = r.TreePath(); err != nil {
		return nil, err
	}
	if x.known, err = readSnapshot(trees, local.tip, x.at); err != nil {
		return nil, err
	}
	if err := x.known.unreadable(); err != nil {
		return nil, err
	}
	if err := x.settleVersions(ctx); err != nil {
		return nil, err
	}
	if err := x.choose(ctx); err != nil || len(x.members)+len(x.done.Dropped)+len(x.single) == 0 {
		return x.done, err
	}
	if q.DryRun {
		for range chunks(x.members) {
			x.done.Batches = append(x.done.Batches, "")
		}
		x.done.Runs = len(x.members)
		x.countMoved(nil, nil)
		return x.done, nil
	}
	if x.objects, err = w.newObjects(ctx, true); err != nil {
		return nil, err
	}
	if !local.checkedOut {
		return x.done, x.commitElsewhere(ctx, local)
	}
	return x.done, x.commitHere(ctx, local)
}

// choose finds what to pack, day by day.
func (x *repacking) choose(ctx context.Context) error {
	days := map[string][]string{} // runs with a folder of their own
	for id := range x.known.folders {
		days[format.IDDay(id)] = append(days[format.IDDay(id)], id)
	}
	batches := map[string][]*heldBatch{}
	for _, b := range x.known.batches {
		batches[path.Dir(b.path)] = append(batches[path.Dir(b.path)], b)
		days[path.Dir(b.path)] = slices.Grow(days[path.Dir(b.path)], 1)
	}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		slices.SortFunc(batches[day], func(a, b *heldBatch) int { return strings.Compare(a.path, b.path) })
		if err := x.chooseDay(days[day], batches[day]); err != nil {
			return err
		}
	}
	slices.Sort(x.done.Dropped)
	return nil
}

// smallBatch is up to how many runs a batch is joined with others of its day.
const smallBatch = format.MaxBatchRuns / 2

func (x *repacking) chooseDay(ids []string, batches []*heldBatch) error {
	var fresh []packRun
	slices.Sort(ids)
	for _, id := range ids {
		if x.settled[id] != nil {
			x.single = append(x.single, id)
			continue
		}
		run, ok, err := x.candidate(id)
		if err != nil {
			return err
		}
		switch {
		case !ok:
		case len(x.known.in[id]) > 0:
			x.single = append(x.single, id)
		default:
			fresh = append(fresh, run)
		}
	}
	small := 0
	for _, b := range batches {
		if len(b.ids) <= smallBatch {
			small++
		}
	}
	taken := map[string]bool{}
	var members []packRun
	var old []*heldBatch
	for _, b := range batches {
		lose := slices.ContainsFunc(b.ids, func(id string) bool {
			return x.known.removed[id] || x.known.in[id][0] != b || x.settled[id] != nil
		})
		if !lose && (len(b.ids) > smallBatch || small+len(fresh) < 2) {
			continue
		}
		old = append(old, b)
		for _, id := range b.ids {
			switch {
			case x.known.removed[id]:
				x.done.Dropped = append(x.done.Dropped, id)
			case taken[id], x.known.in[id][0] != b && !slices.Contains(old, x.known.in[id][0]):
			default:
				taken[id] = true
				run, err := x.member(id)
				if err != nil {
					return err
				}
				members = append(members, run)
			}
		}
	}
	if len(members)+len(fresh) < leastBatched && len(old) == 0 {
		return nil
	}
	for _, run := range fresh {
		x.single, x.fresh = append(x.single, run.id), append(x.fresh, run.id)
	}
	x.members, x.old = append(append(x.members, members...), fresh...), append(x.old, old...)
	return nil
}

// candidate returns a run with a folder of its own. ok is false if it stays there.
func (x *repacking) candidate(id string) (run packRun, ok bool, err error) {
	if time.Since(format.IDTime(id)) < x.ask.Older || x.known.removed[id] {
		return run, false, nil
	}
	own, err := filesOf(x.writer.trees, id, x.known.folders[id], nil)
	if err != nil {
		return run, false, err
	}
	record, ok := own[repo.RecordName]
	if !ok {
		return run, false, nil // only its annotations
	}
	// A run that was redacted since, or that somebody has changed, stays until that is committed.
	file := filepath.Join(x.repo.RunDir(id), repo.RecordName)
	if same, err := sameFile(file, record.ID); err == nil && !same {
		return run, false, nil
	}
	if run, err = x.member(id); err != nil {
		return run, false, err
	}
	return run, run.load != nil && run.sizes.fits(), nil
}

// member returns a run of the commit. Its load is nil if the run must keep a folder of its own.
func (x *repacking) member(id string) (packRun, error) {
	run := packRun{id: id, must: len(x.known.in[id]) > 0}
	files, err := x.settled[id], error(nil)
	if files == nil {
		files, err = x.known.run(id)
	}
	if err != nil {
		return run, fmt.Errorf("run %s: %w", id, err)
	}
	data, err := files[repo.RecordName].read(x.writer.trees, format.MaxRecordBytes)
	if err != nil {
		return run, fmt.Errorf("run %s: %w", id, err)
	}
	record, err := format.DecodeRun(repo.RecordName, data)
	if err != nil {
		return run, nil // verify reports it
	}
	config, err := x.repo.Config()
	if err != nil {
		return run, err
	}
	run.sizes.add(repo.RecordName, int64(len(data)))
	for name, f := range record.Files {
		if _, ok := files[name]; ok {
			run.sizes.add(name, f.Bytes)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasPrefix(name, "artifacts/") {
			continue
		}
		_, size, _, err := files[name].sum(x.writer.trees, maxBlobBytes)
		if err != nil {
			return run, fmt.Errorf("run %s: %s: %w", id, name, err)
		}
		if config.Artifacts.Store == format.StoreLFS && !run.must {
			return run, nil
		}
		run.sizes.add(name, size)
	}
	run.load = func(ctx context.Context, own func(string, []byte) error) (repo.BatchInput, error) {
		return x.load(ctx, id, files, own)
	}
	return run, nil
}

// load reads the files of a run of the commit.
func (x *repacking) load(ctx context.Context, id string, files runFiles, own func(string, []byte) error,
) (repo.BatchInput, error) {
	l := loader{in: repo.BatchInput{ID: id, Rows: map[string]string{}}, own: own}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := ctx.Err(); err != nil {
			return l.in, err
		}
		f := files[name]
		if path.Dir(name) == "notes" {
			continue
		}
		data, err := f.read(x.writer.trees, format.MaxBatchBytes)
		if err != nil {
			return l.in, fmt.Errorf("%s: %w", name, err)
		}
		if f.rows() {
			l.in.Rows[name] = map[string]string{
				format.MetricsName: f.batch.runs[id].points, format.ValuesName: f.batch.runs[id].values,
			}[name]
		}
		if err := l.add(name, data); err != nil {
			return l.in, err
		}
	}
	return l.in, nil
}

// build builds the batches and plans the commit.
func (x *repacking) build(ctx context.Context, place *packing) error {
	k := packer{encoder: x.objects.Encoder(), least: leastBatched, place: place}
	if err := k.build(ctx, x.members); err != nil {
		return err
	}
	for _, id := range k.alone {
		if x.settled[id] != nil {
			return fmt.Errorf("run %s does not fit into a batch any more", id)
		}
	}
	made := map[string]bool{}
	for _, b := range k.made {
		made[b.path] = true
		if x.known.batches[b.path] != nil {
			continue
		}
		x.done.Batches = append(x.done.Batches, b.path)
		x.done.Runs += len(b.IDs)
		x.done.After += len(b.blobs)
		for _, name := range slices.Sorted(maps.Keys(b.blobs)) {
			x.paths = append(x.paths, path.Join(b.path, name))
			x.blobs[path.Join(b.path, name)] = b.blobs[name]
		}
	}
	for _, b := range x.old {
		if !made[b.path] {
			x.remove = append(x.remove, b.path)
			x.done.Before += len(b.files)
			if place != nil {
				if err := place.note(b.path); err != nil {
					return err
				}
			}
		}
	}
	for _, id := range x.single {
		if slices.Contains(k.alone, id) {
			continue
		}
		own, err := filesOf(x.writer.trees, id, x.known.folders[id], nil)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(own)) {
			if path.Dir(name) != "notes" {
				x.remove = append(x.remove, path.Join(runPath(id), name))
				x.done.Before++
			}
		}
	}
	x.countMoved(k.alone, made)
	if len(k.made) == 0 {
		return nil
	}
	return x.requireBatches(ctx, x.writer, place != nil)
}

// countMoved counts the runs that leave a folder of their own, but for those alone, and the batches that are joined.
// made has the paths of the batches that were built.
func (x *repacking) countMoved(alone []string, made map[string]bool) {
	for _, id := range x.fresh {
		if !slices.Contains(alone, id) {
			x.done.Moved++
		}
	}
	replaced := 0
	for _, b := range x.old {
		if !made[b.path] {
			replaced++
		}
	}
	if replaced > len(x.done.Batches) { // otherwise they only lost runs
		x.done.Joined = replaced
	}
}

func (x *repacking) message() string {
	var parts []string
	for _, part := range []struct {
		verb, what string
		n          int
	}{
		{"pack", "run", x.done.Moved},
		{"join", "batch", x.done.Joined},
		{"drop", "removed run", len(x.done.Dropped)},
		{"settle", "run", len(x.done.Settled)},
	} {
		switch {
		case part.n > 0 && part.what == "batch" && len(x.done.Batches) == 0:
			parts = append(parts, "drop repeated batches")
		case part.n > 0 && part.what == "batch":
			parts = append(parts, fmt.Sprintf("join %d batches", part.n))
		case part.n > 0:
			parts = append(parts, part.verb+" "+count(part.n, part.what))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "pack "+count(x.done.Runs, "run"))
	}
	return "runs: " + strings.Join(parts, ", ") + "\n"
}

// commitHere commits to the branch that is checked out.
func (x *repacking) commitHere(ctx context.Context, local localBranch) (err error) {
	o, err := git.Begin(ctx, x.repo.Git, "commit", format.RandomLetters(8))
	if err != nil {
		return err
	}
	defer closeOperation(o, &err)
	tip, err := git.ReadTip(ctx, x.repo.Git)
	if err != nil || tip != (git.Tip{Commit: local.tip, Branch: local.name}) {
		return cmp.Or(err, git.ErrMoved)
	}
	place, err := beginPacking(ctx, x.repo)
	if err != nil {
		return err
	}
	defer place.close()
	if err := x.build(ctx, place); err != nil || len(x.paths)+len(x.remove) == 0 {
		return err
	}
	if err := x.checkFilters(ctx); err != nil {
		return err
	}
	gone, err := x.gone(x.writer.trees, local.tip)
	if err != nil {
		return err
	}
	x.writer.request.Message = x.message()
	updates, err := x.writer.write(ctx, x.plan, local.tip, func() error {
		return o.Stage(ctx, below(x.at, x.files()), gone)
	})
	if err != nil {
		return err
	}
	updates[0].Ref = "HEAD"
	if err := o.Finish(ctx, strings.TrimSpace(x.message()), updates...); err != nil {
		return err
	}
	x.done.Commit, x.done.Warnings = x.Commit, x.Warnings
	if err := cmp.Or(x.dropSettled(), place.complete(context.WithoutCancel(ctx))); err != nil {
		x.done.Warnings = append(x.done.Warnings, fmt.Sprintf("the runs are packed, but their own folders stay: %v", err))
	}
	return nil
}

// commitElsewhere commits to the runs branch, which is not checked out.
func (x *repacking) commitElsewhere(ctx context.Context, local localBranch) error {
	if err := x.build(ctx, nil); err != nil || len(x.paths)+len(x.remove) == 0 {
		return err
	}
	x.writer.request.Message = x.message()
	updates, err := x.writer.write(ctx, x.plan, local.tip, nil)
	if err != nil {
		return err
	}
	updates[0].Ref, updates[0].Old = "refs/heads/"+local.name, local.tip
	x.done.Commit, x.done.Warnings = x.Commit, x.Warnings
	return git.UpdateRefs(ctx, x.repo.Git, strings.TrimSpace(x.message()), updates...)
}
