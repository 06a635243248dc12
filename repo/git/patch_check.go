package git

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/gitruns/runs/repo/regular"
)

// CheckPatch refuses a patch that would make Git allocate more than MaxPatchBytes for one file: a few hundred bytes of
// a binary patch can claim any size. The format is that of Git's diff.c and delta.h: `literal SIZE` or `delta SIZE`,
// then lines of a length letter and base 85, deflated. A delta begins with the sizes of its source and its result.
func CheckPatch(path string) error {
	f, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	in := bufio.NewReaderSize(f, 64<<10)
	total := int64(0)
	for {
		line, more, err := in.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for more && err == nil {
			_, more, err = in.ReadLine()
		}
		size := int64(0)
		if text, ok := bytes.CutPrefix(line, []byte("literal ")); ok {
			size, err = strconv.ParseInt(string(text), 10, 64)
		} else if text, ok := bytes.CutPrefix(line, []byte("delta ")); ok {
			var own int64
			if own, err = strconv.ParseInt(string(text), 10, 64); err == nil {
				size, err = resultSize(in)
				size = max(size, own)
			}
		}
		if err != nil {
			continue // a line of text that only looks like the start of a binary patch
		}
		if size < 0 || size > MaxPatchBytes || total+size > 4*MaxPatchBytes {
			return fmt.Errorf("the patch makes a file of %d bytes, more than the limit of 1 GB", size)
		}
		total += size
	}
}

// resultSize reads the size of the result from the beginning of a delta, without consuming it.
func resultSize(in *bufio.Reader) (int64, error) {
	// Each size takes at most 10 bytes, so the first lines are enough.
	head, _ := in.Peek(4 * 70)
	var packed []byte
	for line := range bytes.SplitSeq(head, []byte("\n")) {
		if len(line) < 6 || (len(line)-1)%5 != 0 {
			break
		}
		part, err := decode85(line[1:])
		if err != nil {
			break
		}
		packed = append(packed, part...)
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return 0, err
	}
	var sizes [20]byte
	n, _ := io.ReadFull(z, sizes[:])
	rest := sizes[:n]
	_, rest = varint(rest)
	size, _ := varint(rest)
	return size, nil
}

// varint reads a size as in delta.h, 7 bits per byte, the lowest first. It also returns the remaining bytes.
func varint(b []byte) (int64, []byte) {
	v := int64(0)
	for i, c := range b {
		if i == 9 {
			return 1 << 62, nil
		}
		v |= int64(c&0x7f) << (7 * i)
		if c&0x80 == 0 {
			return v, b[i+1:]
		}
	}
	return v, nil
}

const alphabet85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"

func decode85(text []byte) ([]byte, error) {
	var out []byte
	for i := 0; i+5 <= len(text); i += 5 {
		v := uint64(0)
		for _, c := range text[i : i+5] {
			d := bytes.IndexByte([]byte(alphabet85), c)
			if d < 0 {
				return nil, errors.New("not base 85")
			}
			v = v*85 + uint64(d)
		}
		out = append(out, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return out, nil
}
