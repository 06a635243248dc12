package web

import (
	"context"
	"fmt"
	"net/url"

	"github.com/gitruns/runs/repo/view"
)

// Export is the answers about runs, ready to be written as one page or as a folder.
type Export struct {
	answers []exportedAnswer
}

type exportedAnswer struct {
	path string
	body []byte
}

// exported lists the paths under which an export contains an answer. The others are answered by 'runs ui' alone.
var exported = []struct {
	answer string
	paths  func(context.Context, *view.View) ([]string, error)
}{
	{"project.json", onlyPath("project.json")},
	{"runs.json", onlyPath("runs.json")},
}

func onlyPath(path string) func(context.Context, *view.View) ([]string, error) {
	return func(context.Context, *view.View) ([]string, error) { return []string{path}, nil }
}

// NewExport asks v for everything that an export contains.
func NewExport(ctx context.Context, v *view.View) (*Export, error) {
	e := &Export{}
	for _, x := range exported {
		paths, err := x.paths(ctx, v)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			a, err := answers[x.answer](ctx, v, question{path: func(string) string { return "" }, params: url.Values{}})
			if err != nil {
				return nil, fmt.Errorf("making %s: %w", path, err)
			}
			e.answers = append(e.answers, exportedAnswer{path, a.Body})
		}
	}
	return e, nil
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
	return onePage(p, r)
}

// Folder returns the export as files of a folder. The last is index.html, which makes the export complete.
func (e *Export) Folder() ([]File, error) {
	p, r, err := e.pack()
	if err != nil {
		return nil, err
	}
	return folderPage(p, r)
}
