package json

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzValue: without NaN and infinities, what the scanner accepts encoding/json accepts too, with the same result. What
// only encoding/json accepts has a key twice, is nested too deep or has a number that is out of range.
func FuzzValue(f *testing.F) {
	for _, text := range []string{
		`{"a": [1, -2.5e3, true, null], "b\u00e9\ud83d\ude00": {"c": "\\\"\/\b"}}`,
		`[[[[1]]]]`, `{"a":1,"a":2}`, `1e999`, ` "\ud83d" `,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text := string(data)
		if !utf8.Valid(data) || strings.Contains(text, "NaN") || strings.Contains(text, "Infinity") {
			return
		}
		got, err := read(text, 5)
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		var want any
		wantErr := decoder.Decode(&want)
		if wantErr == nil && !json.Valid(data) {
			return // a value and more text
		}
		switch {
		case err == nil && wantErr != nil:
			t.Fatalf("%q is accepted, encoding/json says: %v", text, wantErr)
		case err == nil:
			if d := cmp.Diff(numbers(want), got); d != "" {
				t.Fatalf("%q (-want +got):\n%s", text, d)
			}
		case wantErr == nil && !strings.Contains(err.Error(), "appears twice") &&
			!strings.Contains(err.Error(), "nested deeper") && !strings.Contains(err.Error(), "out of range"):
			t.Fatalf("%q is refused: %v", text, err)
		}
	})
}

// numbers replaces each json.Number by an int64 if it is one, and otherwise by a float64.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n
		}
		n, _ := v.Float64()
		return n
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = numbers(v[key])
		}
	}
	return v
}
