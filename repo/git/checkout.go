package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// WriteTree stores the index as a tree and returns its id. Unlike Tree, it keeps folders named .runs.
func (s *Scratch) WriteTree(ctx context.Context) (string, error) {
	if s.own != nil {
		return s.own.tree(false)
	}
	out, err := s.run(ctx, nil, "write-tree", "--missing-ok")
	return strings.TrimSpace(string(out)), err
}

// below prepares a call that uses the scratch's index with dir as the working tree.
func (s *Scratch) below(dir string) command {
	c := s.cmd
	c.dir = dir
	c.env = append(c.env[:len(c.env):len(c.env)], "GIT_DIR="+s.dirs.Git, "GIT_WORK_TREE="+dir)
	if s.skipLFS {
		c.env = append(c.env, skipSmudge)
	}
	return c
}

// CheckOut writes the files of the index to dir, through the filters of the project's attributes. dir must be empty. If
// the attributes ask for Git LFS and it is installed, its filter runs even if the user has not configured it. If it
// cannot fetch a file, CheckOut writes its pointer instead, and failed is true.
func (s *Scratch) CheckOut(ctx context.Context, dir string) (failed bool, err error) {
	if s.own != nil {
		return s.own.checkOut(dir)
	}
	args := append(pinned[:len(pinned):len(pinned)], "-c", "core.sparseCheckout=false")
	if !s.skipLFS && !s.usesLFS(ctx) && s.wantsLFS(ctx) {
		if _, err := exec.LookPath("git-lfs"); err == nil {
			args = append(args, lfsFilter...)
			s.givenLFS = true
		}
	}
	args = append(args, "checkout-index", "-q", "-a", "-u")
	at := s.below(dir)
	_, err = at.run(ctx, args...)
	if err == nil || ctx.Err() != nil || s.skipLFS || !s.usesLFS(ctx) {
		return false, err
	}
	entries, listErr := os.ReadDir(dir)
	if listErr != nil {
		return false, errors.Join(err, listErr)
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return false, err
		}
	}
	at.env = append(at.env, skipSmudge)
	_, err = at.run(ctx, args...)
	return true, err
}

// CheckFilters returns the error with which CheckOut would refuse to write a file. Without the git program, some ways
// of storing files cannot be reversed. The error is then an ErrNoGit.
func (s *Scratch) CheckFilters() error {
	if s.own == nil {
		return nil
	}
	return s.own.stage.CheckConversions()
}

// lfsFilter is what 'git lfs install' configures.
var lfsFilter = []string{
	"-c", "filter.lfs.smudge=git-lfs smudge -- %f", "-c", "filter.lfs.clean=git-lfs clean -- %f",
	"-c", "filter.lfs.process=git-lfs filter-process", "-c", "filter.lfs.required=true",
}

// wantsLFS reports whether an attributes file in the index asks for Git LFS.
func (s *Scratch) wantsLFS(ctx context.Context) bool {
	_, err := s.run(ctx, nil, "grep", "--cached", "-q", "-e", "filter=lfs", "--", ":(glob)**/.gitattributes")
	return err == nil
}

// LFSFiles returns the files of the index that the attributes in it give to Git LFS.
func (s *Scratch) LFSFiles(ctx context.Context) ([]string, error) {
	if s.own != nil {
		return s.own.pointers()
	}
	if !s.wantsLFS(ctx) {
		return nil, ctx.Err()
	}
	paths, err := s.run(ctx, nil, "ls-files", "-z")
	if err != nil {
		return nil, err
	}
	out, err := s.run(ctx, paths, "check-attr", "--cached", "-z", "--stdin", "filter")
	if err != nil {
		return nil, err
	}
	fields := strings.Split(string(out), "\x00")
	var files []string
	for i := 0; i+2 < len(fields); i += 3 {
		if fields[i+2] == "lfs" {
			files = append(files, fields[i])
		}
	}
	return files, nil
}

// skipSmudge makes Git LFS write pointers.
const skipSmudge = "GIT_LFS_SKIP_SMUDGE=1"

func (s *Scratch) usesLFS(ctx context.Context) bool {
	if s.givenLFS {
		return true
	}
	_, err := s.run(ctx, nil, "config", "--get-regexp", "^filter\\.lfs\\.(process|smudge)$")
	return err == nil
}

// AddWorktree adds a linked worktree at dir, checks out commit there, and then writes the files of the index. `git
// status` in it shows how these differ from the commit. If it fails, it leaves no worktree.
func (s *Scratch) AddWorktree(ctx context.Context, dir, commit string) error {
	if s.own != nil {
		return ErrNoGit
	}
	repository := s.dirs.command()
	if s.skipLFS {
		repository.env = append(repository.env, skipSmudge)
	}
	if _, err := repository.run(ctx, "-c", "core.hooksPath="+os.DevNull, "worktree", "add", "--detach", dir,
		commit); err != nil {
		return err
	}
	err := s.changeTo(ctx, dir, commit)
	if err != nil {
		_, _ = repository.run(context.WithoutCancel(ctx), "worktree", "remove", "--force", dir)
	}
	return err
}

// changeTo changes the files in dir from those of commit to those of the index.
func (s *Scratch) changeTo(ctx context.Context, dir, commit string) error {
	tree, err := s.WriteTree(ctx)
	if err != nil {
		return err
	}
	changes, err := s.Changes(ctx, commit, tree)
	if err != nil || len(changes) == 0 {
		return err
	}
	var write []string
	for _, c := range changes {
		if c.Status != 'A' {
			if err := removeBelow(dir, c.Path); err != nil {
				return err
			}
		}
		if c.Status != 'D' {
			write = append(write, c.Path)
		}
	}
	if len(write) == 0 {
		return nil
	}
	at := s.below(dir)
	at.stdin = strings.NewReader(strings.Join(write, "\x00") + "\x00")
	_, err = at.run(ctx, append(pinned[:len(pinned):len(pinned)], "checkout-index", "-q", "-z", "--stdin")...)
	return err
}

// removeBelow removes a file that Git has just checked out, and the folders that it leaves empty.
func removeBelow(dir, path string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	name := filepath.FromSlash(path)
	if err := root.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", path, err)
	}
	for name = filepath.Dir(name); name != "."; name = filepath.Dir(name) {
		if root.Remove(name) != nil {
			return nil // not empty
		}
	}
	return nil
}
