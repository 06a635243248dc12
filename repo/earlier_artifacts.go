package repo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gitruns/runs/format"
)

// earlierName is the file of an active run that lists what PlaceEarlier has placed.
const earlierName = "earlier.json"

// maxEarlierBytes bounds that file.
const maxEarlierBytes = 64 << 20

// earlierArtifact is an artifact of a run that an active run resumes.
type earlierArtifact struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	File   string `json:"file"` // that it may be a hard link of
}

// PlaceEarlier calls place for artifacts of runs that this one resumes, each with its path in the folder for files,
// where a program reads and lists artifacts. It becomes an artifact of this run only if the program changes what is
// there then. Artifacts whose place is taken are left out. place may leave one out.
func (a *Active) PlaceEarlier(all map[string]format.Artifact, file func(name string) string,
	place func(name, target string) error,
) error {
	list := make(map[string]earlierArtifact, len(all))
	for name, artifact := range all {
		if exists(filepath.Join(a.FilesDir(), filepath.FromSlash(name))) {
			continue
		}
		list[name] = earlierArtifact{artifact.SHA256, artifact.Bytes, file(name)}
	}
	if len(list) == 0 {
		return nil
	}
	data, err := json.Marshal(list)
	if err == nil {
		err = writeFile(filepath.Join(a.Dir, earlierName), data) // first: a kill leaves nothing that is not listed
	}
	if err != nil {
		return fmt.Errorf("listing the earlier artifacts of run %s: %w", a.ID, err)
	}
	for name := range list {
		if err := place(name, filepath.Join(a.FilesDir(), filepath.FromSlash(name))); err != nil {
			return fmt.Errorf("placing artifact %s for run %s: %w", name, a.ID, err)
		}
	}
	return nil
}

// earlierArtifacts returns what PlaceEarlier has placed, by path in the folder for files.
func (a *Active) earlierArtifacts() (list map[string]earlierArtifact) {
	data, err := readBounded(filepath.Join(a.Dir, earlierName), maxEarlierBytes)
	if err != nil || json.Unmarshal(data, &list) != nil { // usually, there is none
		return nil
	}
	return list
}

// is reports whether a file of the folder for files is the artifact, unchanged.
func (e earlierArtifact) is(file string) bool {
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() != e.Bytes {
		return false
	}
	if other, err := os.Lstat(e.File); e.File != "" && err == nil && os.SameFile(info, other) {
		return true
	}
	return checkDigest(file, e.SHA256, e.Bytes) == nil
}
