package render

import (
	"fmt"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/repo/registry"
	"github.com/gitruns/runs/repo/review"
)

// Promotion describes what a branch changes in a stage or alias of a model, in one line.
func Promotion(p review.Promotion) string {
	number := func(v *registry.Version) string {
		if v == nil {
			return "none"
		}
		return fmt.Sprint(v.Number)
	}
	text := fmt.Sprintf("%s %s of %s: %s → %s", p.Kind, p.Name, p.Model, number(p.Was), number(p.Now))
	if m := p.Compared; m != nil && m.A != nil && m.B != nil {
		text += fmt.Sprintf(", %s %s → %s", m.Key, terminal.Number(m.A.Value), terminal.Number(m.B.Value))
		if m.Goal != "" {
			text += ", " + VerdictText(*m)
		}
	}
	switch {
	case p.By != "" && p.Reason != "":
		text += fmt.Sprintf(" (%s: %s)", p.By, p.Reason)
	case p.By != "":
		text += fmt.Sprintf(" (%s)", p.By)
	case p.Reason != "":
		text += fmt.Sprintf(" (%s)", p.Reason)
	}
	return text
}

// PromotionJSON is the JSON of a promotion (SPEC.md section 10).
type PromotionJSON struct {
	Model    string       `json:"model"`
	Kind     string       `json:"kind"` // stage or alias
	Name     string       `json:"name"`
	Was      *string      `json:"was"` // an exact selector
	Now      *string      `json:"now"`
	By       string       `json:"by,omitempty"`
	Reason   string       `json:"reason,omitempty"`
	Metric   string       `json:"metric,omitempty"` // that is compared
	Verdict  diff.Verdict `json:"verdict,omitempty"`
	Delta    *float64     `json:"delta,omitempty"`
	Problems []string     `json:"problems"`
}

// promotionsJSON returns the promotions of a branch for JSON output.
func promotionsJSON(all []review.Promotion) []PromotionJSON {
	list := make([]PromotionJSON, len(all))
	exact := func(v *registry.Version) *string {
		if v == nil {
			return nil
		}
		text := v.Exact()
		return &text
	}
	for i, p := range all {
		list[i] = PromotionJSON{
			Model: p.Model, Kind: p.Kind, Name: p.Name, Was: exact(p.Was), Now: exact(p.Now), By: p.By, Reason: p.Reason,
			Problems: []string{},
		}
		if m := p.Compared; m != nil && m.A != nil && m.B != nil {
			list[i].Metric, list[i].Verdict, list[i].Delta = m.Key, m.Verdict, &m.Delta
		}
		for _, f := range p.Problems {
			list[i].Problems = append(list[i].Problems, Finding(f))
		}
	}
	return list
}
