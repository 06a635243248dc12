package format

import (
	"reflect"
	"strings"
	"testing"
)

// TestLastWords: a file of last words has one size, whatever it says, and reads back as what was written.
func TestLastWords(t *testing.T) {
	code := int64(3)
	for _, w := range []LastWords{
		{},
		{LostRows: 7},
		{Ended: 1764000000_123456},
		{
			LostRows: 1, Status: Failed, ExitCode: &code, Signal: "SIGTERM", EndReason: "a \"quoted\" reason",
			Ended: 1764000000_000001,
		},
	} {
		data := w.Encode()
		if len(data) != LastWordsBytes {
			t.Errorf("%+v takes %d bytes", w, len(data))
		}
		if got, err := DecodeLastWords(data); err != nil || !reflect.DeepEqual(*got, w) {
			t.Errorf("%+v reads back as %+v, %v", w, got, err)
		}
	}
	long := LastWords{LostRows: 5, Status: Killed, EndReason: strings.Repeat("x", LastWordsBytes)}
	got, err := DecodeLastWords(long.Encode())
	if err != nil || got.LostRows != 5 || got.Status != Killed || got.EndReason != "" {
		t.Errorf("a reason that does not fit reads back as %+v, %v", got, err)
	}
	if got, err := DecodeLastWords([]byte(`{"lost_rows": 2, "later": {"x": [1]}}`)); err != nil || got.LostRows != 2 {
		t.Errorf("an unknown key gives %+v, %v", got, err)
	}
	for _, bad := range []string{
		"x", "[]", `{"lost_rows": -1}`, `{"status": "running"}`, `{"lost_rows": 1} {}`, `{"ended": -1}`,
		strings.Repeat(" ", LastWordsBytes+1),
	} {
		if got, err := DecodeLastWords([]byte(bad)); err == nil {
			t.Errorf("%.40q is read as %+v", bad, got)
		}
	}
}
