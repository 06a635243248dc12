package format

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// idAlphabet is Crockford's base 32 in lower case. It lacks i, l, o and u, which are easily misread and mistyped.
// https://www.crockford.com/base32.html
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const (
	idTimeLayout = "20060102-150405"
	idLength     = len(idTimeLayout) + 1 + idRandomLength
	// idRandomLength is the number of random letters in an id. Eight letters have 40 random bits: if 10,000 ids are
	// made every second, two of them are equal about once in 20,000 seconds.
	idRandomLength = 8
)

// NewID returns a new id for a run that starts at t: the UTC second and eight random letters.
func NewID(t time.Time) string {
	return t.UTC().Format(idTimeLayout) + "-" + RandomLetters(idRandomLength)
}

// IDOf returns the id of a run that started at t. The same digest, of at least 8 bytes, always gives the same id.
func IDOf(t time.Time, digest []byte) string {
	return t.UTC().Format(idTimeLayout) + "-" + digestLetters(digest)
}

// digestLetters returns the letters that a digest gives: its first eight bytes, each modulo 32 in the alphabet of ids.
func digestLetters(digest []byte) string {
	letters := make([]byte, idRandomLength)
	for i := range letters {
		letters[i] = idAlphabet[digest[i]%32]
	}
	return string(letters)
}

// RandomLetters returns n random letters of the id alphabet.
func RandomLetters(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	for i := range b {
		b[i] = idAlphabet[b[i]&31]
	}
	return string(b)
}

// CheckID returns an error that says why s is not an id, or nil.
func CheckID(s string) error {
	if len(s) != idLength || s[len(idTimeLayout)] != '-' {
		return fmt.Errorf("%q is not a run id (like 20261123-142530-k7qx2m9a)", s)
	}
	if !isDay(s[0:4], s[4:6], s[6:8]) || s[8] != '-' || !isClock(s[9:11], s[11:13], s[13:15]) {
		return fmt.Errorf("%q is not a run id: it does not begin with a time", s)
	}
	for _, c := range []byte(s[len(idTimeLayout)+1:]) {
		if !isIDLetter(c) {
			return fmt.Errorf("%q is not a run id: %q is not a letter of its alphabet", s, string(rune(c)))
		}
	}
	return nil
}

func isIDLetter(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' && c != 'i' && c != 'l' && c != 'o' && c != 'u'
}

// IDDay returns the name of the day folder of a run: the UTC day in its id, like 2026-11-23. The id must be valid.
func IDDay(id string) string { return id[:4] + "-" + id[4:6] + "-" + id[6:8] }

// IDRandom returns the random part of an id, which must be valid.
func IDRandom(id string) string { return id[len(idTimeLayout)+1:] }

// IDTime returns the time in an id, which must be valid: the second in which the run started.
func IDTime(id string) time.Time {
	return time.Date(digits(id[:4]), time.Month(digits(id[4:6])), digits(id[6:8]), digits(id[9:11]), digits(id[11:13]),
		digits(id[13:15]), 0, time.UTC)
}

// CheckDay returns an error unless s is the name of a day folder, like 2026-11-23.
func CheckDay(s string) error {
	if len(s) != len(time.DateOnly) || s[4] != '-' || s[7] != '-' || !isDay(s[:4], s[5:7], s[8:]) {
		return errors.New("the name is not a day like 2026-11-23")
	}
	return nil
}

// The following functions check the digits of a time as package time does. A list of 100,000 runs checks as many ids,
// for which time.Parse takes 30 ms.

func isDay(year, month, day string) bool {
	y, m, d := digits(year), digits(month), digits(day)
	if y < 0 || m < 1 || m > 12 || d < 1 {
		return false
	}
	last := 31
	switch m {
	case 4, 6, 9, 11:
		last = 30
	case 2:
		last = 28
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			last = 29
		}
	}
	return d <= last
}

func isClock(hour, minute, second string) bool {
	h, m, s := digits(hour), digits(minute), digits(second)
	return h >= 0 && h < 24 && m >= 0 && m < 60 && s >= 0 && s < 60
}

// digits returns the number that a text of digits spells, or -1.
func digits(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = 10*n + int(s[i]-'0')
	}
	return n
}
