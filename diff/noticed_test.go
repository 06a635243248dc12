package diff

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

// noticedRun makes a run that was seen to read files, given as "path=content". Those of a folder are one dataset.
func noticedRun(manifests map[string][]format.ManifestEntry, files ...string) *format.Run {
	r := &format.Run{}
	folders := map[string][]format.ManifestEntry{}
	for _, f := range files {
		path, content, _ := strings.Cut(f, "=")
		folder, name, inFolder := strings.Cut(path, "/")
		if !inFolder {
			r.Datasets = append(r.Datasets, format.Dataset{
				Name: path, Path: path, SHA256: content, Bytes: int64(len(content)), Files: 1, Noticed: format.RoadPython,
			})
			continue
		}
		folders[folder] = append(folders[folder],
			format.ManifestEntry{Path: name, SHA256: content, Bytes: int64(len(content))})
	}
	for folder, entries := range folders {
		digest, size := format.ManifestDigest(entries, false)
		manifests[digest] = entries
		r.Datasets = append(r.Datasets, format.Dataset{
			Name: folder, Path: folder, SHA256: digest, Manifest: digest, Bytes: size, Files: int64(len(entries)),
			Noticed: format.RoadPython,
		})
	}
	return r
}

// TestNoticedAgrees: noticed data differs only where a file that both runs read has another content.
func TestNoticedAgrees(t *testing.T) {
	manifests := map[string][]format.ManifestEntry{}
	read := func(d format.Dataset) ([]format.ManifestEntry, error) {
		if m, ok := manifests[d.Manifest]; ok {
			return m, nil
		}
		return nil, errors.New("missing")
	}
	for name, c := range map[string]struct {
		a, b []string
		want bool
	}{
		"nothing":              {nil, nil, true},
		"one untraced":         {[]string{"a=1"}, nil, true},
		"same file":            {[]string{"a=1"}, []string{"a=1"}, true},
		"another content":      {[]string{"a=1"}, []string{"a=2"}, false},
		"other files":          {[]string{"a=1"}, []string{"b=2"}, true},
		"other files of one":   {[]string{"d/1=x", "d/2=y"}, []string{"d/2=y", "d/3=z"}, true},
		"a file of one folder": {[]string{"d/1=x", "d/2=y"}, []string{"d/2=q", "d/3=z"}, false},
		"size only":            {[]string{"d/1=x"}, []string{"d/1=xx"}, false},
	} {
		a, b := noticedRun(manifests, c.a...), noticedRun(manifests, c.b...)
		for _, got := range []bool{NoticedAgrees(a, b, read), NoticedAgrees(b, a, read), sameData(a, b, read)} {
			if got != c.want {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
	// A single file of one run is in the folder of another.
	a, b := noticedRun(manifests, "d/1=x", "d/2=y"), noticedRun(manifests)
	b.Datasets = []format.Dataset{{Name: "1", Path: "d/1", SHA256: "other", Bytes: 1, Noticed: format.RoadPython}}
	if NoticedAgrees(a, b, read) {
		t.Error("a file of a folder and the file by itself are not compared")
	}
	if !NoticedAgrees(a, noticedRun(map[string][]format.ManifestEntry{}, "d/1=q"), nil) {
		t.Error("without manifests, folders differ")
	}
	// Declared data counts as before.
	a, b = noticedRun(manifests, "a=1"), noticedRun(manifests, "a=1")
	a.Datasets[0].Noticed = ""
	if sameData(a, b, read) {
		t.Error("a run that names its data is the same as one that does not")
	}
}

// TestCompareNoticed: a comparison names every file that only one side read, unless nobody looked at the other side.
func TestCompareNoticed(t *testing.T) {
	manifests := map[string][]format.ManifestEntry{}
	read := func(d format.Dataset) ([]format.ManifestEntry, error) { return manifests[d.Manifest], nil }
	traced := &format.Trace{Road: format.RoadPython}
	for name, c := range map[string]struct {
		a, b     []string
		untraced bool
		want     string
	}{
		"same":            {[]string{"a=1", "d/1=x"}, []string{"a=1", "d/1=x"}, false, ""},
		"other files":     {[]string{"d/1=x", "d/2=y"}, []string{"d/2=y", "d/3=z"}, false, "d: added 3, removed 1"},
		"other file":      {[]string{"a=1"}, []string{"b=2"}, false, "a, b"},
		"nothing read":    {[]string{"a=1"}, nil, false, "a"},
		"nobody looked":   {[]string{"a=1", "d/1=x"}, nil, true, ""},
		"another content": {[]string{"d/1=x"}, []string{"d/1=q"}, false, "d: changed 1"},
	} {
		a, b := noticedRun(manifests, c.a...), noticedRun(manifests, c.b...)
		a.Trace, b.Trace = traced, traced
		if c.untraced {
			b.Trace = nil
		}
		x, y := Side{Runs: []*format.Run{a}, Manifest: read}, Side{Runs: []*format.Run{b}, Manifest: read}
		var got []string
		for _, d := range Compare(x, y, Options{}).Datasets {
			var changes []string
			for _, f := range d.Files {
				changes = append(changes, f.Change+" "+f.Path)
			}
			slices.Sort(changes)
			text := d.Name
			if len(changes) > 0 {
				text += ": " + strings.Join(changes, ", ")
			}
			got = append(got, text)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
