package share

import (
	"bytes"
	"errors"
	"maps"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// hidden returns the files of a run after a redaction of its name.
func hidden(t *testing.T, files map[string][]byte) map[string][]byte {
	t.Helper()
	now := maps.Clone(files)
	now[repo.RecordName] = redactionOf(t, files[repo.RecordName], hideName)
	return now
}

func named(run *format.Run) { run.Name = "sesame" }

// TestReplayBatches puts a commit of ours on what others have pushed since, where runs move into batches and out of
// them. Whatever both sides did, each run has one version at the end, and the history is sound.
func TestReplayBatches(t *testing.T) {
	p := newProject(t, "plain")
	b, c, d := measured(t, runB, 0.5), measured(t, runC, 0.25, named), measured(t, runD, 0.125)
	cHidden := hidden(t, c)
	cOther := maps.Clone(c)
	otherwise := func(run *format.Run) { run.Redacted[0].What = "x" }
	cOther[repo.RecordName] = redactionOf(t, c[repo.RecordName], hideName, otherwise)
	pack := func(runs ...map[string][]byte) map[string]any {
		all := map[string]map[string][]byte{}
		for _, files := range runs {
			run, err := format.DecodeRun(repo.RecordName, files[repo.RecordName])
			check(t, err)
			all[run.ID] = files
		}
		return batched(t, all)
	}
	singles := together(single(runB, b), single(runC, c), single(runD, d))
	bcd, bc, cd, bd := pack(b, c, d), pack(b, c), pack(c, d), pack(b, d)
	move := func(from, to map[string]any) map[string]any { return together(without(from), to) }
	markC := map[string]any{".runs/removed/" + runC: ""}
	recordC := func(files map[string][]byte) map[string]any {
		return map[string]any{in(runC, repo.RecordName): files[repo.RecordName]}
	}
	for _, x := range []struct {
		name               string
		base, ours, theirs map[string]any
		want               map[string]map[string][]byte // of run C; nil: it is gone, or only marked
		conflict           bool
	}{
		{"a batch of new runs", nil, bcd, map[string]any{"README": "x"}, map[string]map[string][]byte{runC: c}, false},
		{"the same batch", nil, bcd, bcd, map[string]map[string][]byte{runC: c}, false},
		{"new runs in different batches", nil, bc, cd, map[string]map[string][]byte{runC: c}, false},
		{"in a batch here, by itself there", nil, bc, single(runC, c), map[string]map[string][]byte{runC: c}, false},
		{"by itself here, in a batch there", nil, single(runC, c), bc, map[string]map[string][]byte{runC: c}, false},
		{"both pack alike", singles, move(singles, bcd), move(singles, bcd), map[string]map[string][]byte{runC: c}, false},
		{
			"both pack differently", singles,
			move(together(single(runB, b), single(runC, c)), bc), move(together(single(runC, c), single(runD, d)), cd),
			map[string]map[string][]byte{runC: c},
			false,
		},
		{
			"packed here, redacted there", singles, move(singles, bcd), recordC(cHidden),
			map[string]map[string][]byte{runC: cHidden},
			false,
		},
		{
			"redacted here, packed there", singles, recordC(cHidden), move(singles, bcd),
			map[string]map[string][]byte{runC: cHidden},
			false,
		},
		{
			"redacted in its batch here, joined with others there", together(bc, single(runD, d)),
			move(bc, pack(b, cHidden)), move(together(bc, single(runD, d)), bcd),
			map[string]map[string][]byte{runC: cHidden},
			false,
		},
		{
			"joined with others here, redacted in its batch there", together(bc, single(runD, d)),
			move(together(bc, single(runD, d)), bcd), move(bc, pack(b, cHidden)),
			map[string]map[string][]byte{runC: cHidden},
			false,
		},
		{"packed here, removed there", singles, move(singles, bcd), move(single(runC, c), markC), nil, false},
		{"removed here, packed there", singles, move(single(runC, c), markC), move(singles, bcd), nil, false},
		{"dropped here, unpacked there", bcd, together(move(bcd, bd), markC), move(bcd, singles), nil, false},
		{
			"unpacked here, redacted there", bcd, move(bcd, singles), move(bcd, pack(b, cHidden, d)),
			map[string]map[string][]byte{runC: cHidden},
			false,
		},
		{
			"redacted differently", singles, together(move(singles, pack(b, cHidden, d))),
			recordC(cOther), nil, true,
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			base := p.commitTree([]string{p.Head}, x.base)
			ours := p.commitTree([]string{base}, x.ours)
			theirs := p.commitTree([]string{base}, x.theirs)
			trees := p.trees()
			commit, err := readRunCommit(t.Context(), p.runs.Git, trees, theirs, ours)
			check(t, err)
			replay, err := newReplayer(t.Context(), p.runs.Git, trees, theirs)
			check(t, err)
			err = replay.apply(t.Context(), commit)
			if conflict := new(ConflictError); x.conflict {
				if !errors.As(err, &conflict) || conflict.ID != runC || replay.tip != theirs {
					t.Errorf("apply: %v", err)
				}
				return
			}
			check(t, err)
			h, err := VerifyHistory(t.Context(), p.runs.Git, HistoryRequest{
				At: ".runs", Revs: []string{p.Head + ".." + replay.tip},
			})
			check(t, err)
			if len(h.Problems) > 0 {
				t.Errorf("problems: %+v", h.Problems)
			}
			known, err := readSnapshot(trees, replay.tip, ".runs")
			check(t, err)
			for id := range known.runs {
				_, err := known.run(id)
				check(t, err)
			}
			for _, id := range []string{runB, runD} {
				then, err := filesIn(trees, ours, ".runs", id)
				check(t, err)
				if _, ok := known.runs[id]; len(then) > 0 && !ok {
					t.Errorf("run %s is gone", id)
				}
			}
			equal(t, "marked", known.removed[runC], x.want == nil)
			for id, want := range x.want {
				files, err := known.run(id)
				check(t, err)
				for name := range want {
					got, err := files[name].read(trees, maxHeldBytes)
					check(t, err)
					if !bytes.Equal(got, want[name]) {
						t.Errorf("%s: %s", name, got)
					}
				}
			}
		})
	}
}
