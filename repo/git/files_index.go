package git

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/gitruns/runs/repo/git/native"
)

// readStaged reads the user's index.
func (f files) readStaged() (*native.Index, error) {
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.ReadIndex(f.indexPath())
}

// below reports whether a path is in a folder or is that path itself. A folder may end in a slash.
func below(path, folder string) bool {
	name := strings.TrimSuffix(folder, "/")
	if name == "" || name == "." {
		return true
	}
	return strings.HasPrefix(path, name+"/") || path == folder
}

func entryOf(e native.IndexEntry) Entry {
	return Entry{e.Path, e.ID.String(), fmt.Sprintf("%06o", e.Mode)}
}

func (f files) tracked(_ context.Context, folder string) ([]Entry, error) {
	index, err := f.readStaged()
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, e := range index.Entries {
		if e.Stage == 0 && below(e.Path, folder) {
			entries = append(entries, entryOf(e))
		}
	}
	return entries, nil
}

func (f files) withFilter(_ context.Context, filter string) ([]string, error) {
	r, err := f.open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	index, err := r.ReadIndex(f.indexPath())
	if err != nil {
		return nil, err
	}
	return r.WithFilter(index, filter)
}

func (f files) versions(_ context.Context, which, folder string) ([]IndexVersion, error) {
	index, err := f.readStaged()
	if err != nil {
		return nil, err
	}
	var entries []IndexVersion
	for _, e := range index.Entries {
		if below(e.Path, folder) && (which == "-s" || e.Stage > 0) {
			entries = append(entries, IndexVersion{entryOf(e), strconv.Itoa(e.Stage)})
		}
	}
	return entries, nil
}

func (f files) indexed(ctx context.Context, folders ...string) ([]IndexEntry, error) {
	if IndexInfo(f.Dirs) == nil {
		return headAsIndex(ctx, f.Dirs, folders)
	}
	index, err := f.readStaged()
	if err != nil {
		return nil, err
	}
	var entries []IndexEntry
	for _, e := range index.Entries {
		if e.Stage > 0 {
			continue
		}
		in := len(folders) == 0
		for _, folder := range folders {
			in = in || below(e.Path, folder)
		}
		if in {
			entries = append(entries, IndexEntry{entryOf(e), e.SkipWorktree})
		}
	}
	return entries, nil
}

func (f files) trackedFiles(context.Context) (map[string]bool, error) {
	index, err := f.readStaged()
	if err != nil {
		return nil, err
	}
	tracked := map[string]bool{"": true}
	for _, e := range index.Entries {
		tracked[e.Path] = true
	}
	return tracked, nil
}
