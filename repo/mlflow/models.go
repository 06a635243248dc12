package mlflow

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/index"
)

// A logged model of MLflow 3 belongs to a run here. Its bytes are artifacts of the run, below ModelsFolder, and what
// MLflow knows of it is a tag of the run. Thus a model is there as soon as its run is, and can be annotated later.

// ModelsFolder is the folder of the artifacts of a run with its logged models.
const ModelsFolder = "models"

// modelTags begins the tags of a run that describe its models, numbered from 1.
const modelTags = "runs.model."

// maxModelParams is how many params a call logs at once.
const maxModelParams = 100

// model is what a tag says of a logged model.
type model struct {
	ID      string            `json:"id"` // a run that resumes another has the tags of that one, too
	Name    string            `json:"name"`
	Path    string            `json:"path"` // of its folder, in the artifacts
	Type    string            `json:"type,omitempty"`
	Status  string            `json:"status"` // of MLflow, without the prefix LOGGED_MODEL_
	Created int64             `json:"created"`
	Updated int64             `json:"updated"`
	Step    int64             `json:"step,omitempty"`
	Params  map[string]string `json:"params,omitempty"`
	OfRun   []string          `json:"params_of_run,omitempty"` // params that equal those of the run
	Tags    map[string]string `json:"tags,omitempty"`
	Deleted bool              `json:"deleted,omitempty"`
	Of      string            `json:"of,omitempty"` // the run, for a model that keeps the id that it had before an import
}

// of returns the run that made the model.
func (m *model) of() string {
	if m.Of != "" {
		return m.Of
	}
	run, _, _ := modelPlace(m.ID)
	return run
}

// ImportedModel returns the tag of a run that describes a model which was logged elsewhere. n counts the models of the
// run from 1; dir is the folder of the model among the artifacts. Times are in ms since 1970. The id must be a key.
func ImportedModel(run string, n int, id, name, dir, kind string, created, updated int64) (
	key, text string, err error,
) {
	m := &model{
		ID: id, Name: name, Path: dir, Type: kind, Status: modelReady, Created: created, Updated: max(created, updated),
		Of: run,
	}
	text, err = m.text()
	return modelTags + strconv.Itoa(n), text, err
}

// The states of a logged model.
const (
	modelStatus  = "LOGGED_MODEL_"
	modelPending = "PENDING"
	modelReady   = "READY"
)

var modelStatuses = []string{"UNSPECIFIED", modelPending, modelReady, "UPLOAD_FAILED"}

// modelID returns the id of the model with a number, counted from 1, of a run.
func modelID(run string, n int) string {
	if n == 1 {
		return "m-" + run
	}
	return fmt.Sprintf("m-%s-%d", run, n)
}

// modelPlace returns the run and the number of a model.
func modelPlace(id string) (run string, n int, err error) {
	missing := notFound("Logged model with ID '%s' not found.", oneLine(cut(id, maxName)))
	rest, ok := strings.CutPrefix(id, "m-")
	if !ok {
		return "", 0, missing
	}
	run, n = rest, 1
	if format.CheckID(run) != nil {
		at := strings.LastIndexByte(rest, '-')
		if at < 0 {
			return "", 0, missing
		}
		run = rest[:at]
		if n, err = strconv.Atoi(rest[at+1:]); err != nil || n < 2 || rest[at+1:] != strconv.Itoa(n) {
			return "", 0, missing
		}
	}
	if format.CheckID(run) != nil {
		return "", 0, missing
	}
	return run, n, nil
}

type modelJSON struct {
	Info modelInfoJSON `json:"info"`
	Data modelDataJSON `json:"data"`
}

type modelInfoJSON struct {
	ID         string    `json:"model_id"`
	Experiment string    `json:"experiment_id"`
	Name       string    `json:"name"`
	Created    int64     `json:"creation_timestamp_ms"`
	Updated    int64     `json:"last_updated_timestamp_ms"`
	Artifacts  string    `json:"artifact_uri"`
	Status     string    `json:"status"`
	Type       string    `json:"model_type,omitempty"`
	Run        string    `json:"source_run_id"`
	Tags       []tagJSON `json:"tags,omitempty"`
}

type modelDataJSON struct {
	Params  []tagJSON    `json:"params,omitempty"`
	Metrics []metricJSON `json:"metrics,omitempty"`
}

type modelOutputJSON struct {
	ID   string `json:"model_id"`
	Step number `json:"step"`
}

type outputsJSON struct {
	Models []modelOutputJSON `json:"model_outputs,omitempty"`
}

// modelsOf reads the models in the tags of a run: its own, and those of runs that it resumes. What is not valid is left
// out.
func modelsOf(tags map[string]string) (models []*model) {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if strings.HasPrefix(key, modelTags) {
			if m := readModel(tags[key]); m != nil {
				models = append(models, m)
			}
		}
	}
	return models
}

func readModel(text string) *model {
	var m model
	if json.Unmarshal([]byte(text), &m) != nil || format.CheckPath(m.Path) != nil {
		return nil
	}
	if _, _, err := modelPlace(m.ID); err != nil && (format.CheckKey(m.ID) != nil || format.CheckID(m.Of) != nil) {
		return nil
	}
	return &m
}

// ownModel reads the model with a number that a tag of a run describes. It is nil if the tag came from a run that this
// one resumes.
func ownModel(run string, n int, text string) *model {
	if m := readModel(text); m != nil && (m.ID == modelID(run, n) || m.Of == run) {
		return m
	}
	return nil
}

// outputsOf returns the models that a run made.
func outputsOf(models []*model) *outputsJSON {
	all := &outputsJSON{}
	for _, m := range models {
		if !m.Deleted {
			all.Models = append(all.Models, modelOutputJSON{m.ID, number(m.Step)})
		}
	}
	return all
}

// modelsIn reads the models that a run itself has made.
func modelsIn(e *repo.Entry) []*model {
	return slices.DeleteFunc(modelsOf(e.Tags), func(m *model) bool { return m.of() != e.ID })
}

// adoptModels takes in the models of a run that an earlier service began.
func (run *openRun) adoptModels() {
	for _, m := range modelsOf(run.record.Tags) {
		if of, n, err := modelPlace(m.ID); err == nil && of == run.active.ID {
			run.models[n] = m
		}
	}
}

// allModels returns the models of an open run, and of the runs that it resumes. The caller holds the lock.
func (run *openRun) allModels() (all []*model) {
	if run.earlier != nil {
		for _, part := range slices.Backward(run.earlier.parts()) {
			all = append(all, modelsIn(part)...)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(run.models)) {
		all = append(all, run.models[n])
	}
	return all
}

func (s *Service) createModel(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Experiment string    `json:"experiment_id"`
		Name       string    `json:"name"`
		Type       string    `json:"model_type"`
		Run        string    `json:"source_run_id"`
		Params     []tagJSON `json:"params"`
		Tags       []tagJSON `json:"tags"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if strings.ContainsAny(q.Name, `/:.%"'`) || len(q.Name) > format.MaxKeyBytes {
		return nil, invalid("Invalid model name ('%s') provided", oneLine(cut(q.Name, maxName)))
	}
	run, err := s.modelRun(ctx, q.Experiment, q.Run, q.Name)
	if err != nil {
		return nil, err
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	now := time.Now().UnixMilli()
	m := &model{
		Name: cmp.Or(q.Name, "model"), Type: q.Type, Status: modelPending, Created: now, Updated: now,
	}
	if err := m.setTags(run.record, q.Tags); err != nil {
		return nil, err
	}
	if m.Path, err = run.modelFolder(m.Name); err != nil {
		return nil, err
	}
	if err := m.setParams(run.params, q.Params); err != nil {
		return nil, err
	}
	n := 1
	for run.models[n] != nil {
		n++
	}
	m.ID = modelID(run.active.ID, n)
	if err := run.saveModel(n, m); err != nil {
		return nil, err
	}
	return map[string]any{"model": s.modelOfOpen(run, n)}, nil
}

// modelRun returns the run that a model belongs to. A model without a run gets one of its own.
func (s *Service) modelRun(ctx context.Context, experiment, run, name string) (*openRun, error) {
	if run != "" {
		return s.writable(ctx, run)
	}
	named, ok, err := s.named(ctx, cmp.Or(experiment, "0"))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound("No Experiment with id=%s exists", experiment)
	}
	if name, err = checkName(name); err != nil {
		return nil, err
	}
	of, err := s.start(ctx, named, name, nil, time.Time{})
	if err == nil {
		of.mu.Lock()
		of.forModel = true
		of.mu.Unlock()
	}
	return of, err
}

// modelFolder makes the folder of a new model among the artifacts of the run, and returns its path there.
func (run *openRun) modelFolder(name string) (string, error) {
	if format.CheckPath(path.Join(ModelsFolder, name)) != nil {
		name = "model"
	}
	top := filepath.Join(run.active.FilesDir(), ModelsFolder)
	if err := os.MkdirAll(top, 0o777); err != nil {
		return "", err
	}
	for n, free := 2, name; ; n++ {
		err := os.Mkdir(filepath.Join(top, free), 0o777)
		if err == nil {
			return path.Join(ModelsFolder, free), nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		free = fmt.Sprintf("%s-%d", name, n)
	}
}

// saveModel records a model of the open run. The caller holds the lock.
func (run *openRun) saveModel(n int, m *model) error {
	text, err := m.text()
	if err != nil {
		return err
	}
	if err := run.append(&format.Line{Tags: map[string]string{modelTags + strconv.Itoa(n): text}}); err != nil {
		return err
	}
	run.models[n] = m
	return nil
}

func (m *model) text() (string, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	if len(text) > format.MaxTextBytes {
		return "", invalid("The params and tags of model '%s' have more than %d bytes", m.Name, format.MaxTextBytes)
	}
	return string(text), nil
}

// setParams adds params. Those that the run has as well, as most do, are only named.
func (m *model) setParams(ofRun map[string]string, list []tagJSON) error {
	if len(list) > maxModelParams {
		return invalid("A request can log at most %d params of a model. Got %d.", maxModelParams, len(list))
	}
	for _, p := range list {
		if err := checkKey("param", p.Key); err != nil {
			return err
		}
		p.Value = cut(p.Value, maxParamText)
		if old, ok := m.params(ofRun)[p.Key]; ok && old != p.Value {
			return invalid("Changing param values is not allowed. Param with key='%s' was already logged with value='%s' "+
				"for the model. Attempted logging new value '%s'.", p.Key, oneLine(cut(old, maxName)),
				oneLine(cut(p.Value, maxName)))
		}
		if text, ok := ofRun[p.Key]; ok && text == p.Value {
			if !slices.Contains(m.OfRun, p.Key) {
				m.OfRun = append(m.OfRun, p.Key)
			}
			continue
		}
		if m.Params == nil {
			m.Params = map[string]string{}
		}
		m.Params[p.Key] = p.Value
	}
	slices.Sort(m.OfRun)
	return nil
}

// params returns all params of the model.
func (m *model) params(ofRun map[string]string) map[string]string {
	all := maps.Clone(m.Params)
	if all == nil {
		all = map[string]string{}
	}
	for _, key := range m.OfRun {
		if text, ok := ofRun[key]; ok {
			all[key] = text
		}
	}
	return all
}

// json returns a model of a run as MLflow's client reads it, without metrics. id names the run for MLflow.
func (m *model) json(of *format.Run, id, artifacts string, ofRun map[string]string) *modelJSON {
	return &modelJSON{
		Info: modelInfoJSON{
			ID: m.ID, Experiment: ExperimentID(of.Experiment), Name: m.Name, Created: m.Created, Updated: m.Updated,
			Artifacts: artifacts, Status: modelStatus + m.Status, Type: m.Type, Run: id,
			Tags: pairs(withContext(of, m.Tags)),
		},
		Data: modelDataJSON{Params: pairs(m.params(ofRun))},
	}
}

// modelOfOpen returns a model of an open run as MLflow's client reads it, without metrics. The caller holds the lock of
// the run.
func (s *Service) modelOfOpen(run *openRun, n int) *modelJSON {
	m := run.models[n]
	artifacts := fileURI(filepath.Join(run.active.FilesDir(), filepath.FromSlash(m.Path)))
	return m.json(run.record, run.id, artifacts, run.params)
}

// modelOf returns a model of a run of the repository as MLflow's client reads it, without metrics.
func (s *Service) modelOf(ctx context.Context, e *repo.Entry, m *model) *modelJSON {
	artifacts := fileURI(filepath.Join(s.artifactsOf(alone(e)), filepath.FromSlash(m.Path)))
	return m.json(e.Run, s.wholeID(ctx, e.ID), artifacts, m.paramsOf(e))
}

// paramsOf returns the params that the model has in common with its run.
func (m *model) paramsOf(e *repo.Entry) map[string]string {
	ofRun := map[string]string{}
	flat := e.Params.Flatten()
	for _, key := range m.OfRun {
		if v, ok := flat[key]; ok {
			ofRun[key] = Text(v)
		}
	}
	return ofRun
}

// openModel returns the open run that has a model. It is nil if the run is not open.
func (s *Service) openModel(id string) (run *openRun, n int, err error) {
	of, n, err := modelPlace(id)
	if err != nil {
		return nil, 0, nil // it may have been imported
	}
	if run, err := s.run(of); err == nil && run.active.ID == of { // not the continuation of that run
		return run, n, nil
	}
	return nil, n, nil
}

// change changes a model and returns it as it is then.
func (s *Service) change(ctx context.Context, id string, do func(m *model, ofRun map[string]string) error) (
	any, error,
) {
	run, n, err := s.openModel(id)
	if err != nil {
		return nil, err
	}
	if run == nil {
		return s.changeFinished(ctx, id, do)
	}
	changed, err := s.changeOpen(run, n, do)
	if err != nil {
		return nil, err
	}
	return s.withMetrics(ctx, changed, run.active.ID)
}

func (s *Service) changeOpen(run *openRun, n int, do func(m *model, ofRun map[string]string) error) (
	*modelJSON, error,
) {
	run.mu.Lock()
	defer run.mu.Unlock()
	old := run.models[n]
	if old == nil || old.Deleted {
		return nil, notFound("Logged model with ID '%s' not found.", modelID(run.active.ID, n))
	}
	m := old.clone()
	if err := do(m, run.params); err != nil {
		return nil, err
	}
	if err := run.saveModel(n, m); err != nil {
		return nil, err
	}
	if run.forModel && m.Status != modelPending && run.ended == 0 {
		run.status, run.ended = StatusFinished, m.Updated
	}
	return s.modelOfOpen(run, n), nil
}

// withMetrics returns the answer with a model that a run made. The caller holds no lock.
func (s *Service) withMetrics(ctx context.Context, m *modelJSON, maker string) (any, error) {
	var err error
	if m.Data.Metrics, err = s.metricsOf(ctx, m.Info.ID, maker); err != nil {
		return nil, err
	}
	return map[string]any{"model": m}, nil
}

func (m *model) clone() *model {
	c := *m
	c.Params, c.Tags, c.OfRun = maps.Clone(m.Params), maps.Clone(m.Tags), slices.Clone(m.OfRun)
	c.Updated = time.Now().UnixMilli()
	return &c
}

// changeFinished changes a model of a finished run by a note.
func (s *Service) changeFinished(ctx context.Context, id string, do func(m *model, ofRun map[string]string) error) (
	any, error,
) {
	e, n, m, err := s.finishedModel(ctx, id)
	if err != nil {
		return nil, err
	}
	m = m.clone()
	if err := do(m, m.paramsOf(e)); err != nil {
		return nil, err
	}
	text, err := m.text()
	if err != nil {
		return nil, err
	}
	if err := e.Annotate(&format.Note{Tags: map[string]string{modelTags + strconv.Itoa(n): text}}); err != nil {
		return nil, err
	}
	return s.withMetrics(ctx, s.modelOf(ctx, e, m), e.ID)
}

// finishedModel returns a model of a run that this service has not opened.
func (s *Service) finishedModel(ctx context.Context, id string) (*repo.Entry, int, *model, error) {
	missing := notFound("Logged model with ID '%s' not found.", oneLine(cut(id, maxName)))
	of, n, err := modelPlace(id)
	if err != nil {
		if of, n, err = s.importedModel(ctx, id); of == "" || err != nil {
			return nil, 0, nil, cmp.Or(err, missing)
		}
	}
	e, err := s.part(ctx, of)
	if err != nil {
		var known *Error
		if errors.As(err, &known) {
			err = missing
		}
		return nil, 0, nil, err
	}
	m := ownModel(e.ID, n, e.Tags[modelTags+strconv.Itoa(n)])
	if m == nil {
		return nil, 0, nil, missing
	}
	return e, n, m, nil
}

// importedModel returns the run and the number of a model that keeps the id that it had before an import. The run is
// empty if there is none.
func (s *Service) importedModel(ctx context.Context, id string) (run string, n int, err error) {
	table, err := s.repo.Table(ctx)
	if err != nil {
		return "", 0, err
	}
	for n := 1; table.Has(index.Tags, modelTags+strconv.Itoa(n)); n++ {
		column := table.Column(index.Tags, modelTags+strconv.Itoa(n))
		for row := range table.Len() {
			if column.Kind(row) != index.Text || !strings.Contains(column.Text(row), id) {
				continue
			}
			if m := ownModel(table.ID(row), n, column.Text(row)); m != nil && m.ID == id {
				return table.ID(row), n, nil
			}
		}
	}
	return "", 0, nil
}

func (s *Service) getModel(ctx context.Context, c *Call) (any, error) {
	allowed := c.Query.Get("allow_deleted") == "true"
	missing := notFound("Logged model with ID '%s' not found.", oneLine(cut(c.id, maxName)))
	run, n, err := s.openModel(c.id)
	if err != nil {
		return nil, err
	}
	if run != nil {
		run.mu.Lock()
		if m := run.models[n]; m == nil || m.Deleted && !allowed {
			run.mu.Unlock()
			return nil, missing
		}
		m := s.modelOfOpen(run, n)
		run.mu.Unlock()
		return s.withMetrics(ctx, m, run.active.ID)
	}
	e, _, m, err := s.finishedModel(ctx, c.id)
	if err != nil {
		return nil, err
	}
	if m.Deleted && !allowed {
		return nil, missing
	}
	if err := s.placeArtifacts(ctx, alone(e)); err != nil {
		return nil, err
	}
	return s.withMetrics(ctx, s.modelOf(ctx, e, m), e.ID)
}

func (s *Service) finalizeModel(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Status json.RawMessage `json:"status"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	status := strings.TrimPrefix(strings.Trim(string(q.Status), `"`), modelStatus)
	if at, err := strconv.Atoi(status); err == nil && at >= 0 && at < len(modelStatuses) {
		status = modelStatuses[at]
	}
	if !slices.Contains(modelStatuses[1:], status) {
		return nil, invalid("Invalid status of a logged model: %s", oneLine(cut(status, maxName)))
	}
	return s.change(ctx, c.id, func(m *model, _ map[string]string) error {
		m.Status = status
		return nil
	})
}

func (s *Service) deleteModel(ctx context.Context, c *Call) (any, error) {
	_, err := s.change(ctx, c.id, func(m *model, _ map[string]string) error {
		m.Deleted = true
		return nil
	})
	return struct{}{}, err
}

func (s *Service) setModelTags(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Tags []tagJSON `json:"tags"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if err := checkBatch(0, 0, len(q.Tags)); err != nil {
		return nil, err
	}
	return s.change(ctx, c.id, func(m *model, _ map[string]string) error {
		return m.setTags(nil, q.Tags)
	})
}

// setTags adds tags, except for those that say what the record of its run says, for a new model.
func (m *model) setTags(of *format.Run, list []tagJSON) error {
	for _, t := range list {
		if err := checkKey("tag", t.Key); err != nil {
			return err
		}
		if of != nil {
			text, repeats := contextTag(of, t)
			if repeats {
				continue
			}
			t.Value = text
		}
		if m.Tags == nil {
			m.Tags = map[string]string{}
		}
		m.Tags[t.Key] = cut(t.Value, maxTagText)
	}
	return nil
}

func (s *Service) deleteModelTag(ctx context.Context, c *Call) (any, error) {
	_, err := s.change(ctx, c.id, func(m *model, _ map[string]string) error {
		if _, ok := m.Tags[c.key]; !ok {
			return notFound("No tag with key '%s' found for model with ID '%s'.", oneLine(cut(c.key, maxName)), c.id)
		}
		delete(m.Tags, c.key)
		return nil
	})
	return struct{}{}, err
}

func (s *Service) logModelParams(ctx context.Context, c *Call) (any, error) {
	var q struct {
		Params []tagJSON `json:"params"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	_, err := s.change(ctx, c.id, func(m *model, ofRun map[string]string) error { return m.setParams(ofRun, q.Params) })
	return struct{}{}, err
}

// logOutputs says at which step models were made. A model of another run is left out: only its own run makes it.
func (s *Service) logOutputs(ctx context.Context, c *Call) (any, error) {
	var q struct {
		runName
		Models []modelOutputJSON `json:"models"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	for _, out := range q.Models {
		if _, err := s.change(ctx, out.ID, func(m *model, _ map[string]string) error {
			m.Step = int64(out.Step)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return struct{}{}, nil
}

// recordModel is told by clients before 3 that a model was logged. The newest models of a run are kept.
func (s *Service) recordModel(ctx context.Context, c *Call) (any, error) {
	var q struct {
		runName
		Model string `json:"model_json"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	if !json.Valid([]byte(q.Model)) {
		return nil, invalid("Malformed model info. \n %s \n is not valid JSON", oneLine(cut(q.Model, maxName)))
	}
	return s.write(ctx, q.id(), func(run *openRun) error {
		var before []json.RawMessage
		_ = json.Unmarshal([]byte(run.tags[tagHistory]), &before) // empty, or ours
		text := ""
		for at := range len(before) + 1 { // each model as the client wrote it
			var models strings.Builder
			for _, m := range before[at:] {
				models.Write(m)
				models.WriteString(", ")
			}
			if text = "[" + models.String() + q.Model + "]"; len(text) <= format.MaxTextBytes {
				break
			}
		}
		if err := run.append(&format.Line{Tags: map[string]string{ownHistory: text}}); err != nil {
			return err
		}
		run.tags[tagHistory] = text
		return nil
	})
}
