package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// bigTables returns files of points that are small and claim to be, or are, large once they are read.
func bigTables(at place) map[string][]byte {
	files := map[string][]byte{
		// The list of row groups has 2^31 entries, and there are no further bytes.
		"nothing but a count": []byte("PAR1\x15\x02\x19\xfc\xff\xff\xff\xff\x07\x09\x00\x00\x00PAR1"),
		"empty":               {},
		"only magic":          []byte("PAR1PAR1"),
		"a footer of 4 GB":    []byte("PAR1\xff\xff\xff\xffPAR1"),
		"encrypted":           []byte("PARE\x15\x02\x19\x00\x04\x00\x00\x00PARE"),
		"empty structs":       emptyStructs(2 << 20),
		"columns":             at.bytes(manyColumns(30_000)),
	}
	for _, n := range []int64{1 << 20, 20_000_000, 2_000_000_000} {
		files[fmt.Sprintf("%d equal points", n)] = at.bytes(equalPoints(n))
	}
	t := equalPoints(1 << 20)
	t.groups = 500 // that all have the same pages
	files["row groups that share their pages"] = at.bytes(t)

	t = points(1)
	t.columns[0].data, t.columns[0].packed = plainText(nil, strings.Repeat("x", 60_000_000)), true
	files["a key of 60 MB"] = at.bytes(t.packed())
	t = points(1)
	t.columns[3].data, t.columns[3].packed = make([]byte, 200<<20), true
	files["a page of 200 MB"] = at.bytes(t)
	for i, name := range []string{"key", "step", "time", "value"} {
		t = points(3)
		t.columns[i].data, t.columns[i].packed = make([]byte, 31<<20), true
		files["a page of 31 MB for 3 values of "+name] = at.bytes(t)
	}
	files["a page of 30 MB in each column"] = at.bytes(largePages(30 << 20))
	t = points(3)
	t.columns[1].encoding, t.columns[1].data = 5, append(deltaHead(1<<40, 0), make([]byte, 40)...)
	files["deltas of 2^40 numbers"] = at.bytes(t)
	t = points(3)
	t.columns[0].encoding, t.columns[0].data = 7, append(deltas(3, 0, 1<<40), deltas(3, 1<<40, 1)...)
	files["texts that share 2^40 bytes"] = at.bytes(t)
	t = points(3)
	t.columns[0].encoding, t.columns[0].data = 6, deltas(3, 1<<40, 1)
	files["texts of 2^40 bytes"] = at.bytes(t)
	t = points(3)
	t.columns[1].encoding, t.columns[1].data = 8, []byte{200, 255, 255, 255, 255, 255, 255}
	t.columns[1].dictionary, t.columns[1].entries = make([]byte, 8), 1
	files["indexes of 200 bits"] = at.bytes(t)
	t = points(3)
	t.columns[1].encoding, t.columns[1].data = 8, append([]byte{32}, 6, 255, 255, 255, 127)
	t.columns[1].dictionary, t.columns[1].entries = make([]byte, 8), 1
	files["indexes after the dictionary"] = at.bytes(t)
	files["keys that alternate"] = at.bytes(alternating(200_000))
	files["a million keys"] = at.bytes(manyKeys(300_000))
	return files
}

// emptyStructs is a footer whose list of row groups has n empty structs.
func emptyStructs(n int) []byte {
	footer := structure(field{1, typeI32, number(1)}, field{2, typeList, items(typeStruct, structure())},
		field{3, typeI64, number(0)}, field{4, typeList, append(list(typeStruct, uint64(n)), make([]byte, n)...)})
	b := append([]byte("PAR1"), footer...)
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(footer))), "PAR1"...)
}

// manyColumns is a file with the columns of points and n others.
func manyColumns(n int) *table {
	t := points(1)
	for i := range n {
		t.columns = append(t.columns, column{name: fmt.Sprintf("c%d", i), kind: 2, data: make([]byte, 8)})
	}
	return t
}

// equalPoints has n equal points in a few bytes.
func equalPoints(n int64) *table {
	eight := binary.LittleEndian.AppendUint64(nil, 1764000000_000000)
	t := &table{rows: n}
	for _, c := range []column{
		{name: "key", kind: 6}, {name: "step", kind: 2}, {name: "time", kind: 2}, {name: "value", kind: 5},
	} {
		c.encoding, c.data, c.dictionary, c.entries = 8, repeated(uint64(n)), eight, 1
		if c.kind == 6 {
			c.dictionary = plainText(nil, "loss")
		}
		t.columns = append(t.columns, c)
	}
	return t
}

// largePages has pages of size bytes that are honest: PLAIN, with 8 bytes for each number.
func largePages(size int) *table {
	n := size / 8
	t := equalPoints(int64(n))
	for i := 1; i < 4; i++ {
		c := &t.columns[i]
		c.encoding, c.dictionary, c.packed = 0, nil, true
		c.data = bytes.Repeat(binary.LittleEndian.AppendUint64(nil, 1), n)
	}
	return t
}

// alternating has n points of two keys in turn.
func alternating(n int) *table {
	t := points(n)
	var keys []byte
	for i := range n {
		keys = plainText(keys, string(rune('a'+i%2)))
	}
	t.columns[0].data = keys
	return t.packed()
}

// manyKeys has n points, each with a key of its own.
func manyKeys(n int) *table {
	t := points(n)
	var keys []byte
	for i := range n {
		keys = plainText(keys, fmt.Sprintf("%0250d", i))
	}
	t.columns[0].data = keys[:len(keys)-len(keys)%254]
	if len(keys) > 30<<20 {
		n = (30 << 20) / 254
		t = points(n)
		t.columns[0].data = keys[:254*n]
	}
	return t.packed()
}

// packed compresses all pages, and makes no index, because that of points would be wrong.
func (t *table) packed() *table {
	for i := range t.columns {
		t.columns[i].packed = true
	}
	t.edit = func(name string, encoded []byte) []byte {
		if strings.HasSuffix(name, "index offset") || strings.HasSuffix(name, "offsets offset") {
			return number(0)
		}
		return encoded
	}
	return t
}

// values returns files of values that grow when they are read.
func values(at place) []Input {
	var inputs []Input
	add := func(name string, n int, value string) {
		t := points(n)
		t.columns[3] = column{
			name: "value", kind: 6, encoding: 8, data: repeated(uint64(n)), dictionary: plainText(nil, value), entries: 1,
			packed: true,
		}
		t.columns[0].data = bytes.Repeat(plainText(nil, "k"), n)
		inputs = append(inputs, Input{
			Name: "values: " + name, File: "values.parquet", Data: at.bytes(t.packed()), Rows: int64(n),
		})
	}
	add("1,000 texts of 1 MB", 1000, `"`+strings.Repeat("x", 1<<20-2)+`"`)
	add("deep JSON", 1, strings.Repeat("[", 500_000)+strings.Repeat("]", 500_000))
	add("wide JSON", 100, "["+strings.Repeat("1,", 500_000)+"1]")
	add("4,000,000 numbers", 4_000_000/8, "1")
	add("escapes", 1, `"`+strings.Repeat(`\u001b[2J`, 100_000)+`"`)
	add("torn", 3, `{"a":`)
	return inputs
}

// texts returns files of artifacts and manifests that grow when they are read.
func texts() []Input {
	var inputs []Input
	rows := func(file, name string, n int, path string, more ...column) {
		t := &table{rows: int64(n), columns: append([]column{
			{name: "path", kind: 6, encoding: 8, data: repeated(uint64(n)), dictionary: plainText(nil, path), entries: 1},
			{name: "sha256", kind: 6, encoding: 8, data: repeated(uint64(n)), dictionary: plainText(nil, zeros), entries: 1},
			{name: "bytes", kind: 2, encoding: 5, data: deltas(uint64(n), 1, 0)},
		}, more...)}
		inputs = append(inputs, Input{Name: file + ": " + name, File: file, Data: t.packed().bytes(), Rows: int64(n)})
	}
	for _, file := range []string{"artifacts.parquet", "manifest"} {
		rows(file, "200,000 equal rows", 200_000, strings.Repeat("p/", 2000)+"x")
		rows(file, "a million equal rows", 1_000_000, "x")
		rows(file, "a path of 30 MB", 1, strings.Repeat("x", 30<<20))
		rows(file, "a path that leaves the run", 1, "../../x")
		rows(file, "control characters", 100, "a\x1b]0;title\x07b")
		inputs = append(inputs, Input{
			Name: file + ": a page that shares its text", File: file, Data: sharedTexts(), Rows: 100_000,
		})
	}
	return inputs
}

// sharedTexts has 100,000 paths of 4 kB that differ in nothing, in DELTA_BYTE_ARRAY.
func sharedTexts() []byte {
	const n, size = 100_000, 4000
	shared, suffix := deltaHead(n, 0), deltaHead(n, size)
	for at := 1; at < n; at += 128 {
		first := int64(0)
		if at == 1 { // the second text shares all of the first
			first = size
		}
		block := append(number(0), 0, 0, 0, 0)
		if at == 1 { // the first difference is size and the others 0: 13 bits, of which only one value is set
			block = append(append(number(0), 16, 0, 0, 0), binary.LittleEndian.AppendUint16(nil, uint16(first))...)
			block = append(block, make([]byte, 62)...)
		}
		shared = append(shared, block...)
		if at == 1 {
			block = append(append(number(-size), 16, 16, 16, 16), make([]byte, 2)...)
			for range 127 {
				block = binary.LittleEndian.AppendUint16(block, size)
			}
		} else {
			block = append(number(0), 0, 0, 0, 0)
		}
		suffix = append(suffix, block...)
	}
	t := &table{rows: n, columns: []column{
		{name: "path", kind: 6, encoding: 7, data: append(append(shared, suffix...), strings.Repeat("x", size)...)},
		{
			name: "sha256", kind: 6, encoding: 8, data: repeated(n), dictionary: plainText(nil, strings.Repeat("0", 64)),
			entries: 1,
		},
		{name: "bytes", kind: 2, encoding: 5, data: deltas(n, 1, 0)},
	}}
	return t.packed().bytes()
}

// notFinite is a file of points that are NaN and infinite, at steps at the ends of the range.
func notFinite(at place) []byte {
	t := points(4)
	t.columns[3].data = nil
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64} {
		t.columns[3].data = binary.LittleEndian.AppendUint64(t.columns[3].data, math.Float64bits(v))
	}
	t.columns[1].data = nil
	for _, v := range []int64{math.MinInt64, -1, 0, math.MaxInt64} {
		t.columns[1].data = binary.LittleEndian.AppendUint64(t.columns[1].data, uint64(v))
	}
	return at.bytes(t)
}
