package git

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/repo/lazyregexp"
)

// CloneRequest says what to clone.
type CloneRequest struct {
	URL string // an address that the user has typed, or the folder of a repository on this machine
	Rev string // a branch, a tag or a commit; empty is the default branch
	Dir string // the new clone; must not exist
	// Local says that URL is a repository of the user. Its remote becomes that of the clone, with what it has of it.
	Local bool
}

// ErrNotInRemote means that a repository lacks what was to be cloned.
var ErrNotInRemote = errors.New("the repository has no branch, tag or commit")

// Cloned is a new clone.
type Cloned struct {
	Dirs   Dirs
	Commit string // that is checked out
	Branch string // likewise; empty if it is a tag or a commit
}

var (
	isHelper   = lazyregexp.New(`^[A-Za-z0-9+.-]+::`)
	isRevision = lazyregexp.New(`^[^-\s~^:?*\[\\\x00-\x20\x7f][^\s~^:?*\[\\\x00-\x20\x7f]*$`)
	isCommit   = lazyregexp.New(`^[0-9a-f]{4,64}$`)
)

// CheckClone returns an error if Git could read an address or a revision as something else: an option, the program of a
// transport, or an expression.
func CheckClone(address, rev string) error {
	switch {
	case address == "" || strings.HasPrefix(address, "-") || strings.ContainsFunc(address, isControl):
		return fmt.Errorf("%.80q is not an address", RemoteWithoutCredentials(address))
	case isHelper().MatchString(address):
		return fmt.Errorf("%.80q names a helper program of Git, and not a repository", address)
	case rev != "" && (!isRevision().MatchString(rev) || strings.Contains(rev, "..") || strings.Contains(rev, "@{")):
		return fmt.Errorf("%.80q is not the name of a branch, a tag or a commit", rev)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// Clone makes a clone with one revision, as far as the repository gives it alone, and checks it out with its
// submodules. Hooks do not run. The address is kept without credentials. The folder appears complete or not at all.
func Clone(ctx context.Context, q CloneRequest) (done Cloned, err error) {
	if err := CheckClone(q.URL, q.Rev); err != nil {
		return done, err
	}
	if err := os.Mkdir(q.Dir, 0o777); err != nil {
		return done, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(q.Dir)
		}
	}()
	c := cloning{CloneRequest: q, git: Dirs{Root: q.Dir}.network()}
	c.git.anywhere, c.git.env = true, withoutVariable(c.git.env, "GIT_DIR", "GIT_WORK_TREE")
	if err = c.find(ctx); err == nil {
		err = c.fetch(ctx)
	}
	if err == nil {
		err = c.checkOut(ctx)
	}
	if err != nil {
		return done, hideCredentials(err, q.URL)
	}
	dirs, ok, err := DiscoverApart(q.Dir)
	if err == nil && !ok {
		err = errors.New("the clone is not usable")
	}
	return Cloned{dirs, c.commit, c.branch}, err
}

// cloning is a clone that is being made.
type cloning struct {
	CloneRequest
	git            command
	commit, branch string
	ref            string // what the repository calls it; empty if it is known by the commit alone
}

// quietly is what each call of Git begins with.
var quietly = []string{"-c", "core.hooksPath=" + os.DevNull, "-c", "advice.detachedHead=false"}

func (c *cloning) run(ctx context.Context, args ...string) (string, error) {
	out, err := c.git.run(ctx, append(quietly[:len(quietly):len(quietly)], args...)...)
	return strings.TrimSpace(string(out)), err
}

// find asks the repository what it has under the name.
func (c *cloning) find(ctx context.Context) error {
	ask := []string{"HEAD"}
	if c.Rev != "" {
		ask = append(ask, "refs/heads/"+c.Rev, "refs/tags/"+c.Rev)
	}
	out, err := c.run(ctx, append([]string{"ls-remote", "--symref", "--", c.URL}, ask...)...)
	if err != nil {
		return err
	}
	refs := map[string]string{}
	head := ""
	for line := range strings.Lines(out) {
		value, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if target, ok := strings.CutPrefix(value, "ref: "); ok {
			head = target
			continue
		}
		refs[name] = value
	}
	c.ref = head
	if c.Rev != "" {
		for _, c.ref = range append(ask[1:], "") {
			if refs[c.ref] != "" {
				break
			}
		}
	}
	switch {
	case c.ref == "" && isCommit().MatchString(c.Rev):
		c.commit = c.Rev
	case c.ref == "" && c.Rev != "":
		return fmt.Errorf("%w %q", ErrNotInRemote, c.Rev)
	case c.ref == "" && refs["HEAD"] == "":
		return errors.New("the repository has no commit")
	case c.ref == "": // a HEAD that is not on a branch
		c.commit = refs["HEAD"]
	case refs[c.ref] == "" && refs["HEAD"] == "":
		return errors.New("the repository has no commit")
	}
	c.branch, _ = strings.CutPrefix(c.ref, "refs/heads/")
	if c.branch == c.ref {
		c.branch = ""
	}
	format := "sha1"
	if len(refs["HEAD"]) == 64 || len(refs[c.ref]) == 64 {
		format = "sha256"
	}
	if _, err := c.run(ctx, "init", "-q", "--template=", "--object-format="+format, "."); err != nil {
		return err
	}
	_, err = c.run(ctx, "config", "remote.origin.url", c.URL)
	return err
}

// fetched is where the clone keeps a tag or a commit that it was made for. As a ref of the remote, it tells that the
// remote has the commit.
const fetched = "refs/remotes/origin/runs-project"

func (c *cloning) fetch(ctx context.Context) error {
	from, to := c.ref, fetched
	switch {
	case c.branch != "":
		to = "refs/remotes/origin/" + c.branch
	case c.ref == "":
		from = c.commit
	}
	fetch := []string{"fetch", "-q", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"}
	var err error
	switch {
	case c.Local:
		err = c.fetchLocal(ctx, fetch)
	case c.ref != "" || len(c.commit) >= 40:
		_, err = c.run(ctx, append(fetch, "--depth=1", "--", "origin", "+"+from+":"+to)...)
	default:
		err = errors.New("a commit is fetched by its full name only")
	}
	if err != nil && c.ref == "" && !c.Local && ctx.Err() == nil { // a server may give only what branches and tags have
		_, err = c.run(ctx, append(fetch, "--", "origin", "+refs/heads/*:refs/remotes/origin/*",
			"+refs/tags/*:refs/tags/*")...)
	}
	if err != nil {
		return err
	}
	if c.ref != "" && !c.Local {
		from = to
	}
	if c.Local && c.ref != "" {
		from = "refs/runs/from/" + strings.TrimPrefix(c.ref, "refs/")
	}
	if c.commit, err = c.run(ctx, "rev-parse", "--verify", "-q", from+"^{commit}"); err != nil {
		return fmt.Errorf("%w %q", ErrNotInRemote, c.Rev)
	}
	return nil
}

// fetchLocal fetches all of a repository of the user. What it has of its remotes becomes that of the clone: these are
// the commits that outlive this machine.
func (c *cloning) fetchLocal(ctx context.Context, fetch []string) error {
	_, err := c.run(ctx, append(fetch, "--", "origin", "+refs/heads/*:refs/runs/from/heads/*",
		"+refs/tags/*:refs/runs/from/tags/*", "+HEAD:refs/runs/from/HEAD")...)
	if err == nil {
		_, err = c.run(ctx, append(fetch, "--", "origin", "+refs/remotes/origin/*:refs/remotes/origin/*")...)
	}
	return err
}

// checkOut checks the commit out, and forgets the credentials in the address.
func (c *cloning) checkOut(ctx context.Context) error {
	target := []string{"checkout", "-q", "--detach", c.commit}
	if c.branch != "" {
		target = []string{"checkout", "-q", "--no-track", "-b", c.branch, c.commit}
	}
	if _, err := c.run(ctx, append(target, "--")...); err != nil {
		return err
	}
	if c.Local { // relative addresses of submodules are relative to its own
		if err := c.setAddress(ctx); err != nil {
			return err
		}
	}
	if info, err := os.Lstat(filepath.Join(c.Dir, ".gitmodules")); err == nil && info.Mode().IsRegular() {
		if _, err := c.run(ctx, "submodule", "--quiet", "update", "--init", "--recursive"); err != nil {
			return fmt.Errorf("its submodules: %w", err)
		}
	}
	return c.setAddress(ctx)
}

func (c *cloning) setAddress(ctx context.Context) error {
	address := RemoteWithoutCredentials(c.URL)
	if c.Local {
		own, ok, err := DiscoverApart(c.URL)
		if err != nil || !ok {
			return errors.Join(err, errors.New("it is not a Git repository any more"))
		}
		config, err := ConfigOf(ctx, own, `^remote\.origin\.url$`)
		if err != nil {
			return err
		}
		if theirs := config["remote.origin.url"]; theirs != "" {
			address = RemoteWithoutCredentials(theirs)
		}
	}
	_, err := c.run(ctx, "config", "remote.origin.url", address)
	if err == nil {
		_, err = c.run(ctx, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
	}
	return err
}

// hideCredentials returns an error without the credentials of an address, which Git may have repeated.
func hideCredentials(err error, address string) error {
	var failed *Error
	if !errors.As(err, &failed) {
		return err
	}
	hide := []string{address, RemoteWithoutCredentials(address)}
	if u, parseErr := url.Parse(address); parseErr == nil && u.User != nil {
		if password, ok := u.User.Password(); ok && password != "" {
			hide = append(hide, password, "[hidden]")
		}
	}
	replacer := strings.NewReplacer(hide...)
	hidden := *failed
	hidden.Message, hidden.Output = replacer.Replace(failed.Message), replacer.Replace(failed.Output)
	return &hidden
}
