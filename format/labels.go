package format

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
	"unique"

	"github.com/gitruns/runs/format/internal/json"
)

// Bounds of labels. A run that exceeds one of the last two has points that no record can hold: they are set aside.
const (
	MaxLabels      = 16      // of a point
	MaxLabelsBytes = 1000    // of the labels of a point, as JSON
	MaxLabelSets   = 10_000  // different labels of the points of a run
	MaxSeries      = 100_000 // different pairs of a metric and labels in a run
)

// Labels are the context of a point, such as a model and a dataset: texts and numbers by name. All points of a metric
// that have the same labels are a series. Equal labels are equal by ==, so that they can be the key of a map. The zero
// value is that of a point without labels.
type Labels struct{ text unique.Handle[string] }

// NewLabels returns labels. Each value must be a string, an int64 or a finite float64. Without values, there are no
// labels.
func NewLabels(values map[string]any) (Labels, error) {
	if len(values) > MaxLabels {
		return Labels{}, fmt.Errorf("a point may have at most %d labels, got %d", MaxLabels, len(values))
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := CheckKey(key); err != nil {
			return Labels{}, fmt.Errorf("label %q: %w", key, err)
		}
		switch v := values[key].(type) {
		case string:
			if !utf8.ValidString(v) {
				return Labels{}, fmt.Errorf("label %q is not UTF-8", key)
			}
		case int64:
		case float64:
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return Labels{}, fmt.Errorf("label %q must be a text or a finite number, got %v", key, v)
			}
		default:
			return Labels{}, fmt.Errorf("label %q must be a text or a number", key)
		}
	}
	if len(values) == 0 {
		return Labels{}, nil
	}
	text := AppendJSON(nil, values)
	if len(text) > MaxLabelsBytes {
		return Labels{}, fmt.Errorf("the labels of a point may have at most %d bytes as JSON, got %d", MaxLabelsBytes,
			len(text))
	}
	return Labels{unique.Make(string(text))}, nil
}

// ParseLabels reads labels from the JSON that String returns. It returns an error if the text is any other JSON, also
// if it means the same.
func ParseLabels(text string) (Labels, error) {
	if len(text) > MaxLabelsBytes || !utf8.ValidString(text) {
		return Labels{}, errLabels
	}
	var s json.Scanner
	s.Reset([]byte(text), MaxDepth)
	l, err := scanLabels(&s)
	if err == nil {
		err = s.End()
	}
	if err != nil || l.String() != text {
		return Labels{}, errLabels
	}
	return l, nil
}

var errLabels = errors.New("the labels of a point are not canonical JSON")

// scanLabels reads an object of labels.
func scanLabels(s *json.Scanner) (Labels, error) {
	values, err := scanValues(s)
	if err != nil {
		return Labels{}, err
	}
	return NewLabels(values)
}

func scanValues(s *json.Scanner) (map[string]any, error) {
	v, err := s.ExactValue()
	if err != nil {
		return nil, err
	}
	values, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("labels must be an object")
	}
	for key, v := range values {
		if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) { // the scanner reads these words as numbers
			values[key] = strings.Trim(string(AppendJSONFloat(nil, f)), `"`)
		}
	}
	return values, nil
}

// String returns the labels as canonical JSON: an object without white space, sorted by key. It is empty if there are
// no labels.
func (l Labels) String() string {
	if l == (Labels{}) {
		return ""
	}
	return l.text.Value()
}

// Values returns a copy of the labels by name: strings, int64 and float64. It is nil if there are none.
func (l Labels) Values() map[string]any {
	if l == (Labels{}) {
		return nil
	}
	var s json.Scanner
	s.Reset([]byte(l.text.Value()), MaxDepth)
	values, _ := scanValues(&s) // NewLabels wrote them
	return values
}

// Text returns the labels for people, like "dataset=val, model=m-7", sorted by name. It is empty if there are none.
func (l Labels) Text() string {
	values := l.Values()
	var b strings.Builder
	for i, key := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(key)
		b.WriteByte('=')
		b.WriteString(labelText(values[key]))
	}
	return b.String()
}

func labelText(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	return TOMLString(v)
}

// Has reports whether a label has a value, which is given as text: a number equals the text that the label has in
// JSON.
func (l Labels) Has(key, value string) bool {
	v, ok := l.Values()[key]
	return ok && labelText(v) == value
}

// Equal is ==, for packages that compare values by this method.
func (l Labels) Equal(other Labels) bool { return l == other }

// Compare orders labels by their JSON. Points without labels come first.
func (l Labels) Compare(other Labels) int {
	if l == other {
		return 0
	}
	return strings.Compare(l.String(), other.String())
}

// Redact calls replace with the names and texts of the labels, as Run.RedactTexts does. It returns an error if the
// result cannot be labels.
func (l Labels) Redact(replace func(string) string) (Labels, error) {
	if l == (Labels{}) {
		return l, nil
	}
	return NewLabels(redactMap(l.Values(), replace))
}
