package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// ManifestEntry is one file of a dataset.
type ManifestEntry struct {
	// Path is relative to the dataset's folder, with slashes. If it is not plain text, it is quoted as in Git.
	Path   string `parquet:"path,zstd"`
	Bytes  int64  `parquet:"bytes,delta,zstd"`
	SHA256 string `parquet:"sha256,zstd"`        // empty in a listing
	Rows   *int64 `parquet:"rows,optional,zstd"` // of a CSV or Parquet file
}

const (
	maxManifestRows  = 20_000_000
	maxManifestBytes = 1 << 30
	maxManifestPath  = 16 << 10
)

// ManifestDigest returns the identity of a folder and its size in bytes. The identity is the SHA-256 over the files in
// the order of their paths: each is `path NUL bytes NUL sha256 LF`, or `path NUL bytes LF` in a listing.
func ManifestDigest(entries []ManifestEntry, listing bool) (digest string, total int64) {
	sum := sha256.New()
	var line []byte
	for _, e := range entries {
		line = append(append(line[:0], e.Path...), 0)
		line = strconv.AppendInt(line, e.Bytes, 10)
		if !listing {
			line = append(append(line, 0), e.SHA256...)
		}
		sum.Write(append(line, '\n'))
		total += e.Bytes
	}
	return hex.EncodeToString(sum.Sum(nil)), total
}

// EncodeManifest returns the Parquet file of a manifest, with one row per file.
func EncodeManifest(entries []ManifestEntry) ([]byte, error) {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[ManifestEntry](&b, parquet.CreatedBy("gitruns", "1", "format"))
	if _, err := w.Write(entries); err != nil {
		return nil, fmt.Errorf("writing a manifest: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("writing a manifest: %w", err)
	}
	return b.Bytes(), nil
}

// DecodeManifest reads a manifest. The caller must verify its digest first.
func DecodeManifest(data []byte) (entries []ManifestEntry, err error) {
	defer func() {
		if r := recover(); r != nil { // the reader panics on some damaged files
			entries, err = nil, fmt.Errorf("reading a manifest: the file is damaged: %v", r)
		}
	}()
	if len(data) > maxManifestBytes {
		return nil, fmt.Errorf("reading a manifest: it has %d bytes, and at most %d are read", len(data), maxManifestBytes)
	}
	f, err := openBounded(data, maxManifestRows)
	if err != nil {
		return nil, fmt.Errorf("reading a manifest: %w", err)
	}
	r := parquet.NewGenericReader[ManifestEntry](f)
	defer func() { _ = r.Close() }()
	rows := make([]ManifestEntry, 1024)
	for {
		n, err := r.Read(rows)
		for _, row := range rows[:n] {
			// The path is shown and compared, never opened.
			if len(row.Path) == 0 || len(row.Path) > maxManifestPath || !utf8.ValidString(row.Path) {
				return nil, fmt.Errorf("reading a manifest: %.100q is not a path", row.Path)
			}
			if row.Bytes < 0 || row.SHA256 != "" && !IsDigest(row.SHA256) {
				return nil, fmt.Errorf("reading a manifest: %s has no valid digest or a negative size", row.Path)
			}
		}
		entries = append(entries, rows[:n]...)
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading a manifest: %w", err)
		}
	}
}
