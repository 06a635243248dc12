package share

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/transition"
)

// PullRequest describes a pull.
type PullRequest struct {
	Remote   string // a name or, with RunsOnly, a URL; empty: the upstream's
	Branch   string // empty: the upstream's
	RunsOnly bool   // add only the runs, not the code
	Progress func(what string)
}

// Pulled is the result of Pull.
type Pulled struct {
	From     string // as people write it, like origin/main
	Commit   string // the local branch's commit now
	Moved    bool
	Runs     []string // ids of new runs
	Removed  []string // ids of runs that are gone
	Lost     []string // those of them that have no removal marker
	Redacted []string // ids of runs that were redacted
	Kept     []string // ids of runs that others rewrote: the working tree has the files that this clone had before
	Notes    int      // new notes
	Restored []string // shared files that the working tree lacked; see restoreShared
	Stayed   string   // why the local branch did not move; empty if it moved or did not have to
	InTheWay bool     // the user's own changes are the reason
	Replaced []string // ids of runs that differ at the remote: theirs are here now
	Trashed  []string // those of them of which ours are in the trash
	Joined   []string // those of them that both sides redacted: theirs were redacted again, which is not committed
	Same     []string // those of them of which both sides redacted the same texts
	Bad      []repo.Damage
	Warnings []string
}

// Pull updates the local branch to the remote's branch and puts run commits that are not pushed yet on top. With
// RunsOnly, it adds the runs of another branch or fork in a commit of their own. If both sides have code commits, it
// fails, because it does not merge code.
func Pull(ctx context.Context, r *repo.Repository, ask PullRequest) (*Pulled, error) {
	if !r.InGit {
		return nil, errors.New("pulling runs: this is not a Git repository")
	}
	if name, end := r.Git.InProgress(); name != "" {
		return nil, &repo.HintError{Err: fmt.Errorf("pulling runs: %s is in progress", name), Hint: "run " + end + " first"}
	}
	local, err := runsBranch(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("pulling runs: %w", err)
	}
	p := &puller{repo: r, local: local, ask: ask, done: &Pulled{}, bases: map[string]bool{}}
	if ask.RunsOnly {
		err = p.pullRuns(ctx)
	} else {
		err = p.pull(ctx)
	}
	if err != nil {
		err = fmt.Errorf("pulling runs from %s: %w", cmp.Or(p.done.From, cmp.Or(ask.Remote, "the remote")), err)
		return p.done, withGitStep(err, "pull")
	}
	if local.checkedOut {
		if p.done.Restored, err = restoreAtHead(ctx, r); err != nil {
			return p.done, fmt.Errorf("the pull is complete, but %w", err)
		}
	}
	return p.done, nil
}

type puller struct {
	repo  *repo.Repository
	trees *git.Trees
	local localBranch
	ask   PullRequest
	// remote and branch are where the runs come from, as people write it.
	remote, branch string
	done           *Pulled
	bases          map[string]bool // base commits of the added runs
	// batched reports whether the added runs are in batches.
	batched bool
	known   []git.Edit           // shared files of the added runs that we already have; kept with the runs
	base    map[string]*snapshot // of runs that both sides changed: what both had before
	texts   map[string][]string  // that this clone took out of runs which both sides redacted
	stays   bool                 // a remote-tracking ref of this clone keeps the fetched commits
}

// source finds the branch to pull from and fetches it.
func (p *puller) source(ctx context.Context) (git.Upstream, string, error) {
	up, ok, err := git.UpstreamOf(ctx, p.repo.Git, p.local.name)
	if err != nil {
		return up, "", err
	}
	remote := cmp.Or(p.ask.Remote, up.Remote)
	if remote == "" {
		if remote, err = git.DefaultRemote(ctx, p.repo.Git); err != nil {
			return up, "", err
		}
		if remote == "" {
			return up, "", &repo.HintError{Err: errors.New("no remote is configured"), Hint: "run 'git remote add origin URL'"}
		}
	}
	remotes, err := git.Remotes(ctx, p.repo.Git)
	if err != nil {
		return up, "", err
	}
	named := slices.Contains(remotes, remote)
	if !named && !p.ask.RunsOnly {
		return up, "", &repo.HintError{
			Err:  fmt.Errorf("there is no remote %q", remote),
			Hint: "run 'git remote' to list the remotes, or 'runs pull --runs-only URL BRANCH' to add the runs of a fork",
		}
	}
	branch := git.BranchName(p.ask.Branch)
	if branch != "" {
		if err := git.CheckBranch(ctx, p.repo.Git, branch); err != nil {
			return up, "", err
		}
	}
	if branch == "" && (!ok || remote != up.Remote) {
		branch = p.local.name
		if p.local.checkedOut && !p.ask.RunsOnly {
			return up, "", &repo.HintError{
				Err: fmt.Errorf("branch %s has no upstream", cmp.Or(p.local.name, "(detached HEAD)")),
				Hint: fmt.Sprintf("run 'git branch -u %s/BRANCH' first, or 'runs pull %s BRANCH --runs-only' to add only its runs",
					remote, remote),
			}
		}
		if p.ask.RunsOnly {
			if branch, err = git.RemoteHead(ctx, p.repo.Git, remote); err != nil {
				return up, "", withNetworkHint(err, remote)
			}
		}
	}
	if branch != "" {
		up = git.UpstreamNamed(remote, branch)
	}
	if p.stays = named; !named { // a fork by its URL
		up.Tracking = "refs/runs/fetched/" + format.RandomLetters(8)
		defer git.DeleteRef(ctx, p.repo.Git, up.Tracking)
	}
	p.remote, p.branch = git.RemoteWithoutCredentials(up.Remote), strings.TrimPrefix(up.Ref, "refs/heads/")
	p.done.From = p.remote + "/" + p.branch
	if p.ask.Progress != nil {
		p.ask.Progress("fetching " + p.done.From)
	}
	tip, err := git.Fetch(ctx, p.repo.Git, up.Remote, up.Ref, up.Tracking)
	if err != nil && !errors.Is(err, git.ErrNoRemoteBranch) {
		err = withNetworkHint(err, up.Remote)
	}
	return up, tip, err
}

// pull updates the branch to the upstream.
func (p *puller) pull(ctx context.Context) error {
	up, tip, err := p.source(ctx)
	if err != nil {
		return err
	}
	if p.trees, err = git.OpenTrees(ctx, p.repo.Git); err != nil {
		return err
	}
	defer p.trees.Close()
	p.done.Commit = p.local.tip
	if p.local.tip != "" {
		if has, err := git.IsAncestor(ctx, p.repo.Git, tip, p.local.tip); err != nil || has {
			return err // nothing is new, and the branch stays, with the user's own commits of code
		}
	}
	p.prefetch(ctx, tip)
	commits, err := p.unpushed(ctx, tip, up)
	if err != nil {
		return err
	}
	next, err := p.replay(ctx, tip, commits)
	if err != nil {
		return err
	}
	if next == p.local.tip {
		return nil
	}
	if err := checkIncoming(ctx, p.repo, p.local.tip, next); err != nil {
		return err
	}
	at, err := p.repo.TreePath()
	if err != nil {
		return err
	}
	before, after, err := readSnapshots(p.trees, p.local.tip, next, at)
	if err != nil {
		return err
	}
	if err := p.checkBatches(ctx, before, after, next); err != nil {
		return p.refused(err)
	}
	stayed, inTheWay, err := moveLocal(ctx, p.repo, p.local, next, "runs pull")
	if err != nil {
		return err
	}
	if p.done.Stayed, p.done.InTheWay = stayed, inTheWay; stayed != "" {
		return nil
	}
	p.done.Commit, p.done.Moved = next, true
	for id := range after.runs {
		if _, ok := before.runs[id]; !ok && !after.removed[id] {
			p.done.Runs = append(p.done.Runs, id)
		}
	}
	slices.Sort(p.done.Runs)
	if p.done.Bad, err = VerifyRuns(ctx, p.repo.Git, after, p.done.Runs); err != nil {
		return err
	}
	if err := p.checkChanges(ctx, before, after, next); err != nil {
		return err
	}
	return p.redactAgain(ctx)
}

// prefetch fetches the files of runs that a partial clone lacks and a commit brings, with one request: a pull verifies
// them, and each would come with one of its own. What fails is reported when the file is read.
func (p *puller) prefetch(ctx context.Context, commit string) {
	at, err := p.repo.TreePath()
	if err != nil || !git.LacksObjects(p.repo.Git) {
		return
	}
	edits, err := git.Differences(ctx, p.repo.Git, p.local.tip, commit)
	if err != nil {
		return
	}
	var ids []string
	for _, e := range edits {
		if file := placeOf(e.Path); e.ID != "" && file.at == at && ofRuns(file) {
			ids = append(ids, e.ID)
		}
	}
	_ = git.Prefetch(ctx, p.repo.Git, ids)
}

func (p *puller) snapshot(commit string) (*snapshot, error) {
	at, err := p.repo.TreePath()
	if err != nil {
		return nil, err
	}
	return readSnapshot(p.trees, commit, at)
}

// unpushed returns the run commits that the upstream lacks. If there are code commits, it returns an error: the user
// has to merge them with Git.
func (p *puller) unpushed(ctx context.Context, tip string, up git.Upstream) ([]*runCommit, error) {
	if p.local.tip == "" {
		return nil, nil
	}
	if ahead, err := git.IsAncestor(ctx, p.repo.Git, p.local.tip, tip); err != nil || ahead {
		return nil, err
	}
	commits, err := unpushed(ctx, p.repo, p.trees, p.local.tip, tip)
	var code *codeCommitsError
	if !errors.As(err, &code) {
		return commits, err
	}
	return nil, &repo.HintError{
		Err: fmt.Errorf("both sides have new code commits (here %.10s, %s)", code.commits[0].id, code.commits[0].subject),
		Hint: fmt.Sprintf("merge with 'git pull' first, or run 'runs pull --runs-only %s %s' to add only the runs", up.Remote,
			strings.TrimPrefix(up.Ref, "refs/heads/")),
	}
}

// replay puts our run commits on top of tip. If a run differs at the remote, the remote's run is used and ours goes to
// the trash.
func (p *puller) replay(ctx context.Context, tip string, commits []*runCommit) (string, error) {
	if len(commits) == 0 {
		return tip, nil
	}
	replay, err := newReplayer(ctx, p.repo.Git, p.trees, tip)
	if err != nil {
		return "", err
	}
	replay.theirs = map[string]bool{}
	for _, c := range commits {
		if err := replay.apply(ctx, c); err != nil {
			return "", err
		}
	}
	if p.done.Warnings, err = redactedBack(ctx, p.repo.Git, p.trees, tip, replay.back); err != nil {
		return "", err
	}
	if err := p.findBase(ctx, tip, replay.theirs); err != nil {
		return "", err
	}
	p.done.Replaced = slices.Sorted(maps.Keys(replay.theirs))
	for _, id := range p.done.Replaced {
		if joins, err := p.readBoth(id, tip); err != nil || joins {
			if err != nil {
				return "", err
			}
			continue
		}
		copied, err := p.repo.CopyToTrash(ctx, id)
		if err != nil {
			return "", err
		}
		if copied {
			p.done.Trashed = append(p.done.Trashed, id)
		}
	}
	return replay.tip, nil
}

// readBoth reads what this clone has taken out of a run that both sides have redacted, and reports whether they have.
func (p *puller) readBoth(id, tip string) (bool, error) {
	base := p.base[id]
	if base == nil || !p.local.checkedOut {
		return false, nil
	}
	var versions []*transition.Version
	for _, commit := range []string{"", p.local.tip, tip} {
		c, err := base, error(nil)
		if commit != "" {
			c, err = p.snapshot(commit)
		}
		if err != nil {
			return false, err
		}
		v, err := c.version(id)
		if err != nil || v == nil {
			return false, onlyBroken(err)
		}
		versions = append(versions, v)
	}
	was, ours, theirs := versions[0], versions[1], versions[2]
	for _, now := range []*transition.Version{ours, theirs} {
		change, err := transition.Check(was, withNotesOf(was, now), false)
		if err != nil || change.Kind != transition.Redacted {
			return false, onlyBroken(err)
		}
	}
	texts, err := transition.Replaced(was, ours, theirs)
	if err != nil || len(texts) == 0 {
		return false, onlyBroken(err)
	}
	if p.texts == nil {
		p.texts = map[string][]string{}
	}
	p.texts[id] = texts
	return true, nil
}

// redactAgain redacts the remote's versions of the runs that both sides have redacted: what this clone took out goes
// from them too. The redactions are not committed.
func (p *puller) redactAgain(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(p.texts)) {
		pattern, err := anyOf(p.texts[id])
		if err == nil {
			_, err = p.repo.Redact(ctx, id, repo.RedactRequest{Pattern: pattern})
		}
		switch {
		case errors.Is(err, repo.ErrNothingToRedact): // the others have taken out the same
			p.done.Same = append(p.done.Same, id)
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			p.done.Warnings = append(p.done.Warnings, fmt.Sprintf("what you redacted in run %s is back: %v", id, err))
		default:
			p.done.Joined = append(p.done.Joined, id)
		}
	}
	if len(p.done.Joined) == 0 {
		return nil
	}
	_, err := KeepRedactions(ctx, p.repo)
	return err
}

// findBase finds the snapshot from which both sides have changed runs.
func (p *puller) findBase(ctx context.Context, tip string, ids map[string]bool) error {
	if len(ids) == 0 || tip == "" || p.local.tip == "" {
		return nil
	}
	commit, err := git.MergeBase(ctx, p.repo.Git, tip, p.local.tip)
	if err != nil || commit == "" {
		return err
	}
	base, err := p.snapshot(commit)
	if err != nil {
		return err
	}
	p.base = map[string]*snapshot{}
	for id := range ids {
		if base.runs[id] != "" {
			p.base[id] = base
		}
	}
	return nil
}
