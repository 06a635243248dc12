package repo

import "strings"

// commandText returns the text that a shell with these arguments runs, as in `bash -lc TEXT`.
func commandText(shell string, args []string) (text string, ok bool) {
	own := shell != "su" && shell != "script" && shell != "flock" // their own arguments come first
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case strings.HasPrefix(arg, "--"):
		case strings.HasPrefix(arg, "-") && strings.HasSuffix(arg, "c") && i+1 < len(args):
			return args[i+1], true
		case own && (strings.HasPrefix(arg, "-") || strings.HasPrefix(arg, "+")):
			if strings.HasSuffix(arg, "o") { // -o pipefail
				i++
			}
		case own:
			return "", false // a script
		}
	}
	return "", false
}

// reservedWord reports whether a word may stand before a command, or around it.
func reservedWord(word string) bool {
	switch word {
	case "exec", "time", "then", "else", "do", "if", "elif", "while", "until", "!", "{", "}", "command", "nohup",
		"export", "fi", "done":
		return true
	}
	return false
}

// shellCommands splits the text of a shell into its commands. It knows quotes and what separates commands. It expands
// nothing, so that a word with a variable names no file.
func shellCommands(text string) [][]string {
	var commands [][]string
	var words []string
	end := func() {
		for len(words) > 0 && reservedWord(words[0]) {
			words = words[1:]
		}
		if len(words) > 0 {
			commands = append(commands, words)
		}
		words = nil
	}
	for text != "" {
		word, rest, separator := shellWord(text)
		if word != nil {
			words = append(words, *word)
		}
		if separator {
			end()
		}
		text = rest
	}
	end()
	return commands
}

// shellWords splits the text of one command into its words.
func shellWords(text string) []string {
	var words []string
	for text != "" {
		word, rest, _ := shellWord(text)
		if word != nil {
			words = append(words, *word)
		}
		text = rest
	}
	return words
}

// shellWord reads one word of a text, which must not be empty. word is nil if there is none before a separator.
func shellWord(text string) (word *string, rest string, separator bool) {
	var b strings.Builder
	found := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case strings.IndexByte(" \t\r", c) >= 0:
			if found {
				return textOf(&b), text[i+1:], false
			}
		case strings.IndexByte("\n;&|()", c) >= 0:
			if found {
				return textOf(&b), text[i+1:], true
			}
			return nil, text[i+1:], true
		case c == '#' && !found:
			if end := strings.IndexByte(text[i:], '\n'); end >= 0 {
				return nil, text[i+end+1:], true
			}
			return nil, "", true
		case c == '\\':
			if i++; i < len(text) && text[i] != '\n' {
				b.WriteByte(text[i])
				found = true
			}
		case c == '\'' || c == '"':
			found = true
			for i++; i < len(text) && text[i] != c; i++ {
				if text[i] == '\\' && c == '"' && i+1 < len(text) {
					i++
				}
				b.WriteByte(text[i])
			}
		default:
			b.WriteByte(c)
			found = true
		}
	}
	if !found {
		return nil, "", false
	}
	return textOf(&b), "", false
}

func textOf(b *strings.Builder) *string {
	s := b.String()
	return &s
}
