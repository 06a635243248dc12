package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format/listsort"
)

// blockBytes is about how many bytes of answers are compressed together. Answers of one kind resemble each other, but
// a page reads whole blocks.
const blockBytes = 256 << 10

// shardPaths is the number of paths in a part of the index, so that a page of many runs reads a small part of it.
const shardPaths = 1000

// block is answers that were compressed together.
type block struct {
	data   []byte // compressed
	number int
}

// packed is where the body of an answer is: a part of an unpacked block.
type packed struct {
	path         string
	in           *block
	from, length int
}

// pack is answers in compressed blocks, with an index of their paths. The same answers in the same order give the same
// bytes. Bodies that are equal are stored once.
type pack struct {
	blocks []*block
	bytes  int // of the compressed blocks
	first  int // how many blocks a page needs first
	index  []packed

	current *block       // the block that is not compressed yet
	text    bytes.Buffer // its answers
	known   map[[sha256.Size]byte]packed
}

// add adds the answer of a path that the pack does not have yet.
func (p *pack) add(path string, body []byte) {
	if p.alias(path, body) {
		return
	}
	if p.current == nil {
		p.current = &block{}
	}
	p.put(packed{path: path, in: p.current, from: p.text.Len(), length: len(body)}, body)
	if p.text.Len() == 0 && len(body) >= blockBytes {
		p.closeWith(body)
		return
	}
	p.text.Write(body)
	if p.text.Len() >= blockBytes {
		p.close()
	}
}

// addAlone adds an answer in a block of its own. compressed is what compress made of its body.
func (p *pack) addAlone(path string, body, compressed []byte) {
	if p.alias(path, body) {
		return
	}
	b := &block{data: compressed}
	p.put(packed{path: path, in: b, length: len(body)}, body)
	p.append(b)
}

// alias adds a path whose body the pack has already, and reports whether it does.
func (p *pack) alias(path string, body []byte) bool {
	one, ok := p.known[sha256.Sum256(body)]
	if ok {
		one.path = path
		p.index = append(p.index, one)
	}
	return ok
}

func (p *pack) put(one packed, body []byte) {
	if p.known == nil {
		p.known = map[[sha256.Size]byte]packed{}
	}
	p.known[sha256.Sum256(body)] = one
	p.index = append(p.index, one)
}

// close compresses the current block. The next answer begins another one.
func (p *pack) close() {
	if p.current == nil {
		return
	}
	p.closeWith(p.text.Bytes())
	p.text.Reset()
}

func (p *pack) closeWith(answers []byte) {
	p.current.data = compress(answers)
	p.append(p.current)
	p.current = nil
}

func (p *pack) append(b *block) {
	p.blocks = append(p.blocks, b)
	p.bytes += len(b.data)
}

// closeFirst says that a page needs all answers so far before any other.
func (p *pack) closeFirst() {
	p.close()
	p.first = len(p.blocks)
}

// addFront adds an answer in front of all others.
func (p *pack) addFront(path string, body []byte) {
	b := &block{data: compress(body)}
	p.index = append(p.index, packed{path: path, in: b, length: len(body)})
	p.blocks = append([]*block{b}, p.blocks...)
	p.bytes += len(b.data)
	p.first++
}

// shard is a part of the index: paths in order, and for each the number of the block, its offset in the unpacked
// block, and its length.
type shard struct {
	Paths  []string `json:"paths"`
	Places [][3]int `json:"places"`
}

// root is what a page reads first: where the parts of the index are.
type root struct {
	Shards []shardPlace `json:"shards"`
}

type shardPlace struct {
	First string `json:"first"` // the first path
	Block int    `json:"block"`
}

// packedParts is a pack that is complete, compressed.
type packedParts struct {
	root    []byte
	blocks  [][]byte // of answers, then of the index
	first   int      // how many blocks a page needs first
	answers int      // how many blocks are of answers
}

// finish numbers the blocks and makes the index.
func (p *pack) finish() (*packedParts, error) {
	p.close()
	out := &packedParts{first: p.first, answers: len(p.blocks)}
	for i, b := range p.blocks {
		b.number = i
		out.blocks = append(out.blocks, b.data)
	}
	listsort.Sort(p.index, func(a, b packed) int { return strings.Compare(a.path, b.path) })
	r := root{Shards: []shardPlace{}}
	for part := range slices.Chunk(p.index, shardPaths) {
		var s shard
		for _, e := range part {
			s.Paths = append(s.Paths, e.path)
			s.Places = append(s.Places, [3]int{e.in.number, e.from, e.length})
		}
		text, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		r.Shards = append(r.Shards, shardPlace{First: part[0].path, Block: len(out.blocks)})
		out.blocks = append(out.blocks, compress(text))
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	out.root = compress(text)
	return out, nil
}

// compressors are writers that are used again: a new one takes a megabyte, and a page may have thousands of answers.
// The second are for what is large: the strongest level takes five times as long there, for a few percent.
var compressors [2]sync.Pool

// largeBytes is the size of what compress packs with the usual level.
const largeBytes = 4 * blockBytes

// compress packs bytes as gzip, without a time or a name.
func compress(data []byte) []byte {
	var b bytes.Buffer
	pool, level := &compressors[0], gzip.BestCompression
	if len(data) >= largeBytes {
		pool, level = &compressors[1], gzip.DefaultCompression
	}
	w, ok := pool.Get().(*gzip.Writer)
	if ok {
		w.Reset(&b)
	} else {
		w, _ = gzip.NewWriterLevel(&b, level) // the level is valid
	}
	_, _ = w.Write(data) // a buffer takes everything
	_ = w.Close()
	pool.Put(w)
	return b.Bytes()
}
