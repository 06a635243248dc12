package repo

import (
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
)

// The kinds of sources of what a program reads from the caches of hubs.
const (
	sourceHub         = "hugging_face"
	sourceHubDatasets = "hugging_face_datasets" // as the library datasets has prepared them
	sourceTFDS        = "tensorflow_datasets"
	sourceTorchHub    = "torch_hub"
)

// isHub reports whether a dataset is known by the names of the folders of a cache.
func isHub(d format.Dataset) bool {
	return d.Noticed != "" && d.SHA256 == "" &&
		slices.Contains([]string{sourceHub, sourceHubDatasets, sourceTFDS, sourceTorchHub}, d.SourceType)
}

// hubSets takes the files of hub caches out of paths, which have slashes, and makes a dataset of each repository and
// revision that they belong to. The names of the folders tell both: the cache itself is not looked at.
func hubSets(paths []string) (rest []string, hubs []format.Dataset) {
	at := map[string]int{}
	for _, p := range paths {
		d, ok := hubDataset(p)
		if !ok {
			d, ok = cachedDataset(p)
		}
		if !ok {
			rest = append(rest, p)
			continue
		}
		key := d.SourceType + " " + d.Name + " " + d.Digest
		i, known := at[key]
		if !known {
			i = len(hubs)
			at[key] = i
			hubs = append(hubs, d)
		}
		hubs[i].Files++
	}
	slices.SortFunc(hubs, func(a, b format.Dataset) int {
		return strings.Compare(a.Source+a.Name+a.Digest, b.Source+b.Name+b.Digest)
	})
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

// cachedDataset returns what a file in the cache of another library belongs to, whose folders have the version in their
// names. The name of the dataset is that of the folders before the version.
func cachedDataset(p string) (format.Dataset, bool) {
	for _, c := range []struct {
		folder, kind string
		split        func(parts []string) (name, version int) // how many parts belong to each; 0 if it is not known
	}{
		{"/.cache/huggingface/datasets/", sourceHubDatasets, func(parts []string) (int, int) {
			at := slices.IndexFunc(parts, isVersion)
			if at < 1 || len(parts) < at+3 || !isFingerprint(parts[at+1]) {
				return 0, 0
			}
			return at, 2
		}},
		{"/tensorflow_datasets/", sourceTFDS, func(parts []string) (int, int) {
			at := slices.IndexFunc(parts, isVersion)
			if at < 1 || len(parts) < at+2 {
				return 0, 0
			}
			return at, 1
		}},
		{"/.cache/torch/hub/", sourceTorchHub, func(parts []string) (int, int) {
			if len(parts) < 2 || strings.Count(parts[0], "_") < 2 {
				return 0, 0
			}
			return 1, 0
		}},
	} {
		_, after, ok := strings.Cut(p, c.folder)
		if !ok {
			continue
		}
		parts := strings.Split(after, "/")
		name, version := c.split(parts)
		if name == 0 {
			continue
		}
		d := format.Dataset{
			Name: strings.Join(parts[:name], "/"), Digest: strings.Join(parts[name:name+version], "/"), SourceType: c.kind,
		}
		if c.kind == sourceTorchHub { // OWNER_REPOSITORY_REVISION
			at := strings.LastIndexByte(d.Name, '_')
			owner, repository, _ := strings.Cut(d.Name[:at], "_")
			d.Name, d.Digest = d.Name[:at], d.Name[at+1:]
			d.Source = "https://github.com/" + owner + "/" + repository
		}
		if format.CheckKey(d.Name) == nil && d.Digest != "" {
			return d, true
		}
	}
	return format.Dataset{}, false
}

// isVersion reports whether a folder is named by a version, such as 1.0.0.
func isVersion(s string) bool {
	return strings.Count(s, ".") == 2 && strings.Trim(s, "0123456789.") == "" && s[0] != '.' && s[len(s)-1] != '.'
}

// isFingerprint reports whether a folder is named by a hash.
func isFingerprint(s string) bool { return len(s) >= 16 && strings.Trim(s, "0123456789abcdef") == "" }
