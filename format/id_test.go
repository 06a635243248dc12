package format

import (
	"testing"
	"time"
)

// An id is valid if and only if package time accepts its time and writes it the same.
func TestIDsAreCheckedAsPackageTimeDoes(t *testing.T) {
	base := "20240229-235959-k7qx2m9a"
	for at := range len(base) {
		for c := byte(' '); c <= 'z'; c++ {
			checkIDAsTime(t, base[:at]+string(rune(c))+base[at+1:])
		}
	}
	for day := range 4 * 365 * 110 {
		at := time.Date(1899, 12, 31, 0, 0, 0, 0, time.UTC).AddDate(0, 0, day/4)
		text := at.Format("200601") + []string{at.Format("02"), "00", "29", "31"}[day%4]
		checkIDAsTime(t, text+base[8:])
		name := text[:4] + "-" + text[4:6] + "-" + text[6:]
		parsed, err := time.Parse(time.DateOnly, name)
		if want := err == nil && parsed.Format(time.DateOnly) == name; want != (CheckDay(name) == nil) {
			t.Fatalf("CheckDay(%q) = %v", name, CheckDay(name))
		}
	}
	for _, clock := range []string{"000000", "240000", "236000", "235960", "-10000", "+10000", "1 0000"} {
		checkIDAsTime(t, base[:9]+clock+base[15:])
	}
	for _, text := range []string{"", base[1:], base + "a", base[:15] + "_k7qx2m9a", base[:16] + "k7qx2m9é"} {
		checkIDAsTime(t, text)
	}
}

func checkIDAsTime(t *testing.T, s string) {
	t.Helper()
	want := len(s) == idLength && s[len(idTimeLayout)] == '-'
	if want {
		parsed, err := time.Parse(idTimeLayout, s[:len(idTimeLayout)])
		want = err == nil && parsed.Format(idTimeLayout) == s[:len(idTimeLayout)]
		for _, c := range []byte(s[len(idTimeLayout)+1:]) {
			want = want && isIDLetter(c)
		}
	}
	if got := CheckID(s) == nil; got != want {
		t.Fatalf("CheckID(%q) = %v, want valid: %v", s, CheckID(s), want)
	}
}
