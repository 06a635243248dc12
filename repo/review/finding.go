package review

import (
	"context"

	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// Kind is the kind of a finding.
type Kind int

// The kinds of findings. The comments say which fields of Finding they use.
const (
	None Kind = iota

	// Findings about the runs of a branch, in a Report.
	Unsuccessful     // Count runs are left out, because they did not finish successfully: Lost
	NotFinite        // Count runs are left out, because their value of the metric Name is not finite: Lost
	LostRuns         // Lost are the runs of the group Name, of Of, that do not count; the side is worse for it
	Damaged          // a run is left out, because of Err
	WithoutMetric    // Count runs are left out: they have no value of the metric Name, or another run resumes them
	OtherEnvironment // the environment differs from the baseline's in Count places
	FewerRuns        // Count runs are compared with Of runs of the baseline

	// Findings about the settings of a branch, in a Report or beside the outcomes of a check.
	AllowsSecrets      // config.toml allows secret findings that match Name, because of Reason
	SettingChanged     // the setting Name differs from that of the base
	SettingsUncompared // the settings cannot be compared with those of the base, because of Err

	// Findings about the source and data of a run, in a Report or an Outcome.
	Uncommitted    // Run was recorded with changes that were not committed
	NotRestorable  // the source of Run cannot be restored in full, because of Reason
	InputsUnknown  // not all data that Run has read is known, because of Reason
	OtherData      // the dataset Name differs from the baseline's; Noticed says how it is known
	SourceUnknown  // the source of Run was not recorded
	CodeChanged    // the code has changed since Run in Count files, the first of which is Path
	CodeUncompared // the code cannot be compared with that of Run, because of Err

	// Findings about the number of runs, the baseline and the metric, in an Outcome.
	RunCount           // there are Count runs; Of runs are required
	NoBaseline         // the selector Name matches no run
	HasValue           // the metric has a value, and the rule has no baseline
	NoValue            // the run does not have the metric, and the rule has no baseline
	Compared           // the metric was compared with the baseline's
	NoMetric           // neither the run nor the baseline has the metric
	NoMetricOfRun      // the run does not have the metric
	NoMetricOfBaseline // the baseline does not have the metric
	NotANumber         // a value of the metric is not a number
	NoGoal             // the metric Name has no goal
	MixedGroup         // the runs of a group differ in Keys, not only in their seeds

	// Findings about promotions of models, in a Promotion or an Outcome.
	Unpromotable   // the version Name must not be promoted, because of Err
	Promoted       // the branch puts the version Name into a stage in which no version was
	Demoted        // the branch leaves the stage without a version
	NoPromotion    // the branch promotes no version to the stage
	StageUncertain // what the branch puts into the stage is not known, because of Err
)

// Finding is a fact about runs, usually one that a reviewer must know.
type Finding struct {
	Kind      Kind
	Run       *format.Run
	Name      string // of a metric, a dataset, a setting or a selector
	Path      string
	Reason    string
	Keys      []string
	Lost      []diff.Lost
	Count, Of int
	Err       error
	Noticed   bool // the dataset was noticed, and nobody has named it
}

// uncommitted returns a finding if a run was recorded with uncommitted changes.
func uncommitted(e *repo.Entry) Finding {
	if e.Source != nil && e.Source.Dirty {
		return Finding{Kind: Uncommitted, Run: e.Run}
	}
	return Finding{}
}

func notRestorable(e *repo.Entry) Finding {
	if missing := e.Source.Missing(); missing != "" {
		return Finding{Kind: NotRestorable, Run: e.Run, Reason: missing}
	}
	return Finding{}
}

func inputsUnknown(e *repo.Entry) Finding {
	if unknown := e.UnknownInputs(); unknown != "" {
		return Finding{Kind: InputsUnknown, Run: e.Run, Reason: unknown}
	}
	return Finding{}
}

// notCurrent compares the source of each run with the checked-out commit. If there are paths, it compares only files
// at or below them. It returns the finding for the first run that differs or cannot be compared. The only error is
// that of the context.
func notCurrent(ctx context.Context, s *Side, paths []string) (Finding, error) {
	for _, e := range s.Entries {
		if e.Source == nil || e.Source.Tree == "" {
			return Finding{Kind: SourceUnknown, Run: e.Run}, nil
		}
		behind, err := s.catalog.Repository().BehindHead(ctx, e.Run, paths)
		switch {
		case ctx.Err() != nil:
			return Finding{}, ctx.Err()
		case err != nil:
			return Finding{Kind: CodeUncompared, Run: e.Run, Err: err}, nil
		case len(behind) > 0:
			return Finding{Kind: CodeChanged, Run: e.Run, Count: len(behind), Path: behind[0]}, nil
		}
	}
	return Finding{}, nil
}

// otherData returns a finding for each dataset that differs from that of the baseline.
func otherData(c *diff.Comparison) []Finding {
	var findings []Finding
	for _, d := range c.Datasets {
		if !d.Same() {
			findings = append(findings, Finding{Kind: OtherData, Name: d.Name, Noticed: d.Noticed()})
		}
	}
	return findings
}
