package format

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// ArtifactsName is the name of the file next to run.toml that lists the artifacts of a run, if there are more than
// MaxListed.
const ArtifactsName = "artifacts.parquet"

const (
	maxArtifacts      = 1_000_000
	maxArtifactsBytes = 256 << 20
)

// artifactRow is a row of artifacts.parquet.
type artifactRow struct {
	Path    string `parquet:"path,zstd"`
	SHA256  string `parquet:"sha256,zstd"`
	Bytes   int64  `parquet:"bytes,delta,zstd"`
	Kind    string `parquet:"kind,dict,zstd"`
	Key     string `parquet:"key,dict,zstd"`
	Step    *int64 `parquet:"step,optional,zstd"`
	Caption string `parquet:"caption,zstd"`
	Where   string `parquet:"where,dict,zstd"`
}

// EncodeArtifacts returns artifacts.parquet with one row per artifact. The caller sorts the artifacts by path.
func EncodeArtifacts(artifacts []Artifact) ([]byte, error) {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[artifactRow](&b, parquet.CreatedBy("gitruns", "1", "format"))
	rows := make([]artifactRow, len(artifacts))
	for i, a := range artifacts {
		rows[i] = artifactRow(a)
	}
	if _, err := w.Write(rows); err != nil {
		return nil, fmt.Errorf("writing %s: %w", ArtifactsName, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("writing %s: %w", ArtifactsName, err)
	}
	return b.Bytes(), nil
}

// DecodeArtifacts reads artifacts.parquet and checks each row as strictly as an artifact in run.toml. The caller must
// verify the digest of the file first.
func DecodeArtifacts(data []byte) (artifacts []Artifact, err error) {
	defer func() {
		if r := recover(); r != nil { // the reader panics on some damaged files
			artifacts, err = nil, fmt.Errorf("reading %s: the file is damaged: %v", ArtifactsName, r)
		}
	}()
	if len(data) > maxArtifactsBytes {
		return nil, fmt.Errorf("reading %s: it has %d bytes, and at most %d are read", ArtifactsName, len(data),
			maxArtifactsBytes)
	}
	f, err := openBounded(data, maxArtifacts)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ArtifactsName, err)
	}
	r := parquet.NewGenericReader[artifactRow](f)
	defer func() { _ = r.Close() }()
	rows := make([]artifactRow, 1024)
	for {
		n, err := r.Read(rows)
		for _, row := range rows[:n] {
			if err := CheckPath(row.Path); err != nil {
				return nil, fmt.Errorf("reading %s: %w", ArtifactsName, err)
			}
			if !isHex(row.SHA256, false) || row.Bytes < 0 {
				return nil, fmt.Errorf("reading %s: %s has no valid digest or a negative size", ArtifactsName, row.Path)
			}
			artifacts = append(artifacts, Artifact(row))
		}
		if errors.Is(err, io.EOF) {
			return artifacts, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", ArtifactsName, err)
		}
	}
}
