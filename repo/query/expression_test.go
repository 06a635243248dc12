package query

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
)

func richRun() *format.Run {
	r := testRuns()[1]
	durable := true
	r.Params["big"] = int64(9007199254740993)
	r.Params["layers"] = []any{int64(64), int64(32)}
	r.Params["tokens"] = int64(1000)
	r.Params["version"] = "0.10"
	r.Params["nan"] = math.NaN()
	r.Params["inf"] = math.Inf(1)
	r.Params["none"] = ""
	r.Tags["fold"] = "5"
	r.Tags["hash"] = "007"
	r.Metrics["val acc"] = format.Metric{Last: 0.5, Count: 1}
	r.Metrics["a`b\"c"] = format.Metric{Last: 2, Count: 1}
	r.Metrics["rmse.last"] = format.Metric{Last: 42, Count: 1}
	r.Source.Patches, r.Source.Durable = []string{"abc"}, &durable
	r.Source.Omitted = []format.Omitted{{Path: "big.bin"}}
	r.Machine = &format.Machine{Host: "gpu-7", GPUs: []string{"A100", "A100"}}
	r.Datasets = []format.Dataset{{Name: "train", SHA256: "ab12"}}
	r.Files = map[string]format.File{"metrics.parquet": {SHA256: "cd34"}}
	r.Conflicts = map[string][]any{"lr": {0.2}}
	return r
}

func TestTypesOfValues(t *testing.T) {
	run := richRun()
	for _, c := range []struct {
		expr string
		want bool
	}{
		{`metrics."val acc" = 0.5`, true},
		{`metrics.'val acc' = 0.5`, true},
		{`"val acc" = .5`, true},
		{"metrics.`a`\"`\"`b\"c` = 2", true},
		{"metrics.rmse.last = 42", true},
		{"metrics.rmse.best = 0.3", true},
		{"val/acc.count = 10", true},
		{"rmse.nope", false},
		{"bad = nan", true},
		{"bad in (1, nan)", true},
		{"bad not in (nan)", false},
		{"bad != 1", false},
		{"bad not in (1, 2)", false},
		{"bad <= nan", false},
		{"params.nan != 'x'", false},
		{"params.lr != nan", true},
		{"params.lr < nan", false},
		{"params.inf = inf and params.inf > 1e300 and params.inf != -inf", true},
		{"params.big = 9007199254740992", false},
		{"params.big > 9007199254740992.0", true},
		{"params.big < 1e16", true},
		{"params.tokens = 1_000 and params.tokens = 1e3 and params.tokens = 0x3e8", true},
		{"params.tokens > 5m", false},
		{"params.tokens = 5m", false},
		{"params.tokens != x", true},
		{"params.tokens < x", false},
		{"tags.fold > 3", true},
		{"tags.fold = 5.0", true},
		{"tags.fold = '5.0'", false},
		{"tags.hash = 007", true},
		{"params.version = 0.1", true},
		{"params.version = '0.1'", false},
		{"params.text != 5", true},
		{"params.text > 5", false},
		{"params.none = ''", true},
		{"params.flag = FALSE", true},
		{"params.flag < true", false},
		{"params.layers = '[64,32]'", true},
		{"params.layers = '[64.0, 32]'", true},
		{"params.layers = '[64]'", false},
		{"params.layers != '[64]'", true},
		{"params.layers = 64", false},
		{"params.layers > 1", false},
		{"params.layers in (1, 32)", true},
		{"params.layers in (65)", false},
		{"params.layers not in (65)", true},
		{"params.layers ~ '64, 32'", true},
		{"params.model = '{kind = \"mlp\", layers = 2}'", true},
		{"machine.gpus in (A100)", true},
		{"source.patches in (abc) and source.omitted in (big.bin) and source.durable = true", true},
		{"conflicts.lr in (0.2)", true},
		{"files.metrics.parquet = cd34", true},
		{"datasets.train = ab12 and datasets.train and not datasets.test", true},
		{"host = gpu-7 and machine.host ~ '^gpu'", true},
		{"NOT status IN (failed) AND name", true},
		{"name = wide && !(status = failed || status = killed)", true},
		{"name = x or name = wide and status = finished", true},
		{"(name = wide or name = x) and status = failed", false},
		{"started = 2026-11-23T14:25", true},
		{"started = '2026-11-23 14:25:00'", true},
		{"started = 2026-11-23T15:25:00+01:00", true},
		{"started = 2026-11-23T14:25:00.000001Z", false},
		{"started != today", false},
		{"started in (yesterday, today)", true},
		{"started > '34 minutes ago'", false},
		{"started > '36 minutes ago'", true},
		{"started = 0001-01-01", false},
		{"duration in (1m, 2m)", true},
		{"duration >= 1m60s", true},
		{"params.started != x", false},
	} {
		e, err := Parse(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
		} else if got := e.Match(Record(run), testContext()); got != c.want {
			t.Errorf("%s: %v", c.expr, got)
		}
	}
}

func TestDayOfClockChange(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones on this machine: ", err)
	}
	c := testContext()
	c.Now = time.Date(2026, 10, 26, 12, 0, 0, 0, berlin)
	r := &format.Run{Started: time.Date(2026, 10, 25, 23, 30, 0, 0, berlin)} // the 25th hour of its day
	for _, expr := range []string{"started = 2026-10-25", "started = yesterday", "started < today"} {
		if e, err := Parse(expr); err != nil || !e.Match(Record(r), c) {
			t.Errorf("%s: no match, error %v", expr, err)
		}
	}
}

func TestColumns(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{"äöü <", "expression, column 6: expected a value after <"},
		{"'é' = 1 x", "expression, column 9: expected and, or, or the end"},
		{"started > garbage", "expression, column 11: started must be compared with a time, like 2026-11-23 or '3d ago'"},
		{"ended in (today, 5)", "expression, column 18: ended must be compared with a time, like 2026-11-23 or '3d ago'"},
		{"attributes.duration < soon", "expression, column 23: expected a duration, like 90 or '2h'"},
		{"metrics.`a", "expression, column 9: the quote is not closed"},
		{"metrics.\"a", "expression, column 9: the quote is not closed"},
		{"a not b", "expression, column 3: expected and, or, or the end"},
		{"a in ()", "expression, column 7: expected a value"},
		{"``", "expression, column 1: expected a key"},
		{"a and", "expression, column 6: expected a key"},
		{strings.Repeat("a", maxExpression+1), "the expression is longer than 65536 bytes"},
	} {
		if _, err := Parse(c.expr); err == nil || err.Error() != c.want {
			t.Errorf("%.30s: error %v, want %s", c.expr, err, c.want)
		}
	}
}

func TestValueOfTables(t *testing.T) {
	r := richRun()
	for key, want := range map[string]any{
		"rmse": 0.3, "metrics.rmse.max_step": int64(0), "params.layers": []any{int64(64), int64(32)}, "params.flag": false,
		"tags.fold": "5", "started": r.Started, "duration": 120.0, "exit_code": int64(0), "dirty": false,
		"source.durable": true,
	} {
		if v, ok := Value(r, key, testContext()); !ok || !format.EqualValue(v, want) {
			t.Errorf("%s: %v, %v", key, v, ok)
		}
	}
	for _, key := range []string{
		"nope", "ended.x", "source", "params", "environment.python", "metrics.lr.min_step", "tags.lr", "",
	} {
		if v, ok := Value(r, key, testContext()); ok {
			t.Errorf("%s: %v is there", key, v)
		}
	}
}

// sameExpr reports whether two expressions mean the same, however they are written.
func sameExpr(a, b *Expr) bool {
	if a == nil || b == nil {
		return a == b
	}
	sameArg := func(x, y literal) bool { return x.text == y.text && x.quoted == y.quoted }
	sameArgs := slices.EqualFunc(a.args, b.args, sameArg)
	sameOther := a.other == b.other || a.other != nil && b.other != nil && *a.other == *b.other
	return a.op == b.op && a.key == b.key && sameArgs && sameOther &&
		sameExpr(a.left, b.left) && sameExpr(a.right, b.right)
}

func TestStringReadsBack(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	var write func(depth int) string
	write = func(depth int) string {
		if depth == 0 || random.IntN(4) == 0 {
			key := pick(
				"a", "params.x.y", "`odd key`", "metrics.\"v a\"", "'x`y\"z'", "`not`", "in", "`a`\"`\"", "val/acc", "äö",
				"params.\"a.b\"", "`a.b`", "\"x\".min", "`a.b`.c", "metrics.'x'.max.'y.z'",
			)
			return key + pick(
				"", " = 1", " != 'it\"s'", " not in (a, 'b c', \"it's\", nan)", " ~ '^a.*'", " >= 2026-11-23", " in (1)",
				" < metrics.acc", " = `acc`", " != params.\"a.b\"", " > `a.b`.c",
				"=''",
			)
		}
		switch random.IntN(3) {
		case 0:
			return pick("not ", "!", "NOT ") + "(" + write(depth-1) + ")"
		case 1:
			return "(" + write(depth-1) + ")" + pick(" or ", "||", " OR ") + write(depth-1)
		}
		return write(depth-1) + pick(" and ", "&&") + "(" + write(depth-1) + ")"
	}
	for range 3000 {
		text := write(5)
		e, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if again, err := Parse(e.String()); err != nil || !sameExpr(e, again) {
			t.Fatalf("%s is written %s, which reads otherwise: %v", text, e, err)
		}
	}
	for _, c := range []struct{ expr, want string }{
		{"a or (b or c)", "a or (b or c)"},
		{"(a or b) and c", "(a or b) and c"},
		{"a and (b and c)", "a and (b and c)"},
		{"((a or b)) or c", "a or b or c"},
		{"(a and b) or !(c)", "a and b or not c"},
		{"a==1&&(b||`c d`)", "a = 1 and (b or `c d`)"},
		{"a not in (x,'y')", "a not in (x, 'y')"},
	} {
		if e, err := Parse(c.expr); err != nil || e.String() != c.want {
			t.Errorf("%s is written %s, want %s, error %v", c.expr, e, c.want, err)
		}
	}
	long := strings.Repeat("a or ", 12000) + "a"
	if e, err := Parse(long); err != nil || e.String() != long {
		t.Errorf("a long chain is written otherwise: %v", err)
	}
}

func TestNotTurnsMatch(t *testing.T) {
	for _, expr := range []string{"rmse < 0.4", "nope = 1", "bad != 1", "status in (failed)", "params.layers"} {
		e, err := Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		not, err := Parse("not (" + expr + ")")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range append(testRuns(), richRun(), &format.Run{}) {
			if e.Match(Record(r), testContext()) == not.Match(Record(r), testContext()) {
				t.Errorf("%s: not does not turn it", expr)
			}
		}
	}
}

func TestCompareNumbers(t *testing.T) {
	ordered := []Datum{
		FloatDatum(math.Inf(-1)), FloatDatum(-1e19), IntDatum(math.MinInt64), FloatDatum(-1.5), IntDatum(-1),
		FloatDatum(-0.5), IntDatum(0), FloatDatum(0.5), IntDatum(1), FloatDatum(1 << 53), IntDatum(1<<53 + 1),
		IntDatum(math.MaxInt64), FloatDatum(1 << 63), FloatDatum(math.Inf(1)),
	}
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := compareNumbers(a, b), min(max(i-j, -1), 1); got != want {
				t.Errorf("%v and %v: %d, want %d", a.Any(), b.Any(), got, want)
			}
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	run, c := richRun(), testContext()
	for _, expr := range []string{
		"metrics.rmse < 0.8 and params.model.kind = 'mlp' and not (tags.nope or status = failed)",
		"started > '3d ago' and duration < 2h", "tags.fold in (1, 5)",
	} {
		e, err := Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { e.Match(Record(run), c) }); n != 0 {
			t.Errorf("%s: %v allocations", expr, n)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	runs := make([]*format.Run, 10000)
	for i := range runs {
		runs[i] = richRun()
	}
	c := testContext()
	for i, expr := range []string{
		"metrics.rmse < 0.8 and params.model.kind = 'mlp' and not (tags.nope or status = failed)",
		"started = 2026-11-23", "name ~ '^w'",
	} {
		e, err := Parse(expr)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(i), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, r := range runs {
					e.Match(Record(r), c)
				}
			}
		})
	}
}
