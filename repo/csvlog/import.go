// Package csvlog imports tables of runs or of points from CSV files.
//
// It knows CSV and what becomes of a cell. It does not decide which runs are new; repo/importer does. The columns mean
// what the request says. Start reading at Import; rows.go has tables with a run in each row, curve.go those with a step
// in each row.
package csvlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
)

// Kind is the value of the tag imported.
const Kind = "csv"

// Found reports whether a path is a CSV file by its name. A folder is never taken for one.
func Found(_ context.Context, path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && slices.Contains([]string{".csv", ".tsv"}, filepath.Ext(path))
}

// Import makes a finished run of each row of a CSV file, or of all rows together. The file is only read.
func Import(ctx context.Context, r *repo.Repository, q importer.Request) (*importer.Imported, error) {
	known, err := importer.NewUndated(r, Kind)
	if err != nil {
		return nil, err
	}
	t, err := open(q.Path, &q.Table)
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.file.Close() }()
	var logs []importer.Log
	if q.Table.Curve || q.Table.Step != "" || q.Table.Time != "" {
		logs, err = t.curve(ctx, known)
	} else {
		logs, err = t.rows(ctx, known)
	}
	if err != nil {
		return nil, err
	}
	done, err := importer.Import(ctx, r, q, logs)
	if err != nil {
		return nil, err
	}
	for i, name := range t.names {
		if t.roles[i] == without {
			done.LeftOut = append(done.LeftOut, importer.LeftOut{What: fmt.Sprintf("column %q", short(name)), Count: 1})
		}
	}
	return done, nil
}

// role is what a column has.
type role byte

const (
	param role = iota
	metric
	tag
	without
	name
	key
	status
	started
	ended
	step
	at
)

// table is an open file.
type table struct {
	path    string
	file    *os.File
	written time.Time
	rowsOf  *reader
	names   []string
	roles   []role
	asked   bool // the request names columns of metrics
}

func open(path string, asked *importer.Table) (*table, error) {
	f, err := importer.Open(path)
	if err != nil {
		return nil, err
	}
	t := &table{path: path, file: f, asked: len(asked.Metrics) > 0}
	if err := t.begin(asked); err != nil {
		_ = f.Close()
		return nil, err
	}
	return t, nil
}

func (t *table) begin(asked *importer.Table) error {
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	t.written = info.ModTime()
	delimiter := byte(0)
	switch asked.Delimiter {
	case "":
	case `\t`, "tab":
		delimiter = '\t'
	default:
		delimiter = asked.Delimiter[0]
	}
	if t.rowsOf, err = newReader(t.file, delimiter); err != nil {
		return err
	}
	if t.names, err = t.rowsOf.header(); err != nil {
		return err
	}
	return t.assign(asked)
}

// Columns returns the names in the first line of a file. If delimiter is empty, that line decides.
func Columns(path, delimiter string) ([]string, error) {
	t, err := open(path, &importer.Table{Delimiter: delimiter})
	if err != nil {
		return nil, err
	}
	return t.names, t.file.Close()
}

// assign gives each column its role.
func (t *table) assign(asked *importer.Table) error {
	t.roles = make([]role, len(t.names))
	if t.names[0] == "" {
		t.roles[0] = without // the index that pandas writes
	}
	lists := []struct {
		role    role
		columns []string
	}{
		{metric, asked.Metrics},
		{tag, asked.Tags},
		{without, asked.Without},
		{name, []string{asked.Name}},
		{key, []string{asked.Key}},
		{status, []string{asked.Status}},
		{started, []string{asked.Started}},
		{ended, []string{asked.Ended}},
		{step, []string{asked.Step}},
		{at, []string{asked.Time}},
	}
	for _, list := range lists {
		for _, column := range list.columns {
			if column == "" {
				continue
			}
			i := slices.Index(t.names, column)
			switch {
			case i < 0:
				return fmt.Errorf("it has no column %q; its columns are %s", column, t.columns())
			case t.roles[i] != param:
				return fmt.Errorf("the column %q is named twice", column)
			}
			t.roles[i] = list.role
		}
	}
	return nil
}

// columns lists the first columns.
func (t *table) columns() string {
	const most = 20
	list := t.names
	if len(list) > most {
		list = list[:most]
	}
	quoted := make([]string, len(list))
	for i, name := range list {
		quoted[i] = fmt.Sprintf("%q", short(name))
	}
	text := strings.Join(quoted, ", ")
	if len(t.names) > most {
		text += fmt.Sprintf(" and %d more", len(t.names)-most)
	}
	return text
}

// stem returns the name of the file without its extension.
func (t *table) stem() string {
	base := filepath.Base(t.path)
	return clean(strings.TrimSuffix(base, filepath.Ext(base)))
}

// clean returns a text as a key or a name of one line.
func clean(text string) string { return importer.Key(importer.Clean([]byte(strings.TrimSpace(text)))) }

// statuses are the words of this and other programs for how a run ended.
var statuses = map[string]format.Status{
	"finished": format.Finished, "completed": format.Finished, "complete": format.Finished, "success": format.Finished,
	"done": format.Finished, "failed": format.Failed, "error": format.Failed, "killed": format.Killed,
	"canceled": format.Killed, "cancelled": format.Killed, "crashed": format.Crashed,
}
