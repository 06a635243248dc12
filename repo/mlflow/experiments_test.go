package mlflow

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// foundExperiments returns the names of the experiments that a search finds.
func foundExperiments(t *testing.T, s *Service, query map[string]any) []string {
	t.Helper()
	names := []string{}
	found, _ := call(t, s, "POST", "experiments/search", query)["experiments"].([]any)
	for _, e := range found {
		names = append(names, e.(map[string]any)["name"].(string))
	}
	return names
}

// What is said of experiments beyond their runs is kept for later services and other clones.
func TestExperiments(t *testing.T) {
	s, r, _ := newRun(t)
	post := func(path string, body map[string]any) map[string]any { return call(t, s, "POST", path, body) }
	taxi := post("experiments/create", map[string]any{"name": "taxi"})["experiment_id"].(string)
	post("runs/create", map[string]any{"experiment_id": taxi})
	post("experiments/set-experiment-tag", map[string]any{"experiment_id": taxi, "key": "team", "value": "a"})
	post("experiments/set-experiment-tag", map[string]any{"experiment_id": taxi, "key": "gone", "value": "b"})
	post("experiments/delete-experiment-tag", map[string]any{"experiment_id": taxi, "key": "gone"})
	post("experiments/update", map[string]any{"experiment_id": taxi, "new_name": "Taxi fares"})
	other := post("experiments/create", map[string]any{"name": "other", "tags": pairsOf("team", "b")})
	if _, err := s.End(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}

	s = New(r, Options{})
	byName := map[string]any{"experiment_name": "Taxi fares"}
	e := call(t, s, "GET", "experiments/get-by-name", byName)["experiment"].(map[string]any)
	if e["experiment_id"] != taxi || e["name"] != "Taxi fares" || len(e["tags"].([]any)) != 1 {
		t.Errorf("Taxi fares: %v", e)
	}
	if got := r.ExperimentShown(t.Context(), "Taxi fares"); got != "taxi" {
		t.Errorf("runs of Taxi fares are looked for in %q", got)
	}
	for _, c := range []struct {
		query map[string]any
		want  []string
	}{
		{map[string]any{"filter": "tags.team = 'a'"}, []string{"Taxi fares"}},
		{map[string]any{"order_by": []string{"name DESC"}}, []string{"other", "Taxi fares", "Default"}},
		{map[string]any{"filter": "name LIKE 'Taxi%'", "view_type": "ALL"}, []string{"Taxi fares"}},
		{map[string]any{"view_type": "DELETED_ONLY"}, nil},
	} {
		if got := foundExperiments(t, s, c.query); !slices.Equal(got, c.want) && len(got)+len(c.want) > 0 {
			t.Errorf("%v found %q, want %q", c.query, got, c.want)
		}
	}
	call(t, s, "POST", "experiments/delete", map[string]any{"experiment_id": other["experiment_id"]})
	if got := foundExperiments(t, s, map[string]any{"view_type": "DELETED_ONLY"}); !slices.Equal(got, []string{"other"}) {
		t.Errorf("the deleted experiments are %q", got)
	}
	for name, c := range map[string]struct {
		path string
		body map[string]any
	}{
		"a run of a deleted experiment": {"runs/create", map[string]any{"experiment_id": other["experiment_id"]}},
		"the experiment of all others":  {"experiments/delete", map[string]any{"experiment_id": "0"}},
		"a taken name":                  {"experiments/create", map[string]any{"name": "Taxi fares"}},
		"a name of two lines":           {"experiments/create", map[string]any{"name": "a\nb"}},
	} {
		body, err := json.Marshal(c.body)
		if err != nil {
			t.Fatal(err)
		}
		if got := status(s, t, &Call{Method: "POST", Path: c.path, Body: body}); got != 400 {
			t.Errorf("%s: %d, want 400", name, got)
		}
	}
	call(t, s, "POST", "experiments/restore", map[string]any{"experiment_id": other["experiment_id"]})
	call(t, s, "POST", "runs/create", map[string]any{"experiment_id": other["experiment_id"]})
}

// A damaged experiment file, or one of another experiment, hides no other.
func TestDamagedExperiment(t *testing.T) {
	r, _, err := repo.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.KeepExperiment(t.Context(), &format.Experiment{Name: "good"}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(r.Dir, repo.ExperimentsName)
	good, err := os.ReadFile(filepath.Join(r.Dir, filepath.FromSlash(format.ExperimentFile("good"))))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"1.toml": []byte("x"), "2.toml": good, "3.toml": make([]byte, 2<<20)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, damaged := r.Experiments(t.Context())
	if len(all) != 1 || all["good"] == nil || len(damaged) != 3 {
		t.Errorf("%v, %v", all, damaged)
	}
	if got := foundExperiments(t, New(r, Options{}), map[string]any{}); !slices.Contains(got, "good") {
		t.Errorf("the search found %q", got)
	}
}

// The points of several runs are sampled at the same steps, with the ends of each run.
func TestSampledHistory(t *testing.T) {
	s, _, a := newRun(t)
	created := call(t, s, "POST", "runs/create", map[string]any{"experiment_id": "0"})
	b := created["run"].(map[string]any)["info"].(map[string]any)["run_id"].(string)
	for run, n := range map[string]int{a: 500, b: 37} {
		var points []any
		for step := range n {
			points = append(points, map[string]any{"key": "m", "value": step, "timestamp": 1764000000000, "step": step})
		}
		call(t, s, "POST", "runs/log-batch", map[string]any{"run_id": run, "metrics": points})
	}
	for _, c := range []struct {
		query string
		runs  []string
		least int
		most  int
		ends  []string
	}{
		{"max_results=10", []string{a}, 10, 12, []string{"0", "499"}},
		{"max_results=10", []string{a, b}, 11, 24, []string{"0", "499", "36"}},
		{"start_step=100&end_step=199&max_results=2500", []string{a}, 100, 100, []string{"100", "199"}},
	} {
		query, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		query["run_ids"], query["metric_key"] = c.runs, []string{"m"}
		code, body := s.Answer(t.Context(), &Call{Method: "GET", Path: "metrics/get-history-bulk-interval", Query: query})
		var got historyJSON
		if err := json.Unmarshal(body, &got); err != nil || code != 200 {
			t.Fatalf("%d %s", code, body)
		}
		if n := len(got.Metrics); n < c.least || n > c.most {
			t.Errorf("%s of %d runs: %d points", c.query, len(c.runs), n)
		}
		for _, end := range c.ends {
			if !slices.ContainsFunc(got.Metrics, func(m metricJSON) bool { return strconv.Itoa(int(m.Step)) == end }) {
				t.Errorf("%s of %d runs: step %s is missing", c.query, len(c.runs), end)
			}
		}
	}
	if got := status(s, t, &Call{Method: "GET", Path: "metrics/get-history-bulk-interval"}); got != 400 {
		t.Errorf("without runs: %d", got)
	}
}

// Each experiment that a client reads has the times that its runs or its maker give it.
func TestExperimentTimes(t *testing.T) {
	s, r, _ := newRun(t)
	before := now().UnixMilli()
	made := call(t, s, "POST", "experiments/create", map[string]any{"name": "made"})["experiment_id"]
	read := func(s *Service, id any) (created, updated int64) {
		t.Helper()
		e := call(t, s, "GET", "experiments/get", map[string]any{"experiment_id": id})["experiment"].(map[string]any)
		found := call(t, s, "POST", "experiments/search", map[string]any{
			"max_results": 10, "filter": fmt.Sprintf("creation_time >= %.0f AND name = '%s'", e["creation_time"], e["name"]),
		})
		if list, _ := found["experiments"].([]any); len(list) != 1 {
			t.Errorf("a search by the time of %v found %v", e, found)
		}
		return int64(e["creation_time"].(float64)), int64(e["last_update_time"].(float64))
	}
	first, _ := read(s, made)
	if first < before {
		t.Errorf("made at %d, before %d", first, before)
	}
	const old = 1764000000000
	for _, at := range []int{old, old + 5} {
		call(t, s, "POST", "runs/create", map[string]any{"experiment_id": made, "start_time": at})
	}
	if _, err := s.End(t.Context(), repo.Finish{}); err != nil {
		t.Fatal(err)
	}
	if created, updated := read(New(r, Options{}), made); created != old || updated != old+5 {
		t.Errorf("its runs began at %d and %d; it was made at %d and changed at %d", old, old+5, created, updated)
	}
}
