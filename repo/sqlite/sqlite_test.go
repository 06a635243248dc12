package sqlite

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/sqlite/sqlitetest"
)

// generate makes databases with Python's SQLite, and what it reads from them.
func generate(t testing.TB, seed, count int) []string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	dir := t.TempDir()
	out, err := exec.Command(python, "testdata/generate.py", dir, fmt.Sprint(seed), fmt.Sprint(count)).CombinedOutput()
	if err != nil {
		t.Fatalf("generate.py: %v\n%s", err, out)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil || len(paths) != count {
		t.Fatalf("made %d databases of %d: %v", len(paths), count, err)
	}
	return paths
}

func encode(v Value) string {
	switch v.Kind {
	case Int:
		return fmt.Sprintf("int %d", v.Int)
	case Real:
		return fmt.Sprintf("real %016x", math.Float64bits(v.Real))
	case Text:
		return fmt.Sprintf("text %x", v.Bytes)
	case Blob:
		return fmt.Sprintf("blob %x", v.Bytes)
	}
	return "null"
}

// TestAgainstSQLite compares what SQLite and this package read from databases made at random.
func TestAgainstSQLite(t *testing.T) {
	for _, path := range generate(t, 1, 40) {
		compare(t, path)
	}
}

func compare(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]struct {
		Columns []string
		Rows    [][]string
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	db, err := Open(path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer func() { _ = db.Close() }()
	if len(db.Tables()) != len(want) {
		t.Errorf("%s: %d tables, want %d", path, len(db.Tables()), len(want))
	}
	for name, w := range want {
		table := db.Table(name)
		if table == nil {
			t.Fatalf("%s: the table %q is missing", path, name)
		}
		at := 0
		err := table.Rows(t.Context(), w.Columns, func(row []Value) error {
			if at >= len(w.Rows) {
				return errors.New("too many rows")
			}
			for i, v := range row {
				if got := encode(v); got != w.Rows[at][i] {
					return fmt.Errorf("row %d, column %q: got %.80s, want %.80s", at, w.Columns[i], got, w.Rows[at][i])
				}
			}
			at++
			return nil
		})
		if err == nil && at != len(w.Rows) {
			err = fmt.Errorf("%d rows, want %d", at, len(w.Rows))
		}
		if n, countErr := table.Count(t.Context()); countErr != nil || n != int64(len(w.Rows)) {
			err = errors.Join(err, fmt.Errorf("counted %d, want %d: %w", n, len(w.Rows), countErr))
		}
		if err != nil {
			t.Errorf("%s: table %s: %v", path, name, err)
		}
	}
}

// TestDefinitions reads definitions of tables, and what is none.
func TestDefinitions(t *testing.T) {
	for sql, want := range map[string]string{
		`CREATE TABLE t(a, b INTEGER PRIMARY KEY, c)`:              "a b* c",
		`CREATE TABLE t(a INTEGER, PRIMARY KEY(a DESC))`:           "a*",
		`CREATE TABLE t(a INTEGER PRIMARY KEY DESC)`:               "a",
		`CREATE TABLE t(a INT PRIMARY KEY)`:                        "a",
		`CREATE TABLE "a (b" ("x""y" TEXT DEFAULT ',)', [a,b])`:    `x"y a,b`,
		`CREATE TABLE t(a, b, PRIMARY KEY(b, a)) WITHOUT ROWID`:    "a b stored [1 0]",
		`CREATE TABLE t(a DEFAULT -1, b CHECK (b IN (1, 2)), c)`:   "a b c",
		`CREATE TABLE t(a, b AS (a), c INT AS (1) STORED, d)`:      "a b c d stored [0 2 3]",
		"CREATE TABLE t(a -- x, y)\n, /* b) */ c)":                 "a c",
		`CREATE TABLE t(a, CONSTRAINT x CHECK (1) PRIMARY KEY(a))`: "a",
		`CREATE TABLE t(a, b, PRIMARY KEY(c)) WITHOUT ROWID`:       "its definition is not valid",
		`CREATE TABLE t`:           "its definition is not valid",
		`CREATE TABLE t(`:          "its definition is not valid",
		`CREATE TABLE t()`:         "its definition is not valid",
		`CREATE TABLE t(a,)`:       "its definition is not valid",
		`CREATE TABLE t(a, 'b)`:    "its definition is not valid",
		`CREATE TABLE t((a)`:       "its definition is not valid",
		`CREATE TABLE t(a x'0')`:   "its definition is not valid",
		`CREATE TABLE t(CHECK(1))`: "its definition is not valid",
		``:                         "its definition is not valid",
	} {
		table, err := parseTable(sql)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			names := table.Columns()
			if table.rowid >= 0 {
				names[table.rowid] += "*"
			}
			got = strings.Join(names, " ")
			if table.keyed || len(table.stored) != len(names) {
				got += " stored " + fmt.Sprint(table.stored)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", sql, got, want)
		}
	}
}

// TestJournals refuses a database whose last changes are in a second file, and reads it once that is gone.
func TestJournals(t *testing.T) {
	for name, mode := range map[string]string{"-wal": "WAL", "-journal": "DELETE"} {
		path := filepath.Join(t.TempDir(), "a.db")
		sqlitetest.Script(t, path, "PRAGMA journal_mode = "+mode, "PRAGMA cache_size = 1", "CREATE TABLE t(a)", "BEGIN",
			"INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 9000) SELECT x FROM c", "DIE")
		_, err := Open(path)
		var journal *JournalError
		if !errors.As(err, &journal) || journal.Path != path+name {
			t.Fatalf("%s: got %v", name, err)
		}
		sqlitetest.Script(t, path, journal.Command)
		db, err := Open(path)
		if err != nil {
			t.Fatalf("%s: after the command: %v", name, err)
		}
		if n, err := db.Table("t").Count(t.Context()); err != nil || n != 0 {
			t.Errorf("%s: %d rows, %v", name, n, err)
		}
		if err := db.CheckUnchanged(); err != nil {
			t.Error(err)
		}
		sqlitetest.Script(t, path, "PRAGMA journal_mode = DELETE", "INSERT INTO t VALUES (1)")
		if err := db.CheckUnchanged(); !errors.Is(err, ErrChanged) {
			t.Errorf("after a change: %v", err)
		}
		_ = db.Close()
	}
	path := filepath.Join(t.TempDir(), "b.db")
	sqlitetest.Script(t, path, "CREATE TABLE t(a)")
	for _, empty := range []string{"", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00rest"} {
		if err := os.WriteFile(path+"-journal", []byte(empty), 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := Open(path)
		if err != nil {
			t.Fatalf("an ended journal: %v", err)
		}
		_ = db.Close()
	}
}

// TestHostile reads databases that lie: each is refused in bounded time and memory.
func TestHostile(t *testing.T) {
	base := filepath.Join(t.TempDir(), "base.db")
	sqlitetest.Script(t, base, "PRAGMA page_size = 512", "CREATE TABLE t(a)",
		"INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 500) SELECT x FROM c",
		"CREATE TABLE big(a)", "INSERT INTO big VALUES (zeroblob(3000))")
	good, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	const root = 512 // of t: its tree is at page 2
	put16, put32 := binary.BigEndian.PutUint16, binary.BigEndian.PutUint32
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		want   string
	}{
		"no database":     {func([]byte) []byte { return []byte("hello") }, "not a SQLite database"},
		"empty":           {func([]byte) []byte { return nil }, "not a SQLite database"},
		"a page of 100":   {func(b []byte) []byte { put16(b[16:], 100); return b }, "pages claim to have 100 bytes"},
		"all reserved":    {func(b []byte) []byte { b[20] = 255; return b }, "bytes of its pages are used"},
		"version 3":       {func(b []byte) []byte { b[19] = 3; return b }, "has format 3"},
		"encoding 9":      {func(b []byte) []byte { put32(b[56:], 9); return b }, "encoding 9"},
		"half a page":     {func(b []byte) []byte { return b[:300] }, "within its first page"},
		"half a file":     {func(b []byte) []byte { return b[:1024] }, "is at page"},
		"a loop":          {func(b []byte) []byte { put32(b[root+8:], 2); return b }, "form a loop"},
		"page 0":          {func(b []byte) []byte { put32(b[root+8:], 0); return b }, "names page 0"},
		"a far page":      {func(b []byte) []byte { put32(b[root+8:], 1<<31); return b }, "names page 2147483648"},
		"many cells":      {func(b []byte) []byte { put16(b[root+3:], 60000); return b }, "60000 cells"},
		"a cell outside":  {func(b []byte) []byte { put16(b[root+12:], 65535); return b }, "is outside of it"},
		"another kind":    {func(b []byte) []byte { b[root] = 2; return b }, "unexpected kind 2"},
		"no schema":       {func(b []byte) []byte { b[100] = 0; return b }, "unexpected kind 0"},
		"a torn overflow": {tornOverflow, "form a loop"},
	} {
		path := filepath.Join(t.TempDir(), "x.db")
		if err := os.WriteFile(path, c.change(slices.Clone(good)), 0o600); err != nil {
			t.Fatal(err)
		}
		err := readAll(t.Context(), path)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// tornOverflow makes the overflow pages of the last row a loop.
func tornOverflow(b []byte) []byte {
	for page := len(b)/512 - 1; page > 0; page-- {
		if next := binary.BigEndian.Uint32(b[page*512:]); int(next) == page+2 { // an overflow page
			binary.BigEndian.PutUint32(b[page*512:], uint32(page+1))
		}
	}
	return b
}

// readAll reads every row of every table.
func readAll(ctx context.Context, path string) error {
	db, err := Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for _, t := range db.Tables() {
		if err := t.Rows(ctx, t.Columns(), func([]Value) error { return nil }); err != nil {
			return err
		}
		if _, err := t.Count(ctx); err != nil {
			return err
		}
	}
	return db.CheckUnchanged()
}

// TestMemory reads a million rows in little memory.
func TestMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	sqlitetest.Script(t, path, "PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF",
		"PRAGMA page_size = 4096", "CREATE TABLE t(k TEXT, v FLOAT)",
		"INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 1000000) "+
			"SELECT 'loss', x / 2.0 FROM c")
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	sum := 0.0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = db.Table("t").Rows(t.Context(), []string{"k", "v"}, func(row []Value) error {
		f, ok := row[1].Float()
		if sum += f; !ok || string(row[0].Bytes) != "loss" {
			return errors.New("a wrong row")
		}
		return nil
	})
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	if err != nil || sum < 250000e6 {
		t.Fatalf("sum %v: %v", sum, err)
	}
	if allocated > 1<<20 {
		t.Errorf("reading 1,000,000 rows allocated %d bytes", allocated)
	}
}

func FuzzOpen(f *testing.F) {
	for _, path := range generate(f, 2, 6) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 200<<10 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.db")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = readAll(t.Context(), path)
	})
}

func FuzzDefinition(f *testing.F) {
	f.Add(`CREATE TABLE "t"(a INTEGER PRIMARY KEY, b TEXT DEFAULT 'x' COLLATE NOCASE, UNIQUE(a)) WITHOUT ROWID`)
	f.Add(`CREATE TABLE t(a AS (1), b DEFAULT (x'00'), c DEFAULT -1e+5)`)
	f.Fuzz(func(t *testing.T, sql string) {
		table, err := parseTable(sql)
		if err == nil && (len(table.columns) == 0 || table.rowid >= len(table.columns)) {
			t.Errorf("%q gives the columns %q", sql, table.Columns())
		}
	})
}
