package repo

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/reads"
	"github.com/gitruns/runs/repo/regular"
)

// The bounds of what is looked at: entries of a folder, and of all.
const (
	maxEntries    = 10_000
	maxAllEntries = 100_000
)

// listed reports folders whose names the program has read, but not all of the files that it may have chosen among: a
// repetition that only has the files that were read finds other names. Of a folder in which files were read, files of
// other kinds do not count.
func (in *inputs) listed(ctx context.Context, problem func(string, ...any)) {
	if len(in.reader.Listed) == 0 {
		return
	}
	used, kinds := in.used()
	dirs := sortedKeys(in.reader.Listed)
	rest := make([][]string, len(dirs))
	looked := 0
	for i, dir := range dirs {
		if dirs[i] = in.realPath(dir); dirs[i] == in.root || looked > maxAllEntries || ctx.Err() != nil {
			continue
		}
		n := 0
		rest[i], n = in.entries(dirs[i], used, kinds[dirs[i]])
		looked += n
	}
	var unread, chosen []string
	for i, some := range in.anyData(ctx, rest) {
		name := relativeTo(in.root, dirs[i])
		if name == "" {
			name = filepath.Base(dirs[i])
		}
		switch name = capture.Printable(name); {
		case !some:
		case kinds[dirs[i]] == nil:
			unread = append(unread, name)
		default:
			chosen = append(chosen, name)
		}
	}
	if len(unread) > 0 {
		problem("the program listed %s, and read nothing in it", someOf(unread))
	}
	if len(chosen) > 0 {
		problem("the program listed %s, and did not read all of its files", someOf(chosen))
	}
}

// used returns the files that the program has read or written, and for each folder that they are in or below, their
// endings.
func (in *inputs) used() (files map[string]bool, kinds map[string]map[string]bool) {
	files, kinds = map[string]bool{}, map[string]map[string]bool{}
	for _, p := range in.reader.Order {
		dir := filepath.Dir(in.realPath(filepath.Join(filepath.Dir(p), "x")))
		files[filepath.Join(dir, filepath.Base(p))] = true
		if in.reader.Uses[p]&(reads.Read|reads.Database) == 0 || in.reader.Uses[p]&reads.Made != 0 {
			continue
		}
		for kind := filepath.Ext(p); !kinds[dir][kind]; dir = filepath.Dir(dir) {
			if kinds[dir] == nil {
				kinds[dir] = map[string]bool{}
			}
			kinds[dir][kind] = true
		}
	}
	return files, kinds
}

// entries returns the files and folders in a folder that were there before the run, that the program has not used, and
// that are of the kinds that it has read there, if it has read any. looked is how many entries there are.
func (in *inputs) entries(dir string, used, kinds map[string]bool) (rest []string, looked int) {
	if !in.places.May(filepath.Join(dir, "x")) {
		return nil, 0
	}
	f, err := regular.OpenFolder(dir)
	if err != nil {
		return nil, 0
	}
	defer func() { _ = f.Close() }()
	entries, _ := f.ReadDir(maxEntries)
	skip := capture.Matcher(writtenPatterns())
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		rel := relativeTo(in.root, path)
		switch {
		case used[path], kinds != nil && (entry.IsDir() || !kinds[filepath.Ext(path)]), in.isCode(path),
			!in.places.May(path), rel != "" && skip(rel, entry.IsDir()):
		case entry.IsDir() && bornAfter(path, in.started):
		default:
			holds, n := in.holdsInput(path, maxLookedAt)
			if looked += n; holds {
				rest = append(rest, path)
			}
		}
	}
	return rest, looked + len(entries)
}

// anyData reports for each list of files and folders whether one of them is neither source nor data that somebody has
// named.
func (in *inputs) anyData(ctx context.Context, lists [][]string) []bool {
	some := make([]bool, len(lists))
	var ask []asked
	var of []int
	for i, list := range lists {
		for _, p := range list {
			if some[i] || len(in.notDeclared(ctx, []inputFile{{path: p}})) == 0 {
				continue
			}
			rel := relativeTo(in.root, p)
			if rel == "" {
				some[i] = true
				continue
			}
			if info, err := os.Stat(p); err == nil && info.IsDir() {
				rel += "/x"
			}
			ask, of = append(ask, asked{rel: rel}), append(of, i)
		}
	}
	source, err := in.source(ctx, ask)
	for n, is := range source {
		some[of[n]] = some[of[n]] || err == nil && !is
	}
	return some
}

// unread returns the ignored files and folders that hold files from before the run which no earlier run has written.
// paths are those that Git ignores.
func (in *inputs) unread(paths []string) (found []string) {
	skip := capture.Matcher(writtenPatterns())
	for _, path := range paths {
		name := strings.TrimSuffix(path, "/")
		if hidden(name) || skip(name, name != path) || covered(in.run, path) {
			continue
		}
		holds, _ := in.holdsInput(filepath.Join(in.root, filepath.FromSlash(name)), maxLookedAt)
		if holds && len(found) < maxUntraced {
			found = append(found, capture.Printable(path))
		}
	}
	return slices.Clip(found)
}

// holdsInput reports whether a file, or a file in a folder, is from before the run and was not written by an earlier
// one, or whether there are more files than bound. Installed packages do not count. looked is how many files there are.
func (in *inputs) holdsInput(path string, bound int) (holds bool, looked int) {
	skip := capture.Matcher(writtenPatterns())
	if in.written == nil {
		in.written, _ = in.repo.written()
	}
	_ = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		rel := relativeTo(in.root, file)
		looked++
		switch {
		case err != nil:
		case d.IsDir() && (exists(filepath.Join(file, "pyvenv.cfg")) || exists(filepath.Join(file, "conda-meta"))):
			return filepath.SkipDir
		case d.IsDir() && file != path && rel != "" && (hidden(rel) || skip(rel, true)):
			return filepath.SkipDir
		case d.IsDir() || rel != "" && (hidden(rel) || skip(rel, false)) || in.isCode(file):
		default:
			info, err := d.Info()
			holds = err == nil && isOlder(file, in.started) && (rel == "" || !in.written(rel, info))
		}
		if holds = holds || looked > bound; holds {
			return filepath.SkipAll
		}
		return nil
	})
	return holds, looked
}
