package format

import "testing"

func TestParseTime(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
	}{
		{"0", 0},
		{"1764000000", 1764000000_000000},
		{"1764000000.123456", 1764000000_123456},
		{"1764000000.1234565", 1764000000_123457},
		{"1764000000.9999999", 1764000001_000000},
		{"1.764e9", 1764000000_000000},
		{"253402300799.999999", maxTime},
		{"1970-01-01T00:00:00Z", 0},
		{"2025-11-24T16:00:00.5+00:00", 1764000000_500000},
		{"2025-11-24T17:00:00+01:00", 1764000000_000000},
		{"9999-12-31T23:59:59.999999Z", maxTime},
	} {
		if got, err := ParseTime(c.text); err != nil || got != c.want {
			t.Errorf("%s: %d, %v, want %d", c.text, got, err, c.want)
		}
	}
	const (
		form   = "expected seconds since 1970, or RFC 3339 like 2026-11-23T14:25:30Z"
		bounds = "the time is not between 1970 and 9999"
	)
	for text, want := range map[string]string{
		"": form, "now": form, "2026-11-23": form, "1.2.3": form, "nan": form, "0x10": form, "1 ": form,
		"-1": bounds, "1e300": bounds, "253402300800": bounds, "2.534023008e11": bounds, "253402300799.9999995": bounds,
		"1969-12-31T23:59:59Z": bounds,
	} {
		if got, err := ParseTime(text); err == nil || err.Error() != want {
			t.Errorf("%q: %d, %v, want %q", text, got, err, want)
		}
	}
}
