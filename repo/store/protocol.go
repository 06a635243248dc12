// Package store moves big artifacts to and from a store: a folder or a bucket that holds objects under their SHA-256.
// The stores themselves live in a second program, runs-store, which is started for a transfer and spoken to over its
// standard input and output; SPEC.md has the protocol.
package store

import (
	"encoding/hex"
	"fmt"
)

// Version is the version of the protocol. A program that names another one is refused.
const Version = 1

// Bounds of the protocol, which both sides hold the other to.
const (
	MaxMessage  = 1 << 20 // bytes of one message with its newline
	MaxBatch    = 1000    // digests of a stat, objects of a reply
	MaxInFlight = 64      // requests without a last reply
	Transfers   = 8       // objects that are sent or fetched at a time
)

// What a request asks for.
const (
	OpHello = "hello" // the first request: which version is spoken
	OpOpen  = "open"  // use the store of the URL, once, before all that follow
	OpStat  = "stat"  // which of the digests are there, with their sizes
	OpPut   = "put"   // send the file
	OpGet   = "get"   // fetch the object into the file
	OpList  = "list"  // every object that is there
)

// Request is one line to the program.
type Request struct {
	ID      int64    `json:"id"` // above 0, used once
	Op      string   `json:"op"`
	Version int      `json:"version,omitempty"`
	URL     string   `json:"url,omitempty"`
	Digests []string `json:"digests,omitempty"`
	Digest  string   `json:"digest,omitempty"`
	Size    int64    `json:"size,omitempty"` // bytes
	Path    string   `json:"path,omitempty"` // absolute
}

// What a reply is. Each request gets any number of progress and objects, then one done or error.
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
	Version int    `json:"version,omitempty"` // of done to hello
	// progress: bytes of the object that are over; done: bytes that were moved for it now
	Bytes   int64    `json:"bytes,omitempty"`
	Objects []Stored `json:"objects,omitempty"`
	Kind    Kind     `json:"kind,omitempty"` // of an error
	Message string   `json:"message,omitempty"`
	Hint    string   `json:"hint,omitempty"` // the next step
}

// Stored is an object that a store holds.
type Stored struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"` // bytes
}

// Kind says what went wrong, for programs.
type Kind string

// The kinds of errors.
const (
	Denied   Kind = "denied"    // no credentials, wrong ones, or a right that they lack
	NoBucket Kind = "no-bucket" // the bucket or folder is not there
	NotFound Kind = "not-found" // the object is not there
	Network  Kind = "network"   // no connection, or it broke more often than is tried again
	Space    Kind = "space"     // no space or quota left, there or here
	ReadOnly Kind = "read-only" // a store that cannot be written, such as a read-only mount
	Changed  Kind = "changed"   // the file to send is no longer what was recorded
	Digest   Kind = "digest"    // the store holds other bytes than the digest says
	Usage    Kind = "usage"     // a request or URL that makes no sense
	Failed   Kind = "failed"    // everything else
)

// Error is what a store answered, in words for a person.
type Error struct {
	Kind    Kind
	Message string
	Hint    string // the next step; may be empty
}

func (e *Error) Error() string { return e.Message }

// CheckDigest refuses what is not a SHA-256 in 64 lower-case hexadecimal digits.
func CheckDigest(digest string) error {
	if raw, err := hex.DecodeString(digest); err != nil || len(raw) != 32 || hex.EncodeToString(raw) != digest {
		return &Error{
			Kind: Usage, Message: fmt.Sprintf("%.80q is not a SHA-256 in 64 lower-case hexadecimal digits", digest),
		}
	}
	return nil
}

// Key is the name of an object below the prefix of its store: the first two digits, then all.
func Key(digest string) string { return digest[:2] + "/" + digest }
