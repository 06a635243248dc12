package format

import "fmt"

// Bounds of a TOML file. They are checked before the file is parsed, because the parser recurses into brackets and
// into the parts of a key, and allocates about 2 kB for each header, inline table and part of a dotted key.
const (
	maxNesting   = 2 * MaxDepth
	maxKeyParts  = 2 * MaxDepth // a.b.c has 3
	maxTables    = 60_000       // headers, inline tables, and the dots of headers and keys: each makes a table
	maxKeys      = 120_000      // a record has up to 9 keys for each of MaxMetrics metrics, and MaxParams more
	maxPaths     = 400_000      // parts of all keys, each with those of its header
	maxListItems = 120_000      // and pairs of inline tables
)

// checkTOML returns the bound that a file exceeds, or "". Text in strings and comments does not count. It does not
// check the syntax, because the parser stops at a syntax error.
func checkTOML(data []byte) string {
	depth, dots, tables, keys, items, above, paths := 0, 0, 0, 0, 0, 0, 0
	begin, header := true, false // nothing but blanks since the line began; in a header
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
			if begin || c == '{' {
				tables++
			}
			header = header || begin
			dots = 0
			if depth++; depth > maxNesting {
				return fmt.Sprintf("brackets are nested deeper than %d levels", maxNesting)
			}
		case ']', '}':
			if header {
				tables += dots
				header, above, dots = false, dots+1, 0
			}
			depth = max(0, depth-1)
		case '.':
			if dots++; dots >= maxKeyParts {
				return fmt.Sprintf("a key has more than %d parts", maxKeyParts)
			}
		case '=':
			keys++
			tables += dots
			paths += above + dots + 1
			dots = 0
		case ',':
			items++
			dots = 0
		case '\n':
			begin, header, dots = true, false, 0
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
		return fmt.Sprintf("there are more than %d tables: headers, inline tables and parts of dotted keys", maxTables)
	case keys > maxKeys:
		return fmt.Sprintf("there are more than %d keys", maxKeys)
	case paths > maxPaths:
		return fmt.Sprintf("its keys have more than %d parts in all", maxPaths)
	case items > maxListItems:
		return fmt.Sprintf("there are more than %d list items", maxListItems)
	}
	return ""
}
