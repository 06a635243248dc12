package secret

import (
	"bytes"
	"strings"
)

// Passwords that people choose are less random than generated ones. They are recognized only where nothing but a
// password is expected: as a literal value whose name says that it is a password, or as an argument on a command line.

// passwordNames are words that the name of a password ends with.
var passwordNames = []string{"password", "passwd", "passphrase", "passwort", "pwd"}

// namesPassword reports whether a name can only be the name of a password.
func namesPassword(name []byte) bool {
	flat := flatten(bytes.TrimRight(name, string(digits)))
	for _, word := range passwordNames {
		if strings.HasSuffix(flat, word) {
			return true
		}
	}
	parts := bytes.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	return len(parts) > 0 && hasPart(parts[len(parts)-1], passParts)
}

// stock are words that occur in example passwords, in lower case.
var stock = []string{
	"pass", "pwd", "secret", "test", "user", "name", "admin", "demo", "none", "null", "true", "false", "prompt",
	"field", "value", "config", "env", "string", "hash", "default", "123456", "abc123", "p@55w", "a1b2c3",
}

// chosenPassword reports whether a value can be a password that somebody chose. Such a value has at least 8
// characters, and contains letters and digits, or letters and punctuation that does not occur in identifiers.
func chosenPassword(v []byte) bool {
	if len(v) < 8 || len(v) > 64 || template(v) || placeholder(v) || dottedNames(v) {
		return false
	}
	low := string(bytes.ToLower(v))
	for _, word := range stock {
		if strings.Contains(low, word) {
			return false
		}
	}
	letters, numbers, marks := 0, 0, 0
	for _, c := range v {
		switch {
		case c <= ' ' || c >= 0x7f:
			return false
		case '0' <= c && c <= '9':
			numbers++
		case isAlphanumeric(c):
			letters++
		case strings.IndexByte("_-./:()[]{}<>,;'\"`\\|", c) < 0:
			marks++
		}
	}
	return letters > 0 && numbers+marks > 0 || numbers > 0 && marks > 0
}

// flagged reports whether a name belongs to a flag, as in --password.
func flagged(w []byte, left int) bool { return left+1 < len(w) && w[left] == '-' && w[left+1] == '-' }

// given reports whether a value is a literal and not an expression of a program. A literal is in quotes, after a flag,
// in the environment, or in a line of YAML or of an INI file.
func given(w []byte, left, right int, v span, quoted bool) bool {
	if flagged(w, left) {
		return true
	}
	if quoted {
		return bytes.IndexByte(w[right:v.from], ',') < 0 // in a list, the name is a value too
	}
	if right >= v.from || v.to < len(w) && bytes.IndexByte([]byte("\n\r \"'\\.\x1b"), w[v.to]) < 0 {
		return false
	}
	if end := w[max(left, right-3):right]; w[right] == '=' && right+1 == v.from &&
		bytes.Equal(end, bytes.ToUpper(end)) {
		return true // DB_PASSWORD=VALUE
	}
	from := left
	for from > 0 && (w[from-1] == ' ' || w[from-1] == '\t' || w[from-1] == '+') {
		from--
	}
	alone := (from == 0 || w[from-1] == '\n') && (v.to == len(w) || w[v.to] == '\n' || w[v.to] == '\r')
	return alone && w[right] == ':' && bytes.ContainsAny(w[v.from:v.to], string(digits)) // in YAML
}

// onLine is how many bytes after the name of a program are searched for its flags.
const onLine = 400

// commandFlag finds the value of a flag of a command that begins at w[at:]. The command may be a shell line, or a list
// in TOML, in JSON or in a program. If joined is true, the value follows the flag without a gap, otherwise after one.
func commandFlag(w []byte, at int, joined bool, flags ...string) (v span, ok bool) {
	line := w[at:min(len(w), at+onLine)]
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	separates := func(c byte) bool { return c == ' ' || c == '\t' || c == '"' || c == '\'' || c == ',' || c == '\\' }
	for p := 1; p < len(line); p++ {
		if line[p] != '-' || !separates(line[p-1]) {
			continue
		}
		for _, flag := range flags {
			if !bytes.HasPrefix(line[p:], []byte(flag)) {
				continue
			}
			from := p + len(flag)
			begin := from
			for begin < len(line) && (separates(line[begin]) ||
				begin == from && line[begin] == '=' && strings.HasPrefix(flag, "--")) {
				begin++
			}
			if begin == from && !joined || begin > from && joined {
				continue
			}
			to := begin
			for to < len(line) && !separates(line[to]) && line[to] != ']' && line[to] != '|' && line[to] != ';' &&
				line[to] != ')' {
				to++
			}
			return span{at + begin, at + to}, to > begin
		}
	}
	return v, false
}

// curlUser finds the password in curl -u USER:PASSWORD.
func (m *machine) curlUser(w []byte, at int) (match, bool) {
	if !beginsWord(w, at) {
		return match{}, false
	}
	v, ok := commandFlag(w, at, false, "-u", "--user", "--proxy-user")
	if !ok {
		v, ok = commandFlag(w, at, true, "-u")
	}
	if !ok {
		return match{}, false
	}
	colon := bytes.IndexByte(w[v.from:v.to], ':')
	if colon < 0 {
		return match{}, false
	}
	user, password := w[v.from:v.from+colon], w[v.from+colon+1:v.to]
	if !grantsAccess(user, password) || m.tokenIn(w, v.from+colon+1, v.to) {
		return match{}, false
	}
	return match{rule: "password", from: v.from + colon + 1, to: v.to}, true
}

// mysqlPassword finds the password in mysql -pPASSWORD. After a space it would be the name of a database.
func (m *machine) mysqlPassword(w []byte, at int) (match, bool) {
	v, ok := commandFlag(w, at, true, "-p")
	if !ok {
		return match{}, false
	}
	return m.onCommandLine(w, v.from, v.to)
}

func (m *machine) onCommandLine(w []byte, from, to int) (match, bool) {
	v := w[from:to]
	ok := len(v) >= 8 && len(v) <= 512 && !template(v) && !placeholder(v) && (looksRandom(v) || chosenPassword(v)) &&
		!m.tokenIn(w, from, to)
	return match{rule: "password", from: from, to: to}, ok
}
