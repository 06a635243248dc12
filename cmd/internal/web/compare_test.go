package web

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/git/gittest"
	"github.com/gitruns/runs/repo/view"
)

// comparing is a project with groups of runs on two branches.
type comparing struct {
	*repo.Repository
	t   *testing.T
	git *gittest.Repository
	ids map[string]string // by name
}

const compareSettings = "primary = \"loss\"\n[metric.loss]\ngoal = \"min\"\n[metric.acc]\ngoal = \"max\"\n" +
	"[[check]]\nmetric = \"loss\"\nbaseline = \"main:best=loss\"\nmax_regression = \"1%\"\n" +
	"[[check]]\nrequire = [\"clean\"]\n"

func newComparing(t *testing.T) *comparing {
	t.Helper()
	g := gittest.New(t)
	if _, _, err := repo.Setup(g.Dir); err != nil {
		t.Fatal(err)
	}
	g.Commit("first", map[string]string{"train.py": "1\n", ".runs/config.toml": compareSettings})
	r, err := repo.Find(g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return &comparing{Repository: r, t: t, git: g, ids: map[string]string{}}
}

// add records a finished run with two points of each metric, the last of which is given.
func (p *comparing) add(name, group string, params format.Params, loss, acc float64) {
	p.t.Helper()
	run := &format.Run{
		Name: name, Group: group, Params: params, Tags: map[string]string{"kind": group}, Source: p.source(),
	}
	a, err := p.Start(p.t.Context(), run, format.OwnerDetached)
	if err != nil {
		p.t.Fatal(err)
	}
	for step := range 2 {
		line := &format.Line{HasStep: true, Step: int64(step), Metrics: []format.MetricValue{
			{Key: "loss", Value: loss + float64(1-step)}, {Key: "acc", Value: acc - float64(1-step)/2},
		}}
		if err := a.AppendShared(line); err != nil {
			p.t.Fatal(err)
		}
	}
	if _, err := a.Finish(p.t.Context(), repo.Finish{Status: format.Finished}); err != nil {
		p.t.Fatal(err)
	}
	p.ids[name] = a.ID
}

// source is that of the commit that is checked out.
func (p *comparing) source() *format.Source {
	p.t.Helper()
	commit := p.git.Git("rev-parse", "HEAD")
	return &format.Source{
		Commit: commit, Base: commit, Tree: p.git.TreeWithoutRuns(), Branch: p.git.Git("branch", "--show-current"),
	}
}

func (p *comparing) addSeeds(group string, lr float64, losses ...float64) {
	p.t.Helper()
	for i, loss := range losses {
		p.add(fmt.Sprintf("%s-%d", group, i+1), group, format.Params{"lr": lr, "seed": int64(i)}, loss, 1-loss)
	}
}

func ask[T any](t *testing.T, s *testServer, path string) T {
	t.Helper()
	var out T
	status, body := s.get(path)
	if status != 200 {
		t.Fatalf("%s: %d %s", path, status, body)
	}
	// A number that is not finite is a text.
	body = strings.NewReplacer(`"NaN"`, "null", `"Infinity"`, "null", `"-Infinity"`, "null").Replace(body)
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return out
}

func compareQuery(runs ...string) string {
	escaped := make([]string, len(runs))
	for i, r := range runs {
		escaped[i] = url.PathEscape(r)
	}
	return "compare.json?" + url.Values{"runs": {strings.Join(escaped, ",")}}.Encode()
}

func TestCompareTwoRuns(t *testing.T) {
	p := newComparing(t)
	p.add("a", "", format.Params{"lr": 0.1, "same": "x", "only": "a, \"b\""}, 0.5, 0.5)
	p.git.Commit("second", map[string]string{"train.py": "2\n"})
	p.add("b", "", format.Params{"lr": 0.2, "same": "x"}, 0.4, 0.6)
	s := serve(t, p.Repository, view.Options{}, Options{})
	c := ask[comparisonJSON](t, s, compareQuery("a", "b"))
	if c.Command != "runs diff a b" || len(c.Sides) != 2 || c.Sides[1].ID != p.ids["b"] || !c.Sides[1].Runs[0].Shown {
		t.Errorf("got %q, sides %+v", c.Command, c.Sides)
	}
	m := c.Metrics.Rows[0]
	if m.Key != "loss" || m.Verdicts[0].Verdict != diff.Better || m.Verdicts[0].Text != "better (1 run each)" || !m.Curve {
		t.Errorf("the primary metric is %+v %+v", m, m.Verdicts[0])
	}
	values := map[string]string{}
	for _, part := range c.Parts {
		for _, row := range part.Rows {
			texts := make([]string, len(row.Values))
			for i, v := range row.Values {
				if texts[i] = "-"; v != nil {
					texts[i] = *v
				}
			}
			values[part.Name+" "+row.Key] = fmt.Sprint(strings.Join(texts, " | "), " ", row.Same)
		}
	}
	for key, want := range map[string]string{
		"params lr": "0.1 | 0.2 false", "params same": "x | x true", "params only": `a, "b" | - false`,
		"command status": "finished | finished true",
	} {
		if values[key] != want {
			t.Errorf("%s: %q, want %q", key, values[key], want)
		}
	}
	if source := c.Pairs[0].Source; source == nil || len(source.Files) != 1 || source.Files[0].Path != "train.py" {
		t.Errorf("the source is %+v", source)
	}
	byPath := ask[comparisonJSON](t, s, "compare/"+p.ids["a"]+".."+p.ids["b"]+".json")
	if len(byPath.Sides) != 2 || byPath.Metrics.Rows[0].Verdicts[0].Verdict != diff.Better {
		t.Errorf("by path: %+v", byPath)
	}
	patch := ask[patchJSON](t, s, "source.json?runs=a,b")
	if !strings.Contains(patch.Text, "-1\n+2\n") || patch.Command != "runs diff a b --code" || patch.Cut {
		t.Errorf("the patch is %+v", patch)
	}
	for path, want := range map[string]int{
		"compare/" + p.ids["a"] + ".json": 404, "compare/..%2f..json": 404, "source.json?runs=a": 400,
		"source.json?runs=a,nope": 404, "compare.json?runs=a,b&value=worst": 400,
	} {
		if status, body := s.get(path); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
}

// Several sides are compared with the first. A side that names nothing is reported, and the others are compared.
func TestCompareSeveralSides(t *testing.T) {
	p := newComparing(t)
	p.addSeeds("base", 0.1, 0.50, 0.51, 0.52, 0.515, 0.505)
	p.addSeeds("good", 0.2, 0.30, 0.31, 0.32, 0.315, 0.305)
	p.addSeeds("odd", 0.3, 0.50, 0.53, 0.51, 0.505, 0.515)
	s := serve(t, p.Repository, view.Options{}, Options{})
	c := ask[comparisonJSON](t, s, compareQuery("group=base", "nope", "group=good", "where params.lr = 0.3", "base-1"))
	var titles []string
	for _, side := range c.Sides {
		titles = append(titles, fmt.Sprint(side.Title, " ", side.Count, " ", side.Group))
	}
	want := []string{"group=base 5 true", "group=good 5 true", "params.lr = 0.3 5 true", "base-1 1 false"}
	if !slices.Equal(titles, want) {
		t.Errorf("got %q, want %q", titles, want)
	}
	if len(c.Missing) != 1 || c.Missing[0].Selector != "nope" || !strings.Contains(c.Missing[0].Message, "no run") ||
		c.Missing[0].Hint == "" {
		t.Errorf("missing: %+v", c.Missing)
	}
	var verdicts []diff.Verdict
	for _, v := range c.Metrics.Rows[0].Verdicts {
		verdicts = append(verdicts, v.Verdict)
	}
	if !slices.Equal(verdicts, []diff.Verdict{diff.Better, diff.Inconclusive, diff.Inconclusive}) {
		t.Errorf("the verdicts are %q", verdicts)
	}
	if len(c.Pairs) != 3 || c.Command != "" {
		t.Errorf("%d pairs, command %q", len(c.Pairs), c.Command)
	}
	// The level is shared by three comparisons.
	if note := strings.Join(c.Pairs[0].Notes, "\n"); !strings.Contains(note, "tested at 0.016667") {
		t.Errorf("the notes are %q", note)
	}
	many := make([]string, view.MaxSides+1)
	for i := range many {
		many[i] = fmt.Sprint("x", i)
	}
	if status, body := s.get(compareQuery(many...)); status != 400 || !strings.Contains(body, "at most 50") {
		t.Errorf("%d %s", status, body)
	}
}

func TestTyped(t *testing.T) {
	for selector, want := range map[string]string{
		"a": "a", "20260730-100000-abcdefgh": "abcdefgh", "main:20260730-100000-abcdefgh": "main:abcdefgh",
		"main:best=rmse": "main:best=rmse", "": "",
	} {
		if got := typed(selector); got != want {
			t.Errorf("%s: %s, want %s", selector, got, want)
		}
	}
}

func TestSidesOf(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"", ""},
		{"runs=a,b", "a|b"},
		{"runs=a,,b,a", "a|b"},
		{"runs=a%252Cb,c", "a,b|c"},
		{"runs=100%25", "100%"},
		{"groups=group%3Dx,params.lr+%3D+1", "group=x|where params.lr = 1"},
		{"groups=where+a&runs=b", "b|where a"},
		{"groups=group(x)", "group(x)"},
	} {
		params, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(sidesOf(params), "|"); got != c.want {
			t.Errorf("%s: %q, want %q", c.query, got, c.want)
		}
	}
}

// What is too large for a page is left out, what differs last, and counted.
func TestKeep(t *testing.T) {
	rows := []int{0, 1, 0, 2, 0, 3} // 0 stands for an equal row
	differs := func(r int) bool { return r != 0 }
	for _, c := range []struct {
		n, more int
		want    []int
	}{
		{6, 0, rows}, {5, 1, []int{0, 1, 0, 2, 3}}, {3, 3, []int{1, 2, 3}}, {2, 4, []int{1, 2}}, {0, 6, nil},
	} {
		got, more := keep(rows, c.n, differs)
		if !slices.Equal(got, c.want) || more != c.more {
			t.Errorf("%d: %v and %d, want %v and %d", c.n, got, more, c.want, c.more)
		}
	}
}

func TestPatchIsCut(t *testing.T) {
	w := &patchWriter{}
	line := []byte(strings.Repeat("x", 1000) + "\n")
	var err error
	n := 0
	for err == nil {
		_, err = w.Write(line)
		n++
	}
	if len(w.text) != maxPatch || n != maxPatch/len(line)+1 {
		t.Errorf("kept %d bytes after %d lines", len(w.text), n)
	}
	long := strings.Repeat("é", maxText)
	if got := *cut(long); len(got) > maxText+4 || !strings.HasSuffix(got, "é…") {
		t.Errorf("cut to %d bytes, which end in %q", len(got), got[len(got)-8:])
	}
}

// Hostile names and values come through as they are, escaped by JSON.
func TestCompareHostile(t *testing.T) {
	p := newProject(t)
	s := serve(t, p.Repository, view.Options{}, Options{})
	c := ask[comparisonJSON](t, s, compareQuery(p.ids[0], p.ids[1]))
	if len(c.Sides) != 2 || c.Sides[0].Title != hostileName {
		t.Errorf("the sides are %+v", c.Sides)
	}
	for _, part := range c.Parts {
		for _, row := range part.Rows {
			for _, v := range row.Values {
				if v != nil && len(*v) > maxText+8 {
					t.Errorf("%s %s has %d bytes", part.Name, row.Key, len(*v))
				}
			}
		}
	}
}

func TestReviewAnswer(t *testing.T) {
	p := newComparing(t)
	p.addSeeds("base", 0.1, 0.50, 0.51, 0.52)
	p.git.Git("add", "-A", "-f", ".runs")
	p.git.Commit("runs of main", nil)
	p.git.Git("checkout", "-q", "-b", "better")
	p.addSeeds("new", 0.2, 0.30, 0.31, 0.32)
	s := serve(t, p.Repository, view.Options{}, Options{})
	r := ask[reviewJSON](t, s, "review.json?base=main")
	if r.Problem != nil || r.Command != "runs review main" || r.Metric != "loss" || r.Goal != "min" {
		t.Fatalf("got %+v", r)
	}
	if r.Baseline == nil || r.Baseline.Count != 3 || len(r.Groups) != 1 || r.Groups[0].Count != 3 ||
		r.Groups[0].Compared == nil || r.Verdict != diff.Better {
		t.Errorf("baseline %+v, groups %+v", r.Baseline, r.Groups)
	}
	if r.Changes == nil || len(r.Changes.Sides) != 2 || r.Changes.Sides[0].Selector != "main:"+p.ids["base-3"] ||
		len(r.Curves) != 2 || len(r.Curves[0].Steps) != 2 {
		t.Errorf("changes %+v, curves %+v", r.Changes, r.Curves)
	}
	if !slices.Contains(r.Bases, "main") || !slices.Contains(r.Bases, "better") {
		t.Errorf("the bases are %q", r.Bases)
	}
	if c := r.Check; c.Command != "runs check" || c.Rules != 2 || c.Title != "new-3" || !c.Shown || len(c.Outcomes) != 2 ||
		!c.Outcomes[0].OK || c.Outcomes[0].Rule != "loss" {
		t.Errorf("the check is %+v", c)
	}
	// The comparison that the page links to.
	linked := ask[comparisonJSON](t, s, compareQuery(r.Changes.Sides[0].Selector, "new-1"))
	if len(linked.Sides) != 2 || linked.Metrics.Rows[0].Verdicts[0].Verdict != diff.Better {
		t.Errorf("the linked comparison is %+v", linked)
	}
	group := ask[reviewJSON](t, s, "review.json?base=main&check=group%3Dnew")
	if group.Check.Title != "group=new" || group.Check.Command != "runs check group=new" {
		t.Errorf("the check is %+v", group.Check)
	}
}

// What keeps a review from its report is part of the answer, with what to do.
func TestReviewProblems(t *testing.T) {
	p := newComparing(t)
	s := serve(t, p.Repository, view.Options{}, Options{})
	for query, want := range map[string]string{
		"?base=main&baseline=none": "no run",
		"?base=nope":               "no such revision",
		"?base=--help":             "no such revision",
		"?base=main&metric=xy":     "xy has no goal",
	} {
		r := ask[reviewJSON](t, s, "review.json"+query)
		if r.Problem == nil || !strings.Contains(r.Problem.Message, want) || r.Problem.Hint == "" {
			t.Errorf("%q: %+v, want %q and a hint", query, r.Problem, want)
		}
		if r.Check.Problem == nil || !strings.Contains(r.Check.Problem.Message, "no finished run") {
			t.Errorf("%q: the check is %+v", query, r.Check)
		}
	}
	none := ask[reviewJSON](t, s, "review.json?base=main")
	if none.Problem != nil || len(none.Groups) != 0 || none.Headline != "no run of this branch has loss" {
		t.Errorf("without runs: %+v", none)
	}
	rev := serve(t, p.Repository, view.Options{Revision: "HEAD"}, Options{})
	at := ask[reviewJSON](t, rev, "review.json?base=main")
	if at.Problem == nil || !strings.Contains(at.Problem.Hint, "without --rev") {
		t.Errorf("of a revision: %+v", at.Problem)
	}
}
