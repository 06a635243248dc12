package capture

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/regular"
)

// directURL is direct_url.json of an installed distribution (see PEP 610).
type directURL struct {
	URL          string `json:"url"`
	Subdirectory string `json:"subdirectory"`
	Dir          *struct {
		Editable bool `json:"editable"`
	} `json:"dir_info"`
	VCS *struct {
		Commit string `json:"commit_id"`
	} `json:"vcs_info"`
	Archive *struct {
		Hash   string            `json:"hash"` // sha256=…, older than Hashes
		Hashes map[string]string `json:"hashes"`
	} `json:"archive_info"`
}

// readDirectURL records the origin of a distribution that was installed from a folder, a repository or an archive.
func (p *python) readDirectURL(ctx context.Context, q EnvironmentRequest, file, name, version string) {
	data, err := regular.ReadFile(file)
	var from directURL
	if err != nil || len(data) > 1<<20 || json.Unmarshal(data, &from) != nil {
		return
	}
	e := format.Editable{Name: name, Version: version, Subdirectory: from.Subdirectory}
	local := localPath(from.URL)
	switch {
	case from.VCS != nil:
		e.Path, e.Commit = portableAddress(q.Root, from.URL), from.VCS.Commit
	case from.Dir != nil && local != "":
		e.Copied = !from.Dir.Editable
		p.folder(ctx, q, &e, local)
	case from.Archive != nil:
		e.SHA256 = from.Archive.Hashes["sha256"]
		if e.SHA256 == "" {
			e.SHA256, _ = strings.CutPrefix(from.Archive.Hash, "sha256=")
		}
		e.Path = git.RemoteWithoutCredentials(from.URL)
		if local != "" {
			e.Path = Portable(q.Root, local)
			if e.SHA256 == "" {
				e.SHA256 = archiveDigest(local)
			}
		}
	default:
		return
	}
	p.add(e)
}

// localPath returns the path of a URL of a local file, or "".
func localPath(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "file" || u.Path == "" {
		return ""
	}
	path := u.Path
	if os.PathSeparator == '\\' {
		path = strings.TrimPrefix(path, "/") // file:///C:/x
	}
	return filepath.FromSlash(path)
}

// maxArchive is the size of the largest archive that is hashed, in bytes. The installer usually has done it.
const maxArchive = 256 << 20

// archiveDigest returns the SHA-256 of an archive, or "" if it is gone.
func archiveDigest(path string) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxArchive {
		return ""
	}
	data, err := regular.ReadFile(path)
	if err != nil {
		return ""
	}
	return sha256Hex(data)
}
