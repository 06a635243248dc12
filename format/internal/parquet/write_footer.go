package parquet

// Values of enumerations of Parquet's format, as parquet.thrift defines them.
const (
	required   = 0
	optional   = 1
	utf8       = 0 // converted types
	timeMicros = 10
	unordered  = 0 // orders of the bounds of pages
	ascending  = 1
)

// footer returns the metadata of the file.
func (w *Writer) footer() []byte {
	t := &thriftWriter{}
	t.i32(1, 2) // version of the format, with the encodings of numbers
	t.list(2, kindStruct, len(w.fields)+1)
	t.item()
	t.string(4, "runs")
	t.i32(5, int32(len(w.fields)))
	t.end()
	for _, f := range w.fields {
		f.element(t)
	}
	t.i64(3, w.rows)
	t.list(4, kindStruct, len(w.groups))
	bound := false
	for i := range w.groups {
		w.group(t, &w.groups[i])
		for _, c := range w.groups[i].chunks {
			bound = bound || c.bounds != nil
		}
	}
	t.string(6, w.createdBy)
	if bound { // readers trust bounds only if they know how they are ordered
		t.list(7, kindStruct, len(w.fields))
		for range w.fields {
			t.item()
			t.begin(1)
			t.end()
			t.end()
		}
	}
	return append(t.b, 0)
}

// element writes the element of the schema of a column.
func (f Field) element(t *thriftWriter) {
	t.item()
	t.i32(1, int32(f.Type))
	repetition := int32(required)
	if f.Optional {
		repetition = optional
	}
	t.i32(3, repetition)
	t.string(4, f.Name)
	switch {
	case f.Type == ByteArray:
		t.i32(6, utf8)
		t.begin(10)
		t.begin(1) // a string
		t.end()
		t.end()
	case f.Time:
		t.i32(6, timeMicros)
		t.begin(10)
		t.begin(8) // a timestamp
		t.bool(1, true)
		t.begin(2)
		t.begin(2) // microseconds
		t.end()
		t.end()
		t.end()
		t.end()
	}
	t.end()
}

func (w *Writer) group(t *thriftWriter, g *writtenGroup) {
	t.item()
	t.list(1, kindStruct, len(g.chunks))
	raw := int64(0)
	for i := range g.chunks {
		g.chunks[i].metadata(t, w.fields[i])
		raw += g.chunks[i].raw
	}
	t.i64(2, raw)
	t.i64(3, int64(g.rows))
	sorted := 0
	for _, f := range w.fields {
		if f.Sorted {
			sorted++
		}
	}
	if sorted > 0 && g.rows >= IndexedRows {
		t.list(4, kindStruct, sorted)
		for i, f := range w.fields {
			if f.Sorted {
				t.item()
				t.i32(1, int32(i))
				t.bool(2, false) // descending
				t.bool(3, false) // nulls first
				t.end()
			}
		}
	}
	t.end()
}

// metadata writes the metadata of a column of a row group.
func (c *writtenChunk) metadata(t *thriftWriter, f Field) {
	t.item()
	first := c.data
	if c.dictionary > 0 {
		first = c.dictionary
	}
	t.i64(2, first)
	t.begin(3)
	t.i32(1, int32(f.Type))
	t.list(2, kindI32, len(c.encodings))
	for _, e := range c.encodings {
		t.b = append(t.b, byte(e)<<1) // a small number in zigzag
	}
	t.list(3, kindBinary, 1)
	t.bytes([]byte(f.Name))
	t.i32(4, c.codec)
	t.i64(5, int64(c.values))
	t.i64(6, c.raw)
	t.i64(7, c.packed)
	t.i64(9, c.data)
	if c.dictionary > 0 {
		t.i64(11, c.dictionary)
	}
	if c.bounds != nil {
		t.begin(12)
		t.i64(3, 0) // nulls
		least, most := c.bounds[0].Least, c.bounds[0].Most
		for _, b := range c.bounds[1:] {
			if f.less(b.Least, least) {
				least = b.Least
			}
			if f.less(most, b.Most) {
				most = b.Most
			}
		}
		t.binary(5, most)
		t.binary(6, least)
		t.end()
	}
	t.end()
	if c.offsets.length > 0 {
		t.i64(4, c.offsets.offset)
		t.i32(5, int32(c.offsets.length))
	}
	if c.index.length > 0 {
		t.i64(6, c.index.offset)
		t.i32(7, int32(c.index.length))
	}
	t.end()
}

// columnIndex returns the bounds of the pages of a column.
func (c *writtenChunk) columnIndex(f Field) []byte {
	t := &thriftWriter{}
	t.list(1, kindTrue, len(c.bounds)) // pages with nulls only
	for range c.bounds {
		t.b = append(t.b, kindFalse)
	}
	t.list(2, kindBinary, len(c.bounds))
	for _, b := range c.bounds {
		t.bytes(b.Least)
	}
	t.list(3, kindBinary, len(c.bounds))
	for _, b := range c.bounds {
		t.bytes(b.Most)
	}
	order := int32(ascending)
	for i := 1; i < len(c.bounds); i++ {
		if f.less(c.bounds[i].Least, c.bounds[i-1].Least) || f.less(c.bounds[i].Most, c.bounds[i-1].Most) {
			order = unordered
		}
	}
	t.i32(4, order)
	return append(t.b, 0)
}

// offsetIndex returns where the pages are.
func (c *writtenChunk) offsetIndex() []byte {
	t := &thriftWriter{}
	t.list(1, kindStruct, len(c.pages))
	for _, p := range c.pages {
		t.item()
		t.i64(1, p.offset)
		t.i32(2, int32(p.bytes))
		t.i64(3, int64(p.row))
		t.end()
	}
	return append(t.b, 0)
}
