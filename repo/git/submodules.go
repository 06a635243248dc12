package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Gitlinks returns the commits of the submodules in the index, by their paths.
func (s *Scratch) Gitlinks(ctx context.Context) (map[string]string, error) {
	entries, err := s.Entries(ctx)
	if err != nil {
		return nil, err
	}
	links := map[string]string{}
	for _, e := range entries {
		if e.Mode == "160000" {
			links[e.Path] = e.ID
		}
	}
	return links, nil
}

// HasBase reports whether the repository has a base commit. An empty one is the tree without entries, which all have.
func (s *Scratch) HasBase(ctx context.Context, commit string) (bool, error) {
	if commit == "" {
		return true, nil
	}
	return s.Has(ctx, commit)
}

// SubmoduleNames returns the names of the submodules in the .gitmodules of the working tree, by their paths.
func SubmoduleNames(ctx context.Context, dirs Dirs) (map[string]string, error) {
	names := map[string]string{}
	file := filepath.Join(dirs.Root, ".gitmodules")
	if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
		return names, nil // a project without submodules
	}
	out, err := dirs.command().run(ctx, "config", "--file", file, "-z", "--get-regexp", `^submodule\..*\.path$`)
	var failed *Error
	if errors.As(err, &failed) && failed.Code == 1 {
		return names, nil
	}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if key, path, ok := strings.Cut(entry, "\n"); ok {
			names[path] = strings.TrimSuffix(strings.TrimPrefix(key, "submodule."), ".path")
		}
	}
	return names, err
}

// OfModule returns the repository that Git keeps for a submodule, also while it is not checked out.
func OfModule(dirs Dirs, name string) (Dirs, bool) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return Dirs{}, false
	}
	dir := filepath.Join(dirs.Common, "modules", filepath.FromSlash(name))
	found, ok := dirsOf(dir, dir)
	found.Apart = true
	return found, ok
}

// SubmoduleURL returns the address that the user's clone has for a submodule, or "".
func SubmoduleURL(ctx context.Context, dirs Dirs, name string) (string, error) {
	out, err := dirs.command().run(ctx, "config", "--get", "submodule."+name+".url")
	var failed *Error
	if errors.As(err, &failed) && failed.Code == 1 {
		return "", nil
	}
	return strings.TrimSuffix(string(out), "\n"), err
}

// FetchedScratch makes a scratch with a commit that it fetches from url, as `git submodule update` does: a stranger may
// have chosen the address, so that protocols which the user has not allowed for such addresses are refused. The commit
// is held in the scratch alone.
func FetchedScratch(ctx context.Context, dirs Dirs, url, commit string) (*Scratch, error) {
	if strings.HasPrefix(url, "-") || strings.HasPrefix(commit, "-") || commit == "" {
		return nil, fmt.Errorf("%q is not an address", url)
	}
	dir, err := dirs.makeTemp("runs-submodule-")
	if err != nil {
		return nil, err
	}
	fetched, err := fetchInto(ctx, dirs, dir, url, commit)
	if err == nil {
		var s *Scratch
		if s, err = NewScratch(fetched); err == nil {
			s.fetched = dir
			return s, nil
		}
	}
	_ = os.RemoveAll(dir)
	return nil, err
}

// fetchInto makes a repository in dir and fetches a commit into it.
func fetchInto(ctx context.Context, dirs Dirs, dir, url, commit string) (Dirs, error) {
	at := dirs.network()
	at.dir, at.anywhere = dir, true
	at.env = append(withoutVariable(at.env, "GIT_DIR", "GIT_WORK_TREE"), "GIT_PROTOCOL_FROM_USER=0")
	format := "sha1"
	if len(commit) == 64 {
		format = "sha256"
	}
	quiet := []string{"-c", "core.hooksPath=" + os.DevNull}
	if _, err := at.run(ctx, append(quiet, "init", "-q", "--bare", "--template=", "--object-format="+format,
		dir)...); err != nil {
		return Dirs{}, err
	}
	found, ok := dirsOf(dir, dir)
	if !ok {
		return Dirs{}, errors.New("the temporary repository is not usable")
	}
	found.Apart = true
	at.env = append(at.env, "GIT_DIR="+dir)
	// Git LFS asks the remote.
	if _, err := at.run(ctx, "config", "remote.origin.url", url); err != nil {
		return Dirs{}, err
	}
	fetch := append(quiet, "fetch", "-q", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
	_, err := at.run(ctx, append(fetch, "--depth=1", "--", "origin", commit+":refs/heads/base")...)
	if err != nil && ctx.Err() == nil { // a server may give only what its branches and tags have
		_, err = at.run(ctx, append(fetch, "--", "origin", "+refs/heads/*:refs/remotes/origin/*",
			"+refs/tags/*:refs/tags/*")...)
	}
	if err != nil {
		return Dirs{}, err
	}
	if _, err := Commit(ctx, found, commit); err != nil {
		return Dirs{}, errors.New("no branch or tag there has it")
	}
	return found, nil
}

func withoutVariable(env []string, names ...string) []string {
	var kept []string
next:
	for _, v := range env {
		for _, name := range names {
			if strings.HasPrefix(v, name+"=") {
				continue next
			}
		}
		kept = append(kept, v)
	}
	return kept
}
