package format

import "fmt"

// Bounds of a TOML file, counted before the parser sees it: it recurses into brackets and the parts of a key, and takes a
// table for each header.
const (
	maxNesting   = 2 * MaxDepth
	maxKeyParts  = 2 * MaxDepth // a.b.c has 3
	maxTables    = 40_000       // headers and dotted keys: each makes tables
	maxKeys      = 120_000      // a record with MaxMetrics metrics has up to 9 keys for each, and MaxParams more
	maxListItems = 120_000      // and pairs of inline tables
)

// checkTOML reports what of a file is too much for the parser, or "". Text in strings and comments does not count. It
// trusts the syntax: where that is wrong, the parser stops.
func checkTOML(data []byte) string {
	depth, dots, tables, keys, items := 0, 0, 0, 0, 0
	begin := true // of a line
	for i := 0; i < len(data); {
		switch c := data[i]; c {
		case '"', '\'':
			i = skipString(data, i)
			begin = false
			continue
		case '#':
			for i < len(data) && data[i] != '\n' {
				i++
			}
			continue
		case '[', '{':
			if begin {
				tables++
			}
			dots = 0
			if depth++; depth > maxNesting {
				return fmt.Sprintf("brackets nested deeper than %d", maxNesting)
			}
		case ']', '}':
			depth = max(0, depth-1)
		case '.':
			if dots++; dots >= maxKeyParts {
				return fmt.Sprintf("a key of more than %d parts", maxKeyParts)
			}
		case '=':
			if keys++; dots > 0 {
				tables++
			}
			dots = 0
		case ',':
			items++
			dots = 0
		case '\n':
			begin, dots = true, 0
			i++
			continue
		case ' ', '\t', '\r':
			i++
			continue
		}
		begin = false
		i++
	}
	switch {
	case tables > maxTables:
		return fmt.Sprintf("more than %d headers and dotted keys", maxTables)
	case keys > maxKeys:
		return fmt.Sprintf("more than %d keys", maxKeys)
	case items > maxListItems:
		return fmt.Sprintf("more than %d list items", maxListItems)
	}
	return ""
}
