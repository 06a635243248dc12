package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/transition"
)

// lostRun is a lost run with its files.
type lostRun struct {
	id    string
	files runFiles
}

// finder finds lost runs.
type finder struct {
	repo   *repo.Repository
	done   *RestoredLost
	trees  *git.Trees
	at     string
	tip    string            // of keptRef
	kept   *snapshot         // at the tip
	shared map[string]string // blobs of the shared files of all commits that were read
	// commits are those that have a version of a run, by its id.
	commits map[string][]string
	locals  []*otherBranch // those that are not checked out
	remotes []*otherBranch // the newest of remotes, as last fetched; nil before they are read
}

// otherBranch is a branch that is not the one of the runs.
type otherBranch struct {
	name, commit string
	removed      map[string]bool
	days         map[string]string // the trees of the folders of days
}

func (f *finder) readBranch(name, commit string) (*otherBranch, error) {
	b := &otherBranch{name: name, commit: commit, days: map[string]string{}}
	folders, err := dayFolders(f.trees, commit, f.at)
	for _, day := range folders {
		b.days[day.Name] = day.ID
	}
	if err == nil {
		b.removed, err = removedIn(f.trees, commit, f.at)
	}
	if err != nil {
		return nil, fmt.Errorf("reading branch %s: %w", name, err)
	}
	return b, nil
}

func (f *finder) open(ctx context.Context) error {
	var err error
	if f.at, err = f.repo.TreePath(); err != nil {
		return err
	}
	if f.tip, err = git.Resolve(ctx, f.repo.Git, keptRef); err != nil {
		return err
	}
	if f.trees, err = git.OpenTrees(ctx, f.repo.Git); err != nil {
		return err
	}
	f.kept, err = f.read(f.tip)
	if err != nil {
		f.trees.Close()
	}
	return err
}

func (f *finder) read(commit string) (*snapshot, error) {
	c, err := readSnapshot(f.trees, commit, f.at)
	if err != nil {
		return nil, err
	}
	for name, blob := range c.shared {
		if f.shared[name] == "" {
			f.shared[name] = blob
		}
	}
	return c, nil
}

func (f *finder) find(ctx context.Context, ids []string) ([]lostRun, error) {
	present, err := f.repo.AllFinishedIDs()
	if err != nil {
		return nil, err
	}
	here := map[string]bool{}
	for _, id := range present {
		// When Git switches branches, it leaves a run's folder with the files that it does not track.
		if f.repo.HasRun(id) {
			here[id] = true
		}
	}
	removed, err := f.repo.RemovedIDs()
	if err != nil {
		return nil, err
	}
	gone := maps.Clone(removed)
	if gone == nil {
		gone = map[string]bool{}
	}
	head, others, err := f.branches(ctx, here, gone)
	if err != nil {
		return nil, err
	}
	if ids != nil {
		return f.named(ctx, ids, here)
	}
	past, err := f.past(ctx, nil)
	if err != nil {
		return nil, err
	}
	candidates := maps.Clone(f.kept.runs)
	for id := range past {
		candidates[id] = ""
	}
	var lost []lostRun
	for _, id := range slices.Sorted(maps.Keys(candidates)) {
		switch {
		case here[id], head[id], gone[id]:
			continue
		case others[id]:
			f.done.OnOtherBranches++
			continue
		case past[id] == nil:
			if removed, err := f.isRemoved(ctx, id); err != nil || removed {
				if err != nil {
					return nil, err
				}
				continue
			}
		}
		commits, err := f.elsewhere(ctx, id)
		if err != nil {
			return nil, err
		}
		run, err := f.newest(id, append(past[id], commits...))
		if err != nil {
			return nil, err
		}
		if run != nil {
			lost = append(lost, *run)
		}
	}
	if len(lost)+f.done.OnOtherBranches == 0 {
		return nil, f.lookAtRemotes(ctx, here, head, gone)
	}
	return lost, nil
}

// readRemotes reads the newest branches of remotes, once.
func (f *finder) readRemotes(ctx context.Context) error {
	if f.remotes != nil {
		return nil
	}
	branches, err := git.NewestBranches(ctx, f.repo.Git, maxListed, true)
	if err != nil {
		return err
	}
	f.remotes = []*otherBranch{}
	for _, b := range branches {
		if !b.Remote {
			continue
		}
		other, err := f.readBranch(b.Name, b.Commit)
		if err != nil {
			return err
		}
		f.remotes = append(f.remotes, other)
	}
	return nil
}

// isRemoved reports whether some branch, or keptRef, marks a run as removed. What others have removed keptRef does not
// know.
func (f *finder) isRemoved(ctx context.Context, id string) (bool, error) {
	marks := func(b *otherBranch) bool { return b.removed[id] }
	if f.kept.removed[id] || slices.ContainsFunc(f.locals, marks) {
		return true, nil
	}
	err := f.readRemotes(ctx)
	return slices.ContainsFunc(f.remotes, marks), err
}

// elsewhere returns the commits of other local branches and of remotes that may have another version of a run: somebody
// may have redacted it there.
func (f *finder) elsewhere(ctx context.Context, id string) ([]string, error) {
	if err := f.readRemotes(ctx); err != nil {
		return nil, err
	}
	day := format.IDDay(id)
	var commits []string
	seen := map[string]bool{"": true}
	for _, b := range slices.Concat(f.locals, f.remotes) {
		if tree := b.days[day]; !seen[tree] && !b.removed[id] {
			seen[tree] = true
			commits = append(commits, b.commit)
		}
	}
	return commits, nil
}

// lookAtRemotes counts the runs that only the newest branches of remotes have: a branch for runs that a former commit
// has set is in no local branch of a new clone.
func (f *finder) lookAtRemotes(ctx context.Context, known ...map[string]bool) error {
	if err := f.readRemotes(ctx); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, r := range f.remotes {
		c, err := readSnapshot(f.trees, r.commit, f.at)
		if err != nil {
			return fmt.Errorf("reading branch %s: %w", r.name, err)
		}
		for id := range c.runs {
			has := func(ids map[string]bool) bool { return ids[id] }
			if seen[id] || r.removed[id] || slices.ContainsFunc(known, has) {
				continue
			}
			seen[id] = true
			f.done.OnRemotes++
			f.done.Remote = cmp.Or(f.done.Remote, r.name)
		}
	}
	return nil
}

// past returns the commits of the branch, and of the runs branch, that changed the record or an annotation of a run,
// parents before their children. With an id, it looks only at that run.
func (f *finder) past(ctx context.Context, only []string) (map[string][]string, error) {
	local, err := runsBranch(ctx, f.repo)
	if err != nil {
		return nil, err
	}
	head, err := git.Resolve(ctx, f.repo.Git, "HEAD")
	if err != nil {
		return nil, err
	}
	var tips []string
	for _, commit := range []string{head, local.seen} {
		if commit != "" && !slices.Contains(tips, commit) {
			tips = append(tips, commit)
		}
	}
	if len(tips) == 0 {
		return nil, nil
	}
	folders := []string{f.at}
	if only != nil {
		folders = nil
		for _, id := range only {
			if day := path.Join(f.at, format.IDDay(id)); !slices.Contains(folders, day) { // a batch may hold it
				folders = append(folders, day)
			}
		}
	}
	past := map[string][]string{}
	add := func(id, commit string) {
		if n := len(past[id]); (only == nil || slices.Contains(only, id)) && (n == 0 || past[id][n-1] != commit) {
			past[id] = append(past[id], commit)
		}
	}
	_, err = git.EachChange(ctx, f.repo.Git, tips, nil, folders, func(c git.CommittedChange) error {
		p := placeOf(c.Path)
		if p.at != f.at || c.ID == "" {
			return nil
		}
		switch {
		case p.kind == ofRun:
			if own := fileName(p); own == repo.RecordName || path.Dir(own) == "notes" {
				add(p.run, c.Commit)
			}
		case p.kind == ofBatch && p.name == path.Join(p.pack, format.BatchRunsName):
			b, err := batchIn(f.trees, c.Commit, f.at, p.pack)
			if isBroken(err) {
				return err
			}
			if err != nil || b == nil {
				return nil // it is reported when the history is verified
			}
			for _, id := range b.ids {
				add(id, c.Commit)
			}
		}
		return nil
	})
	return past, err
}

// newest returns a run with the files of its last version: the one that no other version redacts. Versions come from
// refs/runs/kept and from commits. It adds annotations of the other versions. It returns nil if no version has a
// record.
func (f *finder) newest(id string, commits []string) (*lostRun, error) {
	var versions []runFiles
	if f.kept.runs[id] != "" {
		files, err := f.kept.run(id)
		if err != nil {
			return nil, err
		}
		versions = append(versions, files)
	}
	for _, commit := range commits {
		files, err := filesIn(f.trees, commit, f.at, id)
		if isBroken(err) {
			return nil, err
		}
		if _, ok := files[repo.RecordName]; ok {
			versions = append(versions, files)
			f.commits[id] = append(f.commits[id], commit)
		}
	}
	if len(versions) == 0 {
		return nil, nil
	}
	last := versions[0]
	for _, files := range versions[1:] {
		if files[repo.RecordName].ID == last[repo.RecordName].ID {
			last = files
			continue
		}
		was := versionOf(f.trees, last, f.blob(id))
		if _, err := transition.Check(was, versionOf(f.trees, files, f.blob(id)), false); err == nil {
			last = files
		}
	}
	run := &lostRun{id, maps.Clone(last)}
	for _, files := range versions {
		for name, e := range files {
			if _, ok := run.files[name]; !ok && path.Dir(name) == "notes" {
				run.files[name] = e
			}
		}
	}
	return run, f.findShared(*run)
}

// blob returns a function that finds the blob of a shared file that a version of a run names.
func (f *finder) blob(id string) func(name string) (string, error) {
	return func(name string) (string, error) {
		for _, commit := range f.commits[id] {
			if f.shared[name] != "" {
				break
			}
			e, ok, err := f.trees.Find(commit, path.Join(f.at, name))
			if err != nil {
				return "", err
			}
			if ok {
				f.shared[name] = e.ID
			}
		}
		if f.shared[name] == "" {
			return "", errors.New("is missing")
		}
		return f.shared[name], nil
	}
}

// findShared finds the shared files that a run names.
func (f *finder) findShared(run lostRun) error {
	data, err := run.files[repo.RecordName].read(f.trees, format.MaxRecordBytes)
	if err != nil {
		return nil // it is reported when the run is verified
	}
	for _, name := range repo.NamedIn(data) {
		if _, err := f.blob(run.id)(name); isBroken(err) {
			return err
		}
	}
	return nil
}

// branches returns the runs of the commit that is checked out and of the runs branch, and the runs of the other local
// branches. It adds the removal markers of the former to gone. It counts the runs of HEAD that are not here.
func (f *finder) branches(ctx context.Context, here, gone map[string]bool) (head, others map[string]bool, err error) {
	local, err := runsBranch(ctx, f.repo)
	if err != nil {
		return nil, nil, err
	}
	names, err := git.Branches(ctx, f.repo.Git)
	if err != nil {
		return nil, nil, err
	}
	head, others = map[string]bool{}, map[string]bool{}
	_, own, err := f.repo.RunsBranch(ctx) // it may be at a remote only
	if err != nil {
		return nil, nil, err
	}
	for _, ref := range append([]string{"HEAD", own}, names...) {
		commit := own
		if ref != own {
			if commit, err = git.Resolve(ctx, f.repo.Git, ref); err != nil {
				return nil, nil, err
			}
		}
		c, err := f.read(commit)
		if err != nil {
			return nil, nil, err
		}
		into := others
		if ref == "HEAD" || ref == own || ref == "refs/heads/"+local.name {
			into = head
			maps.Copy(gone, c.removed)
		} else {
			other, err := f.readBranch(ref, commit)
			if err != nil {
				return nil, nil, err
			}
			f.locals = append(f.locals, other)
		}
		for id := range c.runs {
			if c.removed[id] { // its batch still has it
				continue
			}
			into[id] = true
			if ref == "HEAD" && !here[id] && !gone[id] {
				f.done.Deleted++
			}
		}
	}
	return head, others, nil
}

// named finds runs by their ids, also in the history of keptRef and of the branch: only a history has removed runs.
func (f *finder) named(ctx context.Context, ids []string, here map[string]bool) ([]lostRun, error) {
	var lost []lostRun
	past, err := f.past(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if here[id] {
			return nil, fmt.Errorf("run %s is not lost: it is in the working tree", id)
		}
		if f.kept.runs[id] == "" {
			from, err := f.history(ctx, id)
			if err != nil {
				return nil, err
			}
			if from != nil {
				f.kept.take(from, id)
			}
		}
		commits, err := f.elsewhere(ctx, id)
		if err != nil {
			return nil, err
		}
		run, err := f.newest(id, append(past[id], commits...))
		if err != nil {
			return nil, err
		}
		if run == nil {
			return nil, fmt.Errorf("run %s: %w", id, ErrNeverCommitted)
		}
		lost = append(lost, *run)
	}
	return lost, nil
}

// history returns the last snapshot of keptRef that had a run, or nil.
func (f *finder) history(ctx context.Context, id string) (*snapshot, error) {
	if f.tip == "" {
		return nil, nil
	}
	removal, err := git.LastChange(ctx, f.repo.Git, f.tip, path.Join(f.at, runPath(id)))
	if err != nil {
		return nil, err
	}
	commits := []string{removal}
	if removal == "" { // it may have been in a batch
		if commits, err = git.ChangesOf(ctx, f.repo.Git, f.tip, path.Join(f.at, format.IDDay(id))); err != nil {
			return nil, err
		}
	}
	for _, commit := range commits {
		c, err := f.trees.Commit(commit)
		if err != nil {
			return nil, err
		}
		if len(c.Parents) == 0 {
			continue
		}
		if files, err := filesIn(f.trees, c.Parents[0], f.at, id); err != nil || files == nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		return f.read(c.Parents[0])
	}
	return nil, nil
}
