package mlflow

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

// A call of a part of MLflow that is not kept has an error that names the part, and is counted. Lists are empty.
func TestGaps(t *testing.T) {
	s, _, _ := newRun(t)
	for _, c := range []struct{ method, path, code, message string }{
		{"POST", "prompts/create", "ENDPOINT_NOT_FOUND", "runs does not keep prompts"},
		{"POST", "datasets/create", "ENDPOINT_NOT_FOUND", "mlflow.log_input records datasets"},
		{"GET", "traces/tr-1/info", "RESOURCE_DOES_NOT_EXIST", "runs does not keep traces"},
		{"POST", "anything/else", "ENDPOINT_NOT_FOUND", "runs does not answer POST anything/else"},
		{"POST", "odd\nline", "ENDPOINT_NOT_FOUND", "odd_line"},
	} {
		status, body := s.Answer(t.Context(), &Call{Method: c.method, Path: c.path, Body: []byte("{}")})
		var e struct {
			Code    string `json:"error_code"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(body, &e); err != nil || status != 404 || e.Code != c.code ||
			!strings.Contains(e.Message, c.message) || strings.Contains(e.Message, "\n") {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, body)
		}
	}
	want := map[string]int{"prompts": 1, "evaluation datasets": 1, "traces": 1, otherCalls: 2}
	if got := s.Unanswered(); !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	for _, path := range []string{"registered-models/search", "model-versions/search", "scorers/list"} {
		if got := status(s, t, &Call{Method: "GET", Path: path}); got != 200 {
			t.Errorf("GET %s: %d", path, got)
		}
	}
	if got := s.Unanswered(); !maps.Equal(got, want) {
		t.Errorf("lists are counted: %v", got)
	}
}
