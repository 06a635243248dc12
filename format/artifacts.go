package format

import (
	"bytes"
	"context"
	"fmt"
)

// ArtifactsName is the name of the file next to run.toml that lists the artifacts of a run, if there are more than
// MaxListed.
const ArtifactsName = "artifacts.parquet"

// Bounds of artifacts.parquet.
const (
	MaxArtifactsBytes = 128 << 20
	maxArtifacts      = 1_000_000
)

// EncodeArtifacts returns artifacts.parquet with one row per artifact. The caller sorts the artifacts by path.
func EncodeArtifacts(artifacts []Artifact) ([]byte, error) {
	text := func(name string, of func(a *Artifact) string) tableColumn {
		return tableColumn{name: name, texts: func(i int) string { return of(&artifacts[i]) }}
	}
	data, err := encodeTable(
		len(artifacts),
		text("path", func(a *Artifact) string { return a.Path }),
		text("sha256", func(a *Artifact) string { return a.SHA256 }),
		tableColumn{name: "bytes", ints: func(i int) int64 { return artifacts[i].Bytes }},
		text("kind", func(a *Artifact) string { return a.Kind }),
		text("key", func(a *Artifact) string { return a.Key }),
		tableColumn{name: "step", maybes: func(i int) *int64 { return artifacts[i].Step }},
		text("caption", func(a *Artifact) string { return a.Caption }),
		text("where", func(a *Artifact) string { return a.Where }),
	)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", ArtifactsName, err)
	}
	return data, nil
}

// DecodeArtifacts reads artifacts.parquet and checks each row as strictly as an artifact in run.toml. The caller must
// verify the digest of the file first.
func DecodeArtifacts(data []byte) ([]Artifact, error) {
	if len(data) > MaxArtifactsBytes {
		return nil, fmt.Errorf("reading %s: it has %d bytes, and at most %d are read", ArtifactsName, len(data),
			MaxArtifactsBytes)
	}
	artifacts, err := decodeArtifacts(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ArtifactsName, err)
	}
	return artifacts, nil
}

func decodeArtifacts(data []byte) ([]Artifact, error) {
	r, err := openRows(bytes.NewReader(data), int64(len(data)), maxArtifacts, MaxTextBytes)
	if err != nil {
		return nil, err
	}
	bytes, step := r.ints("bytes"), r.ints("step")
	path, digest, kind := r.texts("path"), r.texts("sha256"), r.texts("kind")
	key, caption, where := r.texts("key"), r.texts("caption"), r.texts("where")
	if err := r.use(); err != nil {
		return nil, err
	}
	artifacts := make([]Artifact, 0, r.file.Rows)
	var paths pathSet
	err = r.each(context.Background(), 1024, func(n int) error {
		for i := range n {
			var a Artifact
			for _, text := range []struct {
				of   *rowColumn
				into *string
			}{
				{path, &a.Path},
				{digest, &a.SHA256},
				{kind, &a.Kind},
				{key, &a.Key},
				{caption, &a.Caption},
				{where, &a.Where},
			} {
				if *text.into, err = text.of.string(i); err != nil {
					return err
				}
			}
			a.Bytes, _ = bytes.int(i)
			if v, ok := step.int(i); ok {
				a.Step = &v
			}
			if err := CheckPath(a.Path); err != nil {
				return err
			}
			if !paths.add(a.Path) {
				return fmt.Errorf("the path %q is listed twice", a.Path)
			}
			if !isHex(a.SHA256, false) || a.Bytes < 0 {
				return fmt.Errorf("%s has no valid digest or a negative size", a.Path)
			}
			artifacts = append(artifacts, a)
		}
		return nil
	})
	return artifacts, err
}

// pathSet finds paths that are listed twice: the bytes of one file would count again for each. Most lists are sorted,
// and then no map is needed.
type pathSet struct {
	last   string
	sorted []string // those before the first that was not in order
	all    map[string]bool
}

// add reports whether a path is new.
func (s *pathSet) add(path string) bool {
	if s.all == nil && (len(s.sorted) == 0 || s.last < path) {
		s.last = path
		s.sorted = append(s.sorted, path)
		return true
	}
	if s.all == nil {
		s.all = make(map[string]bool, len(s.sorted))
		for _, p := range s.sorted {
			s.all[p] = true
		}
	}
	if s.all[path] {
		return false
	}
	s.all[path] = true
	return true
}
