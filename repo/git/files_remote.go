package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/git/gitconfig"
	"github.com/gitruns/runs/repo/git/native"
	"github.com/gitruns/runs/repo/git/smarthttp"
	"github.com/gitruns/runs/repo/sibling"
)

// whereGitIs is the next step where something needs the git program.
const whereGitIs = "run the command in this folder where git is installed, such as outside the container"

// needsProgram returns the error of a fetch or push that only the git program does right.
func needsProgram(command, why string) error {
	return &Error{Command: command, Message: why + ", which needs the git program", next: whereGitIs}
}

// connected is a connection to a server of a remote.
type connected struct {
	*smarthttp.Session
	dirs       Dirs
	repository *native.Repository
	refs       *smarthttp.Refs
	remote     string // its name, or an empty text if it was given as a URL
}

// connect connects to a remote to call a service. The caller must close what it returns.
func (f files) connect(ctx context.Context, remote, service, command string) (c *connected, err error) {
	r, err := f.openAs(true)
	if err != nil {
		return nil, err
	}
	c = &connected{dirs: f.Dirs, repository: r}
	defer func() {
		if err != nil {
			err = errors.Join(asGit(ctx, command, err), c.Close())
		}
	}()
	url, named, err := remoteURL(r.Config(), remote, service == smarthttp.ReceivePack)
	if err != nil {
		return c, err
	}
	if err := checkTransport(url); err != nil {
		return c, err
	}
	path, err := sibling.Find(smarthttp.Program)
	if errors.Is(err, sibling.ErrNotInstalled) {
		err = &smarthttp.Error{
			Message: "git is not installed, and the program " + smarthttp.Program +
				", which takes its place for https, is not installed next to runs or on PATH",
			Hint: "install it with 'pip install gitruns' or 'go install ./cmd/...' in a clone of github.com/gitruns/runs",
		}
	}
	if err != nil {
		return c, err
	}
	hello := smarthttp.Hello{URL: url, GitDir: f.Git, CommonDir: f.Common}
	if named {
		c.remote, hello.Remote = remote, remote
	}
	if c.Session, err = smarthttp.Connect(ctx, path, f.Root, hello); err != nil {
		return c, err
	}
	c.refs, err = c.Discover(service)
	return c, err
}

// Close ends the connection.
func (c *connected) Close() error {
	if c.Session != nil {
		_ = c.Session.Close()
	}
	c.repository.Close()
	return nil
}

// asGit returns an error of a transfer as one of Git, which the callers know.
func asGit(ctx context.Context, command string, err error) error {
	if err == nil || ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	var e *smarthttp.Error
	if damaged := (*native.Damaged)(nil); errors.As(err, &damaged) || errors.Is(err, native.ErrNoObject) {
		e = &smarthttp.Error{Message: err.Error(), Hint: "repeat the command, or " + whereGitIs}
	}
	if e != nil || errors.As(err, &e) {
		next := e.Hint
		if next == "" {
			next = "repeat the command, or " + whereGitIs
		}
		return &Error{Command: command, Message: e.Message, Output: e.Output + "fatal: " + e.Message + "\n", next: next}
	}
	return err
}

// remoteURL returns the URL of a remote, which is a name or a URL, with the replacements of the settings. named reports
// whether it is a name.
func remoteURL(config *gitconfig.Config, remote string, push bool) (url string, named bool, err error) {
	var urls, pushURLs []string
	for _, e := range config.Entries() {
		name, ok := strings.CutPrefix(e.Key, "remote."+remote+".")
		switch {
		case !ok:
		case name == "url" && e.Value == "": // drops those before it
			urls = nil
		case name == "url":
			urls = append(urls, e.Value)
		case name == "pushurl" && e.Value == "":
			pushURLs = nil
		case name == "pushurl":
			pushURLs = append(pushURLs, e.Value)
		case name == "vcs":
			return "", true, &native.Unsupported{What: "the remote " + remote + " has the setting vcs"}
		}
	}
	named = len(urls) > 0
	if !named {
		urls = []string{remote}
	}
	own := push && len(pushURLs) > 0
	if own {
		urls = pushURLs
	}
	if push && len(urls) > 1 {
		return "", named, &native.Unsupported{What: fmt.Sprintf("the remote %s has %d URLs to push to", remote, len(urls))}
	}
	url = urls[0]
	if push && !own {
		if to, ok := replaceURL(config, url, ".pushinsteadof"); ok {
			return to, named, nil
		}
	}
	url, _ = replaceURL(config, url, ".insteadof")
	return url, named, nil
}

// replaceURL puts the URL of the longest setting url.URL.insteadOf that fits in the place of its beginning.
func replaceURL(config *gitconfig.Config, url, setting string) (string, bool) {
	best, to := "", ""
	for _, e := range config.Entries() {
		base, ok := strings.CutPrefix(e.Key, "url.")
		if !ok {
			continue
		}
		if base, ok = strings.CutSuffix(base, setting); ok && strings.HasPrefix(url, e.Value) && len(e.Value) > len(best) {
			best, to = e.Value, base
		}
	}
	return to + url[len(best):], best != ""
}

// checkTransport returns an error unless a URL is one of http.
func checkTransport(url string) error {
	scheme, _, ok := strings.Cut(url, "://")
	if ok && (scheme == "https" || scheme == "http") {
		return nil
	}
	what := "a path"
	switch {
	case ok:
		what = scheme
	case strings.Contains(url, "::"):
		what, _, _ = strings.Cut(url, "::")
	case isSSH(url):
		what = "ssh"
	}
	return &smarthttp.Error{
		Message: "git is not installed, and without it runs talks only to remotes over https, not over " + what,
		Hint:    "set an https URL with url.BASE.insteadOf in the Git configuration, or " + whereGitIs,
	}
}

// isSSH reports whether an address has the form HOST:PATH.
func isSSH(url string) bool {
	host, _, ok := strings.Cut(url, ":")
	return ok && host != "" && !strings.Contains(host, "/") && (len(host) > 1 || os.PathSeparator == '/')
}

func (f files) tip(ctx context.Context, remote, ref string) (string, error) {
	c, err := f.connect(ctx, remote, smarthttp.UploadPack, "fetch")
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	id, ok := c.refs.IDs[ref]
	if !ok {
		return "", nil
	}
	return id.String(), nil
}

func (f files) head(ctx context.Context, remote string) (string, error) {
	c, err := f.connect(ctx, remote, smarthttp.UploadPack, "fetch")
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	name, _ := strings.CutPrefix(c.refs.Head, "refs/heads/")
	return name, nil
}

func (f files) push(ctx context.Context, remote string, specs ...Refspec) (said string, err error) {
	c, err := f.connect(ctx, remote, smarthttp.ReceivePack, "push")
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	if err := f.checkPush(c.repository); err != nil {
		return "", err
	}
	var refused *Rejected
	var updates []smarthttp.Update
	for _, s := range specs {
		u, reason, err := c.update(s)
		if err != nil {
			return "", err
		}
		switch {
		case reason != "":
			if refused == nil {
				refused = &Rejected{Ref: s.To, Reason: "[rejected] (" + reason + ")", Stale: isStale(reason)}
			}
		case u.Old != u.New:
			updates = append(updates, u)
		}
	}
	if len(updates) > 0 {
		report, err := c.send(ctx, updates)
		if err != nil {
			return "", asGit(ctx, "push", err)
		}
		said = report.Said
		for _, u := range updates {
			reason, bad := report.Refused[u.Ref]
			switch {
			case !bad:
				if err := c.track(u.Ref, u.New, "update by push"); err != nil {
					return said, err
				}
			case refused == nil:
				refused = &Rejected{
					Ref: u.Ref, Reason: "[remote rejected] (" + reason + ")", Stale: isStale(reason), Output: said,
				}
			}
		}
	}
	if refused != nil {
		return "", refused
	}
	return said, nil
}

// checkPush refuses a push in which the git program would do more.
func (f files) checkPush(r *native.Repository) error {
	for _, key := range []string{"push.gpgsign", "push.pushoption"} {
		e, ok := r.Config().Last(key)
		if on, err := e.Bool(); ok && (err != nil || on) && !strings.EqualFold(e.Value, "if-asked") {
			return needsProgram("push", key+" is set")
		}
	}
	folder := filepath.Join(f.Common, "hooks")
	if own, set, err := r.Config().Path("core.hookspath"); err != nil {
		return err
	} else if set {
		folder = absolute(f.Root, own)
	}
	hook := filepath.Join(folder, "pre-push")
	if info, err := os.Stat(hook); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
		return needsProgram("push", "the hook "+hook+" exists")
	}
	return nil
}

// update returns what a push does to a ref of the server. reason tells why it may not be done.
func (c *connected) update(s Refspec) (u smarthttp.Update, reason string, err error) {
	if !native.ValidRef(s.To) {
		return u, "", fmt.Errorf("%q is not the name of a ref", s.To)
	}
	id, err := c.repository.Resolve(s.From + "^{commit}")
	if err != nil {
		return u, "", err
	}
	u = smarthttp.Update{Ref: s.To, Old: c.refs.IDs[s.To], New: id}
	if u.Old.IsZero() || u.Old == u.New {
		return u, "", nil
	}
	if strings.HasPrefix(s.To, "refs/tags/") {
		return u, "already exists", nil
	}
	if _, err := c.repository.Peel(u.Old, native.Commit); absent(err) {
		return u, "fetch first", nil
	} else if err != nil {
		return u, "", err
	}
	straight, err := c.repository.IsAncestor(u.Old, u.New)
	if err == nil && !straight {
		reason = "non-fast-forward"
	}
	return u, reason, err
}

// send pushes what the server lacks.
func (c *connected) send(ctx context.Context, updates []smarthttp.Update) (*smarthttp.Report, error) {
	var tips []native.ID
	for _, u := range updates {
		tips = append(tips, u.New)
	}
	objects, err := c.repository.ObjectsNotIn(tips, c.known())
	if err != nil {
		return nil, fmt.Errorf("listing the objects to push: %w", err)
	}
	if err := c.checkPointers(ctx, objects); err != nil {
		return nil, err
	}
	return c.Push(c.refs, c.repository.Shallow(), updates, func(w io.Writer) error {
		return c.repository.WritePack(w, objects)
	})
}

// known returns the commits that the server has and this clone too.
func (c *connected) known() []native.ID {
	seen := map[native.ID]bool{}
	var known []native.ID
	add := func(id native.ID) {
		if seen[id] {
			return
		}
		seen[id] = true
		if commit, err := c.repository.Peel(id, native.Commit); err == nil && (commit == id || !seen[commit]) {
			seen[commit] = true
			known = append(known, commit)
		}
	}
	for _, id := range c.refs.IDs {
		add(id)
	}
	for _, id := range c.refs.More {
		add(id)
	}
	slices.SortFunc(known, func(a, b native.ID) int { return strings.Compare(string(a[:]), string(b[:])) })
	return known
}

// lfsBegin is how a pointer of Git LFS begins.
const lfsBegin = "version https://git-lfs.github.com/spec/"

// maxLFSPointer is the largest size of a pointer in bytes, as in Git LFS.
const maxLFSPointer = 1024

// checkPointers refuses objects that are pointers of Git LFS, whose content the git program would send.
func (c *connected) checkPointers(ctx context.Context, objects []native.Listed) error {
	for _, o := range objects {
		if o.Kind != native.Blob {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := c.repository.Read(o.ID, native.Blob, maxLFSPointer)
		var large *native.TooLarge
		if errors.As(err, &large) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading the objects to push: %w", err)
		}
		if strings.HasPrefix(string(data), lfsBegin) {
			return needsProgram("push", fmt.Sprintf("the object %.10s is a pointer of Git LFS", o.ID))
		}
	}
	return nil
}

// track moves the refs in which this clone stores a ref of the remote, as it is configured.
func (c *connected) track(ref string, id native.ID, reason string) error {
	if c.remote == "" {
		return nil
	}
	for _, e := range c.repository.Config().All("remote." + c.remote + ".fetch") {
		to, maps := mapped(e.Value, ref)
		if !maps || to == "" || !native.ValidRef(to) {
			continue
		}
		if err := c.moveTracking(to, id, reason); err != nil {
			return fmt.Errorf("moving %s: %w", to, err)
		}
	}
	return nil
}

// moveTracking moves a ref of this clone that follows one of a remote, wherever it was.
func (c *connected) moveTracking(ref string, id native.ID, reason string) error {
	for try := 0; ; try++ {
		was, _, err := c.repository.RawRef(ref)
		if err != nil {
			return err
		}
		if was.Target == "" && was.ID == id {
			return nil
		}
		err = updateNative(c.repository, reason, native.RefUpdate{Name: ref, Old: was.ID, New: id})
		if !errors.Is(err, ErrMoved) || try == busyTries {
			return err
		}
	}
}

func (f files) fetch(ctx context.Context, remote, ref, into string) error {
	c, err := f.connect(ctx, remote, smarthttp.UploadPack, "fetch")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if !native.ValidRef(into) {
		return fmt.Errorf("%q is not the name of a ref", into)
	}
	id, ok := c.refs.IDs[ref]
	if !ok {
		return ErrNoRemoteBranch
	}
	if err := c.receive(ctx, id); err != nil {
		return asGit(ctx, "fetch", err)
	}
	reason := "fetch " + remoteName(remote)
	if err := c.moveTracking(into, id, reason); err != nil {
		return fmt.Errorf("moving %s: %w", into, err)
	}
	return c.track(ref, id, reason)
}

// remoteName returns a remote as a reflog names it.
func remoteName(remote string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' {
			return -1
		}
		return c
	}, RemoteWithoutCredentials(remote))
}

// receive fetches a commit with all that it refers to, unless this clone has that.
func (c *connected) receive(ctx context.Context, id native.ID) error {
	if err := c.checkFetch(); err != nil {
		return err
	}
	local, err := c.localTips()
	if err != nil {
		return err
	}
	kind, _, err := c.repository.Info(id)
	if err == nil && kind == native.Commit {
		err = c.repository.CheckConnected([]native.ID{id}, local)
	}
	if err == nil || !errors.Is(err, native.ErrNoObject) {
		return err
	}
	limit, err := c.unpackLimit()
	if err != nil {
		return err
	}
	folder, err := TemporaryIn(c.dirs.Temporary(), "fetched-") // where there is room for objects
	if err != nil {
		return fmt.Errorf("making a temporary folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if _, err := c.Fetch(c.refs, id, c.repository.Shallow(), c.haves(ctx, local), func(pack io.Reader) error {
		return c.repository.Receive(folder, pack, limit)
	}); err != nil {
		return err
	}
	// A ref may only move to a commit whose history and files are whole.
	if err := c.repository.CheckConnected([]native.ID{id}, local); err != nil {
		return fmt.Errorf("the server did not send all of commit %.10s: %w", id, err)
	}
	return nil
}

// checkFetch refuses a fetch in which the git program would do more, or check more.
func (c *connected) checkFetch() error {
	if c.dirs.lacksObjects() {
		return needsProgram("fetch", "this is a partial clone")
	}
	for _, key := range []string{"fetch.fsckobjects", "transfer.fsckobjects"} {
		on, set, err := c.repository.Config().Bool(key)
		if err != nil {
			return err
		}
		if set && on {
			return needsProgram("fetch", key+" is set")
		}
		if set {
			break
		}
	}
	return nil
}

// unpackLimit returns up to how many fetched objects get a file each.
func (c *connected) unpackLimit() (int, error) {
	for _, key := range []string{"fetch.unpacklimit", "transfer.unpacklimit"} {
		n, set, err := c.repository.Config().Int(key)
		if set || err != nil {
			return int(min(max(n-1, 0), 1<<20)), err
		}
	}
	return looseObjects, nil
}

// haves lists the commits of this clone, the newest first.
func (c *connected) haves(ctx context.Context, tips []native.ID) iter.Seq2[native.ID, error] {
	return func(yield func(native.ID, error) bool) {
		errStop := errors.New("enough")
		err := c.repository.Walk(tips, nil, func(commit *native.CommitObject) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !yield(commit.ID, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(native.ID{}, err)
		}
	}
}

// localTips returns the commits of all refs of this clone, which has all that they refer to.
func (c *connected) localTips() ([]native.ID, error) {
	refs, err := c.repository.Refs("refs/")
	if err != nil {
		return nil, err
	}
	if head, ok, err := c.repository.ReadRef("HEAD"); err != nil {
		return nil, err
	} else if ok {
		refs = append(refs, head)
	}
	seen := map[native.ID]bool{}
	var tips []native.ID
	for _, ref := range refs {
		id, err := c.repository.Peel(ref.ID, native.Commit)
		if absent(err) { // a tag of something else, or a ref whose object was lost
			continue
		}
		if err != nil {
			return nil, err
		}
		if !seen[id] {
			seen[id] = true
			tips = append(tips, id)
		}
	}
	return tips, nil
}
