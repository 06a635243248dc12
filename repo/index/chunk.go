package index

import (
	"encoding/binary"
	"math"
)

// chunk is the part of a column that is in one block. Words of the kinds Text and List count in texts.
type chunk struct {
	kinds []Kind // nil if every row has the kind all
	all   Kind
	words []uint64 // nil if every row has the word constant
	same  uint64
	texts []string
}

func (c *chunk) kind(row int) Kind {
	if c.kinds == nil {
		return c.all
	}
	return c.kinds[row]
}

func (c *chunk) word(row int) uint64 {
	if c.words == nil {
		return c.same
	}
	return c.words[row]
}

// cell returns the value of a row.
func (c *chunk) cell(row int) value {
	v := value{kind: c.kind(row), word: c.word(row)}
	if v.kind == Text || v.kind == List {
		v.text = c.texts[v.word]
	}
	return v
}

// How the kinds and the words of a chunk are written. A kind by itself means that every row has it.
const (
	manyKinds = 0xff

	sameWord   = 0 // one word
	shortWords = 1 // a dictionary of at most 256 words, and one byte per row
	longWords  = 2 // a dictionary of at most 65,536 words, and two bytes per row
	plainWords = 3 // 8 bytes per row
)

// appendChunk appends the bytes of a column. order says which of its rows comes first, second and so on.
func appendChunk(b []byte, kinds []Kind, words []uint64, texts []string, order []int) []byte {
	b = appendKinds(b, kinds, order)
	b = appendWords(b, words, order)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(texts)))
	for _, text := range texts {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	}
	for _, text := range texts {
		b = append(b, text...)
	}
	return b
}

func appendKinds(b []byte, kinds []Kind, order []int) []byte {
	for _, k := range kinds {
		if k != kinds[0] {
			b = append(b, manyKinds)
			for _, row := range order {
				b = append(b, byte(kinds[row]))
			}
			return b
		}
	}
	return append(b, byte(kinds[0]))
}

func appendWords(b []byte, words []uint64, order []int) []byte {
	codes, dictionary := dictionaryOf(words)
	width, encoding := 8, byte(plainWords)
	switch n := len(dictionary); {
	case n == 1:
		return binary.LittleEndian.AppendUint64(append(b, sameWord), words[0])
	case n == 0:
	case n <= 256 && 8*n+len(words) < 8*len(words):
		width, encoding = 1, shortWords
	case 8*n+2*len(words) < 8*len(words):
		width, encoding = 2, longWords
	}
	b = append(b, encoding)
	if width < 8 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(dictionary)-1))
		for _, word := range dictionary {
			b = binary.LittleEndian.AppendUint64(b, word)
		}
	}
	for _, row := range order {
		switch width {
		case 1:
			b = append(b, byte(codes[words[row]]))
		case 2:
			b = binary.LittleEndian.AppendUint16(b, uint16(codes[words[row]]))
		default:
			b = binary.LittleEndian.AppendUint64(b, words[row])
		}
	}
	return b
}

// dictionaryOf returns the different words and the place of each. If there are too many, it returns none.
func dictionaryOf(words []uint64) (codes map[uint64]int, dictionary []uint64) {
	most := min(math.MaxUint16, max(1, len(words)*3/4))
	codes = map[uint64]int{}
	for _, word := range words {
		if _, ok := codes[word]; ok {
			continue
		}
		if len(dictionary) == most {
			return nil, nil
		}
		codes[word] = len(dictionary)
		dictionary = append(dictionary, word)
	}
	return codes, dictionary
}

// parseChunk reads what appendChunk wrote. The bytes may be hostile. If the words are not all the same, room returns
// the place for them.
func parseChunk(data []byte, rows int, room func() []uint64) (*chunk, error) {
	p := parser{data: data}
	c := &chunk{}
	if k := p.byte(); k != manyKinds {
		c.all = Kind(k)
	} else {
		kinds := p.take(rows)
		if p.bad {
			return nil, errBlock
		}
		c.kinds = make([]Kind, rows)
		for i, k := range kinds {
			c.kinds[i] = Kind(k)
			if c.kinds[i] >= numberOfKinds {
				return nil, errBlock
			}
		}
	}
	if c.all >= numberOfKinds || !p.words(c, rows, room) {
		return nil, errBlock
	}
	n := int(p.uint32())
	lengths := p.take(2 * n)
	if p.bad || n > len(data) {
		return nil, errBlock
	}
	c.texts = make([]string, n)
	rest := string(data[p.at:])
	for i := range c.texts {
		length := int(binary.LittleEndian.Uint16(lengths[2*i:]))
		if length > len(rest) {
			return nil, errBlock
		}
		c.texts[i], rest = rest[:length], rest[length:]
	}
	return c, c.check(rows)
}

// words reads the words of a chunk. It returns false if they are damaged.
func (p *parser) words(c *chunk, rows int, room func() []uint64) bool {
	encoding := p.byte()
	if encoding == sameWord {
		c.same = p.uint64()
		return !p.bad
	}
	if encoding == plainWords {
		plain := p.take(8 * rows)
		if p.bad {
			return false
		}
		c.words = room()
		for i := range c.words {
			c.words[i] = binary.LittleEndian.Uint64(plain[8*i:])
		}
		return true
	}
	dictionary := make([]uint64, int(p.uint16())+1)
	words := p.take(8 * len(dictionary))
	if p.bad {
		return false
	}
	for i := range dictionary {
		dictionary[i] = binary.LittleEndian.Uint64(words[8*i:])
	}
	width := 1
	if encoding == longWords {
		width = 2
	}
	codes := p.take(width * rows)
	if p.bad || encoding > longWords {
		return false
	}
	c.words = room()
	for i := range c.words {
		code := 0
		if width == 1 {
			code = int(codes[i])
		} else {
			code = int(binary.LittleEndian.Uint16(codes[2*i:]))
		}
		if code >= len(dictionary) {
			return false
		}
		c.words[i] = dictionary[code]
	}
	return true
}

// check returns an error if a text is not in the dictionary.
func (c *chunk) check(rows int) error {
	if c.kinds == nil && c.all != Text && c.all != List {
		return nil
	}
	if c.kinds == nil && c.words == nil {
		rows = min(rows, 1)
	}
	for row := range rows {
		if k := c.kind(row); (k == Text || k == List) && c.word(row) >= uint64(len(c.texts)) {
			return errBlock
		}
	}
	return nil
}
