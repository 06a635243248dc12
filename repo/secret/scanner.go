// Package secret searches bytes for secrets: tokens in the formats that providers document, private keys, passwords in
// URLs, and random values whose names suggest a secret. It reports where a secret is, never the secret itself.
//
// All bytes are read once. A table of byte pairs says where a secret may begin, and only those places are examined.
// The number of bytes examined around a place is bounded, so that a finding does not depend on how the input is split
// into reads.
//
// The package imports only the standard library, and knows neither runs nor Git. repo/share decides what is searched
// and what is allowed. To add a token format, start in tokens.go; to add a name of secrets, in names.go.
package secret

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format/listsort"
)

// Version is the version of the rules. A file that was searched with another version must be searched again.
const Version = 2

const (
	behind = 192       // bytes before a place that are examined
	ahead  = 16 << 10  // bytes after it that are examined
	block  = 256 << 10 // bytes read at a time
)

// match is a secret in a window, w[from:to].
type match struct {
	rule     string
	from, to int
	mark     []byte // the part that identifies the secret; nil if all of it does
}

// anchor is a text with which a secret may begin.
type anchor struct {
	text  string
	fold  bool // ignore case; text is in lower case
	check func(w []byte, at int) (match, bool)
}

func (a *anchor) at(b []byte) bool {
	if len(b) < len(a.text) {
		return false
	}
	if !a.fold {
		return string(b[:len(a.text)]) == a.text
	}
	for i := range len(a.text) {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != a.text[i] {
			return false
		}
	}
	return true
}

// machine is the table shared by all searches.
type machine struct {
	first   [1 << 16]uint8 // by two bytes: which anchors begin with them; 0 means none
	anchors [][]anchor
	third   [][4]uint64 // by the same number: the bytes that may follow, one bit each
	sets    map[alphabet]*[256]bool
}

// compiled builds the table at the first search, not when the program starts.
var compiled = sync.OnceValue(func() *machine {
	m := &machine{anchors: make([][]anchor, 1), third: make([][4]uint64, 1), sets: map[alphabet]*[256]bool{}}
	for _, t := range tokens() {
		m.set(t.alphabet)
		for prefix := range strings.FieldsSeq(t.prefixes) {
			m.add(anchor{
				text: prefix, check: func(w []byte, at int) (match, bool) { return t.check(m, w, at, prefix) },
			})
		}
	}
	for _, a := range []alphabet{
		digits, lowerHex, urlSafe, urlSafe + "=", urlSafe + ".~", base62, base62 + "+/", base62 + "/",
	} {
		m.set(a)
	}
	for _, a := range []anchor{
		{".atlasv1.", false, m.atlas},
		{"_mmk", false, m.maxmind},
		{":AA", false, m.telegram},
		{"Q~", false, m.azureSecret},
		{"-us", false, m.mailchimp},
		{"eyJ", false, m.jwt},
		{"-----BEGIN ", false, m.pem},
		{"PuTTY-User-Key-File-", false, m.putty},
		{"://", false, m.urlPassword},
		{"wandb", false, m.wandbLogin},
		{"curl", false, m.curlUser},
		{"mysql", false, m.mysqlPassword},
		{"mariadb", false, m.mysqlPassword},
	} {
		m.add(a)
	}
	for _, pair := range []string{"MT", "Mj", "Mz", "MD", "ND", "NT", "Nj", "Nz", "OD", "OT"} { // digits in base 64
		m.add(anchor{pair, false, m.discord})
	}
	for _, word := range keyedWords {
		m.add(anchor{word, true, m.underName})
	}
	return m
})

func (m *machine) set(a alphabet) {
	if m.sets[a] == nil {
		var set [256]bool
		for i := range len(a) {
			set[a[i]] = true
		}
		m.sets[a] = &set
	}
}

func (m *machine) add(a anchor) {
	pairs := []string{a.text[:2]}
	if a.fold {
		low, up := a.text[:2], strings.ToUpper(a.text[:2])
		pairs = []string{low, up, low[:1] + up[1:], up[:1] + low[1:]}
	}
	for _, pair := range pairs {
		i := &m.first[int(pair[0])<<8|int(pair[1])]
		if *i == 0 {
			m.anchors, m.third = append(m.anchors, nil), append(m.third, [4]uint64{})
			*i = uint8(len(m.anchors) - 1)
		}
		m.anchors[*i] = append(m.anchors[*i], a)
		for c := range 256 {
			if len(a.text) == 2 || a.text[2] == byte(c) || a.fold && a.text[2] == byte(c)|0x20 {
				m.third[*i][c>>6] |= 1 << (c & 63)
			}
		}
	}
}

// run returns the end of the longest run of characters in a that begins at w[at]. The run has at most most characters.
func (m *machine) run(w []byte, at int, a alphabet, most int) int {
	set, end := m.sets[a], at
	for end < len(w) && end-at < most && set[w[end]] {
		end++
	}
	return end
}

// back returns the beginning of the longest run of characters in a that ends before w[at]. The run has at most most
// characters.
func (m *machine) back(w []byte, at int, a alphabet, most int) int {
	set, from := m.sets[a], at
	for from > 0 && at-from < most && set[w[from-1]] {
		from--
	}
	return from
}

// tokenIn reports whether a token in a documented format begins in w[from:to].
func (m *machine) tokenIn(w []byte, from, to int) bool {
	for i := from; i+1 < to; i++ {
		for _, a := range m.anchors[m.first[int(w[i])<<8|int(w[i+1])]] {
			if a.fold || a.text == "://" || !a.at(w[i:]) {
				continue
			}
			if _, ok := a.check(w, i); ok {
				return true
			}
		}
	}
	return false
}

// hit is a secret with its place in the input.
type hit struct {
	rule        string
	from, to    int64
	fingerprint string
}

// search reads r to its end and returns the secrets in the order of their offsets.
func (m *machine) search(ctx context.Context, r io.Reader) ([]hit, error) {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	return m.searchIn(ctx, r, *buffer)
}

// searchIn searches with the buffer b, which must be longer than the range that is examined around a place.
func (m *machine) searchIn(ctx context.Context, r io.Reader, b []byte) ([]hit, error) {
	s := &searcher{machine: m}
	length, begin := 0, 0 // of the data in b; where the places begin that were not examined yet
	base := int64(0)      // of b[0]
	for {
		n, err := io.ReadFull(r, b[length:])
		length += n
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return nil, err
		}
		limit := length
		if !end {
			limit = length - ahead
		}
		s.look(b[:length], base, begin, limit)
		if end || len(s.hits) > maxHits {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		keep := limit - behind
		copy(b, b[keep:length])
		base += int64(keep)
		length, begin = length-keep, behind
	}
	listsort.Stable(s.hits, func(a, b hit) int { return cmp.Compare(a.from, b.from) })
	return s.hits, nil
}

var buffers = sync.Pool{New: func() any {
	b := make([]byte, block)
	return &b
}}

type searcher struct {
	*machine
	hits []hit
}

// look examines the places from begin to limit of b.
func (s *searcher) look(b []byte, base int64, begin, limit int) {
	limit = min(limit, len(b)-1)
	first := &s.first
	for i := begin; i < limit; i++ {
		k := first[int(b[i])<<8|int(b[i+1])]
		if k == 0 || i+2 < len(b) && s.third[k][b[i+2]>>6]&(1<<(b[i+2]&63)) == 0 {
			continue
		}
		for j := range s.anchors[k] {
			a := &s.anchors[k][j]
			if !a.at(b[i:]) {
				continue
			}
			lo, hi := max(0, i-behind), min(len(b), i+ahead)
			w := b[lo:hi:hi]
			found, ok := a.check(w, i-lo)
			if !ok {
				continue
			}
			s.add(w, base+int64(lo), found)
			if found.rule == "aws-access-key" {
				if other, ok := s.awsSecret(w, found.to); ok {
					s.add(w, base+int64(lo), other)
				}
			}
		}
	}
}

func (s *searcher) add(w []byte, base int64, found match) {
	h := hit{rule: found.rule, from: base + int64(found.from), to: base + int64(found.to)}
	for _, other := range slices.Backward(s.hits) {
		if h.from < other.to && other.from < h.to {
			return // two rules found the same secret
		}
		if other.to < h.from-2*ahead {
			break
		}
	}
	mark := found.mark
	if mark == nil {
		mark = w[found.from:found.to]
	}
	if h.fingerprint = Fingerprint(mark); documented(h.fingerprint) {
		return
	}
	s.hits = append(s.hits, h)
}

// Fingerprint identifies a secret without revealing it: 16 hex digits.
func Fingerprint(secret []byte) string {
	sum := sha256.Sum256(append([]byte("runs secret\x00"), secret...))
	return hex.EncodeToString(sum[:8])
}
