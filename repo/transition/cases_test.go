package transition

import (
	"strings"
	"time"

	"github.com/gitruns/runs/format"
)

// vector is a change of the run in testdata/vectors/transition/old. lists returns the files that its entry of
// [[redacted]] lists; nil: there is no entry. after changes the version once it has the entry.
type vector struct {
	name, about, want string
	change            func(*made)
	lists             func(*made) []string
	after             func(*made)
}

func none(*made) []string { return nil }

func lists(names ...string) func(*made) []string { return func(*made) []string { return names } }

// patchName and environmentName are the new names of the shared files.
func patchName(m *made) []string { return []string{"sources/" + m.run.Source.Patches[0] + ".patch"} }

func environmentName(m *made) []string {
	return []string{"environments/" + m.run.Environment.Digest + ".toml"}
}

func nothing(*made) {}

const (
	redacted    = "allowed redacted"
	badRecord   = "refused run.toml"
	badMetrics  = "refused metrics.parquet"
	badNote     = "refused " + noteOne
	badAside    = "refused aside.jsonl"
	badArtifact = "refused artifacts/out.txt"
)

var cases = []vector{
	{"nothing", "nothing changed", "allowed same", nothing, nil, nil},
	{"annotation", "an annotation file was added", "allowed added", func(m *made) {
		m.files[runDir+"/notes/20260105-000000.000000-bbbb.toml"] = "schema = 1\ntime = 2026-01-05T00:00:00Z\nnote = \"x\"\n"
	}, nil, nil},
	{"removal", "the run was removed, with its marker", "allowed removed", func(m *made) {
		m.gone, m.mark = true, true
	}, nil, nil},
	{"param", "a param became [redacted]", redacted, func(m *made) { m.run.Params["key"] = "[redacted]" }, none, nil},
	{"part-of-a-text", "parts of texts became [redacted]", redacted, func(m *made) {
		m.run.Note, m.run.Command[3], m.run.Source.Branch = "with [redacted]", "[redacted] [redacted]", "[redacted]-branch"
	}, none, nil},
	{"number", "the digits of a param contained the secret", redacted, func(m *made) {
		m.run.Params["pin"] = "4[redacted]1"
	}, none, nil},
	{"key", "the key of a param became [redacted]", redacted, func(m *made) {
		model := m.run.Params["model"].(map[string]any)
		model["[redacted]"] = model["sesame"]
		delete(model, "sesame")
	}, none, nil},
	{"null-key", "the key of a param that is null became [redacted]", redacted, func(m *made) {
		m.run.Params["opt"] = map[string]any{"[redacted]": format.Null}
	}, none, nil},
	{"null-gone", "a param that was null is no more", badRecord, func(m *made) { delete(m.run.Params, "opt") }, none, nil},
	{"conflict-key", "the key of a conflict became [redacted]", redacted, func(m *made) {
		m.run.Conflicts = map[string][]any{"[redacted]": {int64(1)}}
	}, none, nil},
	{"unknown-key", "texts of keys that this version does not know", redacted, func(m *made) {
		m.run.Unknown = map[string]any{"later": map[string]any{"[redacted]": "open [redacted]", "n": "[redacted]"}}
	}, none, nil},
	{"annotation-redacted", "an annotation was redacted", redacted, func(m *made) {
		m.hide(noteOne, "open sesame", "[redacted]")
	}, lists(noteOne), nil},
	{"aside", "rejected lines were redacted", redacted, func(m *made) {
		m.hide("aside.jsonl", "open sesame", "[redacted]")
	}, lists("aside.jsonl"), nil},
	{"artifact", "a text artifact was redacted", redacted, func(m *made) {
		m.hide("artifacts/out.txt", "open sesame", "[redacted]")
	}, lists("artifacts/out.txt"), nil},
	{"patch", "a patch was redacted and has a new name", redacted, func(m *made) {
		m.hidePatch("open sesame", "[redacted]")
	}, patchName, nil},
	{"environment", "the environment was redacted and has a new name", redacted, func(m *made) {
		m.hideEnvironment("+sesame", "[redacted]")
	}, environmentName, nil},
	{"twice", "the second of two redactions names a record that was not committed", redacted, func(m *made) {
		m.run.Params["key"] = "[redacted]"
	}, none, func(m *made) {
		m.run.Tags["kind"] = "[redacted]"
		m.run.Redacted = append(m.run.Redacted, format.Redaction{
			Time: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), What: "pattern", Was: strings.Repeat("5", 64),
		})
	}},
	{"merged", "the entries of two redactions that a merge joined", redacted, func(m *made) {
		m.run.Params["key"] = "[redacted]"
	}, none, func(m *made) {
		m.run.Tags["kind"] = "[redacted]"
		other := format.Redaction{
			Time: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), What: "pattern", Was: strings.Repeat("5", 64),
		}
		m.run.Redacted = []format.Redaction{other, m.run.Redacted[0], other}
	}},

	{"unmarked", "the run was removed without a marker", "refused run", func(m *made) { m.gone = true }, nil, nil},
	{"file-removed", "a file of the run was removed", badMetrics, func(m *made) {
		delete(m.files, runDir+"/metrics.parquet")
	}, nil, nil},
	{"annotation-removed", "an annotation was removed", badNote, func(m *made) {
		delete(m.files, runDir+"/"+noteOne)
	}, nil, nil},
	{"annotation-edited", "an annotation was edited", badNote, func(m *made) {
		m.hide(noteOne, "said", "wrote")
	}, nil, nil},
	{"no-entry", "a param became [redacted], without an entry", badRecord, func(m *made) {
		m.run.Params["key"] = "[redacted]"
	}, nil, nil},
	{"comment", "a comment was added to the record", badRecord, nothing, nil, func(m *made) {
		data, _ := format.EncodeRun(m.run)
		m.raw = "# nice\n" + string(data)
	}},
	{"metric", "a metric of the record changed", badRecord, func(m *made) {
		m.run.Metrics["acc"] = format.Metric{Last: 0.9, Count: 1}
	}, none, nil},
	{"metric-without-entry", "a metric of the record changed, without an entry", badRecord, func(m *made) {
		m.run.Metrics["acc"] = format.Metric{Last: 0.9, Count: 1}
	}, nil, nil},
	{"metric-renamed", "the name of a metric became [redacted]", badRecord, func(m *made) {
		m.run.Metrics["[redacted]"] = m.run.Metrics["acc"]
		delete(m.run.Metrics, "acc")
	}, none, nil},
	{"points", "the points changed, and their digest in the record with them", badMetrics, func(m *made) {
		m.files[runDir+"/metrics.parquet"] += "x"
		m.follow("metrics.parquet")
	}, lists("metrics.parquet"), nil},
	{"points-alone", "the points changed", badMetrics, func(m *made) {
		m.files[runDir+"/metrics.parquet"] += "x"
	}, nil, nil},
	{"digest-alone", "the digest of the points changed", badRecord, func(m *made) {
		m.run.Files["metrics.parquet"] = format.File{SHA256: strings.Repeat("9", 64), Bytes: 5, Rows: 1}
	}, lists("metrics.parquet"), nil},
	{"status", "the status changed", badRecord, func(m *made) { m.run.Status = format.Failed }, none, nil},
	{"time", "a time changed", badRecord, func(m *made) { m.run.Ended = m.run.Ended.Add(-time.Second) }, none, nil},
	{"exit-code", "the exit code changed", badRecord, func(m *made) { *m.run.ExitCode = 1 }, none, nil},
	{"param-changed", "a param became another value", badRecord, func(m *made) {
		m.run.Params["lr"] = 0.25
	}, none, nil},
	{"param-text", "a text became another one around [redacted]", badRecord, func(m *made) {
		m.run.Params["key"] = "shut [redacted]"
	}, none, nil},
	{"param-inserted", "[redacted] was inserted into a text and replaced nothing", badRecord, func(m *made) {
		m.run.Params["key"] = "open[redacted] sesame"
	}, none, nil},
	{"param-removed", "a param was removed", badRecord, func(m *made) { delete(m.run.Params, "lr") }, none, nil},
	{"param-added", "a param was added", badRecord, func(m *made) {
		m.run.Params["[redacted]"] = int64(1)
	}, none, nil},
	{"summary", "a value of the summary became another one", badRecord, func(m *made) {
		m.run.Summary["score"] = 0.75
	}, none, nil},
	{"table-renamed", "[params] became an unknown table", badRecord, func(m *made) {
		delete(m.run.Params, "opt")
		m.run.Unknown["[redacted]"] = map[string]any(m.run.Params)
		m.run.Params = nil
	}, none, nil},
	{"dataset", "the digest of a dataset changed", badRecord, func(m *made) {
		m.run.Datasets[0].SHA256 = strings.Repeat("4", 64)
	}, none, nil},
	{"tree", "the tree of the source changed", badRecord, func(m *made) {
		m.run.Source.Tree = strings.Repeat("4", 40)
	}, none, nil},
	{"was", "the entry names another record", badRecord, func(m *made) {
		m.run.Params["key"] = "[redacted]"
	}, none, func(m *made) {
		m.run.Redacted[0].Was = strings.Repeat("6", 64)
	}},
	{"patch-swapped", "the record names a patch of other source", badRecord, func(m *made) {
		m.hidePatch("print", "raise")
	}, patchName, nil},
	{"patch-header", "the name of a file in a patch became [redacted]", badRecord, func(m *made) {
		m.hidePatch("train.py", "[redacted]")
	}, patchName, nil},
	{"patch-line", "a line of a patch went", badRecord, func(m *made) {
		m.hidePatch("+print(key)\n", "")
	}, patchName, nil},
	{"patch-unsaid", "a patch was redacted, and source.redacted is missing", badRecord, func(m *made) {
		m.hidePatch("open sesame", "[redacted]")
		m.run.Source.Redacted = false
	}, patchName, nil},
	{"patch-unlisted", "a patch was redacted, and the entry does not list it", "refused sources", func(m *made) {
		m.hidePatch("open sesame", "[redacted]")
	}, none, nil},
	{"environment-swapped", "the record names another environment", badRecord, func(m *made) {
		m.hideEnvironment("2.1.0", "1.26.4")
	}, environmentName, nil},
	{"annotation-unlisted", "an annotation was redacted, and the entry does not list it", badNote, func(m *made) {
		m.hide(noteOne, "open sesame", "[redacted]")
	}, none, nil},
	{"annotation-forged", "an annotation was edited under an entry", badNote, func(m *made) {
		m.hide(noteOne, "fast", "slow")
	}, lists(noteOne), nil},
	{"aside-line", "a rejected line went", badAside, func(m *made) {
		m.files[runDir+"/aside.jsonl"] = ""
		m.follow("aside.jsonl")
	}, lists("aside.jsonl"), nil},
	{"artifact-changed", "an artifact was changed under an entry", badArtifact, func(m *made) {
		m.hide("artifacts/out.txt", "the end", "no end")
	}, lists("artifacts/out.txt"), nil},
	{"artifact-renamed", "the path of an artifact changed", "refused artifacts/out.txt", func(m *made) {
		m.files[runDir+"/artifacts/[redacted].txt"] = m.files[runDir+"/artifacts/out.txt"]
		delete(m.files, runDir+"/artifacts/out.txt")
		m.run.Artifacts[0].Path = "[redacted].txt"
	}, none, nil},
}
