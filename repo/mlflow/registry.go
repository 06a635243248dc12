package mlflow

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/mlflow/filter"
	"github.com/gitruns/runs/repo/query"
	"github.com/gitruns/runs/repo/registry"
)

// MLflow's registry is that of the repository: its models, versions, stages, aliases, descriptions and tags are the
// files of package registry.

// The stages that MLflow knows. Other stages of a model keep their names.
const (
	stageNone     = "None"
	stageArchived = "Archived"
)

var usualStages = []string{"Staging", "Production"}

// How many versions an answer of a search has if the call does not say, and at most, as MLflow's server allows.
const (
	usualVersions = 10_000
	maxVersions   = 200_000
)

// promptTag marks a model that is a prompt of MLflow, which is not kept.
const promptTag = "mlflow.prompt.is_prompt"

type registeredJSON struct {
	Name        string        `json:"name"`
	Created     int64         `json:"creation_timestamp"`
	Updated     int64         `json:"last_updated_timestamp"`
	User        string        `json:"user_id,omitempty"`
	Description string        `json:"description,omitempty"`
	Latest      []versionJSON `json:"latest_versions,omitempty"`
	Tags        []tagJSON     `json:"tags,omitempty"`
	Aliases     []aliasJSON   `json:"aliases,omitempty"`
}

type aliasJSON struct {
	Alias   string `json:"alias"`
	Version string `json:"version"`
}

type versionJSON struct {
	Name        string    `json:"name"`
	Version     string    `json:"version"`
	Created     int64     `json:"creation_timestamp"`
	Updated     int64     `json:"last_updated_timestamp"`
	User        string    `json:"user_id,omitempty"`
	Stage       string    `json:"current_stage"`
	Description string    `json:"description,omitempty"`
	Source      string    `json:"source"`
	Run         string    `json:"run_id"`
	Status      string    `json:"status"`
	Tags        []tagJSON `json:"tags,omitempty"`
	Aliases     []string  `json:"aliases,omitempty"`
}

// registryCall is the body of a call of the registry. Each call uses some of the keys.
type registryCall struct {
	Name    string `json:"name"`
	Version number `json:"version"`
	tagJSON
	Alias       string    `json:"alias"`
	Description string    `json:"description"`
	Tags        []tagJSON `json:"tags"`
	NewName     string    `json:"new_name"`
	Stage       string    `json:"stage"`
	Archive     flag      `json:"archive_existing_versions"`
	Stages      []string  `json:"stages"`
	Source      string    `json:"source"`
	Run         string    `json:"run_id"`
	Model       string    `json:"model_id"`
}

// flag reads a boolean that JSON may give as a text.
type flag bool

func (f *flag) UnmarshalJSON(data []byte) error {
	switch strings.ToLower(strings.Trim(string(data), `"`)) {
	case "true":
		*f = true
	case "false", "null", "":
		*f = false
	default:
		return errors.New("archive_existing_versions must be true or false")
	}
	return nil
}

// ofRegistry returns a handler that reads a call of the registry. The name must be one of a model.
func ofRegistry(answer func(*Service, context.Context, *registryCall) (any, error),
) func(*Service, context.Context, *Call) (any, error) {
	return func(s *Service, ctx context.Context, c *Call) (any, error) {
		var q registryCall
		if err := c.decode(&q); err != nil {
			return nil, err
		}
		if c.Query.Has("stages") {
			q.Stages = c.Query["stages"]
		}
		if err := format.CheckModelName(q.Name); err != nil {
			return nil, invalid("Invalid name of a registered model: %v", err)
		}
		return answer(s, ctx, &q)
	}
}

// selector names the version of the call.
func (q *registryCall) selector() (string, error) {
	if q.Version < 1 {
		return "", invalid("Invalid version of model '%s': it must be a number from 1 on", q.Name)
	}
	return q.Name + "@" + strconv.FormatInt(int64(q.Version), 10), nil
}

// registryError returns an error of the registry in MLflow's words. Errors of files stay: they are not the caller's.
func registryError(err error) error {
	var none *registry.NoModelError
	var missing *query.NotFoundError
	var file *fs.PathError
	var known *Error
	var damaged *format.FileError
	switch {
	case err == nil, errors.As(err, &known), errors.As(err, &file), errors.As(err, &damaged),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &none):
		return notFound("Registered Model with name=%s not found", none.Name)
	case errors.As(err, &missing):
		return notFound("Model Version not found: %s", missing.Reason)
	}
	return invalid("%v", err)
}

// models returns the registry.
func (s *Service) models() *registry.Registry { return registry.Open(s.repo) }

// registered returns the model of a call.
func (s *Service) registered(ctx context.Context, q *registryCall) (*registry.Model, error) {
	m, err := s.models().Model(ctx, q.Name)
	return m, registryError(err)
}

// answerModel answers a call with a model as it is now.
func (s *Service) answerModel(ctx context.Context, name string, err error) (any, error) {
	if err != nil {
		return nil, registryError(err)
	}
	m, err := s.models().Model(ctx, name)
	if err != nil {
		return nil, registryError(err)
	}
	return map[string]any{"registered_model": s.registeredJSON(ctx, m)}, nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func (s *Service) registeredJSON(ctx context.Context, m *registry.Model) *registeredJSON {
	answer := &registeredJSON{
		Name: m.Name, Created: millis(m.Created), Updated: millis(m.Updated), User: m.Author, Description: m.Note,
		Tags: pairs(m.Tags), Latest: s.latestOf(ctx, m, nil),
	}
	for _, alias := range slices.Sorted(maps.Keys(m.Aliases)) {
		if v := m.ByLetters(m.Aliases[alias].Versions[0].Random); v != nil {
			answer.Aliases = append(answer.Aliases, aliasJSON{alias, strconv.FormatInt(v.Number, 10)})
		}
	}
	return answer
}

// stageName returns MLflow's name of a stage.
func stageName(stage string) string {
	for _, usual := range append([]string{stageArchived}, usualStages...) {
		if strings.EqualFold(stage, usual) {
			return usual
		}
	}
	return cmp.Or(stage, stageNone)
}

func (s *Service) versionJSON(ctx context.Context, m *registry.Model, v *registry.Version) versionJSON {
	source := "runs:/" + s.wholeID(ctx, v.Run)
	if v.Path != "" {
		source += "/" + v.Path
	}
	return versionJSON{
		Name: m.Name, Version: strconv.FormatInt(v.Number, 10), Created: millis(v.Created), Updated: millis(v.Updated),
		User: v.Author, Stage: stageName(m.StageOf(v)), Description: v.Note, Source: source,
		Run: s.wholeID(ctx, v.Run), Status: "READY", Tags: pairs(v.Tags), Aliases: m.AliasesOf(v),
	}
}

// latestOf returns the newest version in each of some stages, or in all.
func (s *Service) latestOf(ctx context.Context, m *registry.Model, stages []string) (latest []versionJSON) {
	seen := map[string]bool{}
	for _, v := range slices.Backward(m.Versions) {
		stage := stageName(m.StageOf(v))
		wanted := len(stages) == 0 || slices.ContainsFunc(stages, func(name string) bool {
			return strings.EqualFold(name, stage)
		})
		if wanted && !seen[stage] {
			seen[stage] = true
			latest = append(latest, s.versionJSON(ctx, m, v))
		}
	}
	return latest
}

func registryTags(list []tagJSON) (map[string]string, error) {
	if err := checkBatch(0, 0, len(list)); err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, t := range list {
		if err := checkKey("tag", t.Key); err != nil {
			return nil, err
		}
		tags[t.Key] = cut(t.Value, maxTagText)
	}
	return tags, nil
}

func modelExists(name string) error {
	return &Error{400, "RESOURCE_ALREADY_EXISTS", "Registered Model (name=" + name + ") already exists."}
}

func (s *Service) createRegistered(ctx context.Context, q *registryCall) (any, error) {
	tags, err := registryTags(q.Tags)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(tags[promptTag], "true") {
		return nil, s.unanswered(&Call{Method: "POST", Path: "prompts/create"})
	}
	if err := format.CheckText(q.Description); err != nil {
		return nil, invalid("Invalid description: %v", err)
	}
	done, err := s.models().Create(ctx, q.Name, q.Description, tags)
	if err == nil && done.Empty() {
		return nil, modelExists(q.Name)
	}
	return s.answerModel(ctx, q.Name, err)
}

func (s *Service) getRegistered(ctx context.Context, q *registryCall) (any, error) {
	return s.answerModel(ctx, q.Name, nil)
}

// noting answers calls that add a note to a model, or to a version of it if version is set.
func noting(version bool, note func(q *registryCall, tags map[string]string) (*format.ModelNote, error),
) func(*Service, context.Context, *registryCall) (any, error) {
	return func(s *Service, ctx context.Context, q *registryCall) (any, error) {
		m, err := s.registered(ctx, q)
		if err != nil {
			return nil, err
		}
		which, tags := "", m.Tags
		if version {
			v, err := s.resolve(ctx, q)
			if err != nil {
				return nil, err
			}
			which, tags = v.ID(), v.Tags
		}
		n, err := note(q, tags)
		if err != nil {
			return nil, err
		}
		if n != nil {
			if _, err = s.models().Annotate(ctx, q.Name, which, n); err != nil {
				return nil, registryError(err)
			}
		}
		if version {
			return s.answerVersion(ctx, q, nil)
		}
		return s.answerModel(ctx, q.Name, nil)
	}
}

func describe(q *registryCall, _ map[string]string) (*format.ModelNote, error) {
	if err := format.CheckText(q.Description); err != nil {
		return nil, invalid("Invalid description: %v", err)
	}
	return &format.ModelNote{Text: q.Description, Cleared: q.Description == ""}, nil
}

func tag(q *registryCall, _ map[string]string) (*format.ModelNote, error) {
	tags, err := registryTags([]tagJSON{q.tagJSON})
	return &format.ModelNote{Tags: tags}, err
}

// untag removes a tag. One that does not exist is left alone, as by MLflow's store.
func untag(q *registryCall, tags map[string]string) (*format.ModelNote, error) {
	if _, ok := tags[q.Key]; !ok {
		return nil, nil
	}
	return &format.ModelNote{Removed: []string{q.Key}}, nil
}

func (s *Service) renameRegistered(ctx context.Context, q *registryCall) (any, error) {
	if err := format.CheckModelName(q.NewName); err != nil {
		return nil, invalid("Invalid name of a registered model: %v", err)
	}
	if _, err := s.registered(ctx, q); err != nil {
		return nil, err
	}
	if m, err := s.models().Model(ctx, q.NewName); err == nil && m.Name == q.NewName {
		return nil, modelExists(q.NewName)
	}
	_, err := s.models().Rename(ctx, q.Name, q.NewName)
	return s.answerModel(ctx, q.NewName, err)
}

func (s *Service) deleteRegistered(ctx context.Context, q *registryCall) (any, error) {
	_, _, err := s.models().RemoveModel(ctx, q.Name, true)
	return struct{}{}, registryError(err)
}

func (s *Service) latestVersions(ctx context.Context, q *registryCall) (any, error) {
	m, err := s.registered(ctx, q)
	if err != nil {
		return nil, err
	}
	return map[string]any{"model_versions": s.latestOf(ctx, m, q.Stages)}, nil
}

func (s *Service) setAlias(ctx context.Context, q *registryCall) (any, error) {
	if err := format.CheckModelLabel("alias", q.Alias); err != nil {
		return nil, invalid("Invalid alias: %v", err)
	}
	selector, err := q.selector()
	if err != nil {
		return nil, err
	}
	_, _, err = s.models().Alias(ctx, selector, q.Alias, "")
	return struct{}{}, registryError(err)
}

func (s *Service) versionByAlias(ctx context.Context, q *registryCall) (any, error) {
	m, err := s.registered(ctx, q)
	if err != nil {
		return nil, err
	}
	if p := m.Aliases[q.Alias]; p != nil {
		if v := m.ByLetters(p.Versions[0].Random); v != nil {
			return map[string]any{"model_version": s.versionJSON(ctx, m, v)}, nil
		}
	}
	return nil, &Error{
		404, "RESOURCE_DOES_NOT_EXIST",
		"Registered model alias " + oneLine(cut(q.Alias, maxName)) + " not found.",
	}
}

// deleteAlias removes an alias. One that does not exist is left alone, as by MLflow's store.
func (s *Service) deleteAlias(ctx context.Context, q *registryCall) (any, error) {
	m, err := s.registered(ctx, q)
	if err == nil && m.Aliases[q.Alias] != nil {
		_, err = s.models().Unalias(ctx, q.Name, q.Alias)
	}
	return struct{}{}, registryError(err)
}

// registeredRow is a model of the registry as an expression and an order see it.
type registeredRow struct {
	withoutRuns
	*registeredJSON
}

// Tag returns a tag. No model is a prompt.
func (r registeredRow) Tag(key string) (string, bool) {
	if key == promptTag {
		return "false", true
	}
	return pair(r.Tags, key)
}

// Text returns an attribute.
func (r registeredRow) Text(attribute string) (string, bool) { return r.Name, attribute == "name" }

// Number returns a time in milliseconds since 1970.
func (r registeredRow) Number(attribute string) (float64, bool) {
	switch attribute {
	case "creation_timestamp":
		return float64(r.Created), true
	case "last_updated_timestamp":
		return float64(r.Updated), true
	}
	return 0, false
}

// registrySearch is the query of a search of the registry.
func (c *Call) registrySearch(kind *filter.Kind, usual, most number) (wanted search, n int, err error) {
	var q struct {
		Filter string  `json:"filter"`
		Max    *number `json:"max_results"`
		Page   string  `json:"page_token"`
	}
	if err := c.decode(&q); err != nil {
		return wanted, 0, err
	}
	if wanted, err = searchFor(kind, q.Filter, c.Query["order_by"], q.Page); err != nil {
		return wanted, 0, err
	}
	n, err = page(q.Max, usual, most)
	return wanted, n, err
}

// choose returns the rows of a page of a search, and the token of the next page.
func choose[R filter.Row](rows []R, wanted search, most int) (chosen []R, next string) {
	rows = slices.DeleteFunc(rows, func(r R) bool { return !wanted.where.Match(r) })
	return pageOf(wanted, rows, most, func(i, _ int) filter.Row { return rows[i] })
}

func (s *Service) searchRegistered(ctx context.Context, c *Call) (any, error) {
	wanted, most, err := c.registrySearch(filter.RegisteredModels, usualModels, usualResults)
	if err != nil {
		return nil, err
	}
	all, _, err := s.models().Models(ctx) // 'runs model verify' names what is damaged
	if err != nil {
		return nil, err
	}
	rows := make([]registeredRow, len(all))
	for i, m := range all {
		rows[i] = registeredRow{registeredJSON: s.registeredJSON(ctx, m)}
	}
	rows, next := choose(rows, wanted, most)
	models := make([]*registeredJSON, len(rows))
	for i, r := range rows {
		models[i] = r.registeredJSON
	}
	return pageJSON("registered_models", models, next), nil
}

// versionRow is a version as an expression and an order see it.
type versionRow struct {
	withoutRuns
	*versionJSON
	number int64
}

// Tag returns a tag. No version is one of a prompt.
func (r versionRow) Tag(key string) (string, bool) {
	if key == promptTag {
		return "false", true
	}
	return pair(r.Tags, key)
}

// Text returns an attribute.
func (r versionRow) Text(attribute string) (string, bool) {
	switch attribute {
	case "name":
		return r.Name, true
	case "run_id":
		return r.Run, true
	case "source_path":
		return r.Source, true
	}
	return "", false
}

// Number returns the number of the version, or a time in milliseconds since 1970.
func (r versionRow) Number(attribute string) (float64, bool) {
	switch attribute {
	case "version_number":
		return float64(r.number), true
	case "creation_timestamp":
		return float64(r.Created), true
	case "last_updated_timestamp":
		return float64(r.Updated), true
	}
	return 0, false
}

func (s *Service) searchVersions(ctx context.Context, c *Call) (any, error) {
	wanted, most, err := c.registrySearch(filter.ModelVersions, usualVersions, maxVersions)
	if err != nil {
		return nil, err
	}
	all, _, err := s.models().Models(ctx)
	if err != nil {
		return nil, err
	}
	var rows []versionRow
	for _, m := range all {
		for _, v := range m.Versions {
			answer := s.versionJSON(ctx, m, v)
			rows = append(rows, versionRow{versionJSON: &answer, number: v.Number})
		}
	}
	slices.SortStableFunc(rows, func(a, b versionRow) int {
		return cmp.Or(cmp.Compare(b.Updated, a.Updated), strings.Compare(a.Name, b.Name), cmp.Compare(b.number, a.number))
	})
	rows, next := choose(rows, wanted, most)
	versions := make([]*versionJSON, len(rows))
	for i, r := range rows {
		versions[i] = r.versionJSON
	}
	return pageJSON("model_versions", versions, next), nil
}
