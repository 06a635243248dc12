// Package monitor compares the data that a model meets in use with the data of the run that made it. Start reading at
// Watch. It may import everything in repo, but no command.
package monitor

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/regular"
)

// Bounds of the tables that are profiled.
const (
	maxColumns   = 1000
	maxFiles     = 10_000
	maxGroups    = 50
	maxRowBytes  = 16 << 20   // of one row of a CSV file
	maxGroupName = 100        // bytes of the name of a group
	maxSample    = 50_000     // numbers that are kept of a column
	allSamples   = 10_000_000 // of all columns and groups
	maxValues    = 10_000     // distinct texts that are kept of a column
	allValues    = 1_000_000
	leastKept    = 200 // of a column, however many there are
)

// group is the part of a table that has one value in a column, or all of it.
type group struct {
	rows    int64
	columns []*diff.ColumnProfile
	byName  map[string]*diff.ColumnProfile
}

// table is what was read of a file or folder.
type table struct {
	by      string
	order   []string // of the groups, as they came
	groups  map[string]*group
	rows    int64
	files   int
	uneven  int64           // rows with another number of cells than columns
	unread  []string        // columns of Parquet whose type is not read
	doubled map[string]bool // names of which only the first column was read
}

// isTable reports whether a file is one that is read.
func isTable(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv", ".tsv", ".parquet":
		return true
	}
	return false
}

// readTable profiles a CSV or Parquet file, or all such files of a folder as one table. by is the column that divides
// it into groups, or empty. Hidden files and folders are left out.
func readTable(ctx context.Context, path, by string, progress func(done, total int64)) (*table, error) {
	t := &table{by: by, groups: map[string]*group{}, doubled: map[string]bool{}}
	files, total, err := tableFiles(path)
	if err != nil {
		return nil, err
	}
	done := int64(0)
	for _, file := range files {
		size, err := t.read(ctx, file, func(n int64) { progress(done+n, total) })
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		done += size
	}
	t.files = len(files)
	if t.rows == 0 {
		return nil, fmt.Errorf("reading %s: it has no rows", path)
	}
	return t, nil
}

// tableFiles lists the files of a table in the order of their paths, with their total size.
func tableFiles(path string) (files []string, total int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.IsDir() {
		if !isTable(path) {
			return nil, 0, fmt.Errorf("reading %s: the file must end in .csv, .tsv or .parquet", path)
		}
		return []string{path}, info.Size(), nil
	}
	err = filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case at != path && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || !isTable(at):
			return nil
		}
		info, err := os.Stat(at) // a link counts as the file that it leads to
		if err != nil {
			return err
		}
		if len(files) == maxFiles {
			return fmt.Errorf("it has more than %d files", maxFiles)
		}
		files, total = append(files, at), total+info.Size()
		return nil
	})
	if err == nil && len(files) == 0 {
		err = errors.New("it has no file that ends in .csv, .tsv or .parquet")
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading %s: %w", path, err)
	}
	return files, total, nil
}

// read profiles one file and returns its size.
func (t *table) read(ctx context.Context, path string, progress func(n int64)) (int64, error) {
	f, err := regular.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if strings.EqualFold(filepath.Ext(path), ".parquet") {
		err = t.readParquet(ctx, f, info.Size(), progress)
	} else {
		err = t.readCSV(ctx, f, strings.EqualFold(filepath.Ext(path), ".tsv"), progress)
	}
	return info.Size(), err
}

// rowReader bounds the bytes of one row: the CSV reader would read a file with one quote as one row, into memory.
type rowReader struct {
	r         io.Reader
	left      int
	total     int64
	beginning []byte // that was read to find the separator
}

var errLongRow = fmt.Errorf("a row is longer than %d MiB; a quote may be missing", maxRowBytes>>20)

func (r *rowReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errLongRow
	}
	var n int
	var err error
	if len(r.beginning) > 0 {
		n = copy(p, r.beginning)
		r.beginning = r.beginning[n:]
	} else {
		n, err = r.r.Read(p)
	}
	r.left -= n
	r.total += int64(n)
	return n, err
}

func (t *table) readCSV(ctx context.Context, f io.Reader, tabs bool, progress func(n int64)) error {
	beginning := make([]byte, 64<<10)
	n, err := io.ReadFull(f, beginning)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	rows := &rowReader{r: f, left: maxRowBytes, beginning: beginning[:n]}
	r := csv.NewReader(rows)
	r.LazyQuotes, r.ReuseRecord, r.FieldsPerRecord = true, true, -1
	r.Comma = separator(string(beginning[:n]), tabs)
	var names []string
	by := -1
	for lines := 0; ; lines++ {
		if lines%1000 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			progress(rows.total)
		}
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		rows.left = maxRowBytes
		if names == nil {
			if len(record) > maxColumns {
				return tooManyColumns(len(record))
			}
			for _, name := range record {
				names = append(names, strings.Clone(name))
			}
			names[0] = strings.TrimPrefix(names[0], "\ufeff")
			if err := t.begin(names); err != nil {
				return err
			}
			if t.by != "" {
				by = slices.Index(names, t.by)
			}
			continue
		}
		if len(record) != len(names) {
			t.uneven++
			continue
		}
		name := ""
		if by >= 0 {
			name = record[by]
		}
		columns, err := t.row(name, names)
		if err != nil {
			return err
		}
		for i, p := range columns {
			if p != nil {
				p.AddCell(record[i])
			}
		}
	}
}

// separator returns what separates the cells of the first line. Spreadsheets of some countries write semicolons.
func separator(beginning string, tabs bool) rune {
	line, _, _ := strings.Cut(beginning, "\n")
	switch {
	case tabs:
		return '\t'
	case !strings.Contains(line, ",") && strings.Contains(line, ";"):
		return ';'
	}
	return ','
}

func tooManyColumns(n int) error {
	return fmt.Errorf("it has %d columns, and at most %d are read", n, maxColumns)
}

// begin prepares for a file with columns of these names.
func (t *table) begin(names []string) error {
	if t.by != "" && !slices.Contains(names, t.by) {
		return fmt.Errorf("it has no column %q to group by", t.by)
	}
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			t.doubled[name] = true
		}
		seen[name] = true
	}
	return nil
}

// row counts a row of a group, and returns the profiles of the columns in the order of names. The profile is nil for
// the column that makes the groups, and for another column of the same name.
func (t *table) row(name string, names []string) ([]*diff.ColumnProfile, error) {
	name = strings.ToValidUTF8(name[:min(len(name), maxGroupName)], "\uFFFD")
	g := t.groups[name]
	if g == nil {
		if len(t.groups) == maxGroups {
			return nil, fmt.Errorf("column %q has more than %d values, and each would be a group", t.by, maxGroups)
		}
		name = strings.Clone(name)
		g = &group{byName: map[string]*diff.ColumnProfile{}}
		t.groups[name] = g
		t.order = append(t.order, name)
	}
	t.rows++
	g.rows++
	if g.fits(names, t.by) {
		return g.columns[:len(names)], nil
	}
	// The order of the columns is that of the newest file; all others follow.
	groups := 1
	if t.by != "" {
		groups = maxGroups
	}
	each := maxColumns * groups
	if len(names) <= 20 {
		each = 20 * groups
	} else if len(names) <= 200 {
		each = 200 * groups
	}
	limits := diff.ColumnLimits{
		Sample: min(maxSample, max(leastKept, allSamples/each)), Values: min(maxValues, max(leastKept, allValues/each)),
	}
	columns := make([]*diff.ColumnProfile, len(names))
	taken := map[string]bool{}
	for i, name := range names {
		if name == t.by && t.by != "" || taken[name] {
			continue
		}
		taken[name] = true
		p := g.byName[name]
		if p == nil {
			if len(g.byName) == maxColumns {
				return nil, tooManyColumns(len(g.byName) + 1)
			}
			p = diff.NewColumnProfile(name, limits)
			g.byName[name] = p
		}
		columns[i] = p
	}
	g.columns = columns
	return columns, nil
}

// fits reports whether the profiles of the last row are those of names.
func (g *group) fits(names []string, by string) bool {
	if len(g.columns) != len(names) {
		return false
	}
	for i, p := range g.columns {
		if p == nil {
			if names[i] != by && !slices.Contains(names[:i], names[i]) {
				return false
			}
		} else if p.Name != names[i] {
			return false
		}
	}
	return true
}

// profiles returns the columns of a group, sorted by name.
func (g *group) profiles() []*diff.ColumnProfile {
	var list []*diff.ColumnProfile
	for _, p := range g.byName {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *diff.ColumnProfile) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (t *table) readParquet(ctx context.Context, f io.ReaderAt, size int64, progress func(n int64)) error {
	var names []string
	var from []int // the column of the file for each name
	by := -1
	err := format.EachTablePart(ctx, f, size, func(rows int, part *format.Table) error {
		if names == nil {
			for i, c := range part.Columns {
				if c.Values == nil {
					if !slices.Contains(t.unread, c.Name) {
						t.unread = append(t.unread, c.Name)
					}
					continue
				}
				if c.Name == t.by {
					by = len(names)
				}
				names, from = append(names, c.Name), append(from, i)
			}
			if err := t.begin(names); err != nil {
				return err
			}
		}
		for row := range rows {
			name := ""
			if t.by != "" {
				name = cellText(part.Columns[from[by]].Values[row])
			}
			columns, err := t.row(name, names)
			if err != nil {
				return err
			}
			for i, p := range columns {
				if p != nil {
					addValue(p, part.Columns[from[i]].Values[row])
				}
			}
		}
		progress(size)
		return nil
	})
	return err
}

func addValue(p *diff.ColumnProfile, v any) {
	switch v := v.(type) {
	case nil:
		p.AddMissing()
	case int64:
		p.AddNumber(float64(v))
	case float64:
		p.AddNumber(v)
	default:
		p.AddText(cellText(v))
	}
}

// cellText returns a value as a CSV file of pandas has it.
func cellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "True"
		}
		return "False"
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return fmt.Sprintf("%.1f", v)
		}
	}
	return fmt.Sprint(v)
}
