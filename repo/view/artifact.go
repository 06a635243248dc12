package view

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/regular"
)

// maxArtifactBytes is the size of the largest artifact that a page gets to show. A larger one can be downloaded.
const maxArtifactBytes = 32 << 20

// Places of an artifact.
const (
	PlaceHere    = "here"    // its bytes are on this machine
	PlaceLFS     = "lfs"     // Git LFS left a pointer in its place
	PlaceStore   = "store"   // it is recorded as in an artifact store, and not on this machine
	PlaceAway    = "away"    // it is on the machine that recorded it
	PlaceMissing = "missing" // it belongs into the run's folder, and is not there
)

// RunArtifacts is a list of artifacts of a run.
type RunArtifacts struct {
	Total int           `json:"total"`
	Bytes int64         `json:"bytes"` // of all
	From  int           `json:"from"`  // index of the first in List
	List  []RunArtifact `json:"list"`
}

// RunArtifact is an artifact of a run, and where its bytes are.
type RunArtifact struct {
	Path    string `json:"path"`
	SHA256  string `json:"sha256"`
	Bytes   int64  `json:"bytes"`
	Kind    string `json:"kind,omitempty"`
	Key     string `json:"key,omitempty"`
	Step    *int64 `json:"step,omitempty"`
	Caption string `json:"caption,omitempty"`
	Place   string `json:"place"`
}

// Artifacts lists the artifacts of a run, starting with the one at index from, at most 5,000. Errors are as those of
// Run.
func (v *View) Artifacts(ctx context.Context, run string, from int) (*RunArtifacts, error) {
	e, err := v.readable(ctx, run)
	if err != nil {
		return nil, err
	}
	list, err := listArtifacts(ctx, e, from, maxRunArtifacts)
	return list, unreadableFile(ctx, "listing the artifacts", err)
}

// listArtifacts lists artifacts with their places. What was logged under a key comes first: a page shows it.
func listArtifacts(ctx context.Context, e *repo.Entry, from, most int) (*RunArtifacts, error) {
	all, err := e.AllArtifacts()
	list := &RunArtifacts{Total: len(all), From: max(0, from), List: []RunArtifact{}}
	if err != nil {
		return list, err
	}
	index := 0
	for _, keyed := range []bool{true, false} {
		for _, a := range all {
			if (a.Key != "") != keyed {
				continue
			}
			list.Bytes += a.Bytes
			if index++; index <= list.From || len(list.List) >= most {
				continue
			}
			if err := ctx.Err(); err != nil {
				return list, err
			}
			list.List = append(list.List, RunArtifact{
				Path: a.Path, SHA256: a.SHA256, Bytes: a.Bytes, Kind: a.Kind, Key: a.Key, Step: a.Step, Caption: a.Caption,
				Place: placeOf(e, a),
			})
		}
	}
	return list, nil
}

func placeOf(e *repo.Entry, a format.Artifact) string {
	switch {
	case e.HasArtifact(a):
		return PlaceHere
	case a.Where == format.WhereLocal:
		return PlaceAway
	case a.Where != "":
		return PlaceStore
	case e.Pointer(a):
		return PlaceLFS
	}
	return PlaceMissing
}

// LooksLikeImage reports whether a page tries to show an artifact as an image. What its bytes are is decided later, by
// ImageOf.
func LooksLikeImage(a format.Artifact) bool {
	switch strings.ToLower(path.Ext(a.Path)) {
	case ".png", ".jpg", ".jpeg", ".gif", ".webp":
		return true
	}
	return a.Kind == "image"
}

// ArtifactPath returns the path under which a page asks for what it shows of an artifact: its image, its table or its
// bytes. An export contains the same answers.
func ArtifactPath(run string, a format.Artifact) string {
	switch {
	case LooksLikeImage(a):
		return "image/" + run + "/" + a.SHA256 + ".bin"
	case a.Kind == "table":
		return "table/" + run + "/" + a.SHA256 + ".json"
	}
	return "artifact/" + run + "/" + a.SHA256 + ".bin"
}

// Artifact returns the bytes of the artifact of a run that has a SHA-256, after verifying it. Nothing but what the
// record of the run names can be read. If the run has no such artifact, or its bytes are not on this machine or more
// than 32 MiB, the error is a *NotFoundError.
func (v *View) Artifact(ctx context.Context, run, digest string) ([]byte, error) {
	e, err := v.readable(ctx, run)
	if err != nil {
		return nil, err
	}
	a, err := artifactOf(e, digest)
	if err != nil {
		return nil, err
	}
	if a.Bytes > maxArtifactBytes {
		return nil, missing("download it, or run 'runs artifacts "+e.ID+" -o DIR'",
			"artifact %s of run %s has %d bytes, and at most %d are shown", a.Path, e.ID, a.Bytes, maxArtifactBytes)
	}
	var b bytes.Buffer
	if err := copyArtifact(e, a, &b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// ArtifactFile reads an artifact. Where the file ends, it returns an error if the bytes are not those that were
// recorded.
type ArtifactFile struct {
	Name  string // without folders
	Bytes int64

	file   *os.File
	digest string
	sum    hash.Hash
	read   int64
}

// OpenArtifact opens the artifact of a run that has a SHA-256, of any size. The caller closes it. Errors are as those
// of Artifact.
func (v *View) OpenArtifact(ctx context.Context, run, digest string) (*ArtifactFile, error) {
	e, err := v.readable(ctx, run)
	if err != nil {
		return nil, err
	}
	a, err := artifactOf(e, digest)
	if err != nil {
		return nil, err
	}
	at := e.ArtifactFile(a)
	if at == "" {
		return nil, missingArtifact(e, a)
	}
	f, err := regular.Open(at)
	if err != nil {
		return nil, unreadable("reading an artifact", err)
	}
	return &ArtifactFile{Name: path.Base(a.Path), Bytes: a.Bytes, file: f, digest: a.SHA256, sum: sha256.New()}, nil
}

// Read implements io.Reader.
func (f *ArtifactFile) Read(b []byte) (int, error) {
	if f.read == f.Bytes {
		if hex.EncodeToString(f.sum.Sum(nil)) != f.digest {
			return 0, repo.ErrDigest
		}
		return 0, io.EOF
	}
	n, err := f.file.Read(b[:min(int64(len(b)), f.Bytes-f.read)])
	f.read += int64(n)
	f.sum.Write(b[:n])
	if errors.Is(err, io.EOF) && f.read < f.Bytes {
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// Close closes the file.
func (f *ArtifactFile) Close() error { return f.file.Close() }

// artifactOf returns the artifact with a digest. Of several, it returns one whose bytes are on this machine.
func artifactOf(e *repo.Entry, digest string) (format.Artifact, error) {
	all, err := e.AllArtifacts()
	if err != nil {
		return format.Artifact{}, unreadable("listing the artifacts", err)
	}
	found := -1
	for i, a := range all {
		if a.SHA256 != digest {
			continue
		}
		if found < 0 {
			found = i
		}
		if e.HasArtifact(a) {
			found = i
			break
		}
	}
	if found < 0 {
		return format.Artifact{}, missing("", "run %s has no artifact with the digest %.64q", e.ID, digest)
	}
	return all[found], nil
}

func copyArtifact(e *repo.Entry, a format.Artifact, w io.Writer) error {
	if e.ArtifactFile(a) == "" {
		return missingArtifact(e, a)
	}
	if err := e.CopyArtifact(a, w); err != nil {
		return unreadable("reading an artifact", err)
	}
	return nil
}

// missingArtifact says why the bytes of an artifact are not on this machine, and what to do.
func missingArtifact(e *repo.Entry, a format.Artifact) error {
	if place := placeOf(e, a); place != PlaceMissing {
		why := map[string]string{
			PlaceLFS:   "it is in Git LFS",
			PlaceStore: "it is in the artifact store",
			PlaceAway:  "it is on the machine that recorded it",
		}[place]
		return missing("run 'runs artifacts "+e.ID+" -o DIR' to fetch it",
			"artifact %s of run %s is not on this machine: %s", a.Path, e.ID, why)
	}
	return unreadable("reading an artifact", e.MissingArtifact(a))
}
