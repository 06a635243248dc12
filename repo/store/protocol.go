// Package store transfers large artifacts to and from an artifact store: a folder or a bucket that holds objects under
// their SHA-256. A second program, runs-store, accesses the store. It is started for a transfer and controlled through
// its standard input and output.
//
// The package knows no run and imports no cloud library. Section 13 of SPEC.md describes the protocol. To change it,
// start in protocol.go.
package store

import (
	"encoding/hex"
	"fmt"
)

// Version is the version of the protocol. A program with another version is refused.
const Version = 1

// Bounds of the protocol, which each side checks.
const (
	MaxMessage  = 1 << 20 // bytes of one message with its newline
	MaxBatch    = 1000    // digests in a stat, objects in a reply
	MaxInFlight = 64      // requests that wait for their last reply
	Transfers   = 8       // objects that are transferred at a time
)

// The operations of requests.
const (
	OpHello = "hello" // the first request: agree on a version
	OpOpen  = "open"  // open the store of the URL; once, before any other operation
	OpStat  = "stat"  // return the sizes of those digests that exist
	OpPut   = "put"   // upload the file
	OpGet   = "get"   // download the object to the file
	OpList  = "list"  // list every object
	// OpVerify verifies the bytes of an object.
	OpVerify = "verify"
)

// Request is one line to the program.
type Request struct {
	ID      int64  `json:"id"` // above 0, used once
	Op      string `json:"op"`
	Version int    `json:"version,omitempty"`
	URL     string `json:"url,omitempty"`
	// StallMS is, in a request to open, after how many milliseconds without progress an operation fails; 0 means never.
	StallMS int64    `json:"stall_ms,omitempty"`
	Digests []string `json:"digests,omitempty"`
	Digest  string   `json:"digest,omitempty"`
	Size    int64    `json:"size,omitempty"`    // bytes
	Path    string   `json:"path,omitempty"`    // absolute
	Replace bool     `json:"replace,omitempty"` // put: also if the store has an object of this size
	Read    bool     `json:"read,omitempty"`    // verify: read the object back, whatever checksum the store has
}

// Proof is how the bytes of an object were verified.
type Proof string

// The ways to verify an object.
const (
	ByChecksum Proof = "checksum" // the provider's own checksum is that of the file
	ByReading  Proof = "read"     // all bytes were read back
)

// The kinds of replies. A request gets any number of progress and objects replies, then one done or error.
const (
	ReplyDone     = "done"
	ReplyProgress = "progress"
	ReplyObjects  = "objects"
	ReplyError    = "error"
)

// Reply is one line from the program.
type Reply struct {
	ID      int64  `json:"id"`
	Reply   string `json:"reply"`
	Version int    `json:"version,omitempty"` // set in the done reply to hello
	// Bytes is, in a progress reply, how many bytes of the object have been transferred so far. In a done reply, it is
	// how many bytes this request transferred.
	Bytes   int64    `json:"bytes,omitempty"`
	Objects []Stored `json:"objects,omitempty"`
	Proof   Proof    `json:"proof,omitempty"` // of an object that was verified
	Kind    Kind     `json:"kind,omitempty"`  // of an error
	Message string   `json:"message,omitempty"`
	Hint    string   `json:"hint,omitempty"` // the next step
}

// Stored is an object that a store holds.
type Stored struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"` // bytes
}

// Kind is the class of an error, for programs.
type Kind string

// The kinds of errors.
const (
	Denied   Kind = "denied"    // credentials are missing, wrong, or lack a permission
	NoBucket Kind = "no-bucket" // the bucket or folder does not exist
	NotFound Kind = "not-found" // the object does not exist
	Network  Kind = "network"   // no connection, or it failed after all retries
	Space    Kind = "space"     // no space or quota left in the store or on this machine
	ReadOnly Kind = "read-only" // the store is read-only, such as a read-only mount
	Changed  Kind = "changed"   // the file to upload has changed since it was recorded
	Digest   Kind = "digest"    // the bytes in the store do not match the digest
	Usage    Kind = "usage"     // an invalid request or URL
	Failed   Kind = "failed"    // everything else
)

// Error is an error from a store, with a message for people.
type Error struct {
	Kind    Kind
	Message string
	Hint    string // the next step; may be empty
}

func (e *Error) Error() string { return e.Message }

// CheckDigest returns an error unless digest is a SHA-256, written as 64 lower-case hexadecimal digits.
func CheckDigest(digest string) error {
	if raw, err := hex.DecodeString(digest); err != nil || len(raw) != 32 || hex.EncodeToString(raw) != digest {
		return &Error{
			Kind: Usage, Message: fmt.Sprintf("%.80q is not a SHA-256 in 64 lower-case hexadecimal digits", digest),
		}
	}
	return nil
}

// Key returns the name of an object below the prefix of its store: the first two digits, a slash, and all digits.
func Key(digest string) string { return digest[:2] + "/" + digest }
