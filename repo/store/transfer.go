package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gitruns/runs/repo/regular"
)

// Object is an object of a store, and the file with the same bytes.
type Object struct {
	Digest string // SHA-256, 64 lower-case hexadecimal digits
	Size   int64  // bytes
	Path   string // of the file on this machine; may be empty to verify the object
	// Replace uploads the file even if the store has an object of its name and size, which is known to be damaged.
	Replace bool
}

// Result says how the transfer of an object ended.
type Result struct {
	Moved int64 // bytes that this call transferred; 0 if all existed already
	Proof Proof // how the object was verified
	Err   error
}

// Progress is called with the bytes transferred so far and in total. Each digest is counted once. Calls do not
// overlap; a slow call delays the transfer.
type Progress func(done, total int64)

// Upload sends files to the store, several at a time and each digest once. It returns a result for each object. It
// does not send objects that the store already holds, and it resumes interrupted uploads. It refuses a file whose
// content does not match its digest, and stores nothing for it. progress may be nil.
func (c *Client) Upload(ctx context.Context, objects []Object, progress Progress) []Result {
	return c.transfer(ctx, objects, progress, func(same []Object, on func(Reply) error) []Result {
		results := make([]Result, len(same))
		for _, o := range same { // if one file has changed, try another one with the same digest
			r, err := c.move(ctx, OpPut, o, on)
			for i := range results {
				results[i].Err = err
			}
			results[0].Moved += r.Bytes
			var failed *Error
			if !errors.As(err, &failed) || failed.Kind != Changed {
				break
			}
		}
		return results
	})
}

// Download fetches objects into their files, several at a time and each digest once. It checks each object against its
// digest and returns a result for each. A file appears under its path only when it is complete. Download resumes
// interrupted downloads.
func (c *Client) Download(ctx context.Context, objects []Object, progress Progress) []Result {
	return c.transfer(ctx, objects, progress, func(same []Object, on func(Reply) error) []Result {
		results := make([]Result, len(same))
		r, err := c.move(ctx, OpGet, same[0], on)
		results[0] = Result{Moved: r.Bytes, Err: err}
		for i, o := range same[1:] {
			if err == nil && o.Path != same[0].Path {
				results[i+1].Err = copyFile(same[0].Path, o.Path)
			} else {
				results[i+1].Err = err
			}
		}
		return results
	})
}

// Verify verifies the bytes of objects, several at a time and each digest once, and returns a result for each. With
// read, it reads every byte back. Otherwise the provider's own checksum is enough if it can be compared with the file.
// If the store holds other bytes, the error has the kind Digest. progress counts the bytes of the objects.
func (c *Client) Verify(ctx context.Context, objects []Object, read bool, progress Progress) []Result {
	return c.transfer(ctx, objects, progress, func(same []Object, on func(Reply) error) []Result {
		results := make([]Result, len(same))
		o := same[0]
		if path, err := filepath.Abs(o.Path); err == nil && o.Path != "" && utf8.ValidString(path) {
			o.Path = path
		} else {
			o.Path = "" // the object is read back
		}
		r, err := c.call(ctx, Request{Op: OpVerify, Digest: o.Digest, Size: o.Size, Path: o.Path, Read: read}, on)
		var failed *Error
		if errors.As(err, &failed) && failed.Kind == Usage && strings.HasPrefix(failed.Message, "unknown operation") {
			err = &Error{
				Kind: Usage, Message: Program + " is older than runs, and cannot verify what a store holds",
				Hint: "install runs and " + Program + " of the same version",
			}
		}
		for i := range results {
			results[i] = Result{Proof: r.Proof, Err: err}
		}
		return results
	})
}

func (c *Client) move(ctx context.Context, op string, o Object, on func(Reply) error) (Reply, error) {
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return Reply{}, err
	}
	if !utf8.ValidString(path) {
		return Reply{}, &Error{
			Kind: Usage, Message: fmt.Sprintf("the name of %q is not UTF-8", path), Hint: "rename it",
		}
	}
	return c.call(ctx, Request{Op: op, Digest: o.Digest, Size: o.Size, Path: path, Replace: o.Replace}, on)
}

// transfer calls one for the objects of each digest. It makes more calls at a time than the program transfers objects,
// so that the program never waits.
func (c *Client) transfer(
	ctx context.Context, objects []Object, progress Progress, one func([]Object, func(Reply) error) []Result,
) []Result {
	results := make([]Result, len(objects))
	groups := map[string][]int{}
	var order []string
	var done, total int64
	for i, o := range objects {
		switch err := CheckDigest(o.Digest); {
		case err != nil:
			results[i].Err = err
		case o.Size < 0:
			results[i].Err = &Error{Kind: Usage, Message: fmt.Sprintf("%s: %d is not a size", o.Path, o.Size)}
		case groups[o.Digest] == nil:
			order = append(order, o.Digest)
			if total += o.Size; total < 0 { // the sizes come from records
				total = math.MaxInt64
			}
			groups[o.Digest] = []int{i}
		case objects[groups[o.Digest][0]].Size != o.Size:
			results[i].Err = &Error{
				Kind: Usage, Message: fmt.Sprintf("%s: its digest was recorded with two sizes", o.Path),
			}
		default:
			groups[o.Digest] = append(groups[o.Digest], i)
		}
	}
	var mu sync.Mutex // of done and progress
	work := make(chan []int)
	var workers sync.WaitGroup
	for range min(2*Transfers, len(order)) {
		workers.Go(func() {
			for group := range work {
				same := make([]Object, len(group))
				for i, at := range group {
					same[i] = objects[at]
				}
				var seen int64
				tell := func(bytes int64) {
					mu.Lock()
					defer mu.Unlock()
					bytes = min(max(bytes, 0), same[0].Size)
					done += bytes - seen
					seen = bytes
					if progress != nil {
						progress(done, total)
					}
				}
				for i, r := range one(same, func(r Reply) error { tell(r.Bytes); return nil }) {
					results[group[i]] = r
				}
				tell(same[0].Size)
			}
		})
	}
	for _, digest := range order {
		work <- groups[digest]
	}
	close(work)
	workers.Wait()
	return results
}

// copyFile copies a fetched file to the path of another object with the same digest.
func copyFile(from, to string) (err error) {
	in, err := regular.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".")
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Chmod(0o666 &^ 0o022)
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(out.Name(), to)
	}
	if err != nil {
		_ = os.Remove(out.Name())
	}
	return err
}
