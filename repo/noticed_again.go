package repo

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/gitruns/runs/repo/capture"
)

// again is what is known before a program starts whose source is not in the project, as that of a reproduction.
type again struct {
	dir   string // holds the restored source
	data  []FetchedData
	clone bool // the source is that of a clone, and the run reproduces none
}

// ofAgain returns what a reproduction has read outside its restored source, which has its data too. Files that belong
// to data that was found in another place are left out.
func (in *inputs) ofAgain(ctx context.Context, files []inputFile) []inputFile {
	var covers []string
	for _, d := range in.again.data {
		if d.Place != "" {
			covers = append(covers, d.Place, in.realPath(d.Place))
		}
	}
	for _, d := range in.run.Datasets { // that the program has named
		if place, err := in.repo.DataPlace(ctx, d.Name); err == nil && place != "" && d.Noticed == "" {
			covers = append(covers, place, in.realPath(place))
		}
	}
	return slices.DeleteFunc(files, func(f inputFile) bool {
		return slices.ContainsFunc(covers, func(c string) bool { return f.path == c || relativeTo(c, f.path) != "" })
	})
}

// recordAgain records what a reproduction has read outside its restored source, and compares it with the data of the
// run that it reproduces. files come from ofAgain.
func (in *inputs) recordAgain(
	ctx context.Context, n *noticed, files []inputFile, wait time.Duration, end Finish, problem func(string, ...any),
) {
	var old []string
	var outside []inputFile
	for _, f := range files {
		if f.rel != "" {
			old = append(old, capture.Printable(f.rel))
		} else {
			outside = append(outside, f)
		}
	}
	if len(old) > 0 {
		problem("it read %s in the project, by an absolute path, and not in the restored source", someOf(old))
	}
	outside = in.withoutSecrets(ctx, n.trace, outside)
	in.hash(ctx, outside, wait, end, problem)
	known := in.knownContent(ctx)
	outside = slices.DeleteFunc(outside, func(f inputFile) bool { return known.digests[in.hashes.Sum(f.found)] })
	var other []string
	for _, f := range outside {
		name := filepath.Base(f.path)
		set, ok := known.names[name]
		if name = capture.Printable(name); ok {
			name += " in the place that it names, which differs from dataset " + set
		}
		other = append(other, name)
	}
	if len(other) > 0 {
		problem("it read %s, unlike the run that it reproduces", someOf(other))
	}
	in.record(ctx, n, outside, problem)
	n.outside = nil // a place of this reproduction must not replace that of the recorded data
}

// knownContent is what the data of a reproduced run contains.
type knownContent struct {
	digests map[string]bool
	names   map[string]string // the datasets by the last names of their files
}

func (in *inputs) knownContent(ctx context.Context) knownContent {
	known := knownContent{map[string]bool{}, map[string]string{}}
	for _, d := range in.again.data {
		if d.Place == "" {
			continue
		}
		if d.Manifest == "" {
			if d.Hash == "" && d.SHA256 != "" {
				known.digests[d.SHA256] = true
			}
			known.names[filepath.Base(d.Place)] = d.Name
			continue
		}
		entries, err := in.repo.Manifest(ctx, d.Dataset)
		if err != nil {
			continue // its data was verified by another way, or is reported as differing
		}
		for _, e := range entries {
			if e.SHA256 != "" {
				known.digests[e.SHA256] = true
			}
			known.names[path.Base(e.Path)] = d.Name
		}
	}
	return known
}
