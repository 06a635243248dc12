package mlflow

import (
	"math"
	"testing"
)

func TestTyped(t *testing.T) {
	for text, want := range map[string]any{
		"0.1": 0.1, "1.0": 1.0, "1e-05": 1e-05, "1e+16": 1e16, "100000.0": 100000.0, "1.5e-07": 1.5e-07,
		"-0.0": math.Copysign(0, -1), "inf": math.Inf(1), "-inf": math.Inf(-1),
		"3": int64(3), "-7": int64(-7), "True": true, "False": false,
		"1e5": "1e5", "1.": "1.", "007": "007", "+1": "+1", "0x10": "0x10", "true": "true", "NaN": "NaN", "Inf": "Inf",
		"99999999999999999999": "99999999999999999999", "": "", "None": "None", "x y": "x y", "1_000": "1_000",
	} {
		if got := Typed(text); got != want {
			t.Errorf("%q became %T %v, want %T %v", text, got, got, want, want)
		}
	}
	if f, ok := Typed("nan").(float64); !ok || !math.IsNaN(f) {
		t.Errorf(`"nan" became %v`, Typed("nan"))
	}
}
