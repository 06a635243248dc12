package format

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// ParquetShape returns the number of rows and the names of the columns of any Parquet file of size bytes.
func ParquetShape(r io.ReaderAt, size int64) (rows int64, columns []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the file is damaged: %v", p)
		}
	}()
	if err := checkFooter(r, size); err != nil {
		return 0, nil, err
	}
	f, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return 0, nil, err
	}
	for _, field := range f.Root().Columns() {
		columns = append(columns, field.Name())
	}
	return f.NumRows(), columns, nil
}
