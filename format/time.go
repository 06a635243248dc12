package format

import (
	"errors"
	"math"
	"strconv"
	"time"
)

// The end of the year 9999, in µs and s since 1970.
const (
	maxTime       = 253402300799_999999
	endOfYear9999 = 253402300800
)

// ParseTime parses a time on a command line: seconds since 1970, as in a journal line, or RFC 3339. It returns µs
// since 1970 UTC.
func ParseTime(s string) (int64, error) {
	us, ok := int64(0), false
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		us = t.UnixMicro()
		ok = us >= 0 && us <= maxTime
	} else if _, isNumber := decimal(s); isNumber {
		us, ok = parseSeconds([]byte(s))
	} else {
		return 0, errors.New("expected seconds since 1970, or RFC 3339 like 2026-11-23T14:25:30Z")
	}
	if !ok {
		return 0, errors.New("the time is not between 1970 and 9999")
	}
	return us, nil
}

// parseSeconds parses a number of seconds since 1970 and returns µs. It reports false unless the time is between 1970
// and 9999.
func parseSeconds(number []byte) (int64, bool) {
	if us, ok := decimalSeconds(number); ok {
		return us, us <= maxTime
	}
	v, err := strconv.ParseFloat(string(number), 64)
	if err != nil || !(v >= 0 && v < endOfYear9999) {
		return 0, false
	}
	return int64(math.Round(v * 1e6)), true
}

// decimalSeconds parses a number without a sign or an exponent. It does not convert it to a float, which would round
// it.
func decimalSeconds(number []byte) (int64, bool) {
	var us, fraction int64
	scale := int64(0) // 0 before the point
	for _, c := range number {
		switch {
		case c == '.':
			scale = 1_000_000
		case c < '0' || c > '9':
			return 0, false
		case scale == 0:
			if us = us*10 + int64(c-'0'); us >= endOfYear9999 {
				return 0, false
			}
		case scale > 1:
			scale /= 10
			fraction += int64(c-'0') * scale
		case scale == 1: // the seventh digit rounds
			scale = -1
			if c >= '5' {
				fraction++
			}
		}
	}
	return us*1_000_000 + fraction, true
}
