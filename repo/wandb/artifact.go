package wandb

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/importer"
)

// ownArtifacts are types of artifacts that the client makes of what stands elsewhere in the log.
var ownArtifacts = []string{"run_table", "job", "wandb-history", "wandb-events", "code"}

// artifactFile is one entry of a manifest as the client of runs writes it.
type artifactFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"`
	Bytes  *int64 `json:"bytes,omitempty"`
	Ref    string `json:"ref,omitempty"`
}

// artifactManifest is the manifest of one version of an artifact.
type artifactManifest struct {
	Schema      int             `json:"schema"`
	Name        string          `json:"name"`
	Type        string          `json:"type"`
	Description *string         `json:"description"`
	Metadata    json.RawMessage `json:"metadata"`
	Aliases     []string        `json:"aliases"`
	Digest      string          `json:"digest"`
	Run         string          `json:"run"`
	Time        float64         `json:"time"`
	Files       []artifactFile  `json:"files"`
}

// heldBy begins a reference to a file of an artifact by the client's own name of that.
const heldBy = "wandb-client-artifact://"

// maxHeld bounds the files of artifacts that others may refer to.
const maxHeld = 100_000

const shortDigest = 12 // digits of a digest in paths

// artifact keeps a version of an artifact that the run made, in the way of the client of runs. Its files lie in the staging
// folder of the client until they are uploaded; one that is not there any more is left.
func (r *reading) artifact(ctx context.Context, data []byte) error {
	m, err := parseArtifact(data)
	if err != nil {
		return err
	}
	for _, e := range m.entries {
		if m.client != "" && e.local != "" && len(r.held) < maxHeld {
			r.held[heldBy+m.client+"/"+e.path] = e
		}
	}
	if slices.Contains(ownArtifacts, m.kind) {
		return nil
	}
	name := artifactName(m.name)
	if name == "" || m.manifestFile {
		r.leave("artifacts whose files are not listed in the log", "")
		return nil
	}
	from := map[string]artifactEntry{}
	manifest := artifactManifest{
		Schema: 1, Name: name, Type: line(m.kind), Metadata: json.RawMessage("{}"), Aliases: []string{},
		Run: r.head.id(), Time: float64(r.last) / 1e6, Files: []artifactFile{},
	}
	for _, e := range m.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if format.CheckPath(e.path) != nil {
			r.leave("files whose names no run can hold", "")
			continue
		}
		if strings.HasPrefix(e.ref, heldBy) { // a file of another artifact of the log
			path := e.path
			e = r.held[e.ref]
			if e.path = path; e.local == "" {
				r.leave("files of artifacts that are in no artifact of the log", path)
				continue
			}
		}
		if e.ref != "" && e.local == "" {
			manifest.Files = append(manifest.Files, artifactFile{Path: e.path, Ref: importer.Clean([]byte(e.ref))})
			continue
		}
		sum, size, ok := r.staged(e)
		if !ok {
			continue
		}
		manifest.Files = append(manifest.Files, artifactFile{Path: e.path, SHA256: sum, Bytes: &size})
		from[e.path] = e
	}
	if len(manifest.Files) == 0 {
		return nil
	}
	slices.SortFunc(manifest.Files, func(a, b artifactFile) int { return strings.Compare(a.Path, b.Path) })
	manifest.Files = slices.CompactFunc(manifest.Files, func(a, b artifactFile) bool { return a.Path == b.Path })
	manifest.Digest = digestOf(manifest.Files)
	if m.description != "" {
		text := paragraphs(m.description)
		manifest.Description = &text
	}
	if v, err := parseJSON([]byte(m.metadata)); err == nil {
		if _, ok := v.(map[string]any); ok {
			manifest.Metadata = format.AppendJSON(nil, v)
		}
	}
	for _, alias := range m.aliases {
		if alias = line(alias); alias != "latest" {
			manifest.Aliases = append(manifest.Aliases, alias)
		}
	}
	short := name + "/" + manifest.Digest[:shortDigest]
	for _, file := range manifest.Files {
		if file.Ref != "" {
			continue
		}
		l := &format.ArtifactLine{Name: short + "/" + file.Path, Kind: "file", Key: name, SHA256: file.SHA256}
		if r.stored[l.Name] {
			continue
		}
		if err := r.copy(from[file.Path].local, l, r.last); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(&manifest, "", " ")
	if err != nil || r.stored[short+".json"] {
		return err
	}
	r.any = true
	r.stored[short+".json"] = true
	caption := strings.Join(append([]string{manifest.Type}, manifest.Aliases...), " ")
	return r.out.Media(&format.ArtifactLine{Name: short + ".json", Kind: "artifact", Key: name, Caption: importer.Cut([]byte(caption), 1000)}, r.last, bytes.NewReader(text))
}

// digestOf is the digest of a version: that of a dataset folder, in which a reference counts as 0 bytes with the SHA-256 of
// its URI.
func digestOf(files []artifactFile) string {
	sum := sha256.New()
	for _, f := range files {
		digest, size := f.SHA256, int64(0)
		if f.Ref != "" {
			uri := sha256.Sum256([]byte(f.Ref))
			digest = hex.EncodeToString(uri[:])
		} else {
			size = *f.Bytes
		}
		fmt.Fprintf(sum, "%s\x00%d\x00%s\n", f.Path, size, digest)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// artifactName is a name as the client of runs allows it.
func artifactName(name string) string {
	name = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-' {
			return c
		}
		return '_'
	}, name)
	if name = importer.Cut([]byte(name), 128); format.CheckPath(name) != nil {
		return ""
	}
	return name
}

// staged looks for the file of an entry where the client stages files, and nowhere else: the log may come from anybody.
func (r *reading) staged(e artifactEntry) (digest string, size int64, ok bool) {
	at := filepath.Clean(e.local)
	if e.local == "" || filepath.Dir(at) != staging() {
		r.leave("files of artifacts that are not in the client's staging folder", e.path)
		return "", 0, false
	}
	f, err := importer.Open(at)
	if err != nil {
		r.leave("files of artifacts that the client's staging folder does not have any more", e.path)
		return "", 0, false
	}
	defer func() { _ = f.Close() }()
	sum, check := sha256.New(), md5.New()
	size, err = io.Copy(io.MultiWriter(sum, check), f)
	if err != nil || size != e.size || base64.StdEncoding.EncodeToString(check.Sum(nil)) != e.digest {
		r.leave("files that are not what the log says", e.path)
		return "", 0, false
	}
	return hex.EncodeToString(sum.Sum(nil)), size, true
}

// staging is the folder in which the client of this user stages files: WANDB_DATA_DIR, else its default.
func staging() string {
	if dir := os.Getenv("WANDB_DATA_DIR"); dir != "" {
		if abs, err := filepath.Abs(dir); err == nil {
			return filepath.Join(abs, "artifacts", "staging")
		}
	}
	data := os.Getenv("XDG_DATA_HOME")
	if data == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, "wandb", "artifacts", "staging")
}
