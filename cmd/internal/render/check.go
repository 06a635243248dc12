package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo/review"
)

// Check shows the outcomes of the project's rules for one run or group.
type Check struct {
	Title    string // of the run or group
	Outcomes []review.Outcome
}

// Write writes one line per rule.
func (v Check) Write(w io.Writer, t *terminal.Terminal) error {
	for _, o := range v.Outcomes {
		word := t.Paint(terminal.Green, "ok    ")
		if !o.OK {
			word = t.Paint(terminal.Red, "failed")
		}
		_, err := fmt.Fprintf(w, "%s  %s: %s\n", word, terminal.Clean(o.Rule), terminal.Clean(Outcome(o)))
		if err != nil {
			return err
		}
	}
	return nil
}

// OutcomeJSON is the JSON of an outcome (SPEC.md section 10).
type OutcomeJSON struct {
	Rule    string `json:"rule"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`

	Compared string     `json:"compared,omitempty"` // which value of each run
	SelectBy string     `json:"select_by,omitempty"`
	Lost     []LostJSON `json:"lost,omitempty"`
}

// JSON returns the outcomes for JSON output.
func (v Check) JSON() []OutcomeJSON {
	list := make([]OutcomeJSON, len(v.Outcomes))
	for i, o := range v.Outcomes {
		list[i] = OutcomeJSON{Rule: o.Rule, OK: o.OK, Message: Outcome(o), Lost: lostJSON(o.Lost)}
		if m := o.Compared; m != nil {
			list[i].Compared, list[i].SelectBy = m.Choice.Value, m.Choice.SelectBy
		}
	}
	return list
}

// GitHubAnnotations writes an error annotation for each rule that does not hold. See
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
func (v Check) GitHubAnnotations(w io.Writer) error {
	escape := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	for _, o := range v.Outcomes {
		if o.OK {
			continue
		}
		text := escape.Replace(terminal.Clean(o.Rule + ": " + Outcome(o)))
		if _, err := fmt.Fprintf(w, "::error title=runs check::%s\n", text); err != nil {
			return err
		}
	}
	return nil
}

// GitHubSummary writes all rules as a table for the job summary.
func (v Check) GitHubSummary(w io.Writer) error {
	var b strings.Builder
	b.WriteString("### runs check: " + Code(v.Title) + "\n\n| | rule | |\n|---|---|---|\n")
	for _, o := range v.Outcomes {
		mark := "✅"
		if !o.OK {
			mark = "❌"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", mark, Code(o.Rule), Escape(Outcome(o)))
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}
