package repo

import (
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// readAhead chooses what a partial clone fetches along with a file of a run. Who reads one metrics.parquet often reads
// those of other runs next, and a request costs much more than a small file. Each request takes twice as many files as
// the one before it, so that few are needed for any number of runs, and at most about half of what is fetched is not
// needed.
type readAhead struct {
	files func() []git.Entry // with paths in .runs

	mu     sync.Mutex
	groups map[string][]git.Entry // files of the same kind, sorted by path; nil until they are needed
	next   map[string]int         // the size of the next request for a kind
	asked  map[string]bool        // the objects that were in a request
}

// maxAhead is the maximum number of files in a request.
const maxAhead = 2000

// aheadKind returns the kind of a file of a run: its name in the folder of the run, or one kind for all artifacts.
func aheadKind(file string) string {
	parts := strings.SplitN(file, "/", 3)
	if len(parts) < 3 || format.CheckDay(parts[0]) != nil {
		return path.Dir(file)
	}
	if folder, _, ok := strings.Cut(parts[2], "/"); ok {
		return folder + "/"
	}
	return parts[2]
}

// with returns the objects to fetch with a file, which is one of them. It returns none if the file was in a request
// before.
func (a *readAhead) with(file git.Entry) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.asked[file.ID] {
		return nil
	}
	if a.groups == nil {
		a.groups, a.next, a.asked = map[string][]git.Entry{}, map[string]int{}, map[string]bool{}
		for _, f := range a.files() {
			kind := aheadKind(f.Path)
			a.groups[kind] = append(a.groups[kind], f)
		}
		for _, group := range a.groups {
			slices.SortFunc(group, func(a, b git.Entry) int { return strings.Compare(a.Path, b.Path) })
		}
	}
	kind := aheadKind(file.Path)
	size := max(a.next[kind], 1)
	a.next[kind] = min(2*size, maxAhead)
	ids := []string{file.ID}
	a.asked[file.ID] = true
	group := a.groups[kind]
	byPath := func(f git.Entry, name string) int { return strings.Compare(f.Path, name) }
	at, _ := slices.BinarySearchFunc(group, file.Path, byPath)
	// Commands go from the newest run to the oldest, but through the artifacts of a run in the order of their names.
	step := -1
	if strings.HasSuffix(kind, "/") {
		step = 1
	}
	for i := at + step; i >= 0 && i < len(group) && len(ids) < size; i += step {
		if id := group[i].ID; !a.asked[id] {
			a.asked[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}
