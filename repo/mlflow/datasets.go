package mlflow

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// datasetJSON is a dataset as MLflow's client reads it. Source, Schema and Profile are texts of JSON.
type datasetJSON struct {
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	SourceType string `json:"source_type"`
	Source     string `json:"source"`
	Schema     string `json:"schema,omitempty"`
	Profile    string `json:"profile,omitempty"`
}

// inputJSON is a dataset that a run used, with what it was used for.
type inputJSON struct {
	Tags    []tagJSON   `json:"tags,omitempty"`
	Dataset datasetJSON `json:"dataset"`
}

type modelInputJSON struct {
	ID string `json:"model_id"`
}

type inputsJSON struct {
	Datasets []inputJSON      `json:"dataset_inputs,omitempty"`
	Models   []modelInputJSON `json:"model_inputs,omitempty"`
}

// input is a dataset of an open run.
type input struct {
	inputJSON
	recorded string // its name in the record, which is unique in a run
}

// tagContext is the tag of an input that says what it was used for, such as training.
const tagContext = "mlflow.data.context"

// The limits of datasets. Schemas and profiles above heldText are answered from what the record has of them.
const (
	maxInputs     = 1000 // of a run
	maxName       = 500  // characters
	maxDigest     = 36
	maxInputKey   = 255 // of a tag of an input
	maxInputText  = 500
	maxColumns    = 200 // recorded
	heldText      = 64 << 10
	digestOfOurs  = 8 // digits of a SHA-256 that stand for a dataset that MLflow did not log
	modelRole     = "model"
	unknownColumn = "unknown" // the type of columns, which a record does not have
)

// checkInputTags checks the tags of a dataset that a run uses. The limits are those of MLflow's own server.
func checkInputTags(tags []tagJSON) error {
	for _, t := range tags {
		if cut(t.Key, maxInputKey) != t.Key || cut(t.Value, maxInputText) != t.Value {
			return invalid("The tag '%s' of a dataset is longer than the limits of %d characters for its name and %d for its "+
				"value", oneLine(cut(t.Key, maxName)), maxInputKey, maxInputText)
		}
	}
	return nil
}

func (s *Service) logInputs(ctx context.Context, c *Call) (any, error) {
	var q struct {
		runName
		Datasets []inputJSON      `json:"datasets"`
		Models   []modelInputJSON `json:"models"`
	}
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	for _, d := range q.Datasets {
		if err := errors.Join(checkDataset(&d.Dataset), checkInputTags(d.Tags)); err != nil {
			return nil, err
		}
	}
	for _, m := range q.Models {
		if m.ID == "" || len(m.ID) > maxDigest {
			return nil, invalid("Invalid model ID '%s'", oneLine(cut(m.ID, maxName)))
		}
	}
	return s.write(ctx, q.id(), func(run *openRun) error {
		for _, d := range q.Datasets {
			if _, err := run.use(s, d); err != nil {
				return err
			}
		}
		for _, m := range q.Models {
			d := datasetJSON{Name: m.ID, Digest: m.ID, SourceType: format.SourceModel}
			if _, err := run.use(s, inputJSON{Dataset: d}); err != nil {
				return err
			}
		}
		return nil
	})
}

func checkDataset(d *datasetJSON) error {
	for _, text := range []struct {
		what, text string
		most       int
	}{
		{"name", d.Name, maxName}, {"digest", d.Digest, maxDigest}, {"source_type", d.SourceType, maxName},
	} {
		switch {
		case text.text == "":
			return invalid("Missing value for required parameter '%s' of a dataset", text.what)
		case len(text.text) > 4*text.most || len([]rune(text.text)) > text.most:
			return invalid("The %s of the dataset is longer than the limit of %d characters", text.what, text.most)
		}
	}
	return nil
}

// use records a dataset of the run, once, and returns its name in the record. The caller holds the lock of the run.
func (run *openRun) use(s *Service, in inputJSON) (name string, err error) {
	for i := range run.inputs {
		if d := &run.inputs[i].Dataset; d.Name == in.Dataset.Name && d.Digest == in.Dataset.Digest {
			return run.inputs[i].recorded, nil
		}
	}
	if len(run.inputs) >= maxInputs {
		return "", invalid("Run %s has %d datasets, and no more are recorded", run.id, maxInputs)
	}
	line := s.datasetLine(run, &in)
	if err := run.append(&format.Line{Dataset: line}); err != nil {
		return "", err
	}
	if len(in.Dataset.Schema) > heldText {
		in.Dataset.Schema = schemaOf(line.Columns)
	}
	if len(in.Dataset.Profile) > heldText {
		in.Dataset.Profile = profileOf(line.Rows)
	}
	run.inputs = append(run.inputs, input{in, line.Name})
	return line.Name, nil
}

// datasetLine returns what is recorded of a dataset. A local file of the project is hashed when the run is finished.
func (s *Service) datasetLine(run *openRun, in *inputJSON) *format.DatasetLine {
	d := &in.Dataset
	source, columns, rows := DatasetParts(d.Source, d.Schema, d.Profile)
	line := &format.DatasetLine{
		Name: run.dataName(d.Name, d.Digest), Digest: oneLine(d.Digest), SourceType: oneLine(d.SourceType),
		Columns: columns, Rows: rows, Schema: Described(d.Schema), Profile: Described(d.Profile),
	}
	for _, t := range in.Tags {
		if t.Key == tagContext {
			line.Role = oneLine(cut(t.Value, maxName))
		}
	}
	switch {
	case d.SourceType == format.SourceModel:
		line.Role, line.Source = modelRole, "models:/"+line.Digest
	case source == "":
	case isLocal(d.SourceType, source):
		file, rel := s.projectFile(run.record.Cwd, source)
		line.Path, line.Source = file, rel
	default:
		line.Source = oneLine(git.RemoteWithoutCredentials(source))
	}
	if d.SourceType != format.SourceModel {
		line.Details = DatasetDetails(run.record, (*format.Dataset)(line), d.Source, tagsOf(in.Tags))
	}
	return line
}

// maxDescribed is how many bytes of a schema or a profile are recorded. Of a longer one, only the columns and the rows
// are.
const maxDescribed = 16 << 10

// Described returns a schema or a profile as a record has it. It is empty if it is too long or no JSON.
func Described(text string) string {
	if len(text) > maxDescribed || !json.Valid([]byte(text)) || oneLine(text) != text {
		return ""
	}
	return text
}

// oneLine returns a text that a record can hold.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || format.CheckKey(string(r)) != nil && r != ' ' {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(text, "_"))
	return cut(text, maxTagText)
}

// inputName returns a name for the record that no other dataset of the run has: MLflow tells datasets of one name apart
// by their digests, and most of them are named "dataset".
func (run *openRun) inputName(d *datasetJSON) string {
	name := strings.TrimSpace(cutBytes(oneLine(d.Name), format.MaxKeyBytes-maxDigest-1))
	taken := func(name string) bool {
		return slices.ContainsFunc(run.inputs, func(in input) bool { return in.recorded == name }) ||
			slices.ContainsFunc(run.named, func(d namedData) bool { return d.recorded == name })
	}
	if name == "" || taken(name) {
		name += "-" + oneLine(d.Digest)
	}
	return name
}

// plainName returns the name that MLflow knows a recorded dataset by.
func plainName(d *format.Dataset) string {
	if d.Digest == "" {
		return d.Name
	}
	if name := strings.TrimSuffix(d.Name, "-"+d.Digest); name != "" {
		return name
	}
	return d.Name
}

// cutBytes shortens a text to a number of bytes, between two characters.
func cutBytes(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

func isLocal(kind, source string) bool {
	scheme, _, ok := strings.Cut(source, "://")
	return kind == sourceFile || ok && scheme == "file"
}

// projectFile returns the path of a local file, for a line of a journal, and its path below the root of the project.
// Both are empty for a file outside of it.
func (s *Service) projectFile(cwd, source string) (file, rel string) {
	if u, err := url.Parse(source); err == nil && u.Scheme == "file" {
		source = u.Path
	}
	root := s.repo.TreeRoot()
	file = filepath.FromSlash(source)
	if !filepath.IsAbs(file) {
		file = filepath.Join(root, filepath.FromSlash(cwd), file)
	}
	rel, err := filepath.Rel(root, file)
	if err != nil || !filepath.IsLocal(rel) {
		return "", ""
	}
	rel = filepath.ToSlash(rel)
	if format.CheckPath(rel) != nil {
		return "", ""
	}
	return filepath.ToSlash(file), rel
}

// DatasetParts takes what a record has of a dataset from the JSON texts that MLflow has of it: the address of the data,
// the names of its columns and the number of its rows.
func DatasetParts(source, schema, profile string) (address string, columns []string, rows int64) {
	var from map[string]any
	if json.Unmarshal([]byte(source), &from) == nil {
		for _, key := range []string{"uri", "url", "path", "table_name", "delta_table_name"} {
			if text, ok := from[key].(string); ok && text != "" {
				address = text
				break
			}
		}
	}
	var has struct {
		Columns []struct {
			Name any `json:"name"`
		} `json:"mlflow_colspec"`
	}
	if json.Unmarshal([]byte(schema), &has) == nil {
		for _, c := range has.Columns[:min(len(has.Columns), maxColumns)] {
			if text, ok := c.Name.(string); ok && format.CheckKey(text) == nil {
				columns = append(columns, text)
			}
		}
	}
	var shape struct {
		Rows float64 `json:"num_rows"`
	}
	if json.Unmarshal([]byte(profile), &shape) == nil && shape.Rows > 0 && shape.Rows < 1<<53 {
		rows = int64(shape.Rows)
	}
	return address, columns, rows
}

// inputsOf returns the datasets of a run as MLflow's client reads them.
func (s *Service) inputsOf(of *format.Run) *inputsJSON {
	all := &inputsJSON{}
	for i := range of.Datasets {
		d := &of.Datasets[i]
		if d.SourceType == format.SourceModel {
			all.Models = append(all.Models, modelInputJSON{d.Digest})
			continue
		}
		if d.Noticed != "" { // the program did not log it
			continue
		}
		all.Datasets = append(all.Datasets, s.inputOf(of, d))
	}
	return all
}

func (s *Service) inputOf(of *format.Run, d *format.Dataset) inputJSON {
	in := inputJSON{Dataset: datasetJSON{
		Name: plainName(d), Digest: d.Digest, SourceType: d.SourceType, Schema: cmp.Or(d.Schema, schemaOf(d.Columns)),
		Profile: cmp.Or(d.Profile, profileOf(d.Rows)),
	}}
	more := detailsOf(d)
	if in.Tags = pairs(more.Tags); d.Role != "" {
		in.Tags = append(in.Tags, tagJSON{tagContext, d.Role})
	}
	if in.Dataset.Digest == "" {
		in.Dataset.Digest = (d.SHA256 + d.DVC)[:min(digestOfOurs, len(d.SHA256+d.DVC))]
	}
	file := ""
	if d.Path != "" {
		file = filepath.Join(s.repo.TreeRoot(), filepath.FromSlash(d.Path))
	}
	if d.Path != "" || d.SourceType == "" {
		in.Dataset.SourceType = sourceFile
	}
	in.Dataset.Source = sourceJSON(of, d, file, more)
	return in
}

func schemaOf(columns []string) string {
	if len(columns) == 0 {
		return ""
	}
	type column struct {
		Type string `json:"type"`
		Name string `json:"name"`
	}
	list := make([]column, len(columns))
	for i, name := range columns {
		list[i] = column{unknownColumn, name}
	}
	text, _ := json.Marshal(map[string]any{"mlflow_colspec": list}) // texts
	return string(text)
}

func profileOf(rows int64) string {
	if rows <= 0 {
		return ""
	}
	text, _ := json.Marshal(map[string]int64{"num_rows": rows}) // a number
	return string(text)
}

// inputsJSON returns the datasets of an open run, and of the runs that it resumes. The caller holds the lock.
func (run *openRun) inputsJSON(s *Service) *inputsJSON {
	all := &inputsJSON{}
	if run.earlier != nil {
		for _, part := range slices.Backward(run.earlier.parts()) {
			all.add(s.inputsOf(part.Run))
		}
	}
	own := &inputsJSON{}
	for i := range run.inputs {
		if in := &run.inputs[i]; in.Dataset.SourceType == format.SourceModel {
			own.Models = append(own.Models, modelInputJSON{in.Dataset.Digest})
		} else {
			own.Datasets = append(own.Datasets, in.inputJSON)
		}
	}
	all.add(own)
	return all
}

// add adds the datasets and models of a later part of a run, each once.
func (all *inputsJSON) add(later *inputsJSON) {
	for _, in := range later.Datasets {
		same := func(d inputJSON) bool {
			return d.Dataset.Name == in.Dataset.Name && d.Dataset.Digest == in.Dataset.Digest
		}
		if i := slices.IndexFunc(all.Datasets, same); i >= 0 {
			all.Datasets[i] = in
		} else {
			all.Datasets = append(all.Datasets, in)
		}
	}
	for _, m := range later.Models {
		if !slices.Contains(all.Models, m) {
			all.Models = append(all.Models, m)
		}
	}
}

// inherit takes in the datasets that the run was started with. The caller holds the lock, or nobody else knows the run.
func (run *openRun) inherit(s *Service) {
	for i := range run.record.Datasets {
		d := &run.record.Datasets[i]
		in := s.inputOf(run.record, d)
		if d.SourceType == format.SourceModel {
			in.Dataset.SourceType = format.SourceModel
		}
		run.inputs = append(run.inputs, input{in, d.Name})
	}
}

// values returns the values of a key of datasets: name, digest or context.
func (all *inputsJSON) values(key string) (list []string) {
	if all == nil {
		return nil
	}
	for _, in := range all.Datasets {
		switch key {
		case "name":
			list = append(list, in.Dataset.Name)
		case "digest":
			list = append(list, in.Dataset.Digest)
		case "context":
			if context, ok := pair(in.Tags, tagContext); ok {
				list = append(list, context)
			}
		}
	}
	return list
}
