package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/share"
	"github.com/gitruns/runs/repo/view"
)

// ExportOptions say what an export contains.
type ExportOptions struct {
	Review   url.Values // of review.json; nil for an export without a review
	MaxBytes int64      // of the whole export
}

// Export is the answers about runs, ready to be written as one page or as a folder.
type Export struct {
	Notes   ExportNotes
	answers []exportedAnswer
	start   string // the fragment of the page that is shown first; empty for the runs
}

type exportedAnswer struct {
	path string
	body []byte
}

// ExportNotes says what an export contains and what is left out. The page shows it.
type ExportNotes struct {
	Runs        int      `json:"runs"`
	MoreRuns    int      `json:"more_runs"` // left out
	Running     int      `json:"running"`   // runs that were still running
	AsOf        int64    `json:"as_of"`     // when they were last active, in ms since 1970 UTC; 0 without any
	Metrics     []string `json:"metrics"`   // left out; at most maxNamed
	MoreMetrics int      `json:"more_metrics"`
}

// Lines says what is left out, a sentence a line.
func (n *ExportNotes) Lines() []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if n.MoreRuns > 0 {
		add("left out %s: an export contains the %d newest", terminal.Count(int64(n.MoreRuns), "run"), n.Runs)
	}
	if left := len(n.Metrics) + n.MoreMetrics; left > 0 {
		add("left out %s that --metrics does not match", terminal.Count(int64(left), "metric"))
	}
	if n.Running > 0 {
		add("exported %s as of now: %s still running", terminal.Count(int64(n.Running), "run"),
			map[bool]string{true: "it is", false: "they are"}[n.Running == 1])
	}
	return lines
}

// maxNamed is how many of the things left out are named.
const maxNamed = 100

// exportPath is where an export has its notes. 'runs ui' has no such answer.
const exportPath = "export.json"

// exporter collects the answers of an export.
type exporter struct {
	*Export
	view    *view.View
	entries []*repo.Entry
	search  *share.ExportSearch
}

// NewExport asks v for everything that an export contains. If that contains a secret, the error is a
// *share.ExportSecretsError with a hint.
func NewExport(ctx context.Context, r *repo.Repository, v *view.View, o ExportOptions) (*Export, error) {
	search, err := share.NewExportSearch(r)
	if err != nil {
		return nil, err
	}
	x := &exporter{Export: &Export{}, view: v, entries: v.Entries(), search: search}
	if err := x.searchRecords(ctx); err != nil {
		return nil, err
	}
	for _, path := range x.first() {
		if err := x.add(ctx, path, nil); err != nil {
			return nil, err
		}
	}
	if o.Review != nil {
		x.start = "#/review"
		if err := x.add(ctx, "review.json", o.Review); err != nil {
			return nil, err
		}
	}
	for _, e := range x.entries {
		for _, path := range x.ofRun(e) {
			if err := x.add(ctx, path, nil); err != nil {
				return nil, err
			}
		}
	}
	if err := x.search.Err(); err != nil {
		return nil, err
	}
	return x.Export, x.note()
}

// first returns the paths that are not of one run. The page shows the first of them first.
func (x *exporter) first() []string { return []string{"project.json", "runs.json"} }

// ofRun returns the paths about a run.
func (x *exporter) ofRun(*repo.Entry) []string { return nil }

// searchRecords searches what the records contain, whatever the answers show of it.
func (x *exporter) searchRecords(ctx context.Context) error {
	for _, e := range x.entries {
		text, err := share.RecordText(e)
		if err != nil {
			return err
		}
		if err := x.search.Search(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// add adds the answer of a path.
func (x *exporter) add(ctx context.Context, path string, params url.Values) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	pattern, values := find(strings.Split(path, "/"))
	if pattern == "" {
		return fmt.Errorf("exporting %s: there is no such answer", path)
	}
	a, err := answers[pattern](ctx, x.view, question{func(name string) string { return values[name] }, params})
	if err != nil {
		return fmt.Errorf("exporting %s: %w", path, err)
	}
	body, err := a.read()
	if err != nil {
		return fmt.Errorf("exporting %s: %w", path, err)
	}
	text := share.ExportText{Place: path, Text: body}
	for _, e := range x.entries {
		if values["id"] == "" || values["id"] == e.ID {
			text.Runs = append(text.Runs, e.Run)
		}
	}
	for _, t := range textsOf(text, a.Type == "application/json") {
		if err := x.search.Search(ctx, t); err != nil {
			return err
		}
	}
	x.answers = append(x.answers, exportedAnswer{path, body})
	return nil
}

// read returns the whole body.
func (a *Answer) read() ([]byte, error) {
	if a.File == nil {
		return a.Body, nil
	}
	body, err := io.ReadAll(io.LimitReader(a.File, a.Size))
	if closed := a.File.Close(); err == nil {
		err = closed
	}
	return body, err
}

// note fills in the notes and adds them to the answers.
func (x *exporter) note() error {
	left := x.view.LeftOut()
	n := &x.Notes
	n.Runs, n.MoreRuns = len(x.entries), left.Runs
	n.Metrics = append([]string{}, left.Metrics[:min(len(left.Metrics), maxNamed)]...)
	n.MoreMetrics = len(left.Metrics) - len(n.Metrics)
	running, last := x.view.Running()
	if n.Running = running; running > 0 && !last.IsZero() {
		n.AsOf = last.UnixMilli()
	}
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	x.answers = append([]exportedAnswer{{exportPath, body}}, x.answers...)
	return nil
}

func (e *Export) pack() (*pack, []byte, error) {
	p := &pack{}
	for _, a := range e.answers {
		p.add(a.path, a.body)
	}
	r, err := p.finish()
	return p, r, err
}

// Page returns the export as one HTML file.
func (e *Export) Page() ([]byte, error) {
	p, r, err := e.pack()
	if err != nil {
		return nil, err
	}
	return onePage(p, r, e.start)
}

// Folder returns the export as files of a folder. The last is index.html, which makes the export complete.
func (e *Export) Folder() ([]File, error) {
	p, r, err := e.pack()
	if err != nil {
		return nil, err
	}
	return folderPage(p, r, e.start)
}
