package web

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/view"
)

// Answer is the body of a data request and its media type.
type Answer struct {
	Type string
	Body []byte

	// File is the body instead, if it is not nil: Size bytes, which the receiver reads and closes.
	File io.ReadCloser
	Size int64
	// Name is the name that a download gets. If it is empty, it is the last part of the path.
	Name string
}

// kind returns the media type that a browser is told. A type that a browser could run is not among them: bytes come
// from strangers.
func (a *Answer) kind() string {
	switch a.Type {
	case "application/json", "text/csv; charset=utf-8", "text/plain; charset=utf-8",
		"image/png", "image/jpeg", "image/gif", "image/webp":
		return a.Type
	}
	return "application/octet-stream"
}

// question is a data request: the parts of its path that the pattern names, and its parameters.
type question struct {
	path   func(name string) string
	params url.Values
}

// answers says what each data request returns, by its path under data/. An export writes the same answers into files,
// so a path is also a file name.
//
// A name in braces is a part of a path, or the part before an extension: "run/{id}.json". {id} is the full id of a run,
// and {n} a whole number below a million; any other name takes any plain name, without a slash or a control character.
// A name with dots, such as {path...}, takes all the parts that are left, joined by slashes. Every other path is
// answered with the status 404, so an answer need not check the form again.
var answers = map[string]func(ctx context.Context, v *view.View, q question) (*Answer, error){
	"project.json": func(ctx context.Context, v *view.View, _ question) (*Answer, error) {
		return asJSON(v.Project(ctx))
	},
	"changes.json": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		return asJSON(v.Changes(ctx, q.params.Get("cursor")))
	},
	"runs.json": func(ctx context.Context, v *view.View, _ question) (*Answer, error) {
		return jsonAnswer(v.Table(ctx))
	},
	"runs/{n}.json": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		n, err := strconv.Atoi(q.path("n"))
		if err != nil {
			return nil, err
		}
		return jsonAnswer(v.TablePage(ctx, n, false))
	},
	"more/{n}.json": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		n, err := strconv.Atoi(q.path("n"))
		if err != nil {
			return nil, err
		}
		return jsonAnswer(v.TablePage(ctx, n, true))
	},
	"compare.json": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		return compareAnswer(ctx, v, sidesOf(q.params), q.params)
	},
	"compare/{pair}.json": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		selectors, err := pairOf(q.path("pair"))
		if err != nil {
			return nil, err
		}
		return compareAnswer(ctx, v, selectors, q.params)
	},
	"compare/{pair}.source.json": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		selectors, err := pairOf(q.path("pair"))
		if err != nil {
			return nil, err
		}
		return patchAnswer(ctx, v, selectors)
	},
	"source.json": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		return patchAnswer(ctx, v, sidesOf(q.params))
	},
	"review.json": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		return reviewAnswer(ctx, v, q.params)
	},
	"models.json": func(ctx context.Context, v *view.View, _ question) (*Answer, error) {
		return asJSON(v.Models(ctx))
	},
	"model/{name}.json": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		return asJSON(v.Model(ctx, q.path("name")))
	},
	"run/{run}.json":             answerRun,
	"artifacts/{id}.json":        answerArtifacts,
	"artifact/{id}/{digest}.bin": answerArtifact,
	"image/{id}/{digest}.bin":    answerImage,
	"table/{id}/{digest}.json":   answerTable,
	"log/{id}.json":              answerLog,
	"values/{id}/{key}.json":     answerSeries,
	"manifest/{id}/{n}.json":     answerManifest,
	"log/{id}.txt": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		return asText(v.LogText(ctx, q.path("id")))
	},
	"patch/{id}.txt": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		return asText(v.Patch(ctx, q.path("id")))
	},
	"values/{id}.json": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		return asJSON(v.Values(ctx, q.path("id")))
	},
	"machine/{id}.json": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		return asJSON(v.System(ctx, q.path("id")))
	},
	"environment/{id}.json": func(ctx context.Context, v *view.View, q question) (*Answer, error) {
		return asJSON(v.Environment(ctx, q.path("id")))
	},
	"metrics.json":   curveMetrics,
	"legend.json":    legend,
	"curves.bin":     curves,
	"curves/{n}.bin": curvesOfMetric,
}

// jsonAnswer returns an answer that is JSON already.
func jsonAnswer(body []byte, err error) (*Answer, error) {
	if err != nil {
		return nil, err
	}
	return &Answer{Type: "application/json", Body: body}, nil
}

func asJSON(value any, err error) (*Answer, error) {
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return &Answer{Type: "application/json", Body: body}, nil
}

// find returns the answer for a path and the parts that its pattern names. If several patterns fit, the one with the
// longest text outside of braces is taken, and of equal ones the first by name.
func find(parts []string) (pattern string, values map[string]string) {
	best := -1
	for p := range answers {
		found, n := match(p, parts)
		if found != nil && (n > best || n == best && p < pattern) {
			pattern, values, best = p, found, n
		}
	}
	return pattern, values
}

// match compares a path with a pattern. It returns nil if they do not fit, otherwise the named parts and how many bytes
// of the pattern are not in braces.
func match(pattern string, parts []string) (values map[string]string, fixed int) {
	values = map[string]string{}
	patterns := strings.Split(pattern, "/")
	for i, p := range patterns {
		open, end := strings.IndexByte(p, '{'), strings.IndexByte(p, '}')
		if i >= len(parts) {
			return nil, 0
		}
		if open < 0 {
			if p != parts[i] {
				return nil, 0
			}
			fixed += len(p)
			continue
		}
		name, before, after := p[open+1:end], p[:open], p[end+1:]
		if rest, ok := strings.CutSuffix(name, "..."); ok {
			values[rest] = strings.Join(parts[i:], "/")
			return values, fixed
		}
		value, ok := strings.CutPrefix(parts[i], before)
		value, ok2 := strings.CutSuffix(value, after)
		if !ok || !ok2 || value == "" || !allowed(name, value) {
			return nil, 0
		}
		values[name] = value
		fixed += len(before) + len(after)
	}
	if len(patterns) != len(parts) {
		return nil, 0
	}
	return values, fixed
}

func allowed(name, value string) bool {
	switch name {
	case "id":
		return format.CheckID(value) == nil
	case "n":
		digit := func(c byte) bool { return c >= '0' && c <= '9' }
		return len(value) <= 6 && !slices.ContainsFunc([]byte(value), func(c byte) bool { return !digit(c) })
	}
	return true
}
