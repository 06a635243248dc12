package mlflow

import (
	"encoding/json"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/google/go-cmp/cmp"
)

// What MLflow says of a source comes back from the record. What names a file of the machine, or is in the record
// elsewhere, is not recorded again.
func TestDatasetDetails(t *testing.T) {
	run := &format.Run{
		Author: "Ada <ada@example.org>", Cwd: "sub",
		Source: &format.Source{Entry: "sub/train.py", Commit: "aa", Branch: "main", Remote: "https://example.org/p.git"},
	}
	context := `"mlflow.source.git.branch":"main","mlflow.source.git.commit":"aa",` +
		`"mlflow.source.git.repoURL":"https://example.org/p.git","mlflow.source.name":"sub/train.py",` +
		`"mlflow.source.type":"LOCAL","mlflow.user":"Ada <ada@example.org>"`
	for _, c := range []struct {
		kind, source, details string
		back                  string // empty for source
	}{
		{kind: "s3", source: `{"uri":"s3://bucket/a.csv"}`},
		{kind: "http", source: `{"url":"https://example.org/a.csv"}`},
		{
			kind: "http", source: `{"url":"https://ann:secret@example.org/a.csv"}`,
			back: `{"url":"https://example.org/a.csv"}`,
		},
		{
			kind: "hugging_face", source: `{"path":"imdb","split":"train","config_name":null}`,
			details: `{"source":{"config_name":null,"path":"imdb","split":"train"}}`,
		},
		{
			kind: "hugging_face", source: `{"path":"csv","data_files":["/home/ann/a.csv"],"n":3}`,
			details: `{"source":{"n":3,"path":"csv"}}`, back: `{"path":"csv","n":3}`,
		},
		{
			kind: "hugging_face", source: `{"path":"csv","data_files":{"a":["~/a.csv","b.csv","https://a:b@x.org/c"]}}`,
			details: `{"source":{"data_files":{"a":["b.csv","https://x.org/c"]},"path":"csv"}}`,
			back:    `{"path":"csv","data_files":{"a":["b.csv","https://x.org/c"]}}`,
		},
		{
			kind: "delta_table", source: `{"delta_table_name":"main.t","delta_table_version":3}`,
			details: `{"source":{"delta_table_name":"main.t","delta_table_version":3}}`,
		},
		{kind: "local", source: `{"uri":"/home/ann/a.csv"}`, back: `{"uri":""}`},
		{kind: "code", source: `{"tags":{` + context + `}}`},
		{
			kind:   "code",
			source: `{"tags":{"mlflow.source.name":"/home/ann/sub/train.py","mlflow.source.type":"LOCAL"}}`,
			back:   `{"tags":{` + context + `}}`,
		},
		{
			kind: "code", source: `{"tags":{"mlflow.user":"alice","mlflow.source.name":"train.py"}}`,
			details: `{"source":{"tags":{"mlflow.user":"alice"}}}`,
			back:    `{"tags":{` + context[:len(context)-len(`"Ada <ada@example.org>"`)] + `"alice"}}`,
		},
		{kind: "odd", source: `[1]`, back: `{"uri":""}`},
		{kind: "odd", source: `{`, back: `{"uri":""}`},
	} {
		s := &Service{}
		d := &format.Dataset{Name: "d", SourceType: c.kind}
		d.Source, _, _ = DatasetParts(c.source, "", "")
		if c.kind == "http" {
			d.Source = "https://example.org/a.csv"
		} else if c.kind == sourceFile {
			d.Source = ""
		}
		if d.Details = DatasetDetails(run, d, c.source, nil); d.Details != c.details {
			t.Errorf("of %s, %s is recorded, want %s", c.source, d.Details, c.details)
		}
		want := c.back
		if want == "" {
			want = c.source
		}
		if d := cmp.Diff(decoded(t, want), decoded(t, s.inputOf(run, d).Dataset.Source)); d != "" {
			t.Errorf("%s: the source that is expected (-) and that comes back (+):\n%s", c.source, d)
		}
	}
	d := &format.Dataset{Name: "d", SourceType: "s3", Source: "s3://a", Role: "test"}
	d.Details = DatasetDetails(run, d, `{"uri":"s3://a"}`, map[string]string{tagContext: "test", "a": "b"})
	in := (&Service{}).inputOf(run, d)
	if diff := cmp.Diff([]tagJSON{{"a", "b"}, {tagContext, "test"}}, in.Tags); diff != "" {
		t.Errorf("the tags that are expected (-) and that come back (+):\n%s", diff)
	}
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}
