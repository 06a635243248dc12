package mlflow

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// pointsAbout returns the points about a model, as "key value run".
func pointsAbout(t *testing.T, s *Service, model string) (list []string) {
	t.Helper()
	m := call(t, s, "GET", "logged-models/"+model, nil)["model"].(map[string]any)
	metrics, _ := m["data"].(map[string]any)["metrics"].([]any)
	for _, p := range metrics {
		p := p.(map[string]any)
		list = append(list, fmt.Sprint(p["key"], " ", p["value"], " ", p["run_id"]))
	}
	return list
}

// A model has all points about it: of the run that made it, of other runs, which may be open or finished, and of runs
// that were resumed. Each of them is found again by another service.
func TestPointsAboutModel(t *testing.T) {
	s, r, maker := newRun(t)
	model := madeModel(t, s, maker, "model")
	second := madeModel(t, s, maker, "model")
	log := func(s *Service, run, key string, v float64, at int) {
		t.Helper()
		call(t, s, "POST", "runs/log-metric", map[string]any{
			"run_id": run, "key": key, "value": v, "timestamp": 1764000000000 + at, "model_id": model,
		})
	}
	begin := func(s *Service) string {
		t.Helper()
		made := call(t, s, "POST", "runs/create", map[string]any{"experiment_id": "0"})
		return made["run"].(map[string]any)["info"].(map[string]any)["run_id"].(string)
	}
	log(s, maker, "acc", 0.5, 1)
	log(s, maker, "acc", 0.25, 0)
	log(s, maker, "acc", 0.25, 0) // counts once
	other := begin(s)
	log(s, other, "auc", 0.75, 2)
	want := []string{"acc 0.25 " + maker, "acc 0.5 " + maker, "auc 0.75 " + other}
	check := func(s *Service, when string) {
		t.Helper()
		if got := pointsAbout(t, s, model); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
		if got := pointsAbout(t, s, second); len(got) > 0 {
			t.Errorf("%s: the other model has %q", when, got)
		}
		if got := foundModels(t, s, map[string]any{"filter": "metrics.acc < 0.3"}); !slices.Equal(got, []string{model}) {
			t.Errorf("%s: a point that is not the latest found %q", when, got)
		}
		on := []any{map[string]string{"dataset_name": "d"}}
		if got := foundModels(t, s, map[string]any{"datasets": on}); len(got) > 0 {
			t.Errorf("%s: a dataset that nothing was measured on found %q", when, got)
		}
	}
	check(s, "open")
	end := func(s *Service) *Service {
		t.Helper()
		if _, err := s.End(t.Context(), repo.Finish{}); err != nil {
			t.Fatal(err)
		}
		return New(r, Options{})
	}
	s = end(s)
	check(s, "finished")
	third := begin(s)
	log(s, third, "acc", 1, 3)
	want = append(want, "acc 1 "+third)
	check(s, "one open, two finished")
	log(s, maker, "acc", 2, 4) // resumes the maker
	want = append(want, "acc 2 "+maker)
	check(s, "resumed")
	s = end(s)
	check(s, "all finished")
	read := call(t, s, "GET", "runs/get", map[string]any{"run_id": other})
	if strings.Contains(fmt.Sprint(read), measuredTag) {
		t.Errorf("a client reads the tag: %v", read)
	}

	for _, text := range []string{"x", `{"a": 1}`, `[1]`, `["` + second + `", "x"]`} { // whatever came by Git
		a, err := r.Start(t.Context(), &format.Run{Tags: map[string]string{measuredTag: text}}, format.OwnerProcess)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Finish(t.Context(), repo.Finish{}); err != nil {
			t.Fatal(err)
		}
	}
	check(New(r, Options{}), "beside tags that are not valid")
}

// A run names the models of others as far as a tag can hold them.
func TestMeasuredTag(t *testing.T) {
	if key, text := MeasuredTag([]string{"b", "a", "b"}); key != measuredTag || text != `["a","b"]` {
		t.Errorf("%s=%s", key, text)
	}
	for _, models := range [][]string{nil, {strings.Repeat("x", format.MaxTextBytes)}} {
		if key, _ := MeasuredTag(models); key != "" {
			t.Errorf("%d models have a tag", len(models))
		}
	}
}
