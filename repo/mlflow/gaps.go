package mlflow

import (
	"context"
	"fmt"
	"strings"
)

// gap is a part of MLflow that is not kept here. Its calls get an error that names it.
type gap struct {
	name string // for people
	kept string // what is recorded all the same; may be empty
}

var gaps = map[string]gap{
	"traces":              {"traces", ""},
	"unified-traces":      {"traces", ""},
	"prompts":             {"prompts", ""},
	"prompt-optimization": {"prompts", ""},
	"scorers":             {"scorers", ""},
	"datasets":            {"evaluation datasets", "; mlflow.log_input records datasets"},
	"webhooks":            {"webhooks", ""},
	"issues":              {"issues", ""},
	"label-schemas":       {"reviews", ""},
	"review-queues":       {"reviews", ""},
	"gateway":             {"the gateway", ""},
	"workspaces":          {"workspaces", ""},
}

// otherCalls is what calls are counted as that belong to none of the gaps.
const otherCalls = "other calls"

// unanswered counts a call that is not answered, and returns the error for it. What is
// asked for is not found, which programs expect.
func (s *Service) unanswered(c *Call) error {
	area, _, _ := strings.Cut(c.Path, "/")
	g, known := gaps[area]
	if !known {
		g.name = otherCalls
	}
	s.mu.Lock()
	s.unknown[g.name]++
	s.mu.Unlock()
	path := oneLine(cut(c.Path, maxName))
	if !known {
		return &Error{404, "ENDPOINT_NOT_FOUND", fmt.Sprintf("runs does not answer %s %s", oneLine(c.Method), path)}
	}
	code := "ENDPOINT_NOT_FOUND"
	if c.Method == "GET" {
		code = "RESOURCE_DOES_NOT_EXIST"
	}
	return &Error{404, code, fmt.Sprintf("runs does not keep %s: %s is not answered%s", g.name, path, g.kept)}
}

// nothing answers a list call of a part of MLflow that is not kept: the list is empty, so that the pages of MLflow that
// make it show no error.
func (s *Service) nothing(context.Context, *Call) (any, error) { return struct{}{}, nil }
