package share

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// Request says what to commit.
type Request struct {
	IDs           []string // these runs; nil is every finished one that is not committed
	IncludeFailed bool     // without IDs: those that failed, crashed or were killed too
	Branch        string   // another branch than the one that is checked out
	Message       string   // instead of the one that is made
}

// Committed is what a commit holds.
type Committed struct {
	Commit   string
	Branch   string // empty when detached
	Runs     []*repo.Entry
	Notes    int      // of runs that were committed before
	Removed  []string // ids
	Redacted []string // ids of runs that were committed before
	Files    int
	Bytes    int64
	Refused  []repo.Damage // runs that were not taken, and why
	Left     int           // runs that did not finish well and were not asked for
	Warned   []string
	Allowed  int      // finds of the search for secrets that the configuration allows
	Reasons  []string // for which it does
}

// Empty reports whether there was nothing to commit.
func (c *Committed) Empty() bool {
	return len(c.Runs) == 0 && c.Notes == 0 && len(c.Removed)+len(c.Redacted) == 0
}

// plan is what a commit will change.
type plan struct {
	*Committed
	repo    *repo.Repository
	at      string   // of .runs in the tree
	paths   []string // below .runs, on disk
	remove  []string // below .runs: folders of runs, marks, shared files
	orphans []string // shared files that redacted runs named
	lfs     struct { // whether git LFS takes artifacts over
		asked bool
		err   error
	}
}

// Settle completes or undoes what a killed redaction, commit or push left behind.
func Settle(ctx context.Context, r *repo.Repository) error {
	if err := r.SettleRedactions(ctx); err != nil {
		return err
	}
	if !r.InGit {
		return nil
	}
	return git.CompleteOrRollBack(ctx, r.Git)
}

// refSwitches bounds how often a commit begins again because a branch moved.
const refSwitches = 20

// Commit makes one commit of runs and what they share, beside the index and the working tree of the user: what is staged
// stays staged. Killed at any moment it can be repeated.
func Commit(ctx context.Context, r *repo.Repository, q Request) (*Committed, error) {
	if !r.InGit {
		return nil, &repo.HintError{Err: errors.New("committing runs: this is no git repository"), Hint: "'git init' makes one"}
	}
	if name, end := r.Git.InProgress(); name != "" {
		return nil, &repo.HintError{
			Err:  fmt.Errorf("committing runs: %s is in progress, and aborting it would take them away", name),
			Hint: "end it first: " + end,
		}
	}
	end, err := git.LockCommits(ctx, r.Git)
	if err != nil {
		return nil, fmt.Errorf("committing runs: %w", err)
	}
	defer end()
	for moved, passing := 0, 0; ; {
		done, err := commitOnce(ctx, r, q)
		switch {
		case errors.Is(err, git.ErrMoved) && moved < refSwitches:
			moved++
			continue
		case git.IsTransient(err) && passing < passingTries:
			passing++
			continue
		}
		if errors.Is(err, git.ErrLocked) {
			err = &repo.HintError{Err: fmt.Errorf("committing runs: %w", err), Hint: "wait for it and repeat; where no git is running, remove that file"}
		} else if err != nil {
			err = fmt.Errorf("committing runs: %w", err)
		}
		var failed *git.Error
		if errors.As(err, &failed) && failed.Command == "commit-tree" && strings.Contains(failed.Output, "user.email") {
			err = &repo.HintError{Err: err, Hint: "'git config user.name NAME' and 'git config user.email EMAIL' say who commits"}
		}
		return done, err
	}
}

func commitOnce(ctx context.Context, r *repo.Repository, q Request) (*Committed, error) {
	tip, err := git.ReadTip(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	trees, err := git.OpenTrees(ctx, r.Git)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	w := writer{repo: r, trees: trees, request: q}
	if q.Branch != "" && q.Branch != tip.Branch {
		return w.commitElsewhere(ctx)
	}
	return w.commitHere(ctx, tip)
}

// writer makes one attempt of a commit.
type writer struct {
	repo    *repo.Repository
	trees   *git.Trees
	request Request
}

// commitHere commits to the branch that is checked out.
func (w *writer) commitHere(ctx context.Context, tip git.Tip) (*Committed, error) {
	p, err := w.plan(ctx, tip.Commit, true)
	if err != nil || p.Empty() {
		return p.Committed, err
	}
	o, err := git.Begin(ctx, w.repo.Git, "commit", format.RandomLetters(8))
	if err != nil {
		return nil, err
	}
	defer o.Close()
	again, err := git.ReadTip(ctx, w.repo.Git)
	if err != nil || again.Branch != tip.Branch {
		return nil, orMoved(err)
	}
	if again != tip { // planned anew with the lock in hand: where one commit follows the other, ours would never have its turn
		tip = again
		if p, err = w.plan(ctx, tip.Commit, true); err != nil || p.Empty() {
			return p.Committed, err
		}
	}
	p.Branch = tip.Branch
	if name, _ := w.repo.Git.InProgress(); name != "" {
		return nil, fmt.Errorf("%s has begun meanwhile", name)
	}
	gone, err := p.gone(w.trees, tip.Commit)
	if err != nil {
		return nil, err
	}
	entries, err := o.Stage(ctx, below(p.at, p.paths), gone)
	if err != nil {
		return nil, err
	}
	updates, err := w.write(ctx, p, tip.Commit, entries)
	if err != nil {
		return nil, err
	}
	updates[0].Ref = "HEAD"
	return p.Committed, o.Finish(ctx, "runs: "+p.Summary(), updates...)
}

// commitElsewhere commits to a branch that is not checked out: no index and no file of the user is involved.
func (w *writer) commitElsewhere(ctx context.Context) (*Committed, error) {
	branch := w.request.Branch
	if err := git.CheckBranch(ctx, w.repo.Git, branch); err != nil {
		return nil, err
	}
	if at, err := git.CheckedOut(ctx, w.repo.Git, branch); err != nil {
		return nil, err
	} else if at != "" {
		return nil, &repo.HintError{Err: fmt.Errorf("branch %s is checked out in %s", branch, at), Hint: "run 'runs commit' there, or name another branch"}
	}
	old, base, err := w.branchTip(ctx, branch)
	if err != nil {
		return nil, err
	}
	p, err := w.plan(ctx, base, false)
	if err != nil || p.Empty() {
		return p.Committed, err
	}
	p.Branch = branch
	scratch, err := git.NewBlobWriter(w.repo.Git)
	if err != nil {
		return nil, err
	}
	defer scratch.Close()
	entries, err := scratch.Add(ctx, below(p.at, p.paths))
	if err != nil {
		return nil, err
	}
	updates, err := w.write(ctx, p, base, entries)
	if err != nil {
		return nil, err
	}
	updates[0].Ref, updates[0].Old = "refs/heads/"+branch, old
	return p.Committed, git.UpdateRefs(ctx, w.repo.Git, "runs: "+p.Summary(), updates...)
}

// branchTip is the commit of a branch, and what a commit to it stands on: where there is none, what a remote has of it.
func (w *writer) branchTip(ctx context.Context, branch string) (old, base string, err error) {
	old, err = git.Resolve(ctx, w.repo.Git, "refs/heads/"+branch)
	if err != nil || old != "" {
		return old, old, err
	}
	remote, err := git.DefaultRemote(ctx, w.repo.Git)
	if err != nil || remote == "" {
		return "", "", err
	}
	base, err = git.Resolve(ctx, w.repo.Git, "refs/remotes/"+remote+"/"+branch)
	return "", base, err
}

func orMoved(err error) error {
	if err == nil {
		return git.ErrMoved
	}
	return err
}

func below(at string, names []string) []string {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = path.Join(at, name)
	}
	return paths
}

// plan finds what a commit on base will change. marks says that the marks of removed runs in the working tree are those of
// base.
func (w *writer) plan(ctx context.Context, base string, marks bool) (*plan, error) {
	p := &plan{Committed: &Committed{}, repo: w.repo}
	var err error
	if p.at, err = w.repo.TreePath(); err != nil {
		return p, err
	}
	known, err := readContents(w.trees, base, p.at)
	if err != nil {
		return p, err
	}
	removed, err := w.repo.RemovedIDs()
	if err != nil {
		return p, err
	}
	ids, err := w.repo.FinishedIDs()
	if err != nil {
		return p, err
	}
	noted := w.repo.Noted(ids)
	redacted, err := pendingRedactions(p.repo)
	if err != nil {
		return p, err
	}
	named := w.request.IDs != nil
	for i, id := range ids {
		_, committed := known.runs[id]
		switch {
		case named && !slices.Contains(w.request.IDs, id), removed[id]:
			continue
		case committed && !known.removed[id]:
			done := false
			if redacted[id] || named {
				done, err = p.addRedacted(ctx, known, id)
			}
			if err == nil && !done && noted[i] {
				err = p.addNotes(known, id)
			}
		case known.removed[id] && !marks && !named:
			p.Refused = append(p.Refused, repo.Damage{ID: id, Err: fmt.Errorf("run %s: it was removed there; name it to bring it back", id)})
			continue
		default:
			before := len(p.Runs)
			err = p.addRun(ctx, known, id, w.request.IncludeFailed || named || known.removed[id])
			if len(p.Runs) > before && known.removed[id] {
				p.remove = append(p.remove, path.Join(repo.RemovedName, id))
			}
		}
		if ctx.Err() != nil {
			return p, ctx.Err()
		}
		if err != nil {
			p.Refused = append(p.Refused, repo.Damage{ID: id, Err: err})
		}
	}
	if !named {
		for id := range removed {
			if _, committed := known.runs[id]; committed || !known.removed[id] {
				p.removeRun(known, id)
			}
		}
		slices.Sort(p.Removed)
	}
	if err := p.removeOrphans(known); err != nil {
		return p, err
	}
	if !p.Empty() {
		if err := p.searchSecrets(ctx); err != nil {
			return p, err
		}
		p.paths = append(p.paths, unsetFiles(p.repo, known)...)
	}
	return p, nil
}

// addRun takes a new run with all that it needs.
func (p *plan) addRun(ctx context.Context, known *contents, id string, any bool) error {
	e, err := p.repo.ReadFinished(id)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	if e.Status != format.Finished && !any {
		p.Left++
		return nil
	}
	if err := p.checkLFS(ctx, e); err != nil {
		return err
	}
	files, err := e.Content(ctx)
	if err != nil {
		return err
	}
	var paths []string
	bytes := int64(0)
	for _, f := range files {
		paths = append(paths, path.Join(runPath(id), f.Name))
		bytes += f.Bytes
	}
	for _, name := range repo.SharedNames(e.Run) {
		if _, there := known.shared[name]; there {
			continue
		}
		size, err := p.repo.PlaceShared(ctx, name)
		if err != nil {
			return fmt.Errorf("run %s: %w", id, err)
		}
		known.shared[name] = "here"
		paths = append(paths, name)
		bytes += size
	}
	p.paths = append(p.paths, paths...)
	p.Files += len(paths)
	p.Bytes += bytes
	p.Runs = append(p.Runs, e)
	return nil
}

// addNotes takes what was said later of a run that is committed.
func (p *plan) addNotes(known *contents, id string) error {
	files, err := p.repo.LateNotes(id)
	if err != nil || len(files) == 0 {
		return err
	}
	there, err := known.run(id)
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, ok := there[f.Name]; !ok {
			p.paths = append(p.paths, path.Join(runPath(id), f.Name))
			p.Notes++
			p.Files++
			p.Bytes += f.Bytes
		}
	}
	return nil
}

// removeRun takes a run out and its mark in.
func (p *plan) removeRun(known *contents, id string) {
	if _, there := known.runs[id]; there {
		p.remove = append(p.remove, runPath(id))
	}
	if !known.removed[id] {
		p.paths = append(p.paths, path.Join(repo.RemovedName, id))
	}
	p.Removed = append(p.Removed, id)
}

// unsetFiles are the files of an empty repository that a commit lacks and that lie here as `init` wrote them: without the
// attributes, a checkout could change the bytes of runs. One that was edited is the user's to commit.
func unsetFiles(r *repo.Repository, known *contents) []string {
	var names []string
	for name, text := range repo.SetupFiles() {
		if known.files[name] {
			continue
		}
		data, err := os.ReadFile(filepath.Join(r.Dir, name))
		if err == nil && string(data) == text {
			names = append(names, name)
		}
	}
	return names
}

// gone lists the files that the plan takes out of a commit, relative to the root.
func (p *plan) gone(trees *git.Trees, commit string) ([]string, error) {
	var gone []string
	for _, name := range p.remove {
		at := path.Join(p.at, name)
		e, ok, err := trees.Find(commit, at)
		switch {
		case err != nil:
			return nil, err
		case ok && e.IsTree():
			err = trees.Walk(e.ID, at, func(file string, _ git.TreeEntry) error {
				gone = append(gone, file)
				return nil
			})
		case ok:
			gone = append(gone, at)
		}
		if err != nil {
			return nil, err
		}
	}
	return gone, nil
}

// write stores the trees and the commits: the one for the branch and the one that keeps its runs. The first update lacks
// its ref.
func (w *writer) write(ctx context.Context, p *plan, base string, entries []git.Entry) ([]git.RefUpdate, error) {
	edits, kept, err := p.edits(entries)
	if err != nil {
		return nil, err
	}
	shared, err := w.sharedBefore(p, base)
	if err != nil {
		return nil, err
	}
	kept = append(kept, shared...)
	message := w.request.Message
	if message == "" {
		config, err := w.repo.Config()
		if err != nil {
			return nil, err
		}
		message = p.message(config)
	}
	if p.Commit, err = w.commit(ctx, base, edits, message); err != nil {
		return nil, err
	}
	updates := []git.RefUpdate{{Old: base, New: p.Commit}}
	keep, err := w.keep(ctx, kept)
	if err == nil && keep.New != keep.Old {
		updates = append(updates, keep)
	}
	return updates, err
}

// sharedBefore are the files that new runs share with those of base: without them the runs would not be kept whole.
func (w *writer) sharedBefore(p *plan, base string) ([]git.Edit, error) {
	var edits []git.Edit
	seen := map[string]bool{}
	for _, run := range p.Runs {
		for _, name := range repo.SharedNames(run.Run) {
			if seen[name] {
				continue
			}
			seen[name] = true
			at := path.Join(p.at, name)
			e, ok, err := w.trees.Find(base, at)
			if err != nil {
				return nil, err
			}
			if ok && !e.IsTree() {
				edits = append(edits, git.Edit{Path: at, Mode: "100644", ID: e.ID})
			}
		}
	}
	return edits, nil
}

// edits are the changes of the tree, and those among them that are kept, from the files as git has taken them.
func (p *plan) edits(entries []git.Entry) (edits, kept []git.Edit, err error) {
	byPath := make(map[string]git.Entry, len(entries))
	for _, e := range entries {
		byPath[e.Path] = e
	}
	for _, name := range p.remove {
		edits = append(edits, git.Edit{Path: path.Join(p.at, name)})
		kept = append(kept, git.Edit{Path: path.Join(p.at, name)})
	}
	for _, name := range p.paths {
		e, ok := byPath[path.Join(p.at, name)]
		if !ok {
			return nil, nil, fmt.Errorf("git did not take %s", name)
		}
		if err := p.sameBytes(name, e); err != nil {
			return nil, nil, err
		}
		edit := git.Edit{Path: e.Path, Mode: "100644", ID: e.ID}
		edits = append(edits, edit)
		if strings.Contains(name, "/") && path.Dir(name) != repo.RemovedName {
			kept = append(kept, edit)
		}
	}
	return edits, kept, nil
}

// commit stores a commit that makes changes on base, which may be empty.
func (w *writer) commit(ctx context.Context, base string, edits []git.Edit, message string) (string, error) {
	tree, err := w.trees.Edit(base, edits)
	if err != nil {
		return "", err
	}
	c := git.CommitObject{Tree: tree, Message: message, Sign: git.Signs(ctx, w.repo.Git)}
	if base != "" {
		c.Parents = []string{base}
	}
	return git.WriteCommit(ctx, w.repo.Git, c)
}

// sameBytes proves that git stores the bytes of a file and not what a filter makes of them. Artifacts may have one: LFS.
func (p *plan) sameBytes(name string, e git.Entry) error {
	if isArtifact(name) {
		return nil
	}
	f, err := os.Open(filepath.Join(p.repo.Dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	id, err := git.BlobID(e.ID, info.Size(), f)
	if err != nil {
		return err
	}
	if id != e.ID {
		return &repo.HintError{
			Err:  fmt.Errorf("git's attributes change the bytes of %s", e.Path),
			Hint: "'git check-attr -a " + e.Path + "' says which; 'runs init' says what .runs/.gitattributes must hold",
		}
	}
	return nil
}
