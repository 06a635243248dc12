package git

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Remotes lists the names of the remotes.
func Remotes(ctx context.Context, dirs Dirs) ([]string, error) {
	return dirs.refs().remotes(ctx)
}

func (p program) remotes(ctx context.Context) ([]string, error) {
	out, err := p.command().run(ctx, "remote")
	return strings.Fields(string(out)), err
}

// DefaultRemote returns origin if it exists, otherwise the first remote. It is empty if there is none.
func DefaultRemote(ctx context.Context, dirs Dirs) (string, error) {
	names, err := Remotes(ctx, dirs)
	switch {
	case err != nil || len(names) == 0:
		return "", err
	case slices.Contains(names, "origin"):
		return "origin", nil
	}
	return names[0], nil
}

// Upstream is the branch of a remote that a local branch follows.
type Upstream struct {
	Remote   string
	Ref      string // the branch at the remote, like refs/heads/main
	Tracking string // where this clone stores it, like refs/remotes/origin/main
}

// Name returns the upstream as people write it, like origin/main.
func (u Upstream) Name() string { return u.Remote + "/" + strings.TrimPrefix(u.Ref, "refs/heads/") }

// UpstreamOf returns the configured upstream of a branch. ok is false if the branch has none or its name is empty.
func UpstreamOf(ctx context.Context, dirs Dirs, branch string) (u Upstream, ok bool, err error) {
	return dirs.refs().upstreamOf(ctx, branch)
}

func (p program) upstreamOf(ctx context.Context, branch string) (u Upstream, ok bool, err error) {
	if branch == "" {
		return u, false, nil
	}
	ref := "refs/heads/" + branch
	out, err := p.command().run(ctx, "for-each-ref",
		"--format=%(refname)%00%(upstream:remotename)%00%(upstream:remoteref)%00%(upstream)", ref)
	if err != nil {
		return u, false, err
	}
	born := false
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\x00")
		if len(fields) != 4 || fields[0] != ref {
			continue
		}
		if born = true; fields[1] != "" && fields[2] != "" {
			return Upstream{fields[1], fields[2], fields[3]}, fields[1] != ".", nil // a dot stands for this clone
		}
	}
	u, ok, err = configuredUpstream(ctx, p.Dirs, branch)
	if !ok || !born || err != nil {
		return u, ok, err
	}
	// Git is not configured to fetch the upstream, as in a clone of a single branch.
	u.Tracking = privateRef(u.Remote, u.Ref)
	names, err := Remotes(ctx, p.Dirs)
	return u, slices.Contains(names, u.Remote), err // the remote may also be a URL
}

// configuredUpstream reads the upstream of a branch from the configuration. `git for-each-ref` does not print it if the
// branch has no commit, as in the clone of an empty repository, or if Git does not fetch the upstream.
func configuredUpstream(ctx context.Context, dirs Dirs, branch string) (u Upstream, ok bool, err error) {
	var values [2]string
	for i, key := range []string{"remote", "merge"} {
		out, err := dirs.command().run(ctx, "config", "--get", "branch."+branch+"."+key)
		var failed *Error
		if err != nil && !errors.As(err, &failed) {
			return u, false, err
		}
		values[i] = strings.TrimSpace(string(out))
	}
	name, ok := strings.CutPrefix(values[1], "refs/heads/")
	if !ok || values[0] == "" || values[0] == "." {
		return u, false, nil
	}
	return UpstreamNamed(values[0], name), true, nil
}

// UpstreamNamed returns the Upstream for a remote and the name of a branch there. The branch need not exist.
func UpstreamNamed(remote, branch string) Upstream {
	u := Upstream{Remote: remote, Ref: "refs/heads/" + branch}
	u.Tracking = "refs/remotes/" + remote + "/" + branch
	return u
}

// privateRef returns the ref to which we fetch a branch that Git is not configured to fetch.
func privateRef(remote, ref string) string {
	return "refs/runs/upstream/" + remote + "/" + strings.TrimPrefix(ref, "refs/heads/")
}

// ErrNoRemoteBranch means that the remote has no such branch.
var ErrNoRemoteBranch = errors.New("the remote has no such branch")

// Fetch fetches one branch of a remote to the ref into of this clone and returns its commit. remote is a name or a URL.
// The error is ErrNoRemoteBranch if the remote has no such branch.
func Fetch(ctx context.Context, dirs Dirs, remote, ref, into string) (string, error) {
	var err error
	for try := 0; ; try++ {
		if err = dirs.remote().fetch(ctx, remote, ref, into); err == nil || !refBusy(err) || try == busyTries {
			break
		}
		if err := sleep(ctx, time.Duration(rand.Int64N(int64(50*time.Millisecond)))); err != nil {
			return "", err
		}
	}
	if err != nil {
		return "", err
	}
	return Resolve(ctx, dirs, into)
}

// busyTries is how often a fetch is repeated if it collides with another fetch of the same branch in this clone.
const busyTries = 20

// refBusy reports whether a fetch failed because another process moved the same ref.
func refBusy(err error) bool {
	var failed *Error
	return errors.As(err, &failed) && (strings.Contains(failed.Output, "cannot lock ref") ||
		strings.Contains(failed.Output, "unable to update local ref"))
}

func (p program) fetch(ctx context.Context, remote, ref, into string) error {
	_, err := p.network().run(ctx, "fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--",
		remote, "+"+ref+":"+into)
	var failed *Error
	if errors.As(err, &failed) && strings.HasPrefix(failed.Message, "couldn't find remote ref") {
		return ErrNoRemoteBranch
	}
	return err
}

// RemoteTip asks a remote for the commit of a branch, which this clone need not have, and fetches nothing. The result
// is empty if the remote has no such branch.
func RemoteTip(ctx context.Context, dirs Dirs, remote, ref string) (string, error) {
	return dirs.remote().tip(ctx, remote, ref)
}

func (p program) tip(ctx context.Context, remote, ref string) (string, error) {
	out, err := p.network().run(ctx, "ls-remote", "--", remote, ref)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(out)) {
		if id, name, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && name == ref {
			return id, nil
		}
	}
	return "", nil
}

// RemoteHead returns the default branch of a remote, or an empty string if it has none.
func RemoteHead(ctx context.Context, dirs Dirs, remote string) (string, error) {
	return dirs.remote().head(ctx, remote)
}

func (p program) head(ctx context.Context, remote string) (string, error) {
	out, err := p.network().run(ctx, "ls-remote", "--symref", "--", remote, "HEAD")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(out)) {
		if ref, ok := strings.CutPrefix(line, "ref: refs/heads/"); ok {
			name, _, _ := strings.Cut(ref, "\t")
			return name, nil
		}
	}
	return "", nil
}

// Rejected means that the remote refused to update a ref. Its text is the remote's reason.
type Rejected struct {
	Ref    string
	Reason string
	Stale  bool // somebody else pushed first
	Output string
}

func (e *Rejected) Error() string { return e.Reason }

// Refspec is a commit or ref to push, and the remote's ref that it goes to.
type Refspec struct{ From, To string }

// Push pushes without force, and runs the hooks that `git push` runs. It returns the output of these hooks and of the
// remote. If refs are rejected, the error is a *Rejected for the first of them.
func Push(ctx context.Context, dirs Dirs, remote string, specs ...Refspec) (said string, err error) {
	return dirs.remote().push(ctx, remote, specs...)
}

func (p program) push(ctx context.Context, remote string, specs ...Refspec) (said string, err error) {
	args := []string{"push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no", "--", remote}
	for _, s := range specs {
		args = append(args, s.From+":"+s.To)
	}
	c := p.network()
	var stderr stderrBuffer
	c.stderr = &stderr
	out, err := c.run(ctx, args...)
	if err == nil {
		return stderr.String(), nil
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) < 3 || fields[0] != "!" {
			continue
		}
		_, to, _ := strings.Cut(fields[1], ":")
		rejected := &Rejected{Ref: to, Reason: fields[2], Stale: isStale(fields[2])}
		var failed *Error
		if errors.As(err, &failed) {
			rejected.Output = failed.Output
		}
		return "", rejected
	}
	return "", err
}

// staleReasons are the reasons that Git and its servers give if a branch has moved since it was fetched.
var staleReasons = []string{
	"fetch first", "non-fast-forward", "stale info", "cannot lock ref", "failed to update ref", "incorrect old value",
	"failed to lock", "remote ref updated since checkout",
}

func isStale(reason string) bool {
	return slices.ContainsFunc(staleReasons, func(s string) bool { return strings.Contains(reason, s) })
}

// RemoteWithoutCredentials returns the URL of a remote without credentials and query, so that it may be committed. The
// user name of an SSH address is part of where it leads, as in host:path, and stays; in other addresses it may be a
// token.
func RemoteWithoutCredentials(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url // a path, or host:path with at most a user name
	}
	host, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		user, _, _ := strings.Cut(host[:at], ":")
		host = host[at+1:]
		if user != "" && slices.Contains(strings.Split(strings.ToLower(scheme), "+"), "ssh") {
			host = user + "@" + host
		}
	}
	if path, _, _ = strings.Cut(path, "?"); path == "" {
		return scheme + "://" + host
	}
	return scheme + "://" + host + "/" + path
}

// SameRemote reports whether two addresses without credentials are of one repository. The user name of an SSH address
// does not count: records of before have none.
func SameRemote(a, b string) bool {
	return withoutUser(a) == withoutUser(b)
}

func withoutUser(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	host, path, _ := strings.Cut(rest, "/")
	at := strings.IndexByte(host, '@')
	if !ok || at < 0 {
		return address
	}
	return scheme + "://" + host[at+1:] + "/" + path
}
