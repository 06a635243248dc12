package format

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// ManifestEntry is one file of a dataset.
type ManifestEntry struct {
	// Path is relative to the dataset's folder, with slashes. If it is not plain text, it is quoted as in Git.
	Path   string
	Bytes  int64
	SHA256 string // empty in a listing
	Rows   *int64 // of a CSV or Parquet file
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
	data, err := encodeTable(
		len(entries),
		tableColumn{name: "path", texts: func(i int) string { return entries[i].Path }},
		tableColumn{name: "bytes", ints: func(i int) int64 { return entries[i].Bytes }},
		tableColumn{name: "sha256", texts: func(i int) string { return entries[i].SHA256 }},
		tableColumn{name: "rows", maybes: func(i int) *int64 { return entries[i].Rows }},
	)
	if err != nil {
		return nil, fmt.Errorf("writing a manifest: %w", err)
	}
	return data, nil
}

// DecodeManifest reads a manifest. The caller must verify its digest first.
func DecodeManifest(data []byte) ([]ManifestEntry, error) {
	if len(data) > maxManifestBytes {
		return nil, fmt.Errorf("reading a manifest: it has %d bytes, and at most %d are read", len(data), maxManifestBytes)
	}
	entries, err := decodeManifest(data)
	if err != nil {
		return nil, fmt.Errorf("reading a manifest: %w", err)
	}
	return entries, nil
}

func decodeManifest(data []byte) ([]ManifestEntry, error) {
	r, err := openRows(bytes.NewReader(data), int64(len(data)), maxManifestRows, maxManifestPath)
	if err != nil {
		return nil, err
	}
	path, bytes, digest, rows := r.texts("path"), r.ints("bytes"), r.texts("sha256"), r.ints("rows")
	if err := r.use(); err != nil {
		return nil, err
	}
	entries := make([]ManifestEntry, 0, r.file.Rows)
	err = r.each(context.Background(), 1024, func(n int) error {
		for i := range n {
			var e ManifestEntry
			if e.Path, err = path.string(i); err != nil {
				return err
			}
			if e.SHA256, err = digest.string(i); err != nil {
				return err
			}
			e.Bytes, _ = bytes.int(i)
			if v, ok := rows.int(i); ok {
				e.Rows = &v
			}
			// The path is shown and compared, never opened.
			if e.Path == "" || !utf8.ValidString(e.Path) {
				return fmt.Errorf("%.100q is not a path", e.Path)
			}
			if e.Bytes < 0 || e.SHA256 != "" && !IsDigest(e.SHA256) {
				return fmt.Errorf("%.100q has no valid digest or a negative size", e.Path)
			}
			entries = append(entries, e)
		}
		return nil
	})
	return entries, err
}
