package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	magic      = "PAR1"
	tailBytes  = 8 // the length of the footer, and the magic
	maxFooter  = 16 << 20
	maxChunks  = 100_000 // row groups × columns
	maxColumns = 10_000
	maxLevels  = 64 // of nested columns
)

// Type is a physical type of Parquet.
type Type int32

// The physical types that a Reader reads.
const (
	Boolean   Type = 0
	Int64     Type = 2
	Double    Type = 5
	ByteArray Type = 6
)

func (t Type) String() string {
	names := [...]string{"BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"}
	if t < 0 || int(t) >= len(names) {
		return fmt.Sprintf("type %d", int32(t))
	}
	return names[t]
}

// Unit is the unit of a column of times.
type Unit int

// NoUnit is that of a column which is not annotated as a time.
const (
	NoUnit Unit = iota
	Millisecond
	Microsecond
	Nanosecond
)

func (u Unit) String() string {
	return [...]string{"no unit", "milliseconds", "microseconds", "nanoseconds"}[u]
}

// Column is a column of the first level.
type Column struct {
	Name     string
	Type     Type
	Optional bool // it may have nulls
	Unit     Unit
	UTC      bool // its times are adjusted to UTC
	leaf     int  // index of its chunk in a row group; -1 if it is a group or repeated
}

// Group is a row group.
type Group struct {
	Rows   int64
	chunks []chunk
}

// chunk is a column of a row group.
type chunk struct {
	codec                      int32
	kind                       Type
	values                     int64
	begin, end                 int64 // its pages
	columnIndex, offsetIndex   int64 // 0 if there is none
	columnLength, offsetLength int32
	apart                      bool  // its pages are in another file, or encrypted
	counted                    int64 // offset after the last page that was subtracted from File.text
}

// readFooter returns the footer of a file of size bytes, and where it begins.
func readFooter(r io.ReaderAt, size int64) (footer []byte, begin int64, err error) {
	if size < int64(len(magic))+tailBytes {
		return nil, 0, fmt.Errorf("%d bytes are too few for a Parquet file", size)
	}
	var tail [tailBytes]byte
	if n, err := r.ReadAt(tail[:], size-tailBytes); n < len(tail) {
		return nil, 0, noEOF(err)
	}
	length := int64(binary.LittleEndian.Uint32(tail[:4]))
	begin = size - tailBytes - length
	switch {
	case string(tail[4:]) == "PARE":
		return nil, 0, errors.New("it is encrypted")
	case string(tail[4:]) != magic || begin < int64(len(magic)):
		return nil, 0, errors.New("it has no Parquet footer")
	case length > maxFooter:
		return nil, 0, fmt.Errorf("its footer has %d bytes, and at most %d are read", length, maxFooter)
	}
	footer = make([]byte, length)
	if n, err := r.ReadAt(footer, begin); n < len(footer) {
		return nil, 0, noEOF(err)
	}
	return footer, begin, nil
}

// noEOF turns io.EOF into io.ErrUnexpectedEOF: a file must not end in the middle of a value.
func noEOF(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseFooter reads the metadata of a file. If shape is true, it passes over the row groups.
func (f *File) parseFooter(footer []byte, shape bool) error {
	t := &thrift{b: footer}
	rows, leaves := int64(-1), 0
	t.structure(func(at field) bool {
		switch {
		case at == field{2, kindList}:
			leaves = f.parseSchema(t)
		case at == field{3, kindI64}:
			rows = t.i64()
		case at == field{4, kindList} && !shape:
			f.parseGroups(t, leaves)
		case at.id == 8:
			t.fail(errors.New("it is encrypted"))
		default:
			return false
		}
		return true
	})
	switch {
	case t.err != nil:
		return fmt.Errorf("its footer cannot be read: %w", t.err)
	case leaves == 0 && f.Columns == nil:
		return errors.New("its footer has no schema")
	case rows < 0:
		return errors.New("its footer has no number of rows")
	}
	f.Rows = rows
	return nil
}

// parseSchema reads the elements of the schema, which are a tree in depth-first order. It returns the number of leaves.
func (f *File) parseSchema(t *thrift) (leaves int) {
	n, kind := t.list()
	if kind != kindStruct || n == 0 {
		t.fail(errors.New("its footer has no schema"))
		return 0
	}
	if n > maxColumns {
		t.fail(fmt.Errorf("it has %d columns, and at most %d are read", n-1, maxColumns))
		return 0
	}
	var open []int32 // children left of the elements around this one
	f.Columns = []Column{}
	for i := range n {
		e := parseElement(t)
		if t.err != nil {
			return 0
		}
		if len(open) > maxLevels || e.children < 0 || int(e.children) > n || (i > 0) == (len(open) == 0) {
			t.fail(errors.New("its schema is not a tree"))
			return 0
		}
		top := len(open) == 1
		for len(open) > 0 && e.children == 0 {
			if open[len(open)-1]--; open[len(open)-1] > 0 {
				break
			}
			open = open[:len(open)-1]
		}
		if e.children > 0 {
			open = append(open, e.children)
		}
		column := e.Column
		if column.leaf = -1; e.children == 0 && i > 0 {
			if !e.repeated {
				column.leaf = leaves
			}
			leaves++
		}
		if top {
			f.Columns = append(f.Columns, column)
		}
	}
	if len(open) > 0 {
		t.fail(errors.New("its schema is not a tree"))
	}
	return leaves
}

// element is an element of the schema.
type element struct {
	Column
	children int32
	repeated bool
}

func parseElement(t *thrift) (e element) {
	e.Type = -1
	t.structure(func(at field) bool {
		switch at {
		case field{1, kindI32}:
			e.Type = Type(t.i32())
		case field{3, kindI32}:
			repetition := t.i32()
			e.Optional, e.repeated = repetition == 1, repetition == 2
		case field{4, kindBinary}:
			e.Name = string(t.binary())
		case field{5, kindI32}:
			e.children = t.i32()
		case field{6, kindI32}: // the older way to annotate a column
			switch t.i32() {
			case 9:
				e.Unit, e.UTC = Millisecond, true
			case 10:
				e.Unit, e.UTC = Microsecond, true
			}
		case field{10, kindStruct}:
			e.parseLogical(t)
		default:
			return false
		}
		return true
	})
	return e
}

// parseLogical reads a logical type: a union, of which field 8 is a timestamp with its unit.
func (e *element) parseLogical(t *thrift) {
	t.structure(func(of field) bool {
		if of != (field{8, kindStruct}) {
			return false
		}
		t.structure(func(at field) bool {
			switch {
			case at.id == 1 && (at.kind == kindTrue || at.kind == kindFalse):
				e.UTC = at.kind == kindTrue
			case at == field{2, kindStruct}:
				t.structure(func(unit field) bool {
					if unit.id >= 1 && unit.id <= 3 {
						e.Unit = Unit(unit.id)
					}
					return false
				})
			default:
				return false
			}
			return true
		})
		return true
	})
}

func (f *File) parseGroups(t *thrift, leaves int) {
	n, kind := t.list()
	if n > 0 && kind != kindStruct {
		t.fail(errKind)
	}
	chunks := 0
	for range n {
		if t.err != nil {
			return
		}
		g := Group{Rows: -1}
		t.structure(func(at field) bool {
			switch at {
			case field{1, kindList}:
				g.parseChunks(t, leaves)
			case field{3, kindI64}:
				g.Rows = t.i64()
			default:
				return false
			}
			return true
		})
		if t.err == nil && (g.Rows < 0 || len(g.chunks) != leaves) {
			t.fail(errors.New("a row group has other columns than the schema"))
		}
		if chunks += len(g.chunks); chunks > maxChunks {
			t.fail(fmt.Errorf("its row groups have more than %d columns in all", maxChunks))
		}
		f.Groups = append(f.Groups, g)
	}
}

func (g *Group) parseChunks(t *thrift, leaves int) {
	n, kind := t.list()
	if kind != kindStruct || n != leaves {
		t.fail(errors.New("a row group has other columns than the schema"))
		return
	}
	g.chunks = make([]chunk, n)
	for i := range g.chunks {
		g.chunks[i].parse(t)
	}
}

func (c *chunk) parse(t *thrift) {
	t.structure(func(at field) bool {
		switch at {
		case field{1, kindBinary}:
			c.apart = c.apart || len(t.binary()) > 0
		case field{3, kindStruct}:
			c.parseMetadata(t)
		case field{4, kindI64}:
			c.offsetIndex = t.i64()
		case field{5, kindI32}:
			c.offsetLength = t.i32()
		case field{6, kindI64}:
			c.columnIndex = t.i64()
		case field{7, kindI32}:
			c.columnLength = t.i32()
		default:
			c.apart = c.apart || at.id == 8 || at.id == 9
			return false
		}
		return true
	})
}

func (c *chunk) parseMetadata(t *thrift) {
	var bytes, data, dictionary int64
	c.kind, c.codec, c.values = -1, -1, -1
	t.structure(func(at field) bool {
		switch at {
		case field{1, kindI32}:
			c.kind = Type(t.i32())
		case field{4, kindI32}:
			c.codec = t.i32()
		case field{5, kindI64}:
			c.values = t.i64()
		case field{7, kindI64}:
			bytes = t.i64()
		case field{9, kindI64}:
			data = t.i64()
		case field{11, kindI64}:
			dictionary = t.i64()
		default:
			return false
		}
		return true
	})
	c.begin = data
	if dictionary > 0 && dictionary < data {
		c.begin = dictionary
	}
	if c.end = c.begin + bytes; c.end < c.begin {
		c.end = c.begin - 1 // refused later
	}
}
