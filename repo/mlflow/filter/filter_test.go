package filter

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// row is a row of a test: its keys begin with m. for metrics, p. for params, t. for tags and d. for datasets.
type row map[string]any

func (r row) Metric(key string) (float64, bool) { v, ok := r["m."+key].(float64); return v, ok }
func (r row) Param(key string) (string, bool)   { v, ok := r["p."+key].(string); return v, ok }
func (r row) Tag(key string) (string, bool)     { v, ok := r["t."+key].(string); return v, ok }
func (r row) Text(key string) (string, bool)    { v, ok := r[key].(string); return v, ok }
func (r row) Number(key string) (float64, bool) { v, ok := r[key].(float64); return v, ok }
func (r row) Dataset(key string) []string       { v, _ := r["d."+key].([]string); return v }

var example = row{
	"m.loss": 0.5, "m.val/acc": 0.9, "m.nan": math.NaN(), "m.a.b": 1.0,
	"p.lr": "0.1", "p.model name": "Net", "t.team": "Vision_1", "t.mlflow.user": "ann",
	"run_id": "20260101-000000-abcdefgh", "run_name": "first", "status": "FINISHED", "start_time": 1764000000000.0,
	"d.name": []string{"train", "val"}, "d.digest": []string{"abc"}, "d.context": []string{"training"},
}

func TestMatch(t *testing.T) {
	for text, want := range map[string]bool{
		"":                   true,
		"metrics.loss < 1":   true,
		"metric.loss<1":      true,
		"metrics.loss >= .5": true, "metrics.loss = 5e-1": true, "metrics.loss != 0.5": false, "metrics.loss > -1": true,
		"metrics.`val/acc` > 0.8": true, `metrics."val/acc" > 0.8`: true, "`metrics`.loss < 1": true,
		"metrics.a.b = 1": true, "metrics.nan > 0": false, "metrics.nan != 0": true, "metrics.none != 1": false,
		"params.lr = '0.1'": true, `param.lr = "0.1"`: true, "parameters.lr != '0.1'": false,
		"params.`model name` = 'Net'": true, "params.none != 'x'": false,
		"params.none IS NULL": true, "params.lr is not null": true, "tags.none IS NOT NULL": false,
		"tags.team LIKE 'Vision%'": true, "tags.team LIKE 'vision%'": false, "tags.team ILIKE 'vision\\_1'": false,
		"tags.team ilike 'vision_1'": true, "tags.team LIKE '%on_1'": true, "tags.team LIKE '_'": false,
		"tags.mlflow.user = 'ann'": true, "tags.`mlflow.user` = 'ann'": true,
		"status = 'FINISHED'": true, "attributes.status = 'finished'": false, "attr.status != 'FAILED'": true,
		"run_id IN ('a', '20260101-000000-abcdefgh')": true, "run_id NOT IN ('a')": true, "run.run_id in ('b')": false,
		"start_time > 1763999999999": true, "created >= 1764000000000": true, "`Run name` = 'first'": true,
		"attributes.`run name` like 'f%'": true, "end_time > 0": false,
		"datasets.name = 'val'": true, "dataset.name IN ('test','train')": true, "dataset.context = 'eval'": false,
		"metrics.loss < 1 AND params.lr = '0.1' and status = 'FINISHED'": true,
		"metrics.loss < 1 AND params.lr = '0.2'":                         false,
		"metrics.loss < 1 AND":                                           true,
		"AND and metrics.loss < 1 AND AND params.lr = '0.2' and":         false,
		"and":                 true,
		"tags.team = 'it''s'": false,
	} {
		e, err := Parse(text, Runs)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := e.Match(example); got != want {
			t.Errorf("%s is %v", text, got)
		}
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"metrics.loss":                    "expected a comparison",
		"metrics.loss <":                  "numeric value type",
		"metrics.loss < '1'":              "numeric value type",
		"metrics.loss LIKE '1'":           "Invalid comparator 'LIKE'",
		"params.lr = 0.1":                 "quoted string value",
		"params.lr < '0.1'":               "Invalid comparator '<'",
		"params.lr IN ('0.1')":            "Invalid comparator 'IN'",
		"metrics.a > 1 OR metrics.b > 1":  "expected AND",
		"metrics.a > 1 metrics.b > 1":     "expected AND",
		"(metrics.a > 1)":                 "expected a key",
		"thing.a > 1":                     "Invalid entity type 'thing'",
		"colour = 'x'":                    "Invalid attribute key 'colour'",
		"dataset.size = 'x'":              "Invalid dataset key 'size'",
		"run_id IN ()":                    "list of quoted strings",
		"run_id IN ('a'":                  "comma in the list",
		"status IN ('FINISHED')":          "Invalid comparator 'IN'",
		"metrics.loss IS NULL":            "Invalid comparator 'IS NULL'",
		"params.a = 'x":                   "a quote is not closed",
		"metrics.val/acc > 1":             "",
		"metrics.":                        "expected a key",
		"metrics. > 1":                    "expected a key",
		"params.x IS NOT 'a'":             "expected NULL",
		"start_time = '1'":                "numeric value type",
		strings.Repeat("x", maxText+1):    "at most 65536 bytes",
		"params.a = 'b'; DROP TABLE runs": "",
		"params.a = '\xff'":               "must be UTF-8",
		strings.Repeat("params.a='b' AND ", 1001) + "params.a='b'": "more than 1000 comparisons",
	} {
		_, err := Parse(text, Runs)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
}

func TestOrder(t *testing.T) {
	rows := []row{{"m.x": 2.0, "p.a": "b"}, {"p.a": "a"}, {"m.x": math.NaN()}, {"m.x": 1.0}, {"m.x": math.Inf(1)}}
	for text, want := range map[string][]int{
		"":                         {0, 1, 2, 3, 4},
		"metrics.x":                {3, 0, 4, 2, 1},
		"metrics.x ASC":            {3, 0, 4, 2, 1},
		"metrics.x DESC":           {4, 0, 3, 2, 1},
		"params.a, metrics.x desc": {1, 0, 4, 3, 2},
	} {
		var list []string
		if text != "" {
			list = strings.Split(text, ",")
		}
		o, err := ParseOrder(list, Runs)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Sort(len(rows), func(i, _ int) Row { return rows[i] }); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"metrics.x down", "dataset.name", "", "x y z", "metrics.x ASC DESC"} {
		if _, err := ParseOrder([]string{text}, Runs); err == nil {
			t.Errorf("%q is an order", text)
		}
	}
}

func TestOnly(t *testing.T) {
	e, err := Parse("metrics.a > 1 AND run_id IN ('x','y')", Runs)
	if err != nil {
		t.Fatal(err)
	}
	if ids, ok := e.Only("run_id"); !ok || !slices.Equal(ids, []string{"x", "y"}) {
		t.Errorf("%v %v", ids, ok)
	}
	if _, ok := e.Only("status"); ok {
		t.Error("status is not restricted")
	}
}

// FuzzParse: no text makes the parser or an expression fail other than by an *Error.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"metrics.loss < 1 AND params.`a b` LIKE '%x_' AND tags.x IS NOT NULL", "run_id NOT IN ('a', \"b\")",
		"`metrics`.a>=-1.5e3", "dataset.name ILIKE 'it''s'", "a.\"b\" <> 'c'",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text, Runs)
		var known *Error
		if err != nil && !errors.As(err, &known) {
			t.Fatal(err)
		}
		if err == nil {
			e.Match(example)
		}
		if o, err := ParseOrder([]string{text}, Runs); err == nil {
			o.Sort(1, func(int, int) Row { return example })
		}
	})
}
