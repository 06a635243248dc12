// Package sqlite reads the tables of a SQLite database file, without SQLite. It is for importers: files come from
// strangers, so everything that a file claims is checked and bounded. It never writes, and it takes no locks.
//
// The format is that of https://www.sqlite.org/fileformat2.html. Indexes, views and virtual tables are not read. Start
// reading at Open and Table.Rows. The package imports repo/regular only.
package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gitruns/runs/repo/regular"
)

// Bounds of a file.
const (
	maxRowBytes    = 64 << 20 // a row, with its overflow pages
	maxSchemaRows  = 100_000  // tables, indexes, views and triggers
	maxSchemaBytes = 1 << 20  // the text that made a table
	maxDepth       = 24       // of a tree of pages; SQLite itself allows 20
	maxColumns     = 32_767   // of a table; the most that SQLite can be built for
)

const (
	magic       = "SQLite format 3\x00"
	headerBytes = 100
	counterAt   = 24 // offset of the number that each transaction increases
)

// Errors of this package; all of them say what is wrong with a file.
var (
	// ErrNotDatabase reports a file that does not begin as a SQLite database does.
	ErrNotDatabase = errors.New("it is not a SQLite database")
	// ErrDamaged reports a place where a database breaks the rules of the format.
	ErrDamaged = errors.New("the database is damaged")
	// ErrChanged reports a database that another program wrote while it was read.
	ErrChanged = errors.New("another program changed the database meanwhile")
)

// JournalError reports a database whose last changes are in a second file, which only SQLite can bring back.
type JournalError struct {
	Path    string // of that file
	Command string // that moves its content into the database, without the database's name
}

func (e *JournalError) Error() string {
	return fmt.Sprintf("%s holds changes that are not in the database yet", e.Path)
}

func damaged(text string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(text, args...))
}

// DB is an open database. Several goroutines may read it at once.
type DB struct {
	file     *os.File
	path     string
	pageSize int
	usable   int // bytes of a page that are used
	pages    uint32
	encoding encoding
	counter  uint32
	tables   []*Table
}

// Open opens a database and reads its schema. The caller closes it. The error may be ErrNotDatabase, ErrDamaged or a
// *JournalError.
func Open(path string) (*DB, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	db := &DB{file: f, path: path}
	if err = db.readHeader(); err == nil {
		if err = db.checkJournals(); err == nil {
			err = db.readSchema()
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return db, nil
}

// IsDatabase reports whether a file begins as a SQLite database does.
func IsDatabase(path string) bool {
	f, err := regular.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	var head [len(magic)]byte
	_, err = io.ReadFull(f, head[:])
	return err == nil && string(head[:]) == magic
}

// Close closes the file.
func (db *DB) Close() error { return db.file.Close() }

func (db *DB) readHeader() error {
	var h [headerBytes]byte
	if _, err := db.file.ReadAt(h[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	} else if err != nil || string(h[:len(magic)]) != magic {
		return ErrNotDatabase
	}
	info, err := db.file.Stat()
	if err != nil {
		return err
	}
	db.pageSize = int(binary.BigEndian.Uint16(h[16:]))
	if db.pageSize == 1 {
		db.pageSize = 1 << 16
	}
	if db.pageSize < 512 || db.pageSize&(db.pageSize-1) != 0 {
		return damaged("its pages claim to have %d bytes", db.pageSize)
	}
	if db.usable = db.pageSize - int(h[20]); db.usable < 480 {
		return damaged("only %d bytes of its pages are used", db.usable)
	}
	if version := h[19]; version != 1 && version != 2 {
		return fmt.Errorf("the database has format %d, which this version of runs cannot read", version)
	}
	switch e := binary.BigEndian.Uint32(h[56:]); e {
	case 0, 1:
		db.encoding = utf8Text
	case 2:
		db.encoding = utf16Little
	case 3:
		db.encoding = utf16Big
	default:
		return damaged("its texts claim to have encoding %d", e)
	}
	db.pages = uint32(min(info.Size()/int64(db.pageSize), 1<<32-2))
	if db.pages == 0 {
		return damaged("it ends within its first page")
	}
	db.counter = binary.BigEndian.Uint32(h[counterAt:])
	return nil
}

// checkJournals refuses a database that SQLite would change before it reads it.
func (db *DB) checkJournals() error {
	if hasContent(db.path+"-wal", 32) {
		return &JournalError{db.path + "-wal", "PRAGMA wal_checkpoint(TRUNCATE)"}
	}
	if hasContent(db.path+"-journal", 8) {
		return &JournalError{db.path + "-journal", "SELECT count(*) FROM sqlite_master"}
	}
	return nil
}

// hasContent reports whether a journal has more than n bytes that are not all zero: SQLite ends a transaction by
// removing a journal, by cutting it to nothing, or by writing zeros over its head.
func hasContent(path string, n int) bool {
	f, err := regular.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, n)
	if _, err := io.ReadFull(f, head); err != nil {
		return false
	}
	return strings.Trim(string(head), "\x00") != ""
}

// CheckUnchanged returns ErrChanged if another program has written the database since it was opened, so that what was
// read may belong to several of its states. It also returns the *JournalError of Open.
func (db *DB) CheckUnchanged() error {
	var b [4]byte
	if _, err := db.file.ReadAt(b[:], counterAt); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(b[:]) != db.counter {
		return ErrChanged
	}
	return db.checkJournals()
}

// readPage reads a page into buf, which has the size of a page. Pages are numbered from 1.
func (db *DB) readPage(number uint32, buf []byte) error {
	if number == 0 || number > db.pages {
		return damaged("it names page %d of %d", number, db.pages)
	}
	_, err := db.file.ReadAt(buf, int64(number-1)*int64(db.pageSize))
	if errors.Is(err, io.EOF) {
		return ErrChanged
	}
	return err
}
