package browser_test

import (
	"math"
	"testing"
)

// The page writes numbers, durations, sizes and commands as the command line does.
func TestFormats(t *testing.T) {
	format := chromium.Load(t, "src/parts/format.ts")
	check := func(function, want string, args ...any) {
		t.Helper()
		var got string
		format.Call(&got, function, args...)
		if got != want {
			t.Errorf("%s(%v) is %q, want %q", function, args, got, want)
		}
	}
	for want, v := range map[string]float64{ // what terminal.Number prints
		"0": 0, "-0": math.Copysign(0, -1), "NaN": math.NaN(), "inf": math.Inf(1), "-inf": math.Inf(-1),
		"-2.2757": -2.2757386877818586, "8895.5": 8895.515625, "9.3966": 9.39661, "-811861": -811860.824441074,
		"134857220": 134857219.5, "1.3508e09": 1.35085e09, "1.9473e09": 1.94733e09, "1.4667e-11": 1.466728582572347e-11,
		"100000": 99999.5, "999999999": 999999999, "1e09": 1e9, "123456790": 123456789.5, "0.0001": 0.0001,
		"1e-05": 1e-5, "1.0312": 1.03125, "4.9407e-324": 5e-324, "1.7977e308": math.MaxFloat64,
	} {
		check("formatNumber", want, v)
	}
	for want, ms := range map[string]int64{
		"0.42 s": 420, "1.5 s": 1500, "37 s": 37_900, "2 min 5 s": 125_000, "3 h 12 min": 11_520_000, "4 d 2 h": 352_800_000,
		"-1 s": -1000,
	} {
		check("formatDuration", want, ms)
	}
	for want, ms := range map[string]int64{
		"in the future": -15_001, "just now": -15_000, "59 s ago": 59_999, "3 min ago": 180_000, "23 h ago": 86_399_999,
		"59 d ago": 59 * 86_400_000, "2 mo ago": 60 * 86_400_000, "2 y ago": 730 * 86_400_000,
	} {
		check("formatAgo", want, ms)
	}
	for want, n := range map[string]int64{
		"999 B": 999, "1.0 kB": 1000, "99.9 kB": 99_949, "100 kB": 99_950, "1.0 MB": 999_500,
	} {
		check("formatBytes", want, n)
	}
	check("count", "1 run", 1, "run")
	check("count", "2,000 runs", 2000, "run")
	check("shellLine", `runs ls -w 'params.lr < 0.01' '' 'it'\''s' '$(x)' a/b=c`,
		"runs", "ls", "-w", "params.lr < 0.01", "", "it's", "$(x)", "a/b=c")
	check("visible", "a<U+202E>b\u2400\tc\n", "a\u202eb\x00\tc\n")
}
