package render

import (
	"fmt"
	"strings"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/diff"
	"github.com/gitruns/runs/repo/review"
)

// Finding describes a finding in one clause. It returns an empty text for review.None.
func Finding(f review.Finding) string {
	switch f.Kind {
	case review.Unpromotable:
		return fmt.Sprintf("%s must not be promoted: %v", f.Name, f.Err)
	case review.Promoted:
		return f.Name + " is the first version in this stage"
	case review.Demoted:
		return "the branch leaves this stage without a version"
	case review.NoPromotion:
		return "the branch promotes no version to this stage"
	case review.StageUncertain:
		return "what the branch changes is not known: " + f.Err.Error()
	case review.Unsuccessful:
		return "left out " + terminal.Count(int64(f.Count), "unsuccessful run") + ": " + lostText(f.Lost)
	case review.NotFinite:
		return fmt.Sprintf("left out %s without a finite %s: %s",
			terminal.Count(int64(f.Count), "run"), f.Name, lostText(f.Lost))
	case review.LostRuns:
		return fmt.Sprintf("%s: %d of %d runs do not count: %s", f.Name, len(f.Lost), f.Of, lostText(f.Lost))
	case review.Damaged:
		return "left out a damaged run: " + f.Err.Error()
	case review.WithoutMetric:
		return fmt.Sprintf("left out %s (without %s, or resumed by another run)",
			terminal.Count(int64(f.Count), "run"), f.Name)
	case review.OtherEnvironment:
		return "the environment differs from the baseline's in " + terminal.Count(int64(f.Count), "place")
	case review.FewerRuns:
		return fmt.Sprintf("compares %s with %s of the baseline",
			terminal.Count(int64(f.Count), "run"), terminal.Count(int64(f.Of), "run"))
	case review.AllowsSecrets:
		return fmt.Sprintf("the branch allows secret findings with %s: %q", f.Name, f.Reason)
	case review.SettingChanged:
		return "the branch changes the setting " + f.Name
	case review.SettingsUncompared:
		return "the settings of the branch cannot be compared with its base: " + f.Err.Error()
	case review.Uncommitted:
		return f.Run.Title() + " was recorded with uncommitted changes"
	case review.NotRestorable:
		return fmt.Sprintf("%s is not fully restorable: %s", f.Run.Title(), f.Reason)
	case review.InputsUnknown:
		return fmt.Sprintf("not all data of %s is known: %s", f.Run.Title(), f.Reason)
	case review.OtherData:
		if f.Noticed {
			return fmt.Sprintf("dataset %s, which nobody has named, differs from the baseline's", f.Name)
		}
		return fmt.Sprintf("dataset %s differs from the baseline's", f.Name)
	case review.SourceUnknown:
		return fmt.Sprintf("the source of %s was not recorded", f.Run.Title())
	case review.CodeChanged:
		files := f.Path
		if f.Count > 1 {
			files += ", …"
		}
		return fmt.Sprintf("the code has changed since %s: %s (%s)",
			f.Run.Title(), terminal.Count(int64(f.Count), "file"), files)
	case review.CodeUncompared:
		return f.Err.Error()
	case review.RunCount:
		return fmt.Sprintf("%s, at least %d required", terminal.Count(int64(f.Count), "run"), f.Of)
	case review.NoBaseline:
		return f.Name + " names no run"
	case review.NoValue:
		return "the run has no value"
	case review.NoMetric:
		return "neither the run nor the baseline has it"
	case review.NoMetricOfRun:
		return "the run does not have it"
	case review.NoMetricOfBaseline:
		return "the baseline does not have it"
	case review.NotANumber:
		return "a value is not a number"
	case review.NoGoal:
		return fmt.Sprintf("no goal is set; run 'runs goal %s min' or 'runs goal %[1]s max'", f.Name)
	case review.MixedGroup:
		return mixed(f.Keys)
	}
	return ""
}

// mixed explains why a group has no verdict.
func mixed(keys []string) string {
	return "no verdict: the runs of a group differ in " + strings.Join(keys, ", ")
}

// Outcome explains why a rule holds or does not hold.
func Outcome(o review.Outcome) string {
	switch o.Finding.Kind {
	case review.HasValue:
		return terminal.Number(o.Value) + lostRuns(o.Lost)
	case review.NotANumber:
		return Finding(o.Finding) + lostRuns(o.Lost)
	case review.Compared:
		m := o.Compared
		text := fmt.Sprintf("%s, baseline %s: %s", LevelText(m.B, *m, true), LevelText(m.A, *m, true), VerdictText(*m))
		if o.Worse > 0 {
			allowed := terminal.Number(o.Allowed)
			if o.Percent {
				allowed += "%"
			}
			text += fmt.Sprintf("; worse by %s, %s allowed", terminal.Number(o.Worse), allowed)
		}
		if m.Uneven {
			text += "; the best of different numbers of points"
		}
		return text + lostRuns(o.Lost)
	case review.None:
		return met(o.Rule)
	}
	return Finding(o.Finding)
}

// lostRuns says that a rule does not hold because runs are lost. It is empty if none are.
func lostRuns(list []diff.Lost) string {
	if len(list) == 0 {
		return ""
	}
	return fmt.Sprintf("; lost %s: %s", terminal.Count(int64(len(list)), "run"), lostText(list))
}

// met describes a requirement that holds.
func met(requirement string) string {
	switch requirement {
	case "clean":
		return "recorded without uncommitted changes"
	case "restorable":
		return "the source can be restored"
	case "same_data":
		return "the data is the baseline's"
	}
	return "the code has not changed since"
}
