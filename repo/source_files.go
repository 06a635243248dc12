package repo

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
)

// sourceFiles are the files of a rebuilt source, in which datasets and files of Git LFS are looked for.
type sourceFiles struct {
	repo    *Repository
	run     *format.Run
	scratch *git.Scratch
	entries map[string]git.Entry // by path
	store   string               // of Git LFS in this clone
}

func (r *Repository) sourceFiles(ctx context.Context, run *format.Run, scratch *git.Scratch) (*sourceFiles, error) {
	entries, err := scratch.Entries(ctx)
	if err != nil {
		return nil, err
	}
	s := &sourceFiles{repo: r, run: run, scratch: scratch, entries: make(map[string]git.Entry, len(entries))}
	for _, e := range entries {
		s.entries[e.Path] = e
	}
	return s, nil
}

// holds reports whether a dataset comes with the source: each of its files is a regular file there, or a link to one.
// Files that an earlier run had rewritten are in the source in another version, and this clone may lack those that Git
// LFS keeps.
func (s *sourceFiles) holds(ctx context.Context, d format.Dataset) (bool, error) {
	if s.run.Source.Rewrites(d.Path) {
		return false, nil
	}
	paths := []string{dataPath(d)}
	if d.Manifest != "" {
		names, err := s.repo.partialFiles(ctx, d)
		if err != nil {
			return true, ctx.Err() // the manifest is a problem of its own
		}
		paths = paths[:0]
		for _, name := range names[:min(len(names), maxLooked)] {
			paths = append(paths, path.Join(d.Path, name))
		}
	}
	ids := make([]string, len(paths))
	for i, name := range paths {
		e, ok, err := s.find(ctx, name)
		if err != nil || !ok || s.run.Source.Rewrites(capture.Printable(name)) {
			return false, err
		}
		ids[i] = e.ID
	}
	lost, err := s.lost(ctx, ids)
	return len(lost) == 0, err
}

// find returns the regular file at a path. It follows links, as long as they stay in the source.
func (s *sourceFiles) find(ctx context.Context, name string) (git.Entry, bool, error) {
	for range maxLinks {
		at, rest := name, ""
		e, ok := s.entries[at]
		for !ok || e.Mode != linkMode {
			i := strings.LastIndexByte(at, '/')
			if ok || i < 0 {
				break
			}
			at, rest = at[:i], name[i:]
			e, ok = s.entries[at]
		}
		if !ok || e.Mode != linkMode {
			return e, ok && rest == "" && e.Mode != submoduleMode, nil
		}
		target, err := s.scratch.Read(ctx, e.ID, maxLinkBytes)
		if err != nil || path.IsAbs(string(target)) {
			return git.Entry{}, false, ctx.Err()
		}
		name = path.Join(path.Dir(at), string(target)) + rest
	}
	return git.Entry{}, false, nil
}

// The modes of entries that are not regular files.
const (
	linkMode      = "120000"
	submoduleMode = "160000"
)

// maxLinkBytes is the length of the longest target of a link.
const maxLinkBytes = 4096

// lost returns the positions of those objects that are pointers of Git LFS to files that this clone lacks.
func (s *sourceFiles) lost(ctx context.Context, ids []string) (lost []int, err error) {
	err = s.scratch.ReadSmall(ctx, ids, maxPointerBytes, func(i int, data []byte) {
		digest, _, ok := capture.Pointer(data)
		if !ok {
			return
		}
		if s.store == "" {
			s.store = git.LFSStore(ctx, s.repo.Git)
		}
		if !git.HasLFS(s.store, digest) {
			lost = append(lost, i)
		}
	})
	return lost, err
}

// absentLFSError says that this clone lacks files of the source that Git LFS keeps.
type absentLFSError struct {
	file string // one of them
	n    int
}

func (e absentLFSError) Error() string {
	what := capture.Printable(e.file)
	if e.n > 1 {
		what = fmt.Sprintf("%s and %d more", what, e.n-1)
	}
	return what + " in Git LFS was not verified: it is not in this clone, and 'runs checkout' fetches it"
}

// checkLFS returns an absentLFSError if this clone lacks files of the source that Git LFS keeps.
func (s *sourceFiles) checkLFS(ctx context.Context) error {
	files, err := s.scratch.LFSFiles(ctx)
	if err != nil || len(files) == 0 {
		return err
	}
	ids := make([]string, len(files))
	for i, file := range files {
		ids[i] = s.entries[file].ID
	}
	lost, err := s.lost(ctx, ids)
	if err != nil || len(lost) == 0 {
		return err
	}
	return absentLFSError{files[lost[0]], len(lost)}
}

// usesLFS reports whether Git LFS keeps files of the project, or has kept some in this clone.
func (r *Repository) usesLFS(ctx context.Context) bool {
	if !r.InGit {
		return false
	}
	if _, err := os.Stat(filepath.Join(r.Git.Common, "lfs")); err == nil {
		return true
	}
	files, err := git.WithFilter(ctx, r.Git, "lfs")
	return err == nil && len(files) > 0
}
