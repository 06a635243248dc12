package web

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/gitruns/runs/repo/view"
)

// Answer is the body of a data request and its media type.
type Answer struct {
	Type string
	Body []byte
}

// question is a data request: the parts of its path that the pattern names, and its parameters.
type question struct {
	path   func(name string) string
	params url.Values
}

// answers says what each data request returns, by its path under data/. A name in braces is one part of the path. An
// export writes the same answers into files, so a path is also a file name.
var answers = map[string]func(ctx context.Context, v *view.View, q question) (*Answer, error){
	"project.json": func(ctx context.Context, v *view.View, _ question) (*Answer, error) {
		return asJSON(v.Project(ctx))
	},
	"runs.json": func(ctx context.Context, v *view.View, _ question) (*Answer, error) {
		return asJSON(v.Table(ctx))
	},
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
