package wandb

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
)

// maxJSONDepth bounds how deeply a value may be nested.
const maxJSONDepth = 64

var errJSON = errors.New("a value is not JSON")

// notFinite are the tokens that Python writes and JSON does not have.
var notFinite = map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}

// parseJSON reads a value as Python writes it: nil, bool, int64, float64, string, []any, map[string]any.
func parseJSON(text []byte) (any, error) {
	text = bytes.TrimSpace(text)
	if v, ok := notFinite[string(text)]; ok {
		return v, nil
	}
	if len(bytes.Trim(text, "0123456789+-.eE")) == 0 { // most values of a history
		return plain(json.Number(text), 0)
	}
	v, err := decode(text)
	if err != nil {
		if quoted := quoteNotFinite(text); !bytes.Equal(quoted, text) {
			v, err = decode(quoted)
		}
	}
	if err != nil {
		return nil, errJSON
	}
	return plain(v, 0)
}

func decode(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errJSON
	}
	return v, nil
}

// quoted is the prefix of a string that replaces a non-finite number. It is a Unicode noncharacter, which no user's
// text contains.
const quoted = "\ufdd0"

// quoteNotFinite replaces the tokens of notFinite outside strings with strings.
func quoteNotFinite(text []byte) []byte {
	var out []byte
	for i := 0; i < len(text); {
		if text[i] == '"' {
			end := i + 1
			for end < len(text) && text[end] != '"' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(text))
			out = append(out, text[i:end]...)
			i = end
			continue
		}
		token := ""
		for t := range notFinite {
			if bytes.HasPrefix(text[i:], []byte(t)) {
				token = t
			}
		}
		if token == "" {
			out = append(out, text[i])
			i++
			continue
		}
		out = append(out, '"')
		out = append(out, quoted+token+`"`...)
		i += len(token)
	}
	return out
}

// plain converts a decoded value to the types of a record.
func plain(v any, depth int) (any, error) {
	if depth > maxJSONDepth {
		return nil, errJSON
	}
	switch v := v.(type) {
	case json.Number:
		if !strings.ContainsAny(string(v), ".eE") {
			if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
				return n, nil
			}
		}
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return nil, errJSON
		}
		return f, nil
	case string:
		if token, ok := strings.CutPrefix(v, quoted); ok {
			if f, ok := notFinite[token]; ok {
				return f, nil
			}
		}
		return v, nil
	case []any:
		for i := range v {
			item, err := plain(v[i], depth+1)
			if err != nil {
				return nil, err
			}
			v[i] = item
		}
		return v, nil
	case map[string]any:
		for key := range v {
			item, err := plain(v[key], depth+1)
			if err != nil {
				return nil, err
			}
			v[key] = item
		}
		return v, nil
	}
	return v, nil // nil and bool
}

// number converts a number or a bool to the value of a metric.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}
