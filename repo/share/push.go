package share

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git"
)

// PushRequest says where to push.
type PushRequest struct {
	Remote string // empty: the upstream's
	Branch string // push to this branch of the remote, made where there is none; the local branch stays where it is
	Tell   func(what string)
	Bytes  func(done, total int64) // of artifacts that are uploaded
}

// Pushed is what a push did.
type Pushed struct {
	To       git.Upstream
	Commit   string   // now the tip of the remote's branch; empty: there was nothing to push
	Runs     []string // ids that were new to the branch
	Removed  []string
	Commits  int
	Attempts int
	Replayed bool     // the commits stand on what others had pushed
	InTheWay bool     // the user's own changes keep the local branch where it is
	Absent   bool     // the remote has no such branch, and none was made: there was nothing to push
	Stayed   string   // why the local branch is not where the remote's is; empty when it is
	Bases    int      // commits of code that were pushed under refs/runs/base
	Remote   []string // what the other side said
	Uploaded Uploaded // of artifacts that do not go into git
	Warnings []string
}

// localBranch is the branch whose runs are pushed or brought up to date.
type localBranch struct {
	name       string
	tip        string
	checkedOut bool
}

// theBranch is the branch of runs: the one of commit.branch, else the one that is checked out.
func theBranch(ctx context.Context, r *repo.Repository) (localBranch, error) {
	tip, err := git.ReadTip(ctx, r.Git)
	if err != nil {
		return localBranch{}, err
	}
	config, err := r.Config()
	if err != nil {
		return localBranch{}, err
	}
	if name := config.Commit.Branch; name != "" && name != tip.Branch {
		commit, err := git.Resolve(ctx, r.Git, "refs/heads/"+name)
		return localBranch{name, commit, false}, err
	}
	return localBranch{tip.Branch, tip.Commit, true}, nil
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
	local, err := theBranch(ctx, r)
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
		if !git.IsTransient(err) || try == passingTries {
			return p.done, fmt.Errorf("pushing runs to %s: %w", p.up.Name(), err)
		}
	}
}

// passingTries is how often a push begins again because of something that passes.
const passingTries = 5

// destination is where a branch is pushed. own says that it is the upstream of the local branch.
func destination(ctx context.Context, r *repo.Repository, local localBranch, ask PushRequest) (up git.Upstream, own bool, err error) {
	if local.name == "" && ask.Branch == "" {
		return up, false, &repo.HintError{Err: errors.New("no branch is checked out (detached HEAD)"), Hint: "'git switch BRANCH', or name the remote's branch: runs push --branch NAME"}
	}
	remotes, err := git.Remotes(ctx, r.Git)
	switch {
	case err != nil:
		return up, false, err
	case len(remotes) == 0:
		return up, false, &repo.HintError{Err: errors.New("the repository has no remote"), Hint: "'git remote add origin URL' names one"}
	case ask.Remote != "" && !slices.Contains(remotes, ask.Remote):
		return up, false, &repo.HintError{Err: fmt.Errorf("there is no remote %q", ask.Remote), Hint: "'git remote' lists them: " + strings.Join(remotes, ", ")}
	}
	up, own, err = git.UpstreamOf(ctx, r.Git, local.name)
	if err != nil {
		return up, false, err
	}
	remote := ask.Remote
	if remote == "" {
		remote = up.Remote
	}
	if remote == "" {
		if remote, err = git.DefaultRemote(ctx, r.Git); err != nil {
			return up, false, err
		}
	}
	own = own && remote == up.Remote
	switch {
	case ask.Branch != "":
		if err := git.CheckBranch(ctx, r.Git, ask.Branch); err != nil {
			return up, false, err
		}
		named := git.UpstreamNamed(remote, ask.Branch)
		return named, own && named.Ref == up.Ref, nil
	case own:
		return up, true, nil
	}
	named := git.UpstreamNamed(remote, local.name)
	if !local.checkedOut { // a branch of runs alone: nothing of the user's code goes with it
		return named, true, nil
	}
	if seen, err := git.Resolve(ctx, r.Git, named.Tracking); err != nil || seen != "" && ask.Remote != "" {
		return named, false, err
	}
	return up, false, &repo.HintError{
		Err:  fmt.Errorf("branch %s has no upstream", local.name),
		Hint: fmt.Sprintf("'git push -u %s %s' publishes it with its code; 'runs push --branch NAME' pushes the runs alone", remote, local.name),
	}
}

// unmovedTries is how often a rejection is believed to be somebody else's push though the remote's branch has not moved.
const unmovedTries = 5

func (p *pusher) push(ctx context.Context) error {
	last, unmoved := "", 0
	for {
		p.done.Attempts++
		p.tell("fetching")
		base, err := p.fetch(ctx)
		if err != nil {
			return network(err, p.up.Remote)
		}
		commits, err := unpushed(ctx, p.repo, p.trees, p.local.tip, base)
		var code *codeError
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
		p.tell("pushing")
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
			return refused(rejected, p.up)
		}
		// Between a moment and two seconds, at random: many that were rejected together must not come back together.
		most := min(2*time.Second, 20*time.Millisecond<<min(p.done.Attempts, 7))
		if err := wait(ctx, time.Duration(rand.Int64N(int64(most)))); err != nil {
			return err
		}
	}
}

func (p *pusher) tell(what string) {
	if p.ask.Tell != nil {
		if p.done.Attempts > 1 {
			what = fmt.Sprintf("%s, attempt %d", what, p.done.Attempts)
		}
		p.ask.Tell(what)
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// network adds the next step to an error of fetching or pushing.
func network(err error, remote string) error {
	var failed *git.Error
	if errors.As(err, &failed) {
		return &repo.HintError{Err: err, Hint: fmt.Sprintf("nothing was changed; 'git fetch %s' tries the connection", remote)}
	}
	return err
}

// refused is a rejection that repeating does not help.
func refused(e *git.Rejected, up git.Upstream) error {
	return &repo.HintError{Err: e, Hint: fmt.Sprintf("nothing was changed; 'runs push --branch NAME' pushes to another branch of %s, for a pull request", up.Remote)}
}

// fetch brings the tip of the remote's branch. A branch that is to be made stands on the upstream, or on the remote's
// default branch.
func (p *pusher) fetch(ctx context.Context) (string, error) {
	base, err := git.Fetch(ctx, p.repo.Git, p.up.Remote, p.up.Ref, p.up.Tracking)
	p.done.Absent = errors.Is(err, git.ErrNoRemoteBranch)
	if err == nil || !p.done.Absent {
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

// unpushed reads the commits of runs that the remote's branch lacks. Those of code are a codeError.
func unpushed(ctx context.Context, r *repo.Repository, trees *git.Trees, tip, base string) ([]*runsCommit, error) {
	var others []string
	if base != "" {
		others = []string{base}
	}
	ids, err := git.CommitsNotIn(ctx, r.Git, tip, others...)
	if err != nil {
		return nil, err
	}
	var commits []*runsCommit
	code := &codeError{}
	for _, id := range ids {
		c, err := readRunsCommit(ctx, r.Git, trees, base, id)
		var foreign *foreignError
		switch {
		case errors.As(err, &foreign):
			code.commits = append(code.commits, foreign)
			if len(code.commits) > maxNamedCommits {
				return nil, code
			}
		case err != nil:
			return nil, err
		case c != nil:
			commits = append(commits, c)
		}
	}
	if len(code.commits) > 0 {
		return nil, code
	}
	return commits, nil
}

// maxNamedCommits is how many commits of code a message names.
const maxNamedCommits = 3

// codeError says that commits of code lie below or between those of runs.
type codeError struct{ commits []*foreignError }

func (e *codeError) Error() string {
	n := len(e.commits)
	text := fmt.Sprintf("the remote lacks %s of code: ", count(n, "commit"))
	if n > maxNamedCommits {
		text = fmt.Sprintf("the remote lacks more than %d commits of code: ", maxNamedCommits)
	}
	for i, c := range e.commits[:min(n, maxNamedCommits)] {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%.10s (%s)", c.id, c.subject)
	}
	return text
}

// withStep adds what to type. Code is for the user to publish.
func (e *codeError) withStep(ctx context.Context, r *repo.Repository, local localBranch, base string, up git.Upstream, own bool) error {
	tip := local.tip
	straight := base == ""
	if !straight {
		var err error
		if straight, err = git.IsAncestor(ctx, r.Git, base, tip); err != nil {
			return err
		}
	}
	switch {
	case !own && local.checkedOut && local.name != "":
		return &repo.HintError{Err: e, Hint: fmt.Sprintf("'git push -u %s %s' publishes them, and the runs with them", up.Remote, local.name)}
	case straight:
		return &repo.HintError{Err: e, Hint: "'git push' publishes them, and the runs with them"}
	}
	return &repo.HintError{Err: e, Hint: fmt.Sprintf("'git pull --rebase %s %s' and 'git push' publish them, and the runs with them", up.Remote, strings.TrimPrefix(up.Ref, "refs/heads/"))}
}

// replay puts the commits on base, or takes them as they are where they stand on it.
func (p *pusher) replay(ctx context.Context, base string, commits []*runsCommit) (string, error) {
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
func (p *pusher) ids(commit string) (*contents, error) {
	at, err := p.repo.TreePath()
	if err != nil {
		return nil, err
	}
	return readContents(p.trees, commit, at)
}

// send pushes the tip, and the commits that its runs begin at and no remote has.
func (p *pusher) send(ctx context.Context, tip string) error {
	bases, err := p.bases(ctx, tip)
	if err != nil {
		return err
	}
	var specs []git.Refspec
	for _, base := range bases {
		specs = append(specs, git.Refspec{From: git.BaseRef(base), To: git.BaseRef(base)})
	}
	if len(specs) > 0 {
		if _, err := git.Push(ctx, p.repo.Git, p.up.Remote, specs...); err != nil {
			var rejected *git.Rejected
			if !errors.As(err, &rejected) {
				return err
			}
			p.done.Warnings = append(p.done.Warnings, fmt.Sprintf("the remote does not take %s, where the source of runs begins: %s", rejected.Ref, rejected.Reason))
		} else {
			p.done.Bases = len(specs)
		}
	}
	said, err := git.Push(ctx, p.repo.Git, p.up.Remote, git.Refspec{From: tip, To: p.up.Ref})
	p.done.Remote = remoteLines(said)
	return err
}

// records are the runs that a push brings, as the tip has them. What cannot be read is left out: verify names it.
func (p *pusher) records(tip string) ([]*format.Run, error) {
	after, err := p.ids(tip)
	if err != nil {
		return nil, err
	}
	var runs []*format.Run
	for _, id := range p.done.Runs {
		record, ok, err := p.trees.Find(after.runs[id], repo.RecordName)
		if err != nil || !ok {
			continue
		}
		data, err := p.trees.Blob(record.ID, format.MaxRecordBytes)
		if err != nil {
			continue
		}
		if run, err := format.DecodeRun(path.Join(runPath(id), repo.RecordName), data); err == nil && run.ID == id {
			runs = append(runs, run)
		}
	}
	return runs, nil
}

// bases are commits that new runs begin at, that only this clone keeps, and that the push does not bring anyway.
func (p *pusher) bases(ctx context.Context, tip string) ([]string, error) {
	kept, err := git.KeptBases(ctx, p.repo.Git)
	if err != nil || len(kept) == 0 {
		return nil, err
	}
	records, err := p.records(tip)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, run := range records {
		if run.Source != nil && kept[run.Source.Base] {
			wanted[run.Source.Base] = true
		}
	}
	var bases []string
	for base := range wanted {
		there, err := git.IsAncestor(ctx, p.repo.Git, base, tip)
		if err != nil {
			return nil, err
		}
		if !there {
			bases = append(bases, base)
		}
	}
	slices.Sort(bases)
	return bases, nil
}

// follow moves the local branch to the remote's tip.
func (p *pusher) follow(ctx context.Context, tip string) error {
	if !p.own {
		return nil
	}
	var err error
	p.done.Stayed, p.done.InTheWay, err = follow(ctx, p.repo, p.local, tip, "runs push")
	return err
}

// follow moves a local branch, and says why where it cannot. mine says that the user's own changes are why.
func follow(ctx context.Context, r *repo.Repository, local localBranch, tip, reason string) (stayed string, mine bool, err error) {
	if tip == local.tip {
		return "", false, nil
	}
	if name, _ := r.Git.InProgress(); local.checkedOut && name != "" {
		return name + " is in progress", false, nil
	}
	if !local.checkedOut {
		if at, err := git.CheckedOut(ctx, r.Git, local.name); err != nil || at != "" {
			return "it is checked out in " + at, false, err
		}
		err = git.UpdateRefs(ctx, r.Git, reason, git.RefUpdate{Ref: "refs/heads/" + local.name, Old: local.tip, New: tip})
	} else {
		err = git.MoveBranch(ctx, r.Git, local.tip, tip, reason, format.RandomLetters(8))
	}
	var inTheWay *git.InTheWayError
	switch {
	case errors.As(err, &inTheWay):
		return inTheWay.Error(), true, nil
	case errors.Is(err, git.ErrMoved):
		return "it has moved meanwhile", false, nil
	case errors.Is(err, git.ErrLocked):
		return err.Error(), false, nil
	}
	return "", false, err
}
