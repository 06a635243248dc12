package monitor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func read(t testing.TB, by string, files map[string]string) (*table, error) {
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return readTable(context.Background(), dir, by, func(int64, int64) {})
}

// What a table has is read, and a hostile one is refused before it fills the memory.
func TestReadTable(t *testing.T) {
	var groups strings.Builder
	for i := range maxGroups + 1 {
		fmt.Fprintf(&groups, "%d,1\n", i)
	}
	for _, tt := range []struct {
		name, by string
		files    map[string]string
		want     string // rows, uneven rows and the columns with values and missing ones; or the error
	}{
		{"numbers and texts", "", map[string]string{"a.csv": "x,y\n1,a\n,b\n"}, "2 0 x:number:1:1 y:text:2:0"},
		{"a mark and line ends", "", map[string]string{"a.csv": "\ufeffx,y\r\n1,a\r\n"}, "1 0 x:number:1:0 y:text:1:0"},
		{"semicolons", "", map[string]string{"a.csv": "x;y\n1;2,5\n"}, "1 0 x:number:1:0 y:text:1:0"},
		{"tabs", "", map[string]string{"a.tsv": "x\ty\n1\tNA\n"}, "1 0 x:number:1:0 y:empty:0:1"},
		{"rows of another length", "", map[string]string{"a.csv": "x,y\n1\n1,2\n1,2,3\n"}, "1 2 x:number:1:0 y:number:1:0"},
		{"a name twice", "", map[string]string{"a.csv": "x,x\n1,a\n"}, "1 0 x:number:1:0"},
		{
			"other files and another order", "",
			map[string]string{"a.csv": "x,y\n1,2\n", "b.csv": "y,x\n3,a\n", ".c.csv": "z\n1\n", "d.txt": "z\n1\n"},
			"2 0 x:text:2:0 y:number:2:0",
		},
		{"infinite and hexadecimal", "", map[string]string{"a.csv": "x,y\ninf,0x1p4\n"}, "1 0 x:text:1:0 y:text:1:0"},
		{"NUL and invalid text", "", map[string]string{"a.csv": "x,y\n\x00,\xff\n"}, "1 0 x:text:1:0 y:text:1:0"},
		{"groups", "x", map[string]string{"a.csv": "x,y\n1,2\n"}, "1 0 y:number:1:0"},
		{"no column to group by", "z", map[string]string{"a.csv": "x,y\n1,2\n"}, `has no column "z"`},
		{"too many groups", "x", map[string]string{"a.csv": "x,y\n" + groups.String()}, "more than 50 values"},
		{"no rows", "", map[string]string{"a.csv": "x,y\n"}, "has no rows"},
		{"empty", "", map[string]string{"a.csv": ""}, "has no rows"},
		{"no table", "", map[string]string{"a.txt": "x"}, "has no file that ends in"},
		{"many columns", "", map[string]string{"a.csv": strings.Repeat("x,", maxColumns) + "y\n"}, "1001 columns"},
		{"a long row", "", map[string]string{"a.csv": "x\n" + strings.Repeat("1", maxRowBytes+1<<20)}, "longer than 16 MiB"},
		{"a quote", "", map[string]string{"a.csv": "x\n\"" + strings.Repeat("1\n", maxRowBytes)}, "a quote may be missing"},
		{"no Parquet", "", map[string]string{"a.parquet": "PAR1 not at all PAR1"}, "reading a table"},
	} {
		got, err := read(t, tt.by, tt.files)
		text := ""
		if err != nil {
			text = err.Error()
		} else {
			text = fmt.Sprint(got.rows, " ", got.uneven)
			for _, p := range got.groups[got.order[0]].profiles() {
				text += fmt.Sprintf(" %s:%s:%d:%d", p.Name, p.Kind(), p.Values(), p.Missing)
			}
		}
		if err == nil && text != tt.want || !strings.Contains(text, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.name, text, tt.want)
		}
	}
}

// No CSV file makes the reader panic, or count more values than it has rows.
func FuzzReadCSV(f *testing.F) {
	for _, seed := range []string{"x,y\n1,a\n", "\ufeffx;x\n1;\n", "\"\n", "x\n\"1\n2\"\n\x00\n", ",\n,\n"} {
		f.Add(seed, "x")
		f.Add(seed, "")
	}
	f.Fuzz(func(t *testing.T, text, by string) {
		got := &table{by: by, groups: map[string]*group{}, doubled: map[string]bool{}}
		if err := got.readCSV(context.Background(), strings.NewReader(text), false, func(int64) {}); err != nil {
			return
		}
		for name, g := range got.groups {
			for _, p := range g.profiles() {
				if p.Rows() > g.rows {
					t.Errorf("group %q: column %q has %d values in %d rows", name, p.Name, p.Rows(), g.rows)
				}
			}
		}
	})
}
