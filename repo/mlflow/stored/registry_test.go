package stored

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/registry"
	"github.com/gitruns/runs/repo/sqlite/sqlitetest"
)

const (
	firstRun  = "aaaa0000000000000000000000000001"
	secondRun = "aaaa0000000000000000000000000002"
)

// registryStore makes a store of files with two runs. The first has a model among its artifacts and a logged model.
func registryStore(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "mlruns/1/meta.yaml", "experiment_id: '1'\nname: x\n")
	for i, id := range []string{firstRun, secondRun} {
		write(t, dir, "mlruns/1/"+id+"/meta.yaml",
			fmt.Sprintf("run_id: %s\nstart_time: %d\nstatus: 3\n", id, 1681560000000+int64(i)*1000))
	}
	write(t, dir, "mlruns/1/"+firstRun+"/artifacts/model/MLmodel", "flavors:\n  sklearn: {}\n")
	write(t, dir, "mlruns/1/"+secondRun+"/artifacts/model/MLmodel", "flavors:\n  sklearn: {}\n")
	write(t, dir, "mlruns/1/models/m-1/meta.yaml", "model_id: m-1\nname: clf\nsource_run_id: "+firstRun+"\n")
	write(t, dir, "mlruns/1/models/m-1/artifacts/MLmodel", "flavors:\n  python_function: {}\n")
	return dir
}

func register(t *testing.T, dir, model string, number int, source, more string) {
	t.Helper()
	write(t, dir, "mlruns/models/"+model+"/meta.yaml", "name: "+model+"\ncreation_timestamp: 1681560100000\n")
	write(t, dir, fmt.Sprintf("mlruns/models/%s/version-%d/meta.yaml", model, number),
		fmt.Sprintf("version: %d\ncreation_timestamp: 1681560200000\nstatus: READY\nsource: %s\n%s", number, source, more))
}

// registryOf returns the versions of a registry, one per line.
func registryOf(t *testing.T, r *repo.Repository) string {
	t.Helper()
	models, damaged, err := registry.Open(r).Models(t.Context())
	if err != nil || len(damaged) > 0 {
		t.Fatal(damaged, err)
	}
	var lines []string
	for _, m := range models {
		for _, p := range m.VerifyFiles() {
			t.Error(p)
		}
		for _, v := range m.Versions {
			lines = append(lines, fmt.Sprintf("%s %s %s%s %s", v, v.Path, m.StageOf(v), m.AliasesOf(v), v.Flavors))
		}
	}
	return strings.Join(lines, "\n")
}

func leftOutOf(done *importer.Imported) string {
	var parts []string
	for _, l := range done.LeftOut {
		parts = append(parts, fmt.Sprintf("%d %s", l.Count, l.What))
	}
	return strings.Join(parts, ", ")
}

// A source names artifacts of an imported run in each way that MLflow writes it. Nothing else is read.
func TestVersionSources(t *testing.T) {
	for source, want := range map[string]string{
		"file:///Users/ann/mlruns/1/" + firstRun + "/artifacts/model":       "model",
		`D:\code\mlruns\1\` + firstRun + `\artifacts\model`:                 "model",
		"mlflow-artifacts:/1/" + firstRun + "/artifacts/model/":             "model",
		"s3://bucket/1/" + firstRun + "/artifacts/model/MLmodel":            "model/MLmodel",
		"runs:/" + firstRun + "/model":                                      "model",
		"models:/m-1":                                                       "models/clf",
		"file:///x/mlruns/1/models/m-1/artifacts":                           "models/clf",
		"models:/other/1":                                                   "model",
		"models:/taxi/1":                                                    "", // itself
		"models:/m-2":                                                       "",
		"models:/taxi@champion":                                             "",
		"runs:/" + firstRun:                                                 "",
		"runs:/" + firstRun + "/../" + secondRun + "/model":                 "",
		"file:///x/1/" + firstRun + "/artifacts/../../../../etc/passwd":     "",
		"file:///x/1/" + firstRun + "/artifacts/model/../../../meta.yaml":   "",
		"runs:/" + firstRun + "/model/other":                                "",
		"file:///etc/passwd":                                                "",
		"/etc/passwd":                                                       "",
		"https://example.org/model":                                         "",
		"'" + strings.Repeat("/a", 5000) + "/" + firstRun + "/artifacts/m'": "",
		"": "",
	} {
		dir := registryStore(t)
		register(t, dir, "other", 1, "runs:/"+secondRun+"/model", "")
		register(t, dir, "taxi", 1, source, "")
		r := project(t)
		for _, dry := range []bool{true, false} {
			done, err := Import(t.Context(), r, importer.Request{Path: dir, DryRun: dry})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(done.Versions, " ")
			if expected := map[bool]string{true: "other@1", false: "other@1 taxi@1"}[want == ""]; got != expected {
				t.Errorf("source %.80q, dry run %t: versions %q, left out %s", source, dry, got, leftOutOf(done))
			}
		}
		got := registryOf(t, r)
		if want != "" && !strings.Contains(got, "taxi@1 "+want+" ") || want == "" && strings.Contains(got, "taxi") {
			t.Errorf("source %.80q: got\n%s", source, got)
		}
	}
}

// A second import brings what is new. What was decided here stays, and what was removed here does not come back.
func TestRegistryAgain(t *testing.T) {
	dir, r := registryStore(t), project(t)
	register(t, dir, "taxi", 1, "runs:/"+firstRun+"/model", "current_stage: Production\n")
	register(t, dir, "taxi", 2, "models:/m-1", "current_stage: Archived\n")
	write(t, dir, "mlruns/models/taxi/aliases/champion", "1")
	write(t, dir, "mlruns/models/taxi/aliases/v7", "1")
	write(t, dir, "mlruns/models/taxi/tags/team", "sea")
	var done *importer.Imported
	again := func(q importer.Request, want, left string) {
		t.Helper()
		var err error
		q.Path = dir
		if done, err = Import(t.Context(), r, q); err != nil {
			t.Fatal(err)
		}
		if got := registryOf(t, r); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if got := leftOutOf(done); got != left {
			t.Errorf("left out: %s, want %s", got, left)
		}
	}
	again(importer.Request{DryRun: true}, "", "")
	again(importer.Request{IDs: []string{secondRun}}, "", "")
	again(importer.Request{IDs: []string{firstRun}}, "taxi@1 model production[champion] [sklearn]\n"+
		"taxi@2 models/clf archived[] [python_function]", "")
	if s := strings.Join(done.Warnings, "\n"); !strings.Contains(s, `the alias "v7" looks like the number of a version`) {
		t.Error(s)
	}
	g := registry.Open(r)
	_, _, err := g.Register(t.Context(), "taxi", mustContent(t, r, done), registry.Registration{Again: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.Alias(t.Context(), "taxi@3", "champion", ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.Remove(t.Context(), "taxi@2", true); err != nil {
		t.Fatal(err)
	}
	register(t, dir, "taxi", 3, "runs:/"+secondRun+"/model", "current_stage: Production\n")
	write(t, dir, "mlruns/models/taxi/aliases/champion", "3")
	want := "taxi@1 model production[] [sklearn]\ntaxi@3 model [champion] [sklearn]\ntaxi@4 model [] [sklearn]"
	for _, left := range []string{
		"1 already removed model version, 1 already decided model stage, 1 already set model alias",
		"1 already removed model version",
	} {
		again(importer.Request{}, want, left)
	}
}

func mustContent(t *testing.T, r *repo.Repository, done *importer.Imported) *registry.Content {
	t.Helper()
	e, err := r.ReadFinished(append(done.Runs, done.Present...)[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := registry.ContentOf(e, "model")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Names that the registry cannot have are left out with their reason, and so are stages and prompts. A database with
// workspaces is read, and the versions of models with one name become those of one model.
func TestOddRegistry(t *testing.T) {
	dir, r := registryStore(t), project(t)
	sqlitetest.Script(t, filepath.Join(dir, "mlflow.db"), oldExperiments, oldRuns,
		"CREATE TABLE registered_models (workspace, name, creation_time, description)",
		"CREATE TABLE registered_model_tags (workspace, name, key, value)",
		"CREATE TABLE registered_model_aliases (workspace, name, alias, version)",
		"CREATE TABLE model_versions (workspace, name, version, creation_time, current_stage, source, run_id, status)",
		"INSERT INTO registered_models VALUES ('a', 'taxi', 1681560000000, 'text'), ('b', 'taxi', 1, NULL), "+
			"('a', 'Taxi', -5, NULL), ('a', '../../x', 1, NULL), ('a', 'x/y', 1, NULL), ('a', 'say', 1, NULL), "+
			"('a', '', 1, NULL), ('a', 'empty', 1, NULL)",
		"INSERT INTO registered_model_tags VALUES ('a', 'say', 'mlflow.prompt.is_prompt', 'true'), "+
			"('a', 'taxi', 'a' || char(10) || 'b', '/home/ann/x')",
		"INSERT INTO registered_model_aliases VALUES ('a', 'taxi', '../up', 1), ('a', 'taxi', 'production', 1), "+
			"('a', 'taxi', 'gone', 77), ('z', 'z', 'z', 1)",
		"INSERT INTO model_versions VALUES "+
			"('a', 'taxi', 1, 1, 'Production', 'runs:/"+firstRun+"/model', NULL, 'READY'), "+
			"('b', 'taxi', 1, 2, 'Production', 'runs:/"+secondRun+"/model', NULL, NULL), "+
			"('b', 'taxi', 2, 2, 'None', 'runs:/"+secondRun+"/model', NULL, 'FAILED_REGISTRATION'), "+
			"('b', 'taxi', -1, 2, 'None', 'runs:/"+secondRun+"/model', NULL, 'READY'), "+
			"('b', 'taxi', 4, 2, '../../up', 'runs:/"+secondRun+"/model', NULL, 'READY'), "+
			"('a', 'Taxi', 1, 1, 'None', 'runs:/"+firstRun+"/model', NULL, 'READY'), "+
			"('a', 'x/y', 1, 1, 'None', 'runs:/"+firstRun+"/model', NULL, 'READY'), "+
			"('a', 'say', 1, 1, 'None', 'runs:/"+firstRun+"/model', NULL, 'READY'), "+
			"('a', '', 1, 1, 'Deleted_Internal', '', NULL, NULL), ('n', 'none', 1, 1, 'None', '', NULL, NULL)")
	done, err := Import(t.Context(), r, importer.Request{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	want := "taxi@1 model production[] [sklearn]\ntaxi@2 model production[] [sklearn]\ntaxi@4 model [] [sklearn]"
	if got := registryOf(t, r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := strings.Join(done.Models, " "); got != "taxi empty" {
		t.Errorf("models %s", got)
	}
	warnings := strings.Join(done.Warnings, "\n")
	for _, text := range []string{
		`skipped model "Taxi": the registry has a model in models/taxi, which differs from it only in case`,
		`skipped model "../../x"`, `skipped model "x/y": the name of the model "x/y" contains /, : or @`, `skipped model ""`,
		"skipped version -1 of model taxi", `skipped the stage of model taxi: the stage "../../up"`,
		`skipped the alias of model taxi: the alias "../up"`, "a stage of model taxi has the name production",
	} {
		if !strings.Contains(warnings, text) {
			t.Errorf("no warning %s in\n%s", text, warnings)
		}
	}
	left := leftOutOf(done)
	for _, text := range []string{
		"1 deleted model version", "1 prompt,", "1 prompt version", "1 unready model version",
		"1 orphaned model version",
	} {
		if !strings.Contains(left+",", text) {
			t.Errorf("left out: %s, want %s", left, text)
		}
	}
	m, err := registry.Open(r).Model(t.Context(), "taxi")
	if err != nil || m.Note != "text" || m.Tags["a b"]+m.Tags["a_b"] != "x" {
		t.Errorf("model %+v, %v", m, err)
	}
}
