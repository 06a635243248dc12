package format

import (
	"fmt"
	"strings"
	"testing"
)

func TestTOMLBounds(t *testing.T) {
	parts := func(n int, part string) string { return strings.TrimSuffix(strings.Repeat(part+".", n), ".") }
	lines := func(n int, form string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, form+"\n", i)
		}
		return b.String()
	}
	for _, test := range []struct{ name, text, want string }{
		{"key", parts(100_000, "a") + "=1", "more than 32 parts"},
		{"quoted", parts(33, `"a=b"`) + "=1", "more than 32 parts"},
		{"literal", parts(33, `'#'`) + " = 1", "more than 32 parts"},
		{"blanks", parts(33, " a\t") + " = 1", "more than 32 parts"},
		{"header", "[" + parts(100_000, "a") + "]", "more than 32 parts"},
		{"list header", "[[" + parts(33, "a") + "]]", "more than 32 parts"},
		{"inline", "a = {b = 1, " + parts(33, "a") + " = 1}", "more than 32 parts"},
		{"after a text", "b = \"\"\"\n\\\"\"\"\"\n" + parts(33, "a") + "=1", "more than 32 parts"},
		{"just enough", parts(32, "a") + "=1", ""},
		{"in a string", `a = "` + parts(100, "a") + `"`, ""},
		{"in a text", "a = '''\n" + parts(100, "a") + "=1\n'''", ""},
		{"in a comment", "# " + parts(100, "a") + "=1", ""},
		{"headers", lines(maxTables+1, "[zz.b%d]"), "60000 tables"},
		{"lists of tables", lines(maxTables+1, "  [[a]] # %d"), "60000 tables"},
		{"dotted keys", lines(maxTables+1, "a.b.c%d.d=1"), "60000 tables"},
		{"few keys of many parts", lines(maxTables/30+1, "k%d."+parts(31, "a")+" = 1"), "60000 tables"},
		{"few headers of many parts", lines(maxTables/30+1, "[k%d."+parts(31, "a")+"]"), "60000 tables"},
		{"inline tables", lines(maxTables+1, "k%d = {a = 1}"), "60000 tables"},
		{"inline tables in one", "a = [" + strings.Repeat("{},", maxTables+1) + "]", "60000 tables"},
		{"keys below a deep header", "[" + parts(31, "a") + "]\n" + lines(maxPaths/30, "k%d = '1'"), "400000 parts"},
		{"floats", lines(3000, "k%d = [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5]"), ""},
		{"lists", "a = [" + strings.Repeat("[], ", maxListItems+1) + "[]]", "list items"},
		{"keys", lines(maxKeys+1, "a%d = 1"), "more than 120000 keys"},
		{"inline keys", "a = {" + strings.Repeat("b=1,", maxKeys+1) + "}", "more than 120000 keys"},
		{"items", "a.b = [" + strings.Repeat("1,", maxListItems+1) + "]", "list items"},
		{"depth over lines", "a = " + strings.Repeat("[[[[[[[[[[[[[[[[\n", 3), "nested"},
		{"brackets in a string", `a = "` + strings.Repeat("[", 1000) + `"`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := []byte(test.text + "\n")
			if _, err := parseTOML("x", text, MaxRecordBytes); test.want == "" && err != nil ||
				test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if test.want == "" {
				return
			}
			if _, err := SetConfig(text, []string{"new"}, int64(1)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("edited: %v, want %q", err, test.want)
			}
		})
	}
}

// TestLargestRecord: a record at the bounds of params and metrics can be read by both parsers.
func TestLargestRecord(t *testing.T) {
	run := exampleRun()
	run.Params, run.Metrics, run.Unknown = map[string]any{}, map[string]Metric{}, nil
	for i := range MaxMetrics {
		run.Metrics[fmt.Sprintf("m/%d", i)] = Metric{
			Last: 1, Min: &Extreme{0.5, 1}, Max: &Extreme{2, 3}, Count: 9, Goal: "min",
		}
		if i < MaxParams-1 { // their table counts too
			run.Params[fmt.Sprintf("p%d", i)] = int64(i)
		}
	}
	data, err := EncodeRun(run)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"written": string(data), "general": string(data) + "\n[more]\n'x' = 1\n"} {
		back, err := DecodeRun("run.toml", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(back.Metrics) != MaxMetrics || len(back.Params) != MaxParams-1 {
			t.Errorf("%s: %d metrics, %d params", name, len(back.Metrics), len(back.Params))
		}
	}
}
