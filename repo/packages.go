package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
)

// packagesName is the folder of a restored source that has the sources of packages.
const packagesName = ".venv-sources"

// verifyPackages verifies the patches of the editable packages of a run and, if their repositories are where they were,
// what the patches make of them. The packages belong to the environment, so one that is not on this machine is no
// problem.
func (r *Repository) verifyPackages(ctx context.Context, run *format.Run) error {
	if len(run.Source.Packages) == 0 {
		return nil
	}
	file := r.environmentOf(ctx, run)
	for i := range run.Source.Packages {
		p := &run.Source.Packages[i]
		scratch, err := r.rebuildPart(ctx, &p.Part, r.packagePlaces(file, p))
		if err == nil {
			scratch.Close()
		}
		var noBase noBaseError
		if errors.As(err, &noBase) {
			err = r.hasPatches(ctx, &p.Part)
		}
		if err != nil {
			return fmt.Errorf("package %s: %w", p.Name, err)
		}
	}
	return nil
}

// MissingPackages says which packages of a run that came from folders and archives this machine lacks, and cannot
// fetch: what a new environment could not have. A package with an address counts as there, because only asking the
// remote would tell.
func (r *Repository) MissingPackages(ctx context.Context, run *format.Run) (missing []string) {
	file := r.environmentOf(ctx, run)
	if file == nil || run.Source == nil {
		return nil
	}
	there := map[string]string{}
	for i := range run.Source.Packages {
		p := &run.Source.Packages[i]
		there[p.Name] = packagesName
		if p.URL == "" && !r.hasBase(ctx, file, p) {
			missing = append(missing, fmt.Sprintf(
				"package %s at commit %.12s is not on this machine, and has no recorded address", p.Name, p.Commit,
			))
		}
	}
	for _, lost := range capture.LostPackages(ctx, file, capture.VenvRequest{Root: r.TreeRoot(), Packages: there}) {
		if lost.From != "" {
			missing = append(missing, "package "+lost.String())
		}
	}
	return missing
}

// hasBase reports whether a repository of this machine has the base commit of a package.
func (r *Repository) hasBase(ctx context.Context, file *format.EnvironmentFile, p *format.Package) bool {
	for _, dirs := range r.packagePlaces(file, p) {
		scratch, err := git.NewScratch(dirs)
		if err != nil {
			continue
		}
		has, err := scratch.HasBase(ctx, p.Base)
		scratch.Close()
		if err == nil && has {
			return true
		}
	}
	return false
}

// hasPatches verifies the digests of the patches.
func (r *Repository) hasPatches(ctx context.Context, part *format.Part) error {
	for _, digest := range part.Patches {
		_, remove, err := r.shared(ctx, sharedSources, digest)
		if err != nil {
			return err
		}
		remove()
	}
	return nil
}

// environmentOf returns the packages of a run, or nil if they are not in this clone.
func (r *Repository) environmentOf(ctx context.Context, run *format.Run) *format.EnvironmentFile {
	if run.Environment == nil || run.Environment.Digest == "" {
		return nil
	}
	file, err := r.Environment(ctx, run.Environment.Digest)
	if err != nil {
		return nil
	}
	return file
}

// packagePlaces returns the repositories that may have the commits of a package.
func (r *Repository) packagePlaces(file *format.EnvironmentFile, p *format.Package) []git.Dirs {
	if p.Base == "" {
		return []git.Dirs{r.Git} // the patches have all of it
	}
	if file == nil {
		return nil
	}
	var places []git.Dirs
	for _, e := range file.Editable {
		dir := capture.Local(r.TreeRoot(), e.Path)
		if e.Name != p.Name || !filepath.IsAbs(dir) {
			continue
		}
		if dirs, ok, err := git.DiscoverApart(dir); err == nil && ok {
			places = append(places, dirs)
		}
	}
	return places
}

// restorePackages writes the sources of the editable packages of a run into its restored source, and returns where the
// packages are. Each is verified by its tree before a file is written. failed says for each other one why, by its name.
func (r *Repository) restorePackages(ctx context.Context, run *format.Run, file *format.EnvironmentFile, dir string) (
	places map[string]string, restored []format.Package, failed map[string]error,
) {
	places, failed = map[string]string{}, map[string]error{}
	if run.Source == nil {
		return places, nil, failed
	}
	for i := range run.Source.Packages {
		p := &run.Source.Packages[i]
		at, err := r.restorePackage(ctx, p, file, dir)
		if err != nil {
			failed[p.Name] = fmt.Errorf("restoring package %s: %w", p.Name, err)
			continue
		}
		places[p.Name], restored = at, append(restored, *p)
	}
	return places, restored, failed
}

func (r *Repository) restorePackage(
	ctx context.Context, p *format.Package, file *format.EnvironmentFile, dir string,
) (string, error) {
	if strings.Trim(p.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasPrefix(p.Name, "-") {
		return "", errors.New("this is not the name of a package")
	}
	rel := path.Join(packagesName, p.Name)
	if err := NoLinks(dir, path.Join(rel, "file")); err != nil {
		return "", err
	}
	target := filepath.Join(dir, filepath.FromSlash(rel))
	if exists(target) {
		return "", fmt.Errorf("%s exists already in the source", rel)
	}
	scratch, err := r.rebuildPart(ctx, &p.Part, r.packagePlaces(file, p))
	var noBase noBaseError
	if errors.As(err, &noBase) {
		var urls []string
		if url := capture.LocalAddress("", p.URL); url != "" {
			urls = append(urls, url)
		}
		if scratch, err = r.fetchPart(ctx, &p.Part, urls); err != nil && len(urls) > 0 {
			err = withHint(err, "clone %s to where the run had it, and repeat", git.RemoteWithoutCredentials(urls[0]))
		}
	}
	if err != nil {
		return "", err
	}
	defer scratch.Close()
	refused, err := r.permitSourceLFS(ctx, scratch)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(target, 0o777); err != nil {
		return "", err
	}
	_, pointers, err := checkOutFiles(ctx, scratch, refused, target)
	if err == nil {
		err = pointers
	}
	if err == nil && p.Folder != "" {
		err = NoLinks(target, path.Join(p.Folder, "file"))
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(target))
	}
	return filepath.Join(target, filepath.FromSlash(p.Folder)), nil
}
