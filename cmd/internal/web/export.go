package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/secret"
	"github.com/gitruns/runs/repo/share"
	"github.com/gitruns/runs/repo/view"
)

// ExportOptions say what an export contains.
type ExportOptions struct {
	Review url.Values // the parameters of review.json; nil for an export without a review
	// Pairs are selectors of runs that are compared, two by two. If it is nil, they are those of View.ExportPairs.
	Pairs  [][]string
	Folder bool // it will be a folder, which needs less space than text in a page
	// MaxBytes is the size of the whole export at most. If it is 0, that is DefaultMaxBytes, and curves have fewer
	// points than would fit.
	MaxBytes int64
	// With are the parts that are left out if they are not asked for: of ExportParts.
	With []string
	// Progress is called with the share of the work that is done. It may be nil.
	Progress func(done, total int)
}

func (o *ExportOptions) has(part string) bool { return slices.Contains(o.With, part) }

// Parts of an export that must be asked for, because people do not expect them in a page that they send.
const (
	PartSource  = "source"
	PartLog     = "log"
	PartMachine = "machine"
)

// ExportParts returns the parts that may be asked for.
func ExportParts() []string { return []string{PartSource, PartLog, PartMachine} }

// DefaultMaxBytes is the size of an export if none is asked for: hosts of Git take larger files only by other ways.
const DefaultMaxBytes = 25_000_000

// Export is the answers about runs, ready to be written as one page or as a folder.
type Export struct {
	Notes   ExportNotes
	Warning string // about the search for secrets; empty if there is none
	pack    *pack
	start   string // the fragment of the page that is shown first; empty for the runs
}

// TooSmallError means that an export cannot be as small as it was asked for.
type TooSmallError struct{ Least int64 }

func (e *TooSmallError) Error() string {
	return fmt.Sprintf("it needs at least %d bytes", e.Least)
}

// exporter collects the answers of an export.
type exporter struct {
	*Export
	options  ExportOptions
	view     *view.View
	entries  []*repo.Entry
	runs     []*format.Run // their records
	byID     map[string]*format.Run
	search   *share.ExportSearch
	optional []body // what is left out if space runs out, the most wanted first
	held     int64  // their cost
	folder   string // of the runs on this machine, as JSON writes it
}

// body is the answer of a path.
type body struct {
	path       string
	data       []byte
	compressed []byte // nil until it is needed
}

// NewExport asks v for everything that an export contains. If that contains a secret, the error is a
// *share.ExportSecretsError with a hint; if it cannot be small enough, a *TooSmallError.
func NewExport(ctx context.Context, r *repo.Repository, v *view.View, o ExportOptions) (*Export, error) {
	search, err := share.NewExportSearch(r)
	if err != nil {
		return nil, err
	}
	defer search.Close()
	x := &exporter{
		Export: &Export{pack: &pack{}}, options: o, view: v, entries: v.Entries(), search: search,
		byID:   map[string]*format.Run{},
		folder: strings.Trim(string(format.AppendJSON(nil, r.Dir)), `"`),
	}
	for _, e := range x.entries {
		x.runs, x.byID[e.ID] = append(x.runs, e.Run), e.Run
	}
	if err := x.collect(ctx); err != nil {
		return nil, err
	}
	if x.Warning, err = x.search.Finish(ctx); err != nil {
		return nil, err
	}
	if err := x.fit(ctx); err != nil {
		return nil, err
	}
	return x.Export, nil
}

// collect asks for all answers but the curves.
func (x *exporter) collect(ctx context.Context) error {
	if err := x.searchRecords(ctx); err != nil {
		return err
	}
	pages, rest, err := x.view.TablePaths(ctx)
	if err != nil {
		return err
	}
	for _, path := range append([]string{"project.json", "runs.json", "metrics.json", "legend.json"}, pages...) {
		one, err := x.ask(ctx, path, nil)
		if err != nil {
			return err
		}
		x.pack.add(one.path, one.data)
	}
	if x.options.Review != nil {
		x.start = "#/review"
		one, err := x.ask(ctx, "review.json", x.options.Review)
		if err != nil {
			return err
		}
		x.pack.add(one.path, one.data)
	}
	x.pack.closeFirst()
	for _, path := range rest {
		one, err := x.ask(ctx, path, nil)
		if err != nil {
			return err
		}
		x.pack.add(one.path, one.data)
	}
	if err := x.collectModels(ctx); err != nil {
		return err
	}
	for i, e := range x.entries {
		if err := x.collectRun(ctx, e); err != nil {
			return err
		}
		if x.options.Progress != nil {
			x.options.Progress(i, len(x.entries))
		}
	}
	return x.collectPairs(ctx)
}

// collectModels asks for the models, if there are any.
func (x *exporter) collectModels(ctx context.Context) error {
	models, err := x.view.Models(ctx)
	if err != nil {
		return x.unread(ctx)
	}
	if len(models.Models)+len(models.Damaged) == 0 {
		return nil
	}
	paths := []string{"models.json"}
	for _, m := range models.Models {
		paths = append(paths, "model/"+m.Name+".json")
	}
	for _, path := range paths {
		one, err := x.ask(ctx, path, nil)
		if err != nil {
			if err := x.unread(ctx); err != nil {
				return err
			}
			continue
		}
		x.pack.add(one.path, one.data)
	}
	return nil
}

// ask returns the answer of a path, and searches it for secrets.
func (x *exporter) ask(ctx context.Context, path string, params url.Values) (body, error) {
	if err := ctx.Err(); err != nil {
		return body{}, err
	}
	pattern, values := find(strings.Split(path, "/"))
	if pattern == "" {
		return body{}, fmt.Errorf("exporting %s: no answer has this path", path)
	}
	a, err := answers[pattern](ctx, x.view, question{func(name string) string { return values[name] }, params})
	if err != nil {
		return body{}, fmt.Errorf("exporting %s: %w", path, err)
	}
	data, err := a.read()
	if err != nil {
		return body{}, fmt.Errorf("exporting %s: %w", path, err)
	}
	isJSON := a.Type == "application/json"
	if isJSON {
		data = x.withoutFolder(data)
	}
	return body{path: path, data: data}, x.searchAnswer(ctx, path, values["id"]+values["run"], data, isJSON)
}

// withoutFolder takes the folder of this machine out of messages.
func (x *exporter) withoutFolder(data []byte) []byte {
	if !bytes.Contains(data, []byte(x.folder)) { // the usual case; a copy of a large answer would cost as much again
		return data
	}
	return bytes.ReplaceAll(data, []byte(x.folder), []byte(repo.DirName))
}

func (x *exporter) searchAnswer(ctx context.Context, path, run string, data []byte, isJSON bool) error {
	text := share.ExportText{Place: "the page's data " + path, Text: data}
	if strings.HasPrefix(path, "patch/") {
		text.Kind = secret.Patch
	}
	text.Runs = x.runs
	if one := x.byID[run]; one != nil {
		text.Runs, text.Files = []*format.Run{one}, filesOf(path, one)
	}
	for _, t := range textsOf(text, isJSON) {
		if err := x.search.Search(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// filesOf returns the files that an answer about a run is made from, or nil if it is made from several.
func filesOf(path string, run *format.Run) []string {
	parts := strings.Split(path, "/")
	switch parts[0] {
	case "log":
		return []string{share.RunFile(run.ID, "output.log")}
	case "patch":
		return repo.SharedNames(run)
	case "values":
		return []string{share.RunFile(run.ID, format.ValuesName)}
	case "machine":
		return []string{share.RunFile(run.ID, "system.parquet")}
	case "artifact", "image", "table":
		files := []string{}
		digest, _, _ := strings.Cut(parts[len(parts)-1], ".")
		for _, a := range run.Artifacts {
			if a.SHA256 == digest {
				files = append(files, share.RunFile(run.ID, "artifacts/"+a.Path))
			}
		}
		return files
	}
	return nil
}

// read returns the whole body.
func (a *Answer) read() ([]byte, error) {
	if a.File == nil {
		return a.Body, nil
	}
	data, err := io.ReadAll(io.LimitReader(a.File, a.Size))
	return data, errors.Join(err, a.File.Close())
}

// Page returns the export as one HTML file.
func (e *Export) Page() ([]byte, error) {
	p, err := e.pack.finish()
	if err != nil {
		return nil, err
	}
	return onePage(p, e.start)
}

// Folder returns the export as files of a folder. The last is index.html, which makes the export complete.
func (e *Export) Folder() ([]File, error) {
	p, err := e.pack.finish()
	if err != nil {
		return nil, err
	}
	return folderPage(p, e.start)
}
