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
	"github.com/gitruns/runs/format/listsort"
	"github.com/gitruns/runs/repo/importer"
)

// ownArtifacts are types of artifacts that the client makes of other data in the log.
var ownArtifacts = []string{"run_table", "job", "wandb-history", "wandb-events", "code"}

// artifactFile is an entry of a manifest, as the Python client gitruns writes it.
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

// referenceScheme is the prefix of a reference to a file of an artifact. The client's own id of the artifact follows.
const referenceScheme = "wandb-client-artifact://"

// maxReferable bounds how many files of artifacts are remembered for other artifacts to refer to.
const maxReferable = 100_000

const shortDigest = 12 // digits of a digest in paths

// artifact stores a version of an artifact that the run made, as the Python client gitruns does. Its files are in the
// staging folder of the W&B client until they are uploaded. Files that are no longer there are skipped.
func (r *reading) artifact(ctx context.Context, data []byte) error {
	m, err := parseArtifact(data)
	if err != nil {
		return err
	}
	for _, e := range m.entries {
		if m.client != "" && e.local != "" && len(r.referable) < maxReferable {
			r.referable[referenceScheme+m.client+"/"+e.path] = e
		}
	}
	if slices.Contains(ownArtifacts, m.kind) {
		return nil
	}
	name := artifactName(m.name)
	if name == "" || m.manifestFile {
		r.skip("artifacts whose files are not listed in the log", "")
		return nil
	}
	from := map[string]artifactEntry{}
	manifest := artifactManifest{
		Schema: 1, Name: name, Type: oneLine(m.kind), Metadata: json.RawMessage("{}"), Aliases: []string{},
		Run: r.head.id(), Time: float64(r.last) / 1e6, Files: []artifactFile{},
	}
	for _, e := range m.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if format.CheckPath(e.path) != nil {
			r.skip("files with names that a run cannot hold", "")
			continue
		}
		if strings.HasPrefix(e.ref, referenceScheme) { // a file of another artifact in the log
			path := e.path
			e = r.referable[e.ref]
			if e.path = path; e.local == "" {
				r.skip("artifact files that the log does not describe", path)
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
	listsort.Sort(manifest.Files, func(a, b artifactFile) int { return strings.Compare(a.Path, b.Path) })
	manifest.Files = slices.CompactFunc(manifest.Files, func(a, b artifactFile) bool { return a.Path == b.Path })
	manifest.Digest = digestOf(manifest.Files)
	if m.description != "" {
		text := multiLine(m.description)
		manifest.Description = &text
	}
	if v, err := parseJSON([]byte(m.metadata)); err == nil {
		if _, ok := v.(map[string]any); ok {
			manifest.Metadata = format.AppendJSON(nil, v)
		}
	}
	for _, alias := range m.aliases {
		if alias = oneLine(alias); alias != "latest" {
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
	r.hasContent = true
	r.stored[short+".json"] = true
	caption := strings.Join(append([]string{manifest.Type}, manifest.Aliases...), " ")
	return r.out.Media(
		&format.ArtifactLine{
			Name: short + ".json", Kind: "artifact", Key: name, Caption: importer.Cut([]byte(caption), 1000),
		},
		r.last, bytes.NewReader(text),
	)
}

// digestOf returns the digest of a version. It is computed as for a dataset folder; a reference counts as a file of 0
// bytes with the SHA-256 of its URI.
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

// artifactName returns a name that the Python client gitruns allows, or "".
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

// staged returns the SHA-256 and size of an entry's file in the client's staging folder. It reads no other folder,
// because the log may come from an untrusted source. ok is false if the file was skipped.
func (r *reading) staged(e artifactEntry) (digest string, size int64, ok bool) {
	at := filepath.Clean(e.local)
	if e.local == "" || filepath.Dir(at) != staging() {
		r.skip("artifact files outside the client's staging folder", e.path)
		return "", 0, false
	}
	f, err := importer.Open(at)
	if err != nil {
		r.skip("artifact files that are no longer in the client's staging folder", e.path)
		return "", 0, false
	}
	defer func() { _ = f.Close() }()
	sum, check := sha256.New(), md5.New()
	size, err = io.Copy(io.MultiWriter(sum, check), f)
	if err != nil || size != e.size || base64.StdEncoding.EncodeToString(check.Sum(nil)) != e.digest {
		r.skip("files that differ from the log", e.path)
		return "", 0, false
	}
	return hex.EncodeToString(sum.Sum(nil)), size, true
}

// staging returns the folder in which the client of this user stages files: the one in WANDB_DATA_DIR, or the default.
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
