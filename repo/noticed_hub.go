package repo

import (
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// sourceHub is the kind of source of what a program reads from the cache of the Hugging Face hub.
const sourceHub = "hugging_face"

// hubSets takes the files of hub caches out of paths, which have slashes, and makes a dataset of each repository and
// revision that they belong to. The names of the folders tell both: the cache itself is not looked at.
func hubSets(paths []string) (rest []string, hubs []format.Dataset) {
	at := map[string]int{}
	for _, p := range paths {
		d, ok := hubDataset(p)
		if !ok {
			rest = append(rest, p)
			continue
		}
		key := d.Source + " " + d.Digest
		i, known := at[key]
		if !known {
			i = len(hubs)
			at[key] = i
			hubs = append(hubs, d)
		}
		hubs[i].Files++
	}
	slices.SortFunc(hubs, func(a, b format.Dataset) int { return strings.Compare(a.Source+a.Digest, b.Source+b.Digest) })
	return rest, hubs
}

// hubDataset returns the repository of a file in a cache of the hub: …/models--ORG--NAME/snapshots/REVISION/FILE.
func hubDataset(p string) (format.Dataset, bool) {
	before, after, ok := strings.Cut(p, "/snapshots/")
	revision, _, file := strings.Cut(after, "/")
	if !ok || !file || !isRevision(revision) {
		return format.Dataset{}, false
	}
	kind, name, ok := strings.Cut(path.Base(before), "--")
	name = strings.Replace(name, "--", "/", 1)
	if !ok || name == "" || format.CheckKey(name) != nil {
		return format.Dataset{}, false
	}
	address := "https://huggingface.co/"
	switch kind {
	case "models":
	case "datasets", "spaces":
		address += kind + "/"
	default:
		return format.Dataset{}, false
	}
	return format.Dataset{
		Name: name, Digest: revision, Source: address + name, SourceType: sourceHub,
	}, true
}

// isRevision reports whether a text is a commit of the hub.
func isRevision(s string) bool { return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == "" }

// hubFolder returns the name of a repository as the folder of its cache has it.
func hubFolder(name string) string { return strings.Replace(name, "/", "--", 1) }
