package web

import (
	"context"
	"math"
	"strconv"

	"github.com/gitruns/runs/repo/view"
)

// The answers about one run.

func answerRun(ctx context.Context, v *view.View, q question) (*Answer, error) {
	return asJSON(v.Run(ctx, q.path("run")))
}

func answerArtifacts(ctx context.Context, v *view.View, q question) (*Answer, error) {
	return asJSON(v.Artifacts(ctx, q.path("id"), int(q.number("from", 0))))
}

// answerArtifact returns the bytes of an artifact: for a download a file of any size, otherwise verified bytes of at
// most 32 MiB.
func answerArtifact(ctx context.Context, v *view.View, q question) (*Answer, error) {
	if q.params.Get("download") != "" {
		f, err := v.OpenArtifact(ctx, q.path("id"), q.path("digest"))
		if err != nil {
			return nil, err
		}
		return &Answer{Type: "application/octet-stream", File: f, Size: f.Bytes, Name: f.Name}, nil
	}
	body, err := v.Artifact(ctx, q.path("id"), q.path("digest"))
	if err != nil {
		return nil, err
	}
	return &Answer{Type: "application/octet-stream", Body: body}, nil
}

// answerImage returns an artifact that a browser can show as an image, and nothing else.
func answerImage(ctx context.Context, v *view.View, q question) (*Answer, error) {
	body, kind, err := v.Image(ctx, q.path("id"), q.path("digest"))
	if err != nil {
		return nil, err
	}
	return &Answer{Type: kind, Body: body}, nil
}

func answerTable(ctx context.Context, v *view.View, q question) (*Answer, error) {
	return asJSON(v.LoggedTable(ctx, q.path("id"), q.path("digest")))
}

func answerLog(ctx context.Context, v *view.View, q question) (*Answer, error) {
	if text := q.params.Get("find"); text != "" {
		return asJSON(v.FindInLog(ctx, q.path("id"), text, q.number("line", 0)))
	}
	return asJSON(v.LogLines(ctx, q.path("id"), q.number("line", 0), q.number("count", 1000)))
}

func answerSeries(ctx context.Context, v *view.View, q question) (*Answer, error) {
	from, to := q.number("from", math.MinInt64), q.number("to", math.MaxInt64)
	return asJSON(v.Series(ctx, q.path("id"), q.path("key"), from, to))
}

func answerManifest(ctx context.Context, v *view.View, q question) (*Answer, error) {
	n, err := strconv.Atoi(q.path("n"))
	if err != nil {
		return nil, &view.InvalidError{Err: err}
	}
	return asJSON(v.Manifest(ctx, q.path("id"), n, q.params.Get("find"), int(q.number("from", 0))))
}

func asText(text []byte, err error) (*Answer, error) {
	if err != nil {
		return nil, err
	}
	return &Answer{Type: "text/plain; charset=utf-8", Body: text}, nil
}

// number returns a whole number among the parameters, or the default if it is missing or not one.
func (q question) number(name string, otherwise int64) int64 {
	n, err := strconv.ParseInt(q.params.Get(name), 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}
