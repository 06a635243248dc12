package git

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/gitruns/runs/repo/git/native"
)

// Two backends do what this package is asked for. Wherever the git program is on the PATH, it does all of it. Where it
// is not, the package native reads the repository by its files. What native cannot do exactly as Git does, and what has
// no method in one of the interfaces below, fails with ErrNoGit.

// refs finds refs, revisions and settings. The functions of the same names say what the methods do.
type refs interface {
	// updateRefs may let a process of Git inherit the lock held, which may be nil.
	updateRefs(ctx context.Context, held *os.File, reason string, updates ...RefUpdate) error
	checkCommits(ctx context.Context) error
	deleteRef(ctx context.Context, ref string) error
	keepBase(ctx context.Context, commit string) error
	resolve(ctx context.Context, ref string) (string, error)
	readTip(ctx context.Context) (Tip, error)
	branches(ctx context.Context) ([]string, error)
	newestBranches(ctx context.Context, n int, remotes bool) ([]Branch, error)
	findBranch(ctx context.Context, name string) (commit string, here bool, err error)
	defaultBranch(ctx context.Context) string
	trackedHead(ctx context.Context, remote string) (string, error)
	checkedOut(ctx context.Context, branch string) (string, error)
	checkBranch(ctx context.Context, name string) error
	worktrees(ctx context.Context) ([]listedWorktree, error)
	tips(ctx context.Context, folders ...string) ([]string, error)
	signs(ctx context.Context) bool
	commit(ctx context.Context, rev string) (string, error)
	keptBases(ctx context.Context) (map[string]bool, error)
	remotes(ctx context.Context) ([]string, error)
	upstreamOf(ctx context.Context, branch string) (u Upstream, ok bool, err error)
	partial(ctx context.Context) (bool, error)
	settings(ctx context.Context, pattern string) (map[string]string, error)
}

// objects reads and writes objects, and reads the history. The functions of the same names say what the methods do.
type objects interface {
	reader(ctx context.Context, exact bool) (objectReader, error)
	readBlob(ctx context.Context, object string, limit int64, w io.Writer) error
	readObjects(ctx context.Context, ids []string, limit int64, read func(i int, data []byte, err error) error) error
	missing(ctx context.Context, ids []string) ([]string, error)
	filesIn(ctx context.Context, commit string, folders ...string) ([]Entry, error)
	names(ctx context.Context, commit string, folders ...string) ([]Name, error)
	folders(ctx context.Context, commit, in string) ([]Folder, error)
	foldersNamed(ctx context.Context, commit, name string) ([]string, error)
	addedNames(ctx context.Context, pairs []TreePair) ([]string, error)
	differences(ctx context.Context, from, to string) ([]Edit, error)
	mergeBase(ctx context.Context, a, b string) (string, error)
	onBranch(ctx context.Context, commit string) (bool, error)
	isAncestor(ctx context.Context, commit, of string) (bool, error)
	commitsNotIn(ctx context.Context, tip string, others ...string) ([]string, error)
	reachableFrom(ctx context.Context, commits []string, rev string) (map[string]bool, error)
	lastChange(ctx context.Context, tip, path string) (string, error)
	changesOf(ctx context.Context, tip, path string) ([]string, error)
	missingObjects(ctx context.Context, tips, without, folders []string) (map[string]bool, error)
	eachChange(ctx context.Context, tips, without, folders []string, visit func(CommittedChange) error) (int, error)
	deletedFiles(ctx context.Context, tip string, without, folders []string) (map[string]string, error)
	// changedAt reports whether two commits differ at a path of the edits. from may be empty.
	changedAt(ctx context.Context, from, to string, edits []Edit) (bool, error)
	sha256(ctx context.Context) (bool, error)
	store(ctx context.Context, w *ObjectWriter) error
	treeMaker(ctx context.Context) (treeMaker, error)
	writeCommit(ctx context.Context, c CommitObject) (string, error)
	writeBlob(ctx context.Context, data []byte) (string, error)
}

// objectReader reads objects one after the other.
type objectReader interface {
	// ask finds an object by its id, or a tree as ID^{tree}. The caller must then read size bytes of the content and
	// call end. The error is ErrNoObject if the clone lacks it; then, and if it is not of the kind or has more than
	// limit bytes, there is nothing to read.
	ask(name, kind string, limit int64) (size int64, content io.Reader, err error)
	// end must be called after the content was read. It fails if the content is damaged.
	end() error
	// ahead tells which objects will be asked for next, in this order. It may do nothing.
	ahead(names []string) error
	// idBytes is the size of the ids of the repository, once an object was asked for.
	idBytes() int
	close()
}

// treeMaker stores trees one after the other.
type treeMaker interface {
	// make returns the id of a tree with these entries. The tree need not exist: the caller must read it back.
	make(entries []TreeEntry) (string, error)
	// failed returns the error for a tree that could not be read back.
	failed(err error) error
	close()
}

// staged reads and changes the index. An operation changes a copy, whose path is index.
type staged interface {
	stage(ctx context.Context, index string, add iter.Seq[string], remove []string) error
	stageEntries(ctx context.Context, index string, entries []Edit) error
	// stagedAt reports whether an index differs from a commit at a path of the edits. from may be empty.
	stagedAt(ctx context.Context, index, from string, edits []Edit) (bool, error)
	refresh(ctx context.Context, folders []string) error
	tracked(ctx context.Context, folder string) ([]Entry, error)
	versions(ctx context.Context, which, folder string) ([]IndexVersion, error)
	indexed(ctx context.Context, folders ...string) ([]IndexEntry, error)
	trackedFiles(ctx context.Context) (map[string]bool, error)
}

// worktree looks at and changes files of the working tree. The functions of the same names say what the methods do.
type worktree interface {
	fileIDs(ctx context.Context, store bool) (fileIDs, error)
	filterOf(ctx context.Context, path string) (string, error)
	ignored(ctx context.Context, paths []string) (map[string]bool, error)
	ignoredFiles(ctx context.Context, except string) ([]string, error)
	ignoreRule(ctx context.Context, path string, untracked bool) (rule IgnoreRule, ok bool, err error)
	withFilter(ctx context.Context, filter string) ([]string, error)
	attributes(ctx context.Context, names, paths []string) ([]Attribute, error)
	// moveFiles changes the files and the new index of an operation from its old commit to its next one, unless the
	// user's own changes are in the way. again reports whether a process was killed while it did this.
	moveFiles(ctx context.Context, o *Operation, again bool) error
	// moveBack takes back what moveFiles did.
	moveBack(ctx context.Context, o *Operation) error
}

// fileIDs tells the ids of files one after the other.
type fileIDs interface {
	ask(path string) error
	next() (string, error)
	close()
}

// remote fetches from and pushes to remotes. Fetch, RemoteTip, RemoteHead and Push say what the methods do.
type remote interface {
	fetch(ctx context.Context, remote, ref, into string) error
	tip(ctx context.Context, remote, ref string) (string, error)
	head(ctx context.Context, remote string) (string, error)
	push(ctx context.Context, remote string, specs ...Refspec) (said string, err error)
}

// program is the backend that runs Git.
type program struct{ Dirs }

func (d Dirs) refs() refs {
	if d.ByFiles() {
		return files{d}
	}
	return program{d}
}

func (d Dirs) objects() objects {
	if d.ByFiles() {
		return files{d}
	}
	return program{d}
}

func (d Dirs) staged() staged {
	if d.ByFiles() {
		return files{d}
	}
	return program{d}
}

func (d Dirs) worktree() worktree {
	if d.ByFiles() {
		return files{d}
	}
	return program{d}
}

func (d Dirs) remote() remote {
	if d.ByFiles() {
		return files{d}
	}
	return program{d}
}

// ByFiles reports whether the repository is read by its files, because the git program is missing.
func (d Dirs) ByFiles() bool { return d.native || !installed() }

// WithoutProgram returns the repository as it is worked on without the git program, even if it is installed.
func (d Dirs) WithoutProgram() Dirs {
	d.native = true
	return d
}

// searched is the result of the last search for the program, which is repeated only if the PATH has changed.
type searched struct {
	path  string
	found bool
}

var lastSearch atomic.Pointer[searched]

func installed() bool {
	path := os.Getenv("PATH")
	if last := lastSearch.Load(); last != nil && last.path == path {
		return last.found
	}
	_, err := exec.LookPath("git")
	lastSearch.Store(&searched{path, err == nil})
	return err == nil
}

// ErrNoGit means that no git program is on the PATH, and that what was asked for needs it.
var ErrNoGit = native.ErrNoGit

// OnlyGitNames reports whether an error is that only the git program understands a revision, such as main@{0}.
func OnlyGitNames(err error) bool {
	var unsupported *native.Unsupported
	return errors.As(err, &unsupported) && unsupported.Revision
}

// ErrNoObject means that the clone does not have an object.
var ErrNoObject = native.ErrNoObject

// files is the backend that reads a repository by its files.
type files struct{ Dirs }

// open opens the repository. The caller must close it.
func (f files) open() (*native.Repository, error) { return f.openAs(false) }

func (f files) openAs(exact bool) (*native.Repository, error) {
	at := native.Place{Root: f.Root, Git: f.Git, Common: f.Common}
	if f.Root == f.Git { // a bare repository
		at.Root = ""
	}
	if !f.Apart {
		if own := os.Getenv("GIT_OBJECT_DIRECTORY"); own != "" {
			at.Objects = absolute(f.Root, own)
		}
		for _, other := range filepath.SplitList(os.Getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES")) {
			at.Alternates = append(at.Alternates, absolute(f.Root, other))
		}
	}
	r, err := native.Open(at)
	if err != nil {
		return nil, fromNative(err)
	}
	r.Exact = exact
	return r, nil
}

// fromNative returns an error of the package native as the callers of the program know it.
func fromNative(err error) error {
	var owner *native.NotTrusted
	if errors.As(err, &owner) {
		return &Error{
			Code: 128, Message: owner.Error(), Output: "fatal: " + owner.Error() + "\n",
			next: "if you trust it, add this line to .gitconfig in your home folder: [safe] directory = " + inConfig(owner.Path),
		}
	}
	var unknown *native.NoIdentity
	if errors.As(err, &unknown) {
		return &Error{Code: 128, Message: unknown.Error(), Output: "fatal: " + unknown.Error() + "\n"}
	}
	return err
}

// inConfig returns a value as it is written in a file of Git's settings.
func inConfig(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(value) + `"`
}

// absent reports whether an error means that something does not exist, so that nothing else is wrong.
func absent(err error) bool {
	var revision *native.NoRevision
	var kind *native.WrongKind
	return errors.As(err, &revision) || errors.As(err, &kind) || errors.Is(err, ErrNoObject)
}
