package csvlog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
)

// Bounds of a table with a run in each row, which is held in memory.
const (
	maxRuns       = 100_000
	maxTableBytes = 256 << 20
)

// rowLog is a row that is a run.
type rowLog struct {
	name    string
	run     *format.Run
	params  format.Params
	tags    map[string]string
	metrics []format.MetricValue
	end     repo.Finish
	err     error
}

// rows reads the runs of a table.
func (t *table) rows(ctx context.Context, known *importer.Undated) ([]importer.Log, error) {
	if !t.asked {
		return nil, fmt.Errorf("name the columns that are metrics with --metric, or use --curve if each row is a step "+
			"of one run; its columns are %s", t.columns())
	}
	var logs []importer.Log
	size := 0
	same := map[[sha256.Size]byte]int{}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		cells, err := t.rowsOf.row()
		if errors.Is(err, io.EOF) {
			return logs, nil
		}
		if err != nil {
			return nil, err
		}
		for _, c := range cells {
			size += len(c) + 16
		}
		if len(logs) >= maxRuns || size > maxTableBytes {
			return nil, fmt.Errorf("it has more than %d rows or %d bytes: split it", maxRuns, maxTableBytes)
		}
		l := &rowLog{name: fmt.Sprintf("line %d", t.rowsOf.line)}
		if len(cells) == len(t.names) {
			t.fill(l, cells, same, len(logs), known)
		} else {
			l.err = fmt.Errorf("its cells are %d, and the first line has %d", len(cells), len(t.names))
		}
		logs = append(logs, l)
	}
}

// fill makes a run of the cells of a row. Equal rows are different runs.
func (t *table) fill(l *rowLog, cells []string, same map[[sha256.Size]byte]int, place int, known *importer.Undated) {
	l.run = &format.Run{Tags: map[string]string{"imported": Kind}}
	l.params, l.tags = format.Params{}, map[string]string{}
	l.end.Status = format.Finished
	sum := sha256.New()
	_, _ = io.WriteString(sum, "csv\x00")
	var begin, end int64
	for i, cell := range cells {
		_, _ = fmt.Fprintf(sum, "%s\x00%s\x00", t.names[i], cell)
		cell = strings.TrimSpace(cell)
		if missing(cell) {
			continue
		}
		var err error
		switch column := clean(t.names[i]); t.roles[i] {
		case metric:
			var v float64
			v, err = number(cell)
			l.metrics = append(l.metrics, format.MetricValue{Key: column, Value: v})
		case param:
			l.params[column] = format.ParseLiteral(importer.Cut([]byte(cell), format.MaxTextBytes))
		case tag:
			l.tags[column] = importer.Cut([]byte(cell), format.MaxTextBytes)
		case name:
			l.run.Name = clean(cell)
		case key:
			l.run.Key = clean(cell)
		case status:
			if l.end.Status = statuses[strings.ToLower(cell)]; l.end.Status == "" {
				err = fmt.Errorf("%q is not a status (expected finished, failed, killed or crashed)", short(cell))
			}
		case started:
			begin, err = moment(cell)
		case ended:
			end, err = moment(cell)
		}
		if err != nil && l.err == nil {
			l.err = fmt.Errorf("column %q: %w", short(t.names[i]), err)
		}
	}
	t.date(l, [sha256.Size]byte(sum.Sum(nil)), same, place, known, begin, end)
}

// date gives a run its id and its times.
func (t *table) date(
	l *rowLog, digest [sha256.Size]byte, same map[[sha256.Size]byte]int, place int, known *importer.Undated,
	begin, end int64,
) {
	if n := same[digest]; n > 0 {
		same[digest]++
		digest = sha256.Sum256(fmt.Appendf(digest[:], "%d", n))
	} else {
		same[digest] = 1
	}
	if begin > 0 {
		l.run.Started = time.UnixMicro(begin).UTC()
		l.run.ID = format.IDOf(l.run.Started, digest[:])
	} else { // the order of the rows is kept
		written := t.written.Truncate(time.Second).Add(time.Duration(place) * time.Microsecond)
		l.run.ID, l.run.Started = known.ID(digest[:], written)
	}
	l.end.Ended = importer.Ended(end, l.run.Started)
}

// Name returns the line of the row.
func (l *rowLog) Name() string { return l.name }

// Run returns what the row has about the run itself.
func (l *rowLog) Run() (*format.Run, *format.EnvironmentFile, error) { return l.run, nil, l.err }

// Read writes the cells of the row.
func (l *rowLog) Read(_ context.Context, out importer.Output) (*importer.ReadResult, error) {
	line := &format.Line{
		Time: l.run.Started.UnixMicro(), Params: l.params, Tags: l.tags, Metrics: l.metrics,
	}
	if len(l.params)+len(l.tags)+len(l.metrics) > 0 {
		if err := out.Line(line); err != nil {
			return nil, err
		}
	}
	return &importer.ReadResult{
		End: l.end, Points: int64(len(l.metrics)), Empty: len(l.params)+len(l.tags)+len(l.metrics) == 0,
	}, nil
}
