package mlflow

import (
	"encoding/json"
	"path"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// details is what a record has of a dataset, in Dataset.Details, because no other key of it does.
type details struct {
	Source map[string]any    `json:"source,omitempty"`
	Tags   map[string]string `json:"tags,omitempty"`
}

// The kinds of sources whose form matters here.
const (
	sourceCode = "code" // made by the program; its source has the tags of the context
	sourceFile = "local"
	sourceTags = "tags" // the key of these tags
)

// DatasetDetails returns what a record has of a dataset of a run besides what its other keys say: what its source says
// beside the address, and the tags of the input. It is empty if that is nothing, or too much. source is the JSON text
// that MLflow has of the source. What names a file of this machine, or repeats what the record of the run says, is left
// out.
func DatasetDetails(of *format.Run, d *format.Dataset, source string, tags map[string]string) string {
	kept := details{Tags: map[string]string{}}
	for key, text := range tags {
		if key != tagContext {
			kept.Tags[key] = text
		}
	}
	var said map[string]any
	switch {
	case json.Unmarshal([]byte(source), &said) != nil || isLocal(d.SourceType, d.Source) || d.Path != "":
	case d.SourceType == sourceCode:
		said = otherContext(of, said)
		fallthrough
	default:
		said, _ = portable(said).(map[string]any)
		if plain := plainSource(d); len(said) > 0 && !reflect.DeepEqual(said, plain) {
			kept.Source = said
		}
	}
	if kept.Source == nil && len(kept.Tags) == 0 {
		return ""
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return ""
	}
	return Described(string(text))
}

// otherContext returns what a source made by the program says that the record of the run does not.
func otherContext(of *format.Run, said map[string]any) map[string]any {
	tags, _ := said[sourceTags].(map[string]any)
	kept := map[string]any{}
	for key, v := range tags {
		text, ok := v.(string)
		if text, repeats := contextTag(of, tagJSON{key, text}); ok && !repeats {
			kept[key] = text
		}
	}
	delete(said, sourceTags)
	if len(kept) > 0 {
		said[sourceTags] = kept
	}
	return said
}

// portable returns a value of JSON without what names a file of this machine, and without credentials. It is nil if
// nothing is left.
func portable(v any) any {
	switch v := v.(type) {
	case string:
		if scheme, _, ok := strings.Cut(v, "://"); ok && scheme != "file" {
			return git.RemoteWithoutCredentials(v)
		} else if ok || path.IsAbs(v) || filepath.IsAbs(v) || strings.HasPrefix(v, "~") {
			return nil
		}
	case []any:
		kept := []any{}
		for _, item := range v {
			if item = portable(item); item != nil {
				kept = append(kept, item)
			}
		}
		if len(kept) == 0 && len(v) > 0 {
			return nil
		}
		return kept
	case map[string]any:
		kept := map[string]any{}
		for key, item := range v {
			if was := item; was != nil {
				if item = portable(item); item == nil {
					continue
				}
			}
			kept[key] = item
		}
		return kept
	}
	return v
}

// plainSource returns the source of a dataset, as far as its address and its kind say it.
func plainSource(d *format.Dataset) map[string]any {
	switch d.SourceType {
	case sourceCode:
		return map[string]any{}
	case "http":
		return map[string]any{"url": d.Source}
	case "hugging_face", "delta_table", "spark":
		return map[string]any{"path": d.Source}
	}
	return map[string]any{"uri": d.Source}
}

// sourceJSON returns the source of a recorded dataset of a run as MLflow's client reads it. file is the path of a file
// of the project, and otherwise empty.
func sourceJSON(of *format.Run, d *format.Dataset, file string, more *details) string {
	source := plainSource(d)
	switch {
	case file != "":
		source = map[string]any{"uri": file}
	case more.Source != nil:
		source = more.Source
	}
	if d.SourceType == sourceCode && file == "" {
		tags := map[string]any{}
		for key, text := range contextTags(of) {
			tags[key] = text
		}
		own, _ := source[sourceTags].(map[string]any)
		for key, v := range own {
			tags[key] = v
		}
		source[sourceTags] = tags
	}
	text, _ := json.Marshal(source) // values that came from JSON
	return string(text)
}

// detailsOf reads the details of a recorded dataset. What is not valid is left out.
func detailsOf(d *format.Dataset) *details {
	var more details
	if d.Details != "" && json.Unmarshal([]byte(d.Details), &more) != nil {
		return &details{}
	}
	return &more
}
