package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/gitruns/runs/cmd/internal/chart"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/review"
)

// Review shows what the runs of a branch change, as text for a terminal, as a Markdown comment on a forge, and as JSON.
type Review struct{ *review.Report }

const (
	maxGroups   = 30     // runs to list in a report
	maxFindings = 20     // findings to list in a comment
	maxFinding  = 500    // length of a finding in a comment, in bytes
	maxComment  = 60_000 // length of a comment, in bytes; forges accept 65,536 characters
)

// reviewMark lets a bot find its comment again.
const reviewMark = "<!-- runs review -->\n"

// Headline summarizes the result in one line.
func (v Review) Headline() string {
	runs := terminal.Count(int64(v.Runs()), "run")
	switch {
	case len(v.Groups) == 0 && len(v.Promotions) > 0:
		return terminal.Count(int64(len(v.Promotions)), "promotion") + " of models"
	case len(v.Groups) == 0:
		return "no run of this branch has " + v.Metric
	case v.Baseline == nil:
		return fmt.Sprintf("%s, but no run with %s on %s to compare with", runs, v.Metric, v.Base)
	case v.Groups[0].Compared == nil:
		return runs
	}
	m := v.Groups[0].Compared
	a, b := terminal.Number(m.A.Value), terminal.Number(m.B.Value)
	return fmt.Sprintf("%s: %s, %s → %s", v.Metric, VerdictText(*m), a, b)
}

// reviewRow is a row in the table of runs.
type reviewRow struct {
	name, value, change, relative, verdict string
	style                                  terminal.Style
	baseline                               bool
}

// rows returns rows for the baseline and the best runs. more is the number of runs without a row.
func (v Review) rows() (rows []reviewRow, more int) {
	if len(v.Groups) == 0 {
		return nil, 0
	}
	if m := v.Groups[0].Compared; v.Baseline != nil && m != nil {
		rows = append(rows, reviewRow{
			name: v.Baseline.Entries[0].Title(), value: terminal.Number(m.A.Value), style: terminal.Dim, baseline: true,
		})
	}
	shown := v.Groups[:min(len(v.Groups), maxGroups)]
	for _, g := range shown {
		row := reviewRow{name: g.Entries[0].Title(), value: terminal.Number(g.Mean)}
		switch of := g.N + len(g.Lost); {
		case len(g.Lost) > 0:
			row.value += fmt.Sprintf(" (%d of %d)", g.N, of)
		case of > 1:
			row.value += fmt.Sprintf(" (%d)", of)
		}
		if m := g.Compared; m != nil {
			row.change, row.relative, row.verdict = Delta(m.Delta), Percent(m.Relative), VerdictText(*m)
			row.style = VerdictStyle(m.Verdict)
		}
		rows = append(rows, row)
	}
	return rows, len(v.Groups) - len(shown)
}

// Write writes the report as text for a terminal.
func (v Review) Write(w io.Writer, t *terminal.Terminal) error {
	p := &page{w: w, t: t}
	p.line("%s", t.Paint(terminal.Bold, terminal.Clean(v.Headline())))
	if rows, more := v.rows(); len(rows) > 0 {
		p.line("")
		tb := terminal.Table{Columns: []terminal.Column{
			{Title: "run", Flexible: true, Name: true},
			{Title: v.Metric, Right: true, Key: true},
			{Title: "change", Right: true},
			{Title: "", Right: true},
			{Title: "verdict"},
		}}
		for _, r := range rows {
			if r.baseline {
				tb.Rows = append(tb.Rows, []terminal.Cell{
					{Text: r.name + ", the baseline", Style: r.style}, {Text: r.value, Style: r.style},
				})
				continue
			}
			tb.Rows = append(tb.Rows, []terminal.Cell{
				{Text: r.name},
				{Text: r.value},
				{Text: r.change, Style: r.style},
				{Text: r.relative, Style: r.style},
				{Text: r.verdict, Style: r.style},
			})
		}
		if p.err == nil {
			p.err = tb.Write(w, t)
		}
		if more > 0 {
			p.line("… %d more", more)
		}
	}
	if len(v.Promotions) > 0 {
		p.line("")
	}
	for _, promotion := range v.Promotions {
		p.line("%s", terminal.Clean(Promotion(promotion)))
		for _, f := range promotion.Problems {
			p.line("%s %s", t.Paint(terminal.Red, "!"), terminal.Clean(Finding(f)))
		}
	}
	if len(v.Findings) > 0 {
		p.line("")
	}
	for _, f := range v.Findings {
		p.line("%s %s", t.Paint(terminal.Yellow, "!"), terminal.Clean(Finding(f)))
	}
	if p.err != nil || v.Comparison == nil {
		return p.err
	}
	p.line("\n%s", t.Paint(terminal.Bold, "what changed"))
	return Diff{Primary: v.Metric, Most: 20}.Write(w, t, v.Comparison)
}

// Markdown writes the report for a comment on a forge. It leaves out parts that would make the comment too long.
func (v Review) Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString(reviewMark + "### " + Escape(v.Headline()) + "\n")
	if rows, more := v.rows(); len(rows) > 0 {
		fmt.Fprintf(&b, "\n| run | %s | change | | verdict |\n|---|--:|--:|--:|---|\n", Code(v.Metric))
		for _, r := range rows {
			if r.baseline {
				fmt.Fprintf(&b, "| %s, the baseline | %s | | | |\n", Code(r.name), Escape(r.value))
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n",
				Code(r.name), Escape(r.value), Escape(r.change), Escape(r.relative), Escape(r.verdict))
		}
		if more > 0 {
			fmt.Fprintf(&b, "\n… %d more\n", more)
		}
	}
	for i, p := range v.Promotions {
		if i == 0 {
			b.WriteString("\n")
		}
		if i == maxFindings {
			fmt.Fprintf(&b, "- … %d more changes of models\n", len(v.Promotions)-i)
			break
		}
		text := Promotion(p)
		b.WriteString("- " + Escape(text[:min(len(text), maxFinding)]) + "\n")
		for _, f := range p.Problems[:min(len(p.Problems), maxFindings)] {
			text := Finding(f)
			b.WriteString("  - ❌ " + Escape(text[:min(len(text), maxFinding)]) + "\n")
		}
	}
	for i, f := range v.Findings {
		if i == 0 {
			b.WriteString("\n")
		}
		if i == maxFindings {
			fmt.Fprintf(&b, "- … %d more\n", len(v.Findings)-i)
			break
		}
		text := Finding(f)
		b.WriteString("- ⚠ " + Escape(text[:min(len(text), maxFinding)]) + "\n")
	}
	for _, part := range []string{v.markdownCurves(), v.markdownChanges()} {
		if part != "" && b.Len()+len(part) > maxComment {
			part = "\nPart of the report is left out, because it is too long for a comment. Run 'runs review' to see it.\n"
		}
		b.WriteString(part)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdownCurves draws the metric for the baseline and the best run.
func (v Review) markdownCurves() string {
	if v.Curves[0] == nil || v.Curves[1] == nil {
		return ""
	}
	baseline, best := heights(v.Curves[0]), heights(v.Curves[1])
	metric := v.Metric
	if l := v.Curves[1][0].Labels; l != (format.Labels{}) {
		metric += " {" + l.Text() + "}"
	}
	return "\n" + chart.Mermaid(metric+" of the baseline and the best run", [][]float64{baseline, best}) +
		"\nbaseline " + chart.Spark(baseline, 30) + " · best " + chart.Spark(best, 30) + "\n"
}

// heights returns the values of the points.
func heights(points []format.Point) []float64 {
	y := make([]float64, len(points))
	for i, p := range points {
		y[i] = p.Value
	}
	return y
}

func (v Review) markdownChanges() string {
	if v.Comparison == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n<details><summary>What changed from the baseline to the best run</summary>\n\n")
	_ = Diff{Primary: v.Metric, Most: 40}.Markdown(&b, v.Comparison) // writing to a Builder never fails
	b.WriteString("\n</details>\n")
	return b.String()
}

// ReviewJSON is the JSON of a report (SPEC.md section 10).
type ReviewJSON struct {
	Base     string      `json:"base"`
	Metric   string      `json:"metric"`
	Goal     string      `json:"goal"`
	Baseline []string    `json:"baseline,omitempty"` // ids
	Runs     []GroupJSON `json:"runs"`
	Warnings []string    `json:"warnings"`
	Diff     *DiffJSON   `json:"diff,omitempty"`

	Promotions []PromotionJSON `json:"promotions"` // of models
}

// GroupJSON is a run in a report, with its replicates.
type GroupJSON struct {
	Runs    []string     `json:"runs"` // ids
	Name    string       `json:"name"`
	Mean    float64      `json:"mean"`
	N       int          `json:"n"`
	Lost    []LostJSON   `json:"lost,omitempty"`
	Verdict diff.Verdict `json:"verdict,omitempty"`
	Why     diff.Reason  `json:"why,omitempty"`
	Delta   *float64     `json:"delta,omitempty"`
}

// JSON returns the report for JSON output.
func (v Review) JSON() ReviewJSON {
	out := ReviewJSON{Base: v.Base, Metric: v.Metric, Goal: v.Goal, Promotions: promotionsJSON(v.Promotions)}
	for _, g := range v.Groups {
		one := GroupJSON{Runs: g.IDs(), Name: g.Entries[0].Title(), Mean: g.Mean, N: g.N, Lost: lostJSON(g.Lost)}
		if m := g.Compared; m != nil {
			one.Verdict, one.Why, one.Delta = m.Verdict, m.Why, &m.Delta
		}
		out.Runs = append(out.Runs, one)
	}
	for _, f := range v.Findings {
		out.Warnings = append(out.Warnings, Finding(f))
	}
	if v.Baseline != nil {
		out.Baseline = v.Baseline.IDs()
	}
	if v.Comparison != nil {
		out.Diff = NewDiffJSON(v.Comparison)
	}
	return out
}
