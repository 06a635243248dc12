package repo

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
)

// TestFinishNeverFailsOnContent finishes runs whose journals hold whatever a writer may think of.
func TestFinishNeverFailsOnContent(t *testing.T) {
	r, _, err := Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 60_000)
	var many, steps, texts, tags, odd strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&many, "{\"t\":%d,\"p\":{\"p%d\":%d}}\n", i, i, i)
		fmt.Fprintf(&steps, "{\"t\":%d,\"p\":{\"lr\":0.1,\"step\":%d},\"m\":{\"loss\":1}}\n", i, i)
	}
	for i := range 300 {
		fmt.Fprintf(
			&texts, "{\"t\":%d,\"p\":{\"text%d\":%q},\"note\":%q,\"odd%d\":%q}\n", i, i, long, long[:5000], i, long,
		)
		fmt.Fprintf(
			&tags,
			"{\"t\":%d,\"tags\":{\"k%d\":%q},\"dataset\":{\"path\":\"none\",\"name\":%q,\"sha256\":\"zz\",\"bytes\":-1}}\n",
			i,
			i,
			long,
			long,
		)
	}
	list := "[0" + strings.Repeat(",1", 899) + "]"
	var summaries, conflicts, extras, nested strings.Builder
	for i := range 40 {
		fmt.Fprintf(&summaries, "{\"t\":%d,\"summary\":{\"s%d\":%s}}\n", i, i, list)
		fmt.Fprintf(&extras, "{\"t\":%d,\"other%d\":%s}\n", i, i, list)
		fmt.Fprintf(&nested, "{\"t\":%d,\"p\":{\"n%d\":[%s]}}\n", i, i, list)
	}
	for i := range 9 * 2000 {
		fmt.Fprintf(&conflicts, "{\"t\":%d,\"p\":{\"p%d\":%d}}\n", i, i%2000, i)
	}
	random := rand.New(rand.NewPCG(7, 7))
	pieces := []string{
		`{"t":1`, `,"m":{"a":1}`, `,"p":{"a":{"b":1}}`, `,"p":{"a":1}`, `,"set":{"a":{"c":2}}`, `,"tags":{"":""}`,
		`,"note":"\u0000\u202e"`, `,"artifact":{"path":"/dev/null"}`, `,"artifact":{"path":"x","name":"../y"}`,
		`,"artifact":{"name":"a","sha256":"x","bytes":-5}`, `,"dataset":{"path":"s3://x"}`, `,"event":"later"`,
		`,"labels":{}`, `,"x":[null,{"y":null}]`, `,"step":9e99`, `}`, "\n", `null`, "\xff", `"`, `{`,
	}
	for range 20_000 {
		odd.WriteString(pieces[random.IntN(len(pieces))])
	}
	for name, content := range map[string]string{
		"many params": many.String(), "a param that changes at every step": steps.String(),
		"long texts": texts.String(), "long tags": tags.String(), "random pieces": odd.String(),
		"lists in the summary": summaries.String(), "many conflicts": conflicts.String(),
		"lists under unknown keys": extras.String(), "lists in lists": nested.String(), "nothing": "",
		"one line without an end": `{"t":1,"m":{"a":1}}`, "one endless line": strings.Repeat("x", 20<<20),
	} {
		a, err := r.Start(t.Context(), &format.Run{Name: name}, format.OwnerDetached)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(a.Dir, "journal-any.jsonl")
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Finish(t.Context(), Finish{}); err != nil {
			t.Errorf("%s: %.300s", name, err.Error())
			continue
		}
		if _, err := r.Read(t.Context(), a.ID); err != nil {
			t.Errorf("%s: finished, but not read: %.300s", name, err.Error())
		}
	}
}

// TestFinishLeavesAHalfWrittenLine finishes a run while its writer is within a line, as the file's size shows it when
// a write crosses a page: the line belongs to the run that resumes.
func TestFinishLeavesAHalfWrittenLine(t *testing.T) {
	r, _, err := Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.Start(t.Context(), &format.Run{Name: "x"}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	j, err := a.OpenJournal()
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if _, err := j.f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"t":1764000000,"step":1,"m":{"a":1}}` + "\n" + `{"t":1764000001,"step":2,"m":{"a"`)
	res, err := a.Finish(t.Context(), Finish{})
	if err != nil || len(res.Open) != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	write(`:2}}` + "\n" + `{"t":1764000002,"step":3,"m":{"a"`) // and here it dies
	if err := j.f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.RecoverRuns(t.Context(), Recover{}); err != nil {
		t.Fatal(err)
	}
	entries, damaged, err := r.List(t.Context())
	if err != nil || len(damaged) > 0 || len(entries) != 2 {
		t.Fatalf("%v, %v, %v", entries, damaged, err)
	}
	for _, e := range entries {
		want := map[bool]float64{true: 2, false: 1}[e.Resumes == a.ID]
		if m := e.Metrics["a"]; m.Count != 1 || m.Last != want || len(e.Files) != 1 {
			t.Errorf("%s: %+v, files %v", e.ID, m, e.Files)
		}
	}
}
