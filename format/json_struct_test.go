package format

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

// known is left out if it is NaN.
type known float64

func (k known) IsZero() bool { return math.IsNaN(float64(k)) }

// nothing is null.
type nothing struct{}

func (nothing) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// TestAppendJSONOfStructs: a struct with tags is written as the map with the same keys and values.
func TestAppendJSONOfStructs(t *testing.T) {
	type word string
	type inner struct {
		Path string `json:"path"`
	}
	type shared struct {
		Last float64 `json:"last"`
	}
	type outer struct {
		Z     []inner        `json:"z"`
		B     float64        `json:"b"`
		A     any            `json:"a,omitempty"`
		Word  word           `json:"word"`
		Delta known          `json:"delta,omitzero"`
		Step  *int64         `json:"step,omitempty"`
		Null  *string        `json:"null"`
		Count int            `json:"count"`
		Texts []string       `json:"texts"`
		Some  []string       `json:"some,omitempty"`
		At    time.Time      `json:"at"`
		Map   map[string]int `json:"map"`
		Skip  string         `json:"-"`
		Raw   json.RawMessage
		shared
	}
	step := int64(7)
	at := time.Unix(1, 5000).UTC()
	for _, c := range []struct {
		name  string
		value outer
		want  string
	}{
		{
			"full",
			outer{
				Z: []inner{{"x<\u2028\xff"}}, B: 1, A: nothing{}, Word: "w", Delta: 0.5, Step: &step, Count: 3, Some: []string{"s"},
				At: at, Map: map[string]int{"y": 2, "x": 1}, Skip: "s", Raw: json.RawMessage(`{"k":1}`),
				shared: shared{math.Inf(-1)},
			},
			`{"Raw":{"k":1},"a":null,"at":"1970-01-01T00:00:01.000005Z","b":1.0,"count":3,"delta":0.5,"last":"-Infinity",` +
				`"map":{"x":1,"y":2},"null":null,"some":["s"],"step":7,"texts":[],"word":"w","z":[{"path":"x<\u2028` + "\ufffd" +
				`"}]}`,
		},
		{
			"empty",
			outer{Delta: known(math.NaN()), At: at, Raw: json.RawMessage("0")},
			`{"Raw":0,"at":"1970-01-01T00:00:01.000005Z","b":0.0,"count":0,"last":0.0,"map":{},"null":null,"texts":[],` +
				`"word":"","z":[]}`,
		},
	} {
		for _, value := range []any{c.value, &c.value} {
			if got := string(AppendJSON(nil, value)); got != c.want {
				t.Errorf("%s:\n%s, want\n%s", c.name, got, c.want)
			}
		}
	}
	if got := string(AppendJSON(nil, []inner(nil))); got != "[]" {
		t.Errorf("a nil list: %s", got)
	}
	if got := string(AppendJSON(nil, (*inner)(nil))); got != "null" {
		t.Errorf("a nil pointer: %s", got)
	}
}
