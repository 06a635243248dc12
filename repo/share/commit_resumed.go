package share

import (
	"context"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// gatherResumed adds the runs that Runs resume, whatever their status: without them, a clone would have the last part
// of such a run alone. Runs that were removed stay out. again means that nothing was added, because a day that the plan
// has passed over has one of them: the plan must be made again without what is remembered of days.
func (w *writer) gatherResumed(ctx context.Context, p *plan, base string, removed map[string]bool, dry bool,
) (again bool, err error) {
	parts, again, err := w.resumed(ctx, p, base, removed)
	if err != nil || again || len(parts) == 0 {
		return again, err
	}
	counted := !w.request.IncludeFailed && w.request.IDs == nil
	var fresh []newRun
	left := 0 // of the runs that were left out so far
	for _, e := range parts {
		adopted, err := w.repo.Adopt(e.ID)
		switch {
		case err != nil:
			return false, err
		case adopted:
			w.taken = append(w.taken, e.ID)
		case counted && e.Status != format.Finished:
			left++
		}
		fresh = append(fresh, newRun{e.ID, true})
	}
	slices.SortFunc(fresh, func(a, b newRun) int { return strings.Compare(a.id, b.id) })
	before := len(p.Runs)
	if err := p.gatherRuns(ctx, p.known, fresh, dry); err != nil {
		return false, err
	}
	p.Unsuccessful -= left
	p.Resumed = len(p.Runs) - before
	slices.SortFunc(p.Runs, func(a, b CommittedRun) int { return strings.Compare(a.ID, b.ID) })
	return false, nil
}

// resumed returns the runs that Runs resume, directly or not, as far as this machine has them and base lacks them.
// again is that of gatherResumed.
func (w *writer) resumed(ctx context.Context, p *plan, base string, removed map[string]bool,
) (parts []*repo.Entry, again bool, err error) {
	seen := make(map[string]bool, len(p.Runs))
	for _, run := range p.Runs {
		seen[run.ID] = true
	}
	refused := make(map[string]bool, len(p.Refused))
	for _, d := range p.Refused {
		refused[d.ID] = true
	}
	passed := map[string]map[string]bool{} // the runs that base has of days that the plan has passed over
	for _, run := range p.Runs {
		for id := run.resumes; id != "" && !seen[id] && format.CheckID(id) == nil; {
			if err := ctx.Err(); err != nil {
				return nil, false, err
			}
			seen[id] = true
			e, err := w.repo.ReadFinished(id)
			if err != nil {
				break // the chain goes back as far as it is known; verify names what is missing or damaged
			}
			_, committed := p.known.runs[id]
			if day := format.IDDay(id); p.settled != nil && p.settled.has(day, true) {
				if passed[day] == nil {
					if passed[day], err = committedOn(w.trees, []string{base}, p.at, day); err != nil {
						return nil, false, err
					}
				}
				if committed = passed[day][id]; !committed && !removed[id] {
					return nil, true, nil
				}
			}
			if !committed && !removed[id] && !p.known.removed[id] && !refused[id] {
				parts = append(parts, e)
			}
			id = e.Resumes
		}
	}
	return parts, false, nil
}
