package format

import (
	"math"
	"reflect"
	"strconv"
	"time"
)

// JSON returns the record as one JSON object. The keys and their order are those of run.toml, times are in RFC 3339,
// and NaN and infinities are the strings "NaN", "Infinity" and "-Infinity".
func (r *Run) JSON() []byte { return AppendJSON(nil, r.tree()) }

// MarshalJSON returns the result of JSON. Encoders call it for a run within another value.
func (r *Run) MarshalJSON() ([]byte, error) { return r.JSON(), nil }

// JSONAppender is a value that AppendJSON writes by its own method.
type JSONAppender interface{ AppendJSON(b []byte) []byte }

// AppendJSON appends the JSON of a value of a record, a struct with json tags, or any other value that encoding/json
// can write. Objects have their keys sorted by name.
func AppendJSON(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil, null:
		return append(b, nullText...)
	case string:
		return appendQuoted(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case bool:
		return strconv.AppendBool(b, v)
	case float64:
		return AppendJSONFloat(b, v)
	case time.Time:
		return append(v.UTC().AppendFormat(append(b, '"'), timeLayout), '"')
	case []string:
		return appendJSONList(b, v)
	case []any:
		return appendJSONList(b, v)
	case []object:
		return appendJSONList(b, v)
	case []*Run:
		return appendJSONList(b, v)
	case *Run:
		return AppendJSON(b, v.tree())
	case JSONAppender:
		return v.AppendJSON(b)
	case map[string]any:
		return AppendJSON(b, mapObject(v))
	case object:
		b = append(b, '{')
		for i, f := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendQuoted(b, f.key)
			b = append(b, ':')
			b = AppendJSON(b, f.value)
		}
		return append(b, '}')
	}
	return appendReflected(b, reflect.ValueOf(value))
}

func appendJSONList[T any](b []byte, list []T) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendJSON(b, v)
	}
	return append(b, ']')
}

// AppendJSONFloat appends a float that reads back as v. NaN and infinities are strings.
func AppendJSONFloat(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	return AppendFloat(b, v)
}
