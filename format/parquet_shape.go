package format

import (
	"io"

	"github.com/gitruns/runs/format/internal/parquet"
)

// ParquetShape returns the number of rows and the names of the columns of any Parquet file of size bytes.
func ParquetShape(r io.ReaderAt, size int64) (rows int64, columns []string, err error) {
	return parquet.Shape(r, size)
}
