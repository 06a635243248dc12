package hostile

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// column is a column of a Parquet file and its only page.
type column struct {
	name     string
	kind     int64 // 2 INT64, 5 DOUBLE, 6 BYTE_ARRAY
	encoding int64
	data     []byte // of the page, as the encoding has it
	packed   bool   // compressed with zstd
	least    string // and the largest value that the column index names; empty stands for loss
	// dictionary holds the values of a dictionary with PLAIN encoding, if the encoding is 8.
	dictionary []byte
	entries    int64
}

// table is a Parquet file with one row group.
type table struct {
	rows    int64
	columns []column
	// edit changes an encoded value of the file. The name says which: see its calls.
	edit func(name string, encoded []byte) []byte
	// groups is how often the row group is listed; all have the same pages.
	groups int
	// meta is the bytes of further fields of the footer, after the ones it needs.
	meta []field
}

func (t *table) put(name string, encoded []byte) []byte {
	if t.edit == nil {
		return encoded
	}
	return t.edit(name, encoded)
}

// points returns a table of n points of one metric.
func points(n int) *table {
	var keys, steps, times, values []byte
	for i := range n {
		keys = plainText(keys, "loss")
		steps = binary.LittleEndian.AppendUint64(steps, uint64(i))
		times = binary.LittleEndian.AppendUint64(times, uint64(1764000000_000000+i))
		values = binary.LittleEndian.AppendUint64(values, math.Float64bits(0.5))
	}
	return &table{rows: int64(n), columns: []column{
		{name: "key", kind: 6, data: keys},
		{name: "step", kind: 2, data: steps},
		{name: "time", kind: 2, data: times},
		{name: "value", kind: 5, data: values},
	}}
}

func plainText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// repeated returns a page of n equal values of a dictionary with one entry.
func repeated(n uint64) []byte { return append(binary.AppendUvarint([]byte{1}, n<<1), 0) }

// deltas returns a page of n numbers in DELTA_BINARY_PACKED whose difference is always step.
func deltas(n uint64, first, step int64) []byte {
	b := deltaHead(n, first)
	for at := uint64(1); at < n; at += 128 {
		b = append(append(b, number(step)...), 0, 0, 0, 0)
	}
	return b
}

// deltaHead is the head of n deltas: blocks of 128 in 4 parts.
func deltaHead(n uint64, first int64) []byte {
	b := binary.AppendUvarint([]byte{128, 1, 4}, n)
	return append(b, number(first)...)
}

var encoder = func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	return e
}

// page returns a page with its header.
func (t *table) page(name string, c column, kind int64, data []byte, values, encoding int64) []byte {
	raw := len(data)
	if c.packed {
		data = encoder().EncodeAll(data, nil)
	}
	header := structure(
		field{1, typeI32, t.put(name+" values", number(values))},
		field{2, typeI32, t.put(name+" encoding", number(encoding))},
		field{3, typeI32, number(3)}, field{4, typeI32, number(3)},
	)
	id := 5
	if kind == 2 {
		id = 7
	}
	head := structure(
		field{1, typeI32, t.put(name+" type", number(kind))},
		field{2, typeI32, t.put(name+" size", number(int64(raw)))},
		field{3, typeI32, t.put(name+" compressed", number(int64(len(data))))},
		field{id, typeStruct, header},
	)
	return append(t.put(name+" header", head), t.put(name+" data", data)...)
}

// chunk is where the parts of a column are.
type chunk struct {
	begin, data, end            int64
	index, offsets              int64
	indexLength, offsetsLengths int64
}

// bytes returns the file.
func (t *table) bytes() []byte {
	b := []byte("PAR1")
	chunks := make([]chunk, len(t.columns))
	for i, c := range t.columns {
		at := &chunks[i]
		at.begin = int64(len(b))
		if c.dictionary != nil {
			b = append(b, t.page(c.name+" dictionary", c, 2, c.dictionary, c.entries, 0)...)
		}
		at.data = int64(len(b))
		b = append(b, t.page(c.name+" page", c, 0, c.data, t.rows, c.encoding)...)
		at.end = int64(len(b))
	}
	for i, c := range t.columns {
		at := &chunks[i]
		least := text(cmp.Or(c.least, "loss"))
		index := t.put(c.name+" column index", structure(
			field{1, typeList, t.put(c.name+" null pages", list(typeTrue, 1, []byte{2}))},
			field{2, typeList, t.put(c.name+" least", items(typeBinary, least))},
			field{3, typeList, t.put(c.name+" most", items(typeBinary, least))},
			field{4, typeI32, number(1)},
		))
		at.index, at.indexLength = int64(len(b)), int64(len(index))
		b = append(b, index...)
		place := structure(
			field{1, typeI64, t.put(c.name+" place offset", number(at.data))},
			field{2, typeI32, t.put(c.name+" place size", number(at.end-at.data))},
			field{3, typeI64, t.put(c.name+" place row", number(0))},
		)
		offsets := t.put(c.name+" offset index", structure(
			field{1, typeList, t.put(c.name+" places", items(typeStruct, place))},
		))
		at.offsets, at.offsetsLengths = int64(len(b)), int64(len(offsets))
		b = append(b, offsets...)
	}
	footer := t.put("footer", t.footer(chunks))
	b = append(b, footer...)
	b = append(b, t.put("footer length", binary.LittleEndian.AppendUint32(nil, uint32(len(footer))))...)
	return append(b, t.put("magic", []byte("PAR1"))...)
}

func (t *table) footer(chunks []chunk) []byte {
	root := structure(
		field{4, typeBinary, text("schema")},
		field{5, typeI32, t.put("children", number(int64(len(t.columns))))},
	)
	schema := [][]byte{root}
	for _, c := range t.columns {
		e := structure(
			field{1, typeI32, t.put(c.name+" element type", number(c.kind))},
			field{3, typeI32, t.put(c.name+" repetition", number(0))},
			field{4, typeBinary, t.put(c.name+" name", text(c.name))},
		)
		schema = append(schema, t.put(c.name+" element", e))
	}
	var columns [][]byte
	for i, c := range t.columns {
		columns = append(columns, t.put(c.name+" chunk", t.column(c, chunks[i])))
	}
	group := t.put("group", structure(
		field{1, typeList, t.put("chunks", items(typeStruct, columns...))},
		field{2, typeI64, number(100)},
		field{3, typeI64, t.put("group rows", number(t.rows))},
	))
	groups := make([][]byte, max(t.groups, 1))
	for i := range groups {
		groups[i] = group
	}
	return structure(append([]field{
		{1, typeI32, t.put("version", number(1))},
		{2, typeList, t.put("schema", items(typeStruct, schema...))},
		{3, typeI64, t.put("rows", number(t.rows*int64(len(groups))))},
		{4, typeList, t.put("groups", items(typeStruct, groups...))},
	}, t.meta...)...)
}

func (t *table) column(c column, at chunk) []byte {
	codec := int64(0)
	if c.packed {
		codec = 6
	}
	var dictionary []byte
	if c.dictionary != nil {
		dictionary = t.put(c.name+" dictionary offset", number(at.begin))
	}
	meta := structure(
		field{1, typeI32, t.put(c.name+" type", number(c.kind))},
		field{2, typeList, t.put(c.name+" encodings", items(typeI32, number(c.encoding)))},
		field{3, typeList, t.put(c.name+" path", items(typeBinary, text(c.name)))},
		field{4, typeI32, t.put(c.name+" codec", number(codec))},
		field{5, typeI64, t.put(c.name+" values", number(t.rows))},
		field{6, typeI64, t.put(c.name+" uncompressed", number(at.end-at.begin))},
		field{7, typeI64, t.put(c.name+" compressed", number(at.end-at.begin))},
		field{9, typeI64, t.put(c.name+" data offset", number(at.data))},
		field{11, typeI64, dictionary},
	)
	return structure(
		field{2, typeI64, number(0)},
		field{3, typeStruct, t.put(c.name+" metadata", meta)},
		field{4, typeI64, t.put(c.name+" offsets offset", number(at.offsets))},
		field{5, typeI32, t.put(c.name+" offsets length", number(at.offsetsLengths))},
		field{6, typeI64, t.put(c.name+" index offset", number(at.index))},
		field{7, typeI32, t.put(c.name+" index length", number(at.indexLength))},
	)
}

// falseNumbers are what a number is replaced with.
var falseNumbers = []int64{-1, 1 << 31, 1 << 62, math.MinInt64}

// counts are the encoded values of a file that are numbers, and lists the ones that are lists.
var (
	counts = strings.Split("children|key element type|key repetition|group rows|rows|key type|key codec|key values|"+
		"key uncompressed|key compressed|key data offset|value dictionary offset|key offsets offset|key offsets length|"+
		"key index offset|key index length|key page type|key page size|key page compressed|key page values|"+
		"key page encoding|step page size|step page compressed|step page values|step page encoding|"+
		"value dictionary values|value dictionary size|value dictionary compressed|key place offset|key place row|"+
		"value place offset|value place row", "|")
	lists = strings.Split("schema|groups|chunks|key encodings|key path|key null pages|key least|key most|key places|"+
		"value places", "|")
)

// falseTables returns files in which one number or one list lies.
func falseTables(at place) map[string][]byte {
	files := map[string][]byte{}
	make1 := func(name, target string, encoded []byte) {
		t := points(3)
		value := &t.columns[3]
		value.dictionary, value.entries = binary.LittleEndian.AppendUint64(nil, 7), 1
		value.encoding, value.data = 8, repeated(3)
		used := false
		t.edit = func(name string, as []byte) []byte {
			if name != target {
				return as
			}
			used = true
			return encoded
		}
		files[name] = at.bytes(t)
		if !used {
			panic("hostile: no value is named " + target)
		}
	}
	for _, target := range counts {
		for _, v := range falseNumbers {
			make1(fmt.Sprintf("%s %d", target, v), target, number(v))
		}
	}
	for _, target := range lists {
		for _, n := range []uint64{1<<31 - 1, 1 << 20, 1<<64 - 1} {
			for _, kind := range []byte{typeStruct, typeBinary, typeList, typeTrue} {
				make1(fmt.Sprintf("%s of %d, type %d", target, n, kind), target, list(kind, n))
			}
		}
	}
	for _, target := range []string{"key name", "footer", "key element", "key chunk", "group", "key page header"} {
		make1(target+" of many bytes", target, binary.AppendUvarint(nil, 1<<31-1))
		make1(target+" torn", target, []byte{0x19})
		make1(target+" nested", target, []byte(strings.Repeat("\x1c", 100_000)))
		make1(target+" of lists", target, []byte("\x19"+strings.Repeat("\x19", 100_000)))
	}
	return files
}
