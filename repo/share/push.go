package share

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// PushRequest says where to push.
type PushRequest struct {
	Remote         string // empty: the upstream's
	Branch         string // push to this branch of the remote, made where there is none; the local branch stays where it is
	Progress       func(what string)
	UploadProgress func(done, total int64) // of artifacts that are uploaded
}

// Pushed is what a push did.
type Pushed struct {
	To            git.Upstream
	Commit        string   // now the tip of the remote's branch; empty: there was nothing to push
	Runs          []string // ids that were new to the branch
	Removed       []string
	Commits       int
	Attempts      int
	Replayed      bool     // the commits stand on what others had pushed
	InTheWay      bool     // the user's own changes keep the local branch where it is
	BranchMissing bool     // the remote has no such branch, and none was made: there was nothing to push
	Stayed        string   // why the local branch is not where the remote's is; empty when it is
	Bases         int      // commits of code that were pushed under refs/runs/base
	RemoteOutput  []string // what the other side said
	Uploaded      Uploaded // of artifacts that do not go into git
	Warnings      []string
}

// pusher is one push.
type pusher struct {
	repo  *repo.Repository
	trees *git.Trees
	local localBranch
	up    git.Upstream
	own   bool // the remote's branch is the local one's
	ask   PushRequest
	done  *Pushed
	sent  map[string]bool // artifacts that were seen to, by digest
}

// Push puts the commits of runs that the remote lacks on top of its branch and pushes them; where somebody else was faster it
// fetches and repeats. Commits of code are never published. Then the local branch follows, or stays where the user's own
// changes are in the way.
func Push(ctx context.Context, r *repo.Repository, ask PushRequest) (*Pushed, error) {
	if !r.InGit {
		return nil, errors.New("pushing runs: this is no git repository")
	}
	local, err := runsBranch(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("pushing runs: %w", err)
	}
	if name, end := r.Git.InProgress(); name != "" && local.name == "" {
		return nil, &repo.HintError{Err: fmt.Errorf("pushing runs: %s is in progress", name), Hint: "end it first: " + end}
	}
	p := &pusher{repo: r, local: local, ask: ask, done: &Pushed{}, sent: map[string]bool{}}
	if p.up, p.own, err = destination(ctx, r, local, ask); err != nil {
		return nil, fmt.Errorf("pushing runs: %w", err)
	}
	p.done.To = p.up
	if local.tip == "" {
		return p.done, nil
	}
	for try := 0; ; try++ {
		if p.trees, err = git.OpenTrees(ctx, r.Git); err != nil {
			return nil, err
		}
		err = p.push(ctx)
		p.trees.Close()
		if err == nil {
			return p.done, nil
		}
		if !git.IsTransient(err) || try == transientTries {
			return p.done, fmt.Errorf("pushing runs to %s: %w", p.up.Name(), err)
		}
	}
}

// transientTries is how often a push begins again because of something that passes.
const transientTries = 5

// unmovedTries is how often a rejection is believed to be somebody else's push though the remote's branch has not moved.
const unmovedTries = 5

func (p *pusher) push(ctx context.Context) error {
	last, unmoved := "", 0
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
			return code.withStep(ctx, p.repo, p.local, base, p.up, p.own)
		}
		if err != nil {
			return err
		}
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
		if err := p.upload(ctx, tip); err != nil {
			return err
		}
		p.progress("pushing")
		err = p.send(ctx, tip)
		if err == nil {
			p.done.Commit = tip
			return p.follow(ctx, tip)
		}
		var rejected *git.Rejected
		if !errors.As(err, &rejected) {
			var failed *git.Error
			if errors.As(err, &failed) { // the connection was there a moment ago: a hook of this clone, or the credentials
				err = &repo.HintError{Err: err, Hint: fmt.Sprintf("nothing was changed; 'git push --dry-run %s %.10s:%s' tries it", p.up.Remote, tip, p.up.Ref)}
			}
			return err
		}
		if base == last {
			unmoved++
		} else {
			last, unmoved = base, 0
		}
		if !rejected.Stale || unmoved >= unmovedTries {
			return withRejectedHint(rejected, p.up)
		}
		// Between a moment and two seconds, at random: many that were rejected together must not come back together.
		most := min(2*time.Second, 20*time.Millisecond<<min(p.done.Attempts, 7))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(rand.Int64N(int64(most)))):
		}
	}
}

func (p *pusher) progress(what string) {
	if p.ask.Progress != nil {
		if p.done.Attempts > 1 {
			what = fmt.Sprintf("%s, attempt %d", what, p.done.Attempts)
		}
		p.ask.Progress(what)
	}
}

// withNetworkHint adds the next step to an error of fetching or pushing.
func withNetworkHint(err error, remote string) error {
	var failed *git.Error
	if errors.As(err, &failed) {
		return &repo.HintError{Err: err, Hint: fmt.Sprintf("nothing was changed; 'git fetch %s' tries the connection", remote)}
	}
	return err
}

// withRejectedHint is a rejection that repeating does not help.
func withRejectedHint(e *git.Rejected, up git.Upstream) error {
	return &repo.HintError{Err: e, Hint: fmt.Sprintf("nothing was changed; 'runs push --branch NAME' pushes to another branch of %s, for a pull request", up.Remote)}
}

// fetch brings the tip of the remote's branch. A branch that is to be made stands on the upstream, or on the remote's
// default branch.
func (p *pusher) fetch(ctx context.Context) (string, error) {
	base, err := git.Fetch(ctx, p.repo.Git, p.up.Remote, p.up.Ref, p.up.Tracking)
	p.done.BranchMissing = errors.Is(err, git.ErrNoRemoteBranch)
	if err == nil || !p.done.BranchMissing {
		return base, err
	}
	if !p.local.checkedOut {
		return "", nil // of runs alone: it begins with them
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
	if errors.Is(err, git.ErrNoRemoteBranch) { // an empty repository
		return "", nil
	}
	return base, err
}

// replay puts the commits on base, or takes them as they are where they stand on it.
func (p *pusher) replay(ctx context.Context, base string, commits []*runCommit) (string, error) {
	p.done.Runs, p.done.Removed, p.done.Commits = nil, nil, len(commits)
	straight := true
	at := base
	for _, c := range commits {
		straight = straight && (len(c.Parents) == 0 && at == "" || len(c.Parents) == 1 && c.Parents[0] == at)
		at = c.id
	}
	before, err := p.ids(base)
	if err != nil {
		return "", err
	}
	p.done.Replayed = !straight
	if !straight {
		replay, err := newReplayer(ctx, p.repo.Git, p.trees, base)
		if err != nil {
			return "", err
		}
		for _, c := range commits {
			if err := replay.apply(ctx, c); err != nil {
				var conflict *ConflictError
				if errors.As(err, &conflict) {
					err = &repo.HintError{Err: err, Hint: "'runs pull' takes the remote's and puts yours into .runs/trash"}
				}
				return "", err
			}
		}
		at = replay.tip
	}
	after, err := p.ids(at)
	if err != nil {
		return "", err
	}
	for id := range after.runs {
		if _, ok := before.runs[id]; !ok {
			p.done.Runs = append(p.done.Runs, id)
		}
	}
	for id := range before.runs {
		if _, ok := after.runs[id]; !ok {
			p.done.Removed = append(p.done.Removed, id)
		}
	}
	slices.Sort(p.done.Runs)
	slices.Sort(p.done.Removed)
	return at, nil
}

// ids are the runs of a commit in this repository's folder.
func (p *pusher) ids(commit string) (*snapshot, error) {
	at, err := p.repo.TreePath()
	if err != nil {
		return nil, err
	}
	return readSnapshot(p.trees, commit, at)
}

// follow moves the local branch to the remote's tip.
func (p *pusher) follow(ctx context.Context, tip string) error {
	if !p.own {
		return nil
	}
	var err error
	p.done.Stayed, p.done.InTheWay, err = moveLocal(ctx, p.repo, p.local, tip, "runs push")
	return err
}
