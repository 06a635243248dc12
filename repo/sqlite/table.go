package sqlite

import (
	"context"
	"slices"
	"strings"
)

// Table is a table of a database.
type Table struct {
	Name string

	db      *DB
	root    uint32
	columns []column
	rowid   int   // the column that is the rowid, or -1
	keyed   bool  // it is stored without rowids
	stored  []int // columns in the order in which rows store them
}

// Columns returns the names of the table's columns.
func (t *Table) Columns() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// Has reports whether the table has a column. Names do not depend on case.
func (t *Table) Has(column string) bool { return t.index(column) >= 0 }

func (t *Table) index(name string) int {
	return slices.IndexFunc(t.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
}

// Rows visits the rows of a table in the order in which they are stored: by rowid, or by the primary key of a table
// without rowids. A row has the values of the columns that are asked for; a column that the table lacks is Null, and so
// is one that is computed when it is read. The values are valid during the call. An error of visit ends the reading and
// is returned.
func (t *Table) Rows(ctx context.Context, columns []string, visit func(row []Value) error) error {
	most := 0
	place := make([]int, len(columns)) // of each column in stored rows, or -1
	of := make([]int, len(columns))    // indexes of the columns, or -1
	for i, name := range columns {
		of[i], place[i] = t.index(name), -1
		if of[i] >= 0 {
			place[i] = slices.Index(t.stored, of[i])
		}
		most = max(most, place[i]+1)
	}
	row := make([]Value, len(columns))
	var list []serial
	return t.db.rows(ctx, t.root, t.keyed, len(columns) == 0, func(c *cell) (err error) {
		if len(columns) == 0 {
			return visit(row)
		}
		if list, err = serials(list[:0], c.payload, most); err != nil {
			return err
		}
		for i := range columns {
			switch at := place[i]; {
			case of[i] >= 0 && of[i] == t.rowid:
				row[i] = Value{Kind: Int, Int: c.rowid}
			case at < 0:
				row[i] = Value{}
			case at >= len(list): // the row is older than the column
				row[i] = t.columns[of[i]].missing
			default:
				row[i] = t.columns[of[i]].affinity.stored(list[at].value(t.db.encoding))
			}
		}
		return visit(row)
	})
}

// Count returns how many rows the table has.
func (t *Table) Count(ctx context.Context) (n int64, err error) {
	err = t.Rows(ctx, nil, func([]Value) error { n++; return nil })
	return n, err
}

// Table returns a table by its name, which does not depend on case, or nil.
func (db *DB) Table(name string) *Table {
	for _, t := range db.tables {
		if strings.EqualFold(t.Name, name) {
			return t
		}
	}
	return nil
}

// Tables returns the tables in the order in which they were made, without SQLite's own.
func (db *DB) Tables() []*Table { return slices.Clone(db.tables) }

// readSchema finds the tables. A table whose text cannot be understood is an error: guessed columns would be wrong
// values.
func (db *DB) readSchema() error {
	schema := &Table{db: db, root: 1, rowid: -1, stored: []int{0, 1, 2, 3, 4}, columns: []column{
		{name: "type"}, {name: "name"}, {name: "tbl_name"}, {name: "rootpage"}, {name: "sql"},
	}}
	rows := 0
	return schema.Rows(context.Background(), []string{"type", "name", "rootpage", "sql"}, func(row []Value) error {
		if rows++; rows > maxSchemaRows {
			return damaged("it has more than %d tables and indexes", maxSchemaRows)
		}
		root, _ := row[2].Number()
		name := row[1].String()
		if row[0].String() != "table" || root == 0 || strings.HasPrefix(name, "sqlite_") {
			return nil // virtual tables have no page
		}
		if root < 1 || root > int64(db.pages) {
			return damaged("the table %q is at page %d of %d", name, root, db.pages)
		}
		if len(row[3].Bytes) > maxSchemaBytes {
			return damaged("the definition of the table %q is longer than %d bytes", name, maxSchemaBytes)
		}
		t, err := parseTable(row[3].String())
		if err != nil {
			return damaged("the table %q: %v", name, err)
		}
		t.Name, t.db, t.root = name, db, uint32(root)
		db.tables = append(db.tables, t)
		return nil
	})
}
