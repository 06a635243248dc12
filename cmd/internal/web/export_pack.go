package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"slices"
)

// blockBytes is about how many bytes of answers are compressed together. Answers of one kind resemble each other, but
// a page reads whole blocks.
const blockBytes = 256 << 10

// shardPaths is the number of paths in a part of the index, so that a page of many runs reads a small part of it.
const shardPaths = 1000

// packed is where the body of an answer is: a part of an unpacked block.
type packed struct {
	path                string
	block, from, length int
}

// pack is answers in compressed blocks, with an index of their paths. The same answers in the same order give the same
// bytes.
type pack struct {
	blocks [][]byte // compressed
	bytes  int      // of the compressed blocks

	answers int // the number of blocks of answers; those of the index follow

	index []packed
	open  bytes.Buffer // the answers of the block that is not compressed yet
}

// add adds the answer of a path that the pack does not have yet.
func (p *pack) add(path string, body []byte) {
	p.index = append(p.index, packed{path: path, block: len(p.blocks), from: p.open.Len(), length: len(body)})
	p.open.Write(body)
	if p.open.Len() >= blockBytes {
		p.closeBlock()
	}
}

// closeBlock compresses the open block. The next answer begins another one.
func (p *pack) closeBlock() {
	if p.open.Len() == 0 {
		return
	}
	block := compress(p.open.Bytes())
	p.blocks = append(p.blocks, block)
	p.bytes += len(block)
	p.open.Reset()
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

// finish closes the last block, and adds the index. It returns the root, compressed.
func (p *pack) finish() ([]byte, error) {
	p.closeBlock()
	p.answers = len(p.blocks)
	slices.SortFunc(p.index, func(a, b packed) int { return bytes.Compare([]byte(a.path), []byte(b.path)) })
	r := root{Shards: []shardPlace{}}
	for part := range slices.Chunk(p.index, shardPaths) {
		var s shard
		for _, e := range part {
			s.Paths = append(s.Paths, e.path)
			s.Places = append(s.Places, [3]int{e.block, e.from, e.length})
		}
		text, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		r.Shards = append(r.Shards, shardPlace{First: part[0].path, Block: len(p.blocks)})
		block := compress(text)
		p.blocks = append(p.blocks, block)
		p.bytes += len(block)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return compress(text), nil
}

// compress packs bytes as gzip, without a time or a name.
func compress(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	_, _ = w.Write(data)                                  // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}
