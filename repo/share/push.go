package share

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// PushRequest describes a push.
type PushRequest struct {
	Remote         string // empty: the upstream's
	Branch         string // the remote's branch, created if it does not exist; the local branch stays where it is
	Progress       func(what string)
	UploadProgress func(done, total int64) // of uploaded artifacts, in bytes
}

// Pushed is the result of Push.
type Pushed struct {
	To            git.Upstream
	Commit        string   // the remote branch's commit now; empty: there was nothing to push
	Runs          []string // ids that are new to the branch
	Removed       []string
	Redacted      []string
	Notes         int // of runs that the branch had
	Commits       int
	Attempts      int
	Replayed      bool        // the commits were made again on what others had pushed
	InTheWay      bool        // Stayed is due to the user's own changes
	BranchMissing bool        // the remote has no such branch, and there was nothing to push
	Stayed        string      // why the local branch is not at the remote's commit; empty if it is
	Bases         int         // base commits that were pushed under refs/runs/base
	RemoteOutput  []string    // what the remote printed
	Uploaded      Uploaded    // artifacts that are not in Git
	UploadError   error       // why artifacts of runs that the remote has were not uploaded
	Uncommitted   WaitingRuns // counted if there was nothing to push
	CountError    error       // why they could not be counted
	Warnings      []string
}

// pusher is the state of one push.
type pusher struct {
	repo  *repo.Repository
	trees *git.Trees
	local localBranch
	up    git.Upstream
	own   bool // the remote's branch is the upstream of the local branch
	ask   PushRequest
	done  *Pushed
	sent  map[string]bool // digests of artifacts that are already handled
	tip   string          // the remote's commit after the push
	after *snapshot       // what is pushed, without the days that the remote has
	back  []string        // warnings about shared files that the push brings back
	// unredacted has warnings about runs of the remote whose redaction is not committed.
	unredacted []string
}

// Push puts the run commits that the remote lacks on top of the remote's branch and pushes them without force. If
// somebody else pushes first, it fetches and tries again. It never pushes code commits: if there are any, it returns an
// error. After the push, it moves the local branch to the remote's commit, unless the user's own changes are in the
// way.
func Push(ctx context.Context, r *repo.Repository, ask PushRequest) (*Pushed, error) {
	if !r.InGit {
		return nil, errors.New("pushing runs: this is not a Git repository")
	}
	if err := r.Writable(); err != nil {
		return nil, fmt.Errorf("pushing runs: %w", err)
	}
	local, err := runsBranch(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("pushing runs: %w", err)
	}
	if name, end := r.Git.InProgress(); name != "" && local.name == "" {
		return nil, &repo.HintError{Err: fmt.Errorf("pushing runs: %s is in progress", name), Hint: "run " + end + " first"}
	}
	p := &pusher{repo: r, local: local, ask: ask, done: &Pushed{}, sent: map[string]bool{}}
	if p.up, p.own, err = destination(ctx, r, local, ask); err != nil {
		return nil, fmt.Errorf("pushing runs: %w", err)
	}
	p.done.To = p.up
	if local.tip == "" {
		p.done.Uncommitted, p.done.CountError = Uncommitted(ctx, r)
		return p.done, nil
	}
	for try := 0; ; try++ {
		if p.trees, err = git.OpenTrees(ctx, r.Git); err != nil {
			return nil, err
		}
		if err = p.push(ctx); err == nil {
			if failed := p.uploadBacklog(ctx); failed != nil {
				p.done.UploadError = failedBacklog(failed)
			}
			if p.done.Commit == "" {
				p.done.Uncommitted, p.done.CountError = countUncommitted(ctx, r, p.trees, local.tip, local.checkedOut)
			} else if err := p.warnNotRequired(ctx); err != nil {
				return p.done, fmt.Errorf("the push is complete, but reading %s failed: %w", configName, err)
			}
		}
		p.trees.Close()
		if err == nil {
			return p.done, nil
		}
		if !git.IsTransient(err) || try == transientTries {
			return p.done, withGitStep(fmt.Errorf("pushing runs to %s: %w", p.up.Name(), err), "push")
		}
	}
}

// transientTries is how often a push starts again after a transient failure.
const transientTries = 5

// unmovedTries is how often a push is tried again after a rejection although the remote's branch has not moved.
const unmovedTries = 5

func (p *pusher) push(ctx context.Context) error {
	last, unmoved := "", 0
	if same, err := p.upToDate(ctx); err != nil || same {
		return err
	}
	for {
		p.done.Attempts++
		p.progress("fetching")
		base, err := p.fetch(ctx)
		if err != nil {
			return withNetworkHint(err, p.up.Remote)
		}
		commits, err := unpushed(ctx, p.repo, p.trees, p.local.tip, base)
		var code *codeCommitsError
		if errors.As(err, &code) {
			return code.withStep(ctx, p.repo, p.trees, p.local, base, p.up, p.own)
		}
		if err != nil {
			return err
		}
		p.tip = base
		if len(commits) == 0 {
			return nil
		}
		tip, err := p.replay(ctx, base, commits)
		if err != nil {
			return err
		}
		if tip == base {
			return p.follow(ctx, base)
		}
		if err := p.checkRedactions(base, tip); err != nil {
			return err
		}
		if err := p.upload(ctx, tip); err != nil {
			return err
		}
		p.progress("pushing")
		err = p.send(ctx, tip)
		if err == nil {
			p.done.Commit, p.tip = tip, tip
			p.done.Warnings = append(p.done.Warnings, slices.Concat(p.back, p.unredacted)...)
			if err := p.warnDoubled(ctx, base, tip); err != nil {
				p.done.Warnings = append(p.done.Warnings, fmt.Sprintf("looking for doubled numbers of models: %v", err))
			}
			return p.follow(ctx, tip)
		}
		var rejected *git.Rejected
		if !errors.As(err, &rejected) {
			// The fetch worked: a local hook or the credentials failed.
			return withUnchanged(err, fmt.Sprintf("run 'git push --dry-run %s %.10s:%s' to try it", p.up.Remote, tip,
				p.up.Ref))
		}
		if base == last {
			unmoved++
		} else {
			last, unmoved = base, 0
		}
		if !rejected.Stale || unmoved >= unmovedTries {
			return withRejectedHint(rejected, p.up)
		}
		// Wait for a random time of at most two seconds, so that pushes that were rejected together are not repeated
		// together.
		most := min(2*time.Second, 20*time.Millisecond<<min(p.done.Attempts, 7))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(rand.Int64N(int64(most)))):
		}
	}
}

// checkRedactions returns an error if a commit has runs whose redaction is not committed, and base does not have them:
// the push would publish what the redaction takes out. If base has such a run, it warns.
func (p *pusher) checkRedactions(base, tip string) error {
	pending, err := p.repo.PendingRedactions()
	if err != nil || len(pending) == 0 {
		return err
	}
	at, err := p.repo.TreePath()
	if err != nil {
		return err
	}
	p.unredacted = nil
	for _, w := range pending {
		record, err := w.Record()
		if err != nil {
			return err
		}
		if record == nil { // an earlier version kept nothing
			continue
		}
		run, err := format.DecodeRun(repo.RecordName, record)
		if err != nil {
			return err
		}
		sends, err := precedesIn(p.trees, tip, at, run)
		if err != nil {
			return err
		}
		if !sends {
			continue
		}
		there, err := precedesIn(p.trees, base, at, run)
		if err != nil {
			return err
		}
		name := format.IDRandom(w.ID)
		if !there {
			return &repo.HintError{
				Err: fmt.Errorf("the redaction of run %s is not committed, and the commits to push have what it took out; "+
					"nothing was pushed", name),
				Hint: "run 'runs commit' first; the history still has it, and 'runs help secrets' says how to rewrite that",
			}
		}
		p.unredacted = append(p.unredacted, fmt.Sprintf("the redaction of run %s is not committed, so the remote still "+
			"has what it took out; run 'runs commit' and 'runs push'", name))
	}
	return nil
}

// precedesIn reports whether a commit, which may be empty, has a run as it was before a redaction.
func precedesIn(trees *git.Trees, commit, at string, run *format.Run) (bool, error) {
	files, err := filesIn(trees, commit, at, run.ID)
	if isBroken(err) {
		return false, err
	}
	if err != nil || onlyNotes(files) { // verify reports what cannot be read
		return false, nil
	}
	record, err := files[repo.RecordName].read(trees, format.MaxRecordBytes)
	if isBroken(err) {
		return false, err
	}
	return err == nil && repo.Precedes(record, run), nil
}

func (p *pusher) progress(what string) {
	if p.ask.Progress != nil {
		if p.done.Attempts > 1 {
			what = fmt.Sprintf("%s, attempt %d", what, p.done.Attempts)
		}
		p.ask.Progress(what)
	}
}

// warnNotRequired adds a warning if batches went to the runs branch and the code branch does not tell of them.
func (p *pusher) warnNotRequired(ctx context.Context) error {
	if p.local.checkedOut {
		return nil
	}
	at, err := p.repo.TreePath()
	if err != nil {
		return err
	}
	head, err := git.Resolve(ctx, p.repo.Git, "HEAD")
	if err != nil || head == "" {
		return err
	}
	warning, err := notRequired(p.trees, head, at, func() (bool, error) {
		return requiresBatches(p.trees, p.tip, at)
	})
	if warning != "" {
		p.done.Warnings = append(p.done.Warnings, warning)
	}
	return err
}

// upToDate reports whether the remote's branch is at the local commit. It asks the remote only if this clone saw it
// there: otherwise there is something to fetch or to push.
func (p *pusher) upToDate(ctx context.Context) (bool, error) {
	seen, err := git.Resolve(ctx, p.repo.Git, p.up.Tracking)
	if err != nil || seen != p.local.tip {
		return false, err
	}
	tip, err := git.RemoteTip(ctx, p.repo.Git, p.up.Remote, p.up.Ref)
	if err != nil || tip != p.local.tip {
		return false, ctx.Err() // the fetch that follows says what is wrong
	}
	p.done.Attempts, p.tip = 1, tip
	return true, nil
}

// withNetworkHint adds a hint to the error of a failed fetch or push.
func withNetworkHint(err error, remote string) error {
	return withUnchanged(err, fmt.Sprintf("run 'git fetch %s' to test the connection", remote))
}

// withUnchanged adds to a failure of Git that nothing was changed, and the next step: the one that Git's message
// suggests, otherwise the given one.
func withUnchanged(err error, step string) error {
	var failed *git.Error
	if !errors.As(err, &failed) {
		return err
	}
	if hint := failed.Hint(); hint != "" {
		step = hint
	}
	return &repo.HintError{Err: err, Hint: "nothing was changed; " + step}
}

// withRejectedHint adds a hint to a rejection that would be repeated if the push were tried again.
func withRejectedHint(e *git.Rejected, up git.Upstream) error {
	return &repo.HintError{
		Err: e,
		Hint: fmt.Sprintf("nothing was changed; run 'runs push --branch NAME' to push to another branch of %s, for a "+
			"pull request", up.Remote),
	}
}

// fetch fetches the remote's branch and returns its commit. If the branch is still to be created, it returns the commit
// to build on: that of the upstream, or of the remote's default branch.
func (p *pusher) fetch(ctx context.Context) (string, error) {
	base, err := git.Fetch(ctx, p.repo.Git, p.up.Remote, p.up.Ref, p.up.Tracking)
	p.done.BranchMissing = errors.Is(err, git.ErrNoRemoteBranch)
	if err == nil || !p.done.BranchMissing {
		return base, err
	}
	if !p.local.checkedOut {
		return "", nil // a branch of runs alone does not build on code
	}
	up, ok, err := git.UpstreamOf(ctx, p.repo.Git, p.local.name)
	if err != nil {
		return "", err
	}
	if !ok || up.Remote != p.up.Remote || p.own {
		name, err := git.RemoteHead(ctx, p.repo.Git, p.up.Remote)
		if err != nil || name == "" {
			return "", err
		}
		up = git.UpstreamNamed(p.up.Remote, name)
	}
	base, err = git.Fetch(ctx, p.repo.Git, up.Remote, up.Ref, up.Tracking)
	if errors.Is(err, git.ErrNoRemoteBranch) { // the remote is empty
		return "", nil
	}
	return base, err
}

// replay puts the commits on base. If they already build on it, they stay as they are.
func (p *pusher) replay(ctx context.Context, base string, commits []*runCommit) (string, error) {
	p.done.Runs, p.done.Removed, p.done.Commits = nil, nil, len(commits)
	straight := true
	at := base
	for _, c := range commits {
		straight = straight && (len(c.Parents) == 0 && at == "" || len(c.Parents) == 1 && c.Parents[0] == at)
		at = c.id
	}
	p.done.Replayed = !straight
	if !straight {
		replay, err := newReplayer(ctx, p.repo.Git, p.trees, base)
		if err != nil {
			return "", err
		}
		for _, c := range commits {
			if err := replay.apply(ctx, c); err != nil {
				var models *ModelConflictError
				if merged, _ := git.IsAncestor(ctx, p.repo.Git, base, p.local.tip); merged && errors.As(err, &models) {
					err = &repo.HintError{Err: models, Hint: "run 'git push': your branch has merged what the remote has"}
				}
				var conflict *ConflictError
				if errors.As(err, &conflict) {
					hint := "run 'runs pull' to keep the remote's and move yours to .runs/trash"
					if conflict.Redacted {
						hint = "run 'runs pull', which redacts the remote's version too"
					}
					err = &repo.HintError{Err: err, Hint: hint}
				}
				return "", err
			}
		}
		at = replay.tip
		if p.back, err = redactedBack(ctx, p.repo.Git, p.trees, base, replay.back); err != nil {
			return "", err
		}
	}
	folder, err := p.repo.TreePath()
	if err != nil {
		return "", err
	}
	before, after, err := readSnapshots(p.trees, base, at, folder)
	if err != nil {
		return "", err
	}
	p.after = after
	if err := p.count(commits, before, after, base, folder); err != nil {
		return "", err
	}
	return at, nil
}

// count counts what the commits bring to the remote's branch.
func (p *pusher) count(commits []*runCommit, before, after *snapshot, base, at string) error {
	removed, redacted := map[string]bool{}, map[string]bool{}
	p.done.Redacted, p.done.Notes = nil, 0
	for id := range after.runs {
		if _, ok := before.runs[id]; !ok && !after.removed[id] {
			p.done.Runs = append(p.done.Runs, id)
		}
	}
	slices.Sort(p.done.Runs)
	isNew := func(id string) bool {
		_, found := slices.BinarySearch(p.done.Runs, id)
		return found
	}
	for _, c := range commits {
		for key := range c.redacted {
			if id, ours := strings.CutPrefix(key, at); ours && !isNew(id) && !after.removed[id] {
				redacted[id] = true
			}
		}
		for _, e := range c.edits {
			switch file := placeOf(e.Path); {
			case file.at != at || e.ID == "":
			case file.kind == ofMark && after.removed[file.mark] && !before.removed[file.mark]:
				removed[file.mark] = true
			case file.kind == ofRun && isNote(file) && !isNew(file.run) && !after.removed[file.run] &&
				!c.redacted[at+file.run]:
				p.done.Notes++
			}
		}
	}
	for id := range removed {
		files, err := filesIn(p.trees, base, at, id) // its day may be the same in both snapshots
		if err != nil && !errors.Is(err, errTwoVersions) {
			return err
		}
		if err == nil && len(files) == 0 {
			delete(removed, id) // the branch never had it
		}
	}
	p.done.Removed, p.done.Redacted = slices.Sorted(maps.Keys(removed)), slices.Sorted(maps.Keys(redacted))
	return nil
}

// ids returns a snapshot of this repository's .runs folder in a commit.
func (p *pusher) ids(commit string) (*snapshot, error) {
	at, err := p.repo.TreePath()
	if err != nil {
		return nil, err
	}
	return readSnapshot(p.trees, commit, at)
}

// follow moves the local branch to the remote's commit, unless that brings a damaged batch.
func (p *pusher) follow(ctx context.Context, tip string) error {
	if !p.own {
		return nil
	}
	if p.repo.Git.ByFiles() && tip != p.local.tip {
		p.done.Stayed = "git is not installed"
		return nil
	}
	at, err := p.repo.TreePath()
	if err != nil {
		return err
	}
	before, after, err := readSnapshots(p.trees, p.local.tip, tip, at)
	if err != nil {
		return err
	}
	incoming := &puller{repo: p.repo, trees: p.trees, local: p.local, done: &Pulled{}}
	var damaged *damagedBatchError
	if err := incoming.checkBatches(ctx, before, after, tip); errors.As(err, &damaged) {
		p.done.Stayed = err.Error()
		return nil
	} else if err != nil {
		return err
	}
	p.done.Stayed, p.done.InTheWay, err = moveLocal(ctx, p.repo, p.local, tip, "runs push")
	return err
}
