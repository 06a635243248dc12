package capture

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// Captured is the source of a project as it is on disk, with the patches that lead to it. The caller must call Close
// after storing the patches.
type Captured struct {
	Source   format.Source
	Patches  []string // files, in the order of Source.Patches
	Keep     string   // a commit that exists only in this clone
	Warnings []string

	Submodules []*Captured // their sources are in Source.Submodules, too

	scratch  *git.Scratch
	large    []difference
	pointers bool // a patch contains a file in Git LFS
}

// Close removes the patches.
func (c *Captured) Close() {
	for _, sub := range c.Submodules {
		sub.Close()
	}
	c.scratch.Close()
}

// Written reports whether an untracked file is an output of a run, and not source. It has the path relative to the
// root, with slashes.
type Written func(path string, info fs.FileInfo) bool

// SourceRequest says what to leave out of the source.
type SourceRequest struct {
	Config   *format.Config
	Datasets []string // paths, relative to the root, of data that is recorded as datasets
	Written  Written  // may be nil
	// Rewritten is Written for tracked files, of which the time does not count. It may be nil.
	Rewritten Written

	depth int  // of submodules; 0 is the project itself
	alone bool // a package: its patches hold changes, and never all of a repository
}

// Source captures the working tree of a repository: every file on disk that is not ignored, as Git would store it, and
// the patches that lead from a durable commit to this tree. It only reads the repository and its index.
func Source(ctx context.Context, dirs git.Dirs, q SourceRequest) (*Captured, error) {
	scratch, err := git.NewScratch(dirs)
	if err != nil {
		return nil, err
	}
	c, err := captureIn(ctx, scratch, dirs, q)
	if err == nil || ctx.Err() != nil || errors.Is(err, git.ErrNoGit) {
		return c, err
	}
	if scratch, otherErr := git.NewScratchInside(dirs); otherErr == nil { // the temporary folder may be full
		if c, otherErr := captureIn(ctx, scratch, dirs, q); otherErr == nil {
			return c, nil
		}
	}
	return nil, err
}

// captureIn captures the source with a scratch, which it closes after a failure.
func captureIn(ctx context.Context, scratch *git.Scratch, dirs git.Dirs, q SourceRequest) (*Captured, error) {
	c := &Captured{scratch: scratch}
	if err := c.capture(ctx, dirs, q); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Captured) capture(ctx context.Context, dirs git.Dirs, q SourceRequest) error {
	config := q.Config
	if dirs.ByFiles() {
		c.Source.Reader = format.ReaderNative
	}
	if err := c.scratch.CopyIndex(); err != nil {
		return err
	}
	var w *git.Worktree
	var base git.Base
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		w, err = c.scratch.ReadWorktree(both)
		return err
	})
	group.Go(func() (err error) {
		refs, err := c.scratch.ReadRefs(both)
		if err != nil {
			return err
		}
		if c.Source.Commit, c.Source.Branch = refs.Commit, refs.Branch; refs.Commit == "" {
			return nil
		}
		base, err = c.scratch.DurableBase(both, refs, config.Source.Base, config.Source.MaxTotal)
		if err != nil && config.Source.Base != "" && both.Err() == nil { // this clone may lack a ref that others have
			c.Warnings = append(c.Warnings, err.Error())
			base, err = c.scratch.DurableBase(both, refs, "", config.Source.MaxTotal)
		}
		if err == nil && q.depth > 0 && !q.alone {
			base, err = c.baseOfSubmodule(both, refs, base, config.Source.MaxTotal)
		}
		if err != nil {
			return err
		}
		return c.scratch.SkipRuns(both, refs.Commit, base.Commit)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if err := c.stage(ctx, dirs, q, w); err != nil {
		return err
	}
	c.omitRepositories(dirs, w)
	if err := c.captureSubmodules(ctx, dirs, q, w); err != nil {
		return err
	}
	group, both = errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		c.Source.Tree, err = c.scratch.Tree(both, w)
		return err
	})
	group.Go(func() error { return c.difference(both, base) })
	if err := group.Wait(); err != nil {
		return err
	}
	if err := c.describe(ctx); err != nil {
		return err
	}
	c.boundOmitted()
	return nil
}

// stage puts the files on disk into the temporary index.
func (c *Captured) stage(ctx context.Context, dirs git.Dirs, q SourceRequest, w *git.Worktree) error {
	config := q.Config
	choose := chooser{
		root: dirs.Root, tracked: w.Folders, datasets: q.Datasets, written: q.Written,
		exclude: newExcluder(
			append(
				format.DefaultExclude[:len(format.DefaultExclude):len(format.DefaultExclude)],
				config.Source.Exclude...,
			),
		),
		limits: limits{config.Source.MaxFile, config.Source.MaxTotal, config.Source.MaxFiles},
	}
	chosen := choose.choose(w.Untracked)
	c.Source.Omitted = append(c.Source.Omitted, choose.omitted...)
	if err := c.scratch.Remove(ctx, w.Deleted); err != nil {
		return err
	}
	paths, err := c.stageNotebooks(ctx, dirs.Root, c.withoutOutputs(dirs.Root, w.Modified, q.Rewritten), -1)
	if err != nil {
		return err
	}
	more, err := c.stageNotebooks(ctx, dirs.Root, chosen, config.Source.MaxFile)
	if err != nil {
		return err
	}
	failed, err := c.scratch.Stage(ctx, append(paths, more...))
	if err != nil {
		return err
	}
	for _, f := range failed {
		size := int64(0)
		if info, err := os.Lstat(filepath.Join(dirs.Root, filepath.FromSlash(f.Path))); err == nil {
			size = info.Size()
		}
		c.omit(format.Omitted{Path: printable(f.Path), Bytes: size, Reason: printable(f.Reason)})
	}
	return nil
}

// withoutOutputs returns the modified files that no run has rewritten. The tree has the others as the index has them.
func (c *Captured) withoutOutputs(root string, modified []string, rewritten Written) []string {
	if rewritten == nil {
		return modified
	}
	var source []string
	for _, file := range modified {
		info, err := os.Lstat(filepath.Join(root, filepath.FromSlash(file)))
		if err != nil || !rewritten(file, info) {
			source = append(source, file)
			continue
		}
		c.omit(format.Omitted{Path: printable(file), Bytes: info.Size(), Reason: format.OmittedRewritten})
	}
	return source
}

func (c *Captured) omit(o format.Omitted) { c.Source.Omitted = append(c.Source.Omitted, o) }

func isNotebook(path string) bool { return strings.HasSuffix(path, ".ipynb") }

// stageNotebooks puts notebooks without their large outputs into the index. It returns the paths that are not
// notebooks. It omits a notebook that is still larger than limit; a negative limit means no limit.
func (c *Captured) stageNotebooks(ctx context.Context, root string, paths []string, limit int64) ([]string, error) {
	var left []string
	for _, path := range paths {
		name := filepath.Join(root, filepath.FromSlash(path))
		info, err := os.Lstat(name)
		if !isNotebook(path) || err != nil || !info.Mode().IsRegular() || info.Size() <= maxCellOutput ||
			info.Size() > maxNotebook {
			left = append(left, path)
			continue
		}
		data, err := regular.ReadFile(name)
		if err != nil {
			left = append(left, path) // Git will report why
			continue
		}
		trimmed, removed, err := trimNotebook(data)
		switch {
		case limit >= 0 && (err != nil || int64(len(trimmed)) > limit):
			if info.Size() > limit {
				c.omit(format.Omitted{Path: printable(path), Bytes: info.Size(), Reason: format.OmittedLarge})
				continue
			}
			fallthrough
		case err != nil || removed == 0:
			left = append(left, path)
			continue
		}
		mode := "100644"
		if info.Mode()&0o100 != 0 {
			mode = "100755"
		}
		if err := c.scratch.StageContent(ctx, path, mode, trimmed); err != nil {
			return nil, err
		}
		c.omit(format.Omitted{Path: printable(path), Bytes: removed, Reason: format.OmittedOutputs})
	}
	return left, nil
}

// omitRepositories lists the repositories inside this one, which the tree cannot hold.
func (c *Captured) omitRepositories(dirs git.Dirs, w *git.Worktree) {
	for _, path := range w.Nested {
		// A linked worktree of this repository is another place of work, not a part of this one.
		if !dirs.HasWorktree(filepath.Join(dirs.Root, filepath.FromSlash(path))) {
			c.omit(format.Omitted{Path: printable(path + "/"), Reason: format.OmittedRepository})
		}
	}
}

// difference writes the patches from the base to the commit and from there to the tree.
func (c *Captured) difference(ctx context.Context, base git.Base) error {
	s := &c.Source
	empty, err := "", error(nil)
	if s.Commit == "" || base.Commit == "" {
		if empty, err = c.scratch.EmptyTree(ctx); err != nil {
			return err
		}
	}
	from := s.Commit
	if from == "" {
		from = empty
	} else if base.Commit != s.Commit {
		start := base.Commit
		if start == "" {
			start = empty
		}
		if err = c.patch(ctx, start, s.Commit, "since "+base.String()); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			// A partial clone lacks objects that the patch needs.
			base = git.Base{Commit: s.Commit}
			c.Patches, s.Patches = nil, nil
			c.Warnings = append(
				c.Warnings, "the commits since "+base.String()+" cannot be recorded as a patch: "+err.Error(),
			)
		}
	}
	s.Base = base.Commit
	if s.Commit != "" && !base.Durable {
		durable := false
		s.Durable = &durable
	}
	if base.Commit != "" && !base.OnRemote {
		c.Keep = base.Commit
	}
	before := len(s.Patches)
	if err = c.patch(ctx, from, "", "that are not committed"); err != nil {
		return err
	}
	s.Dirty = len(s.Patches) > before
	for _, sub := range c.Submodules {
		s.Dirty = s.Dirty || sub.Source.Dirty
	}
	for _, o := range s.Omitted {
		s.Dirty = s.Dirty || !o.Harmless() && o.Reason != format.OmittedUnpushed
	}
	return nil
}

// describe adds warnings about large patches, and lists the files in Git LFS that changed.
func (c *Captured) describe(ctx context.Context) error {
	for _, p := range c.large {
		to := p.to
		if to == "" {
			to = c.Source.Tree
		}
		changes, err := c.scratch.Changes(ctx, p.from, to)
		if err != nil {
			return err
		}
		listsort.Sort(changes, func(a, b git.Change) int { return cmp.Compare(b.Bytes, a.Bytes) })
		var names []string
		for _, change := range changes[:min(3, len(changes))] {
			names = append(names, fmt.Sprintf("%s (%d KB)", printable(change.Path), change.Bytes/1000))
		}
		c.Warnings = append(
			c.Warnings,
			fmt.Sprintf(
				"the patch of the changes %s has %d KB, mostly from %s", p.what, p.bytes/1000,
				strings.Join(names, ", "),
			),
		)
	}
	if !c.pointers {
		return nil
	}
	start := c.Source.Base
	if start == "" {
		var err error
		if start, err = c.scratch.EmptyTree(ctx); err != nil {
			return err
		}
	}
	return c.namePointers(ctx, start)
}

// largePatch is the size from which a patch gets a warning, in bytes.
const largePatch = 1_000_000

// difference is a large patch: its two trees, a description for messages, and its size in bytes.
type difference struct {
	from, to, what string // to is empty for the working tree
	bytes          int64
}

// patch adds a patch from one tree to another if they differ. If to is empty, it is the working tree.
func (c *Captured) patch(ctx context.Context, from, to, what string) error {
	path := filepath.Join(c.scratch.Dir, strconv.Itoa(len(c.Patches))+".patch")
	f, err := regular.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	count := &counter{}
	w := io.MultiWriter(f, sum, count, &finder{word: []byte(pointerHead), found: &c.pointers})
	if to == "" {
		err = c.scratch.DifferenceToIndex(ctx, from, w)
	} else {
		err = c.scratch.Difference(ctx, from, to, w)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil || count.n == 0 {
		return err
	}
	c.Patches = append(c.Patches, path)
	c.Source.Patches = append(c.Source.Patches, hex.EncodeToString(sum.Sum(nil)))
	if count.n > largePatch {
		c.large = append(c.large, difference{from, to, what, count.n})
	}
	return nil
}

// finder is a writer that looks for a word in what it receives.
type finder struct {
	word, end []byte
	found     *bool
}

func (f *finder) Write(p []byte) (int, error) {
	if !*f.found {
		f.end = append(f.end, p...)
		*f.found = bytes.Contains(f.end, f.word)
		f.end = append(f.end[:0], f.end[max(0, len(f.end)-len(f.word)):]...)
	}
	return len(p), nil
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// namePointers records the files in Git LFS that changed since the base as omitted. Possibly only this clone has their
// content.
func (c *Captured) namePointers(ctx context.Context, base string) error {
	changes, err := c.scratch.Changes(ctx, base, c.Source.Tree)
	if err != nil {
		return err
	}
	for _, change := range changes {
		if change.Bytes < int64(len(pointerHead)) || change.Bytes > maxPointer ||
			!strings.HasPrefix(change.Mode, "100") {
			continue
		}
		data, err := c.scratch.Read(ctx, change.ID, maxPointer)
		if err != nil {
			return err
		}
		if p, ok := parsePointer(data); ok {
			c.omit(format.Omitted{Path: printable(change.Path), Bytes: p.bytes, Reason: format.OmittedLFS})
		}
	}
	return nil
}

// maxOmitted is how many omitted entries a record lists.
const maxOmitted = 100

func (c *Captured) boundOmitted() {
	list := c.Source.Omitted
	// Entries that a restored run lacks come first, then the largest ones.
	listsort.Stable(list, func(a, b format.Omitted) int {
		if a.Harmless() != b.Harmless() {
			if b.Harmless() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Path, b.Path))
	})
	if len(list) <= maxOmitted {
		return
	}
	list, rest := list[:maxOmitted-2:maxOmitted-2], list[maxOmitted-2:]
	harmless := slices.IndexFunc(rest, format.Omitted.Harmless)
	if harmless < 0 {
		harmless = len(rest)
	}
	if harmless > 0 {
		list = append(list, sumOf(rest[:harmless], format.OmittedMore))
	}
	if harmless < len(rest) {
		list = append(list, sumOf(rest[harmless:], rest[harmless].Reason))
	}
	c.Source.Omitted = list
}

// sumOf combines several entries into one.
func sumOf(list []format.Omitted, reason string) format.Omitted {
	sum := format.Omitted{Path: "…", Reason: reason}
	for _, o := range list {
		sum.Bytes += o.Bytes
		sum.Count += max(o.Count, 1)
	}
	return sum
}

// Author returns the name of the person who runs the code, and the URL of the project's remote without credentials.
func Author(ctx context.Context, root string) (name, url string, err error) {
	config, err := git.Config(ctx, root, `^(user\.(name|email)|remote\..*\.url)$`)
	if err != nil {
		return "", "", err
	}
	return author(config), portableAddress(root, remote(config)), nil
}

// Remote returns the URL of the remote of a repository, whatever the environment says, without credentials.
func Remote(ctx context.Context, dirs git.Dirs) (string, error) {
	config, err := git.ConfigOf(ctx, dirs, `^remote\..*\.url$`)
	return portableAddress(dirs.Root, remote(config)), err
}

// author returns the user's Git identity. As in Git, the environment variables take precedence.
func author(config map[string]string) string {
	name, email := os.Getenv("GIT_AUTHOR_NAME"), os.Getenv("GIT_AUTHOR_EMAIL")
	if name == "" {
		name = config["user.name"]
	}
	if email == "" {
		email = config["user.email"]
	}
	switch {
	case email == "":
		return name
	case name == "":
		return "<" + email + ">"
	}
	return name + " <" + email + ">"
}

// remote returns the URL of the remote origin or, if there is none, the URL of the only remote.
func remote(config map[string]string) string {
	if url := config["remote.origin.url"]; url != "" {
		return url
	}
	only := ""
	for key, url := range config {
		if strings.HasPrefix(key, "remote.") {
			if only != "" {
				return ""
			}
			only = url
		}
	}
	return only
}

// Portable replaces the project's root with {project} and the home folder with ~ in an argument, so that a record
// contains no path of one machine.
func Portable(root, arg string) string {
	arg = replacePath(arg, root, "{project}")
	if home, err := os.UserHomeDir(); err == nil {
		arg = replacePath(arg, home, "~")
	}
	return arg
}

// portableAddress returns the address of a repository without credentials. One on this machine is recorded as Portable
// records a path.
func portableAddress(root, address string) string {
	address = git.RemoteWithoutCredentials(address)
	if filepath.IsAbs(address) {
		return Portable(root, address)
	}
	if path := localPath(address); path != "" {
		if portable := Portable(root, path); portable != path {
			return "file://" + filepath.ToSlash(portable)
		}
	}
	return address
}

// LocalAddress is the address of a repository on this machine for one that portableAddress returned.
func LocalAddress(root, address string) string {
	if path, ok := strings.CutPrefix(address, "file://"); ok {
		return "file://" + Local(root, path)
	}
	if strings.HasPrefix(address, "~/") || strings.HasPrefix(address, "{project}") {
		return Local(root, address)
	}
	return address
}

// replacePath replaces dir if it is a whole path or the beginning of one.
func replacePath(arg, dir, with string) string {
	if len(dir) < 2 {
		return arg
	}
	var b strings.Builder
	for {
		i := strings.Index(arg, dir)
		if i < 0 {
			b.WriteString(arg)
			return b.String()
		}
		after := arg[i+len(dir):]
		starts := i == 0 || !isPathByte(arg[i-1])
		ends := after == "" || after[0] == filepath.Separator || after[0] == '/' || !isPathByte(after[0])
		b.WriteString(arg[:i])
		if starts && ends {
			b.WriteString(with)
		} else {
			b.WriteString(dir)
		}
		arg = after
	}
}

func isPathByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' ||
		c == '/'
}
