package stored

import (
	"encoding/json"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/importer"
)

// dataset is an input of a run.
type dataset struct {
	name, digest string // as MLflow has them
	kind         string // of the source, such as local, http or hugging_face
	source       string // the address of the data, as it was on that machine; empty if it has none
	rows         int64
	columns      []string
	context      string // such as training
}

// maxDatasetColumns is how many columns of a dataset are recorded.
const maxDatasetColumns = 200

// newDataset takes what matters from the JSON texts that a store has about a dataset.
func newDataset(name, digest, kind, source, schema, profile string) dataset {
	d := dataset{name: name, digest: digest, kind: kind}
	var from map[string]any
	if json.Unmarshal([]byte(source), &from) == nil {
		for _, key := range []string{"uri", "url", "path", "table_name", "delta_table_name"} {
			if text, ok := from[key].(string); ok && text != "" {
				d.source = text
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
		for _, c := range has.Columns[:min(len(has.Columns), maxDatasetColumns)] {
			if text, ok := c.Name.(string); ok && format.CheckKey(text) == nil {
				d.columns = append(d.columns, text)
			}
		}
	}
	var shape struct {
		Rows float64 `json:"num_rows"`
	}
	if json.Unmarshal([]byte(profile), &shape) == nil && shape.Rows > 0 && shape.Rows < 1<<53 {
		d.rows = int64(shape.Rows)
	}
	return d
}

// record returns the dataset as a record has it.
func (d *dataset) record(p *places) format.Dataset {
	return format.Dataset{
		Name: importer.Key(importer.Clean([]byte(d.name))), Rows: d.rows, Columns: d.columns, Role: oneLine(d.context),
	}
}
