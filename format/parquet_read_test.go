package format

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/zstd"
	pf "github.com/parquet-go/parquet-go/format"
)

// falseCodec writes zstd that continues after the data, under the name of any codec.
type falseCodec struct {
	zstd.Codec
	as     pf.CompressionCodec
	repeat int // blocks of 128 KiB of zeros after the data
	frames int // more frames without a size, each with a block that is marked as compressed
}

func (c *falseCodec) CompressionCodec() pf.CompressionCodec { return c.as }

func (c *falseCodec) Encode(dst, src []byte) ([]byte, error) {
	if c.repeat == 0 && c.frames == 0 {
		return c.Codec.Encode(dst, src)
	}
	block := func(kind, size int, last bool) {
		h := size<<3 | kind<<1
		if last {
			h |= 1
		}
		dst = append(dst, byte(h), byte(h>>8), byte(h>>16))
	}
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3} // a window of 128 KiB
	dst = append(dst[:0], frame...)
	block(0, len(src), c.repeat == 0)
	dst = append(dst, src...)
	for i := range c.repeat {
		block(1, 128<<10, i == c.repeat-1)
		dst = append(dst, 0)
	}
	for range c.frames {
		dst = append(dst, frame...)
		block(2, 2, true)
		dst = append(dst, 0, 0)
	}
	return dst, nil
}

// writeCodec writes two points with a codec.
func writeCodec(t *testing.T, codec compress.Codec) []byte {
	t.Helper()
	type row struct {
		Key   string  `parquet:"key,dict"`
		Step  int64   `parquet:"step,delta"`
		Time  int64   `parquet:"time,timestamp(microsecond),delta"`
		Value float64 `parquet:"value,split"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b, parquet.CreatedBy(createdBy, "1", "format"), parquet.Compression(codec),
		parquet.DataPageVersion(1))
	_, err := w.Write([]row{{"loss", 1, 1764061461000000, 0.5}, {"loss", 2, 1764061461100000, 0.4}})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCodecs(t *testing.T) {
	for _, test := range []struct {
		name  string
		codec compress.Codec
		want  string // "" is read
	}{
		{"zstd", &parquet.Zstd, ""},
		{"uncompressed", &parquet.Uncompressed, ""},
		{"snappy", &parquet.Snappy, "only zstd"},
		{"gzip", &parquet.Gzip, "only zstd"},
		{"brotli", &parquet.Brotli, "only zstd"},
		{"lz4", &parquet.Lz4Raw, "only zstd"},
		{"zstd named lz4", &falseCodec{as: pf.Lz4Raw}, "only zstd"},
		{"repeated blocks", &falseCodec{as: pf.Zstd, repeat: 300}, "decompresses to another number of bytes"},
		{"many frames", &falseCodec{as: pf.Zstd, frames: 1000}, ""}, // they decompress to nothing
	} {
		t.Run(test.name, func(t *testing.T) {
			check := func(what string, err error) {
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("%s: %v, want %q", what, err, test.want)
				}
			}
			check("metrics", readAll(writeCodec(t, test.codec)))

			type file struct { // the optional column has data pages of version 2
				Path   string `parquet:"path"`
				Bytes  int64  `parquet:"bytes,delta"`
				SHA256 string `parquet:"sha256"`
				Rows   *int64 `parquet:"rows,optional"`
			}
			var b bytes.Buffer
			w := parquet.NewGenericWriter[file](&b, parquet.Compression(test.codec))
			_, err := w.Write([]file{{"a", 1, strings.Repeat("0", 64), nil}, {"b", 1, strings.Repeat("1", 64), new(int64)}})
			if err := errors.Join(err, w.Close()); err != nil {
				t.Fatal(err)
			}
			_, err = DecodeManifest(b.Bytes())
			check("manifest", err)
			_, err = DecodeArtifacts(b.Bytes())
			check("artifacts", err)
		})
	}
}
