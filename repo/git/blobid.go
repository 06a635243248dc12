package git

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// BlobID returns the id that Git gives to a blob of size bytes, read from r. The id has the repository's own hash, which
// the id of any other of its objects, like, tells. If r holds more or fewer bytes than size, the id is of no blob.
func BlobID(like string, size int64, r io.Reader) (string, error) {
	var sum hash.Hash = sha1.New()
	if len(like) == hex.EncodedLen(sha256.Size) {
		sum = sha256.New()
	}
	fmt.Fprintf(sum, "blob %d\x00", size)
	if _, err := io.Copy(sum, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
