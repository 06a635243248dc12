package render

import "strings"

// ShellWords formats a command as a user would type it.
func ShellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		readable := strings.HasPrefix(w, "{project}") || strings.HasPrefix(w, "~/") // records abbreviate paths this way
		if w == "" || strings.ContainsAny(w, " \t\n\"'\\$`*?[](){}<>|&;#~!") && !readable {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}
