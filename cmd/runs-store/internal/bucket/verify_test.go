package bucket

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/store"
)

// Amazon's checksum of the whole object is enough if it is that of a file with the digest; no other is.
func TestProviderChecksum(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 10_000)
	digest := sha256.Sum256(data)
	o := store.Object{
		Digest: hex.EncodeToString(digest[:]), Size: int64(len(data)), Path: filepath.Join(t.TempDir(), "f"),
	}
	if err := os.WriteFile(o.Path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	sum := crc64.Checksum(data, crc64.MakeTable(0x9a6c9329ac4bc9b5))
	right := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, sum))
	if check := crc64.Checksum([]byte("123456789"), crc64.MakeTable(0x9a6c9329ac4bc9b5)); check != 0xae8b14860a799888 {
		t.Errorf("the check value of CRC-64/NVME is %x", check)
	}
	kind, said, reads := "FULL_OBJECT", right, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.RawQuery, "list-type"):
			_, _ = io.WriteString(w, "<ListBucketResult></ListBucketResult>")
		case r.Method == http.MethodHead:
			w.Header().Set("Content-Length", fmt.Sprint(o.Size))
			if r.Header.Get("x-amz-checksum-mode") == "ENABLED" {
				w.Header().Set("x-amz-checksum-crc64nvme", said)
				w.Header().Set("x-amz-checksum-type", kind)
			}
		default:
			reads++
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", o.Size-1, o.Size))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(data)
		}
	}))
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "ci")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "ci-secret-123")
	open := func(amazon bool) *Store {
		address := strings.TrimPrefix(server.URL, "http://")
		s, err := Open(t.Context(), "s3://bkt?use_path_style=true&region=us-east-1&endpoint=http://"+address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		s.to.(*s3Bucket).amazon = amazon
		return s
	}
	amazon, other := open(true), open(false)
	verify := func(s *Store, read bool) (store.Proof, error) { return s.Verify(t.Context(), o, read, func(int64) {}) }
	for _, c := range []struct {
		name, kind, said string
		store            *Store
		read             bool
		proof            store.Proof
	}{
		{"of the whole object", "FULL_OBJECT", right, amazon, false, store.ByChecksum},
		{"reading is asked for", "FULL_OBJECT", right, amazon, true, store.ByReading},
		{"of parts", "COMPOSITE", right, amazon, false, store.ByReading},
		{"another", "FULL_OBJECT", "AAAAAAAAAAA=", amazon, false, store.ByReading},
		{"invalid", "FULL_OBJECT", "?", amazon, false, store.ByReading},
		{"of another server", "FULL_OBJECT", right, other, false, store.ByReading},
	} {
		kind, said, reads = c.kind, c.said, 0
		proof, err := verify(c.store, c.read)
		if err != nil || proof != c.proof || (reads == 0) != (c.proof == store.ByChecksum) {
			t.Errorf("%s: %s, %v after %d reads, want %s", c.name, proof, err, reads, c.proof)
		}
	}
	kind, said = "FULL_OBJECT", right
	if err := os.WriteFile(o.Path, append([]byte{data[0] ^ 1}, data[1:]...), 0o666); err != nil {
		t.Fatal(err)
	}
	if proof, err := verify(amazon, false); err != nil || proof != store.ByReading {
		t.Errorf("a file that is not the object: %s, %v", proof, err)
	}
}
