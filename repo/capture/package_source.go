package capture

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// A Python distribution that is installed as editable runs from the files of its folder. If they are in the project,
// they are part of its source. Otherwise they are captured here, like a project of their own.

// PackageSources are the sources of the editable distributions of an environment that are in repositories outside the
// project. The caller must call Close after storing the patches.
type PackageSources struct {
	Packages []format.Package
	Captured []*Captured // with the patches of the packages; distributions may share a repository
	Warnings []string
}

func (s *PackageSources) warn(name, why string) {
	s.Warnings = append(s.Warnings, "the source of the editable package "+name+" is not recorded: "+why)
}

// Close removes the patches.
func (s *PackageSources) Close() {
	for _, c := range s.Captured {
		c.Close()
	}
}

// capturePackages captures the sources of editable distributions, and records in file what they contained. What cannot
// be captured is left out.
func capturePackages(ctx context.Context, q EnvironmentRequest, file *format.EnvironmentFile) *PackageSources {
	found := &PackageSources{}
	config := q.Config
	if config == nil {
		config = format.DefaultConfig()
	}
	home, _ := os.UserHomeDir()
	type captured struct {
		format.Package
		dirty bool
	}
	known := map[string]captured{} // by the root of the repository
	for i := range file.Editable {
		e := &file.Editable[i]
		if e.Copied || strings.Contains(e.Path, "://") || strings.HasPrefix(e.Path, "{project}") || e.SHA256 != "" {
			continue
		}
		dir := Local(q.Root, e.Path)
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
		if !filepath.IsAbs(dir) || ctx.Err() != nil {
			continue
		}
		dirs, ok, err := git.DiscoverApart(dir)
		if err != nil || !ok || dirs.Root == home { // whose repository has the user's settings
			if e.Files = sourceDigest(ctx, dir, config); e.Files == "" {
				found.warn(e.Name, "its folder has more files than a source may have, or none, or cannot be read")
			}
			continue
		}
		p, again := known[dirs.Root]
		if !again {
			p.Package, p.dirty = found.capture(ctx, dirs, config)
			known[dirs.Root] = p
		}
		if p.Tree == "" || len(found.Packages) == format.MaxPackages {
			if head, err := git.ReadHead(ctx, dir); err == nil {
				e.Commit, e.Dirty = head.Commit, head.Dirty
			}
			found.warn(e.Name, "its repository could not be captured")
			continue
		}
		e.Commit, e.Dirty, e.Tree = p.Commit, p.dirty, p.Tree
		p.Name, p.Folder = e.Name, ""
		if rel, err := filepath.Rel(dirs.Root, dir); err == nil && format.CheckPath(filepath.ToSlash(rel)) == nil {
			p.Folder = filepath.ToSlash(rel)
		}
		found.Packages = append(found.Packages, p.Package)
	}
	listsort.Sort(found.Packages, func(a, b format.Package) int { return strings.Compare(a.Name, b.Name) })
	found.Packages = slices.CompactFunc(found.Packages, func(a, b format.Package) bool { return a.Name == b.Name })
	return found
}

// capture captures a repository, without hidden files that Git does not track. The result has no tree if that fails.
func (s *PackageSources) capture(ctx context.Context, dirs git.Dirs, config *format.Config) (
	p format.Package, dirty bool,
) {
	own := *config
	own.Source.Base, own.Source.Exclude = "", []string{".*"} // those of the project are about its own files
	c, url, err := captureSubmodule(ctx, dirs, SourceRequest{Config: &own, depth: maxSubmoduleDepth, alone: true})
	if err != nil {
		return p, false
	}
	s.Captured = append(s.Captured, c)
	p.Part = partOf(&c.Source, url)
	for _, o := range c.Source.Omitted {
		if !o.Harmless() {
			p.Omitted += max(o.Count, 1)
		}
	}
	return p, c.Source.Dirty
}

// HasFiles reports whether a folder outside Git has the source files of a digest that an environment has of it.
func HasFiles(ctx context.Context, dir, digest string) bool {
	return sourceDigest(ctx, dir, format.DefaultConfig()) == digest
}

// sourceDigest returns a digest of the files of a folder outside Git that would be source. It is empty if they are more
// than a source may have.
func sourceDigest(ctx context.Context, dir string, config *format.Config) string {
	exclude := newExcluder(append([]string{".*", "*.egg-info/", "build/"}, format.DefaultExclude...))
	var lines []string
	total, visited := int64(0), 0
	tooMany := errors.New("too many files")
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(dir, path)
		if visited++; visited > 10*config.Source.MaxFiles {
			return tooMany
		}
		if err := cmp.Or(err, relErr, ctx.Err()); err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case rel == ".":
			return nil
		case entry.IsDir():
			if exclude.match(rel+"/x") != "" {
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular() || exclude.match(rel) != "":
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Size() > config.Source.MaxFile {
			return nil
		}
		if total += info.Size(); len(lines) >= config.Source.MaxFiles || total > config.Source.MaxTotal {
			return tooMany
		}
		f, err := regular.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		sum := sha256.New()
		if _, err := io.Copy(sum, f); err != nil {
			return err
		}
		lines = append(lines, hex.EncodeToString(sum.Sum(nil))+"  "+rel+"\n")
		return nil
	})
	if err != nil || len(lines) == 0 {
		return ""
	}
	slices.Sort(lines)
	return sha256Hex([]byte(strings.Join(lines, "")))
}
