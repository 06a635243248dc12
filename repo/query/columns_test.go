package query

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

func TestChooseColumns(t *testing.T) {
	run := func(experiment string, params format.Params, metrics ...string) *format.Run {
		r := &format.Run{
			Experiment: experiment, Params: params, Summary: map[string]any{"best": 1.0}, Metrics: map[string]format.Metric{},
		}
		for _, key := range metrics {
			r.Metrics[key] = format.Metric{Last: 1, Count: 1}
		}
		return r
	}
	wide := func(x int64) format.Params {
		return format.Params{"a": x, "b": x, "c": x, "d": x, "e": x, "f": "text", "g": x, "h": x, "same": int64(1)}
	}
	runs := []*format.Run{run("x", wide(1), "rmse", "other"), run("x", wide(2), "rmse")}
	context := Context{Goal: func(metric string) string { return map[string]string{"rmse": format.GoalMin}[metric] }}
	for _, c := range []struct {
		name string
		runs []*format.Run
		ask  ColumnRequest
		want Columns
	}{
		{"chosen", runs, ColumnRequest{}, Columns{
			Keys:    []string{"metrics.rmse", "params.a", "params.b", "params.c", "params.d", "params.e", "params.g"},
			Numeric: []bool{true, true, true, true, true, true, true}, Omitted: []string{"params.h"},
		}},
		{
			"asked for", runs,
			ColumnRequest{Keys: []string{"same", "f"}},
			Columns{Keys: []string{"same", "f"}, Numeric: []bool{true, false}},
		},
		{"sorted by a param", runs, ColumnRequest{Primary: "other", Sort: "h"}, Columns{
			Keys:    []string{"metrics.other", "h", "params.a", "params.b", "params.c", "params.d", "params.e", "params.g"},
			Numeric: []bool{true, true, true, true, true, true, true, true}, Omitted: []string{},
		}},
		{
			"sorted by the primary metric", runs[:1],
			ColumnRequest{Sort: "rmse"},
			Columns{Keys: []string{"metrics.rmse"}, Numeric: []bool{true}},
		},
		{
			"sorted by what every list shows", runs[:1],
			ColumnRequest{Sort: "attributes.status"},
			Columns{Keys: []string{"metrics.rmse"}, Numeric: []bool{true}},
		},
		{"sorted by the one experiment", runs[:1], ColumnRequest{Sort: "experiment"}, Columns{
			Keys: []string{"metrics.rmse", "experiment"}, Numeric: []bool{true, false},
		}},
		{"of two experiments", []*format.Run{runs[0], run("y", wide(1), "rmse")}, ColumnRequest{Sort: "experiment"}, Columns{
			Experiment: true, Keys: []string{"metrics.rmse"}, Numeric: []bool{true},
		}},
		{"no runs", nil, ColumnRequest{}, Columns{Numeric: []bool{}}},
		{"of two models", []*format.Run{
			run("x", format.Params{"lr": int64(1), "Forest": map[string]any{
				"bootstrap": true, "depth": int64(3), "jobs": int64(1), "trees": int64(100), "set": []any{"depth"},
			}}, "rmse"),
			run("x", format.Params{"lr": int64(2), "Forest": map[string]any{
				"bootstrap": true, "depth": int64(3), "jobs": int64(1), "trees": int64(200), "set": []any{"depth", "trees"},
			}}, "rmse"),
			run("x", format.Params{"lr": int64(2), "Vectors": map[string]any{
				"C": 10.0, "cache": int64(200), "set": []any{"C"},
			}}, "rmse"),
		}, ColumnRequest{}, Columns{
			Keys: []string{
				"metrics.rmse", "params.Forest.trees", "params.lr", "params.Forest.depth", "params.Vectors.C",
			},
			Numeric: []bool{true, true, true, true, true},
			Omitted: []string{
				"params.Forest.bootstrap", "params.Forest.jobs", "params.Vectors.cache", "params.Forest.set",
				"params.Vectors.set",
			},
		}},
	} {
		got := ChooseColumns(Records(c.runs), c.ask, context)
		if d := cmp.Diff(c.want, got, cmp.Transformer("", func(s []string) string { return fmtList(s) })); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
	want := []string{"metrics.other", "metrics.rmse", "params.a", "summary.best"}
	all := AllColumns(Records([]*format.Run{run("x", format.Params{"a": 1.0}, "rmse"), run("x", nil, "other")}))
	if d := cmp.Diff(want, all); d != "" {
		t.Errorf("all (-want +got):\n%s", d)
	}
}

func fmtList(s []string) string {
	text := ""
	for _, part := range s {
		text += part + " "
	}
	return text
}

func TestPrimary(t *testing.T) {
	run := func(metrics ...string) *format.Run {
		r := &format.Run{Metrics: map[string]format.Metric{}}
		for _, key := range metrics {
			r.Metrics[key] = format.Metric{}
		}
		return r
	}
	context := Context{Goal: func(metric string) string {
		return map[string]string{"rmse": format.GoalMin, "val/rmse": format.GoalMin}[metric]
	}}
	for _, c := range []struct {
		name, configured, want string
		runs                   []*format.Run
	}{
		{"configured", "acc", "acc", []*format.Run{run("rmse")}},
		{"that most runs have", "", "lr", []*format.Run{run("rmse", "lr"), run("lr")}},
		{"with a goal", "", "rmse", []*format.Run{run("lr", "rmse")}},
		{"of the validation", "", "val/rmse", []*format.Run{run("rmse", "val/rmse")}},
		{"the first by name", "", "a", []*format.Run{run("b", "a")}},
		{"none", "", "", []*format.Run{run()}},
	} {
		if got := Primary(c.configured, Records(c.runs), context); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
