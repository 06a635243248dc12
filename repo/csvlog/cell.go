package csvlog

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/importer"
)

// short returns the beginning of a cell, for messages.
func short(cell string) string { return importer.Cut([]byte(cell), 100) }

// missing reports whether a cell has no value.
func missing(cell string) bool {
	switch cell {
	case "", "NA", "N/A", "null", "NULL", "None":
		return true
	}
	return false
}

// number reads a number with a decimal point, or a word for NaN or an infinite number.
func number(cell string) (float64, error) {
	if strings.Trim(cell, "0123456789.eE+-") == "" {
		if v, err := strconv.ParseFloat(cell, 64); err == nil {
			return v, nil
		}
	}
	word := strings.ToLower(strings.TrimLeft(cell, "+-"))
	if len(cell)-len(word) <= 1 {
		switch word {
		case "nan", "1.#ind", "1.#qnan":
			return math.NaN(), nil
		case "inf", "infinity", "1.#inf":
			sign := 1
			if cell[0] == '-' {
				sign = -1
			}
			return math.Inf(sign), nil
		}
	}
	switch {
	case isGrouped(word):
		return 0, fmt.Errorf("%q has thousands separators: write it without", short(cell))
	case hasDecimalComma(word):
		return 0, fmt.Errorf("%q has a decimal comma: write a point", short(cell))
	}
	return 0, fmt.Errorf("%q is not a number", short(cell))
}

// hasDecimalComma reports whether a number is written as in 0,5.
func hasDecimalComma(text string) bool {
	return len(text) > 1 && strings.Count(text, ",") == 1 && strings.Trim(text, "0123456789,") == ""
}

// isLocal reports whether a text is a number as people in some places write it, which must not become a text.
func isLocal(cell string) bool {
	text := strings.TrimLeft(cell, "+-")
	return isGrouped(text) || hasDecimalComma(text)
}

// isGrouped reports whether a number is written in groups of three digits, as in 1,234,567.8 or 1.234.567,8.
func isGrouped(text string) bool {
	text = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "’", "'").Replace(text)
	for _, mark := range []string{",", ".", " ", "'", "_"} {
		groups := strings.Split(text, mark)
		if len(groups) < 2 || len(groups[0]) < 1 || len(groups[0]) > 3 || strings.Trim(groups[0], "0123456789") != "" {
			continue
		}
		last := len(groups) - 1
		groups[last], _, _ = strings.Cut(strings.ReplaceAll(groups[last], ",", "."), ".")
		grouped := true
		for _, g := range groups[1:] {
			grouped = grouped && len(g) == 3 && strings.Trim(g, "0123456789") == ""
		}
		if grouped {
			return true
		}
	}
	return false
}

// layouts are those of times without a zone, which count as UTC.
var layouts = []string{
	"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999-07:00",
	"2006-01-02 15:04", "2006-01-02",
}

// moment reads a time, in µs since 1970: as of RFC 3339, a date and time in UTC, or seconds or ms since 1970.
func moment(cell string) (int64, error) {
	if v, err := strconv.ParseFloat(cell, 64); err == nil {
		if v >= 1e11 { // the year 5138 in seconds
			v /= 1000
		}
		if v > 0 && v < 253402300800 {
			return int64(math.Round(v * 1e6)), nil
		}
	}
	if us, err := format.ParseTime(cell); err == nil {
		return us, nil
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, cell); err == nil && t.UnixMicro() > 0 {
			return t.UnixMicro(), nil
		}
	}
	return 0, fmt.Errorf("%q is not a time (expected e.g. 2026-01-31 12:00:00)", short(cell))
}
