package secret

import (
	"bytes"
	"math"
	"strings"
	"sync"
)

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func isHexDigit(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

// beginsWord reports whether a word can begin at w[at]. It cannot begin after a letter, digit or underscore, unless
// that character ends an escape: \n, \x1b, \u0022, %3D, or a color of a terminal.
func beginsWord(w []byte, at int) bool {
	if at == 0 {
		return true
	}
	c := w[at-1]
	if !isAlphanumeric(c) {
		return c != '_'
	}
	before := w[:at-1]
	last := func(n int) byte {
		if len(before) < n {
			return 0
		}
		return before[len(before)-n]
	}
	switch {
	case last(1) == '\\' && bytes.IndexByte([]byte("nrtbfvae0"), c) >= 0:
		return true
	case isHexDigit(c) && isHexDigit(last(1)) && (last(2) == '%' || last(2) == 'x' && last(3) == '\\'):
		return true
	case isHexDigit(c) && last(4) == 'u' && last(5) == '\\':
		return true
	case c == 'm' || c == 'K':
		i := len(before)
		for i > 0 && len(before)-i < 16 && (before[i-1] == ';' || '0' <= before[i-1] && before[i-1] <= '9') {
			i--
		}
		return i > 0 && before[i-1] == '['
	}
	return false
}

// examples are words that occur in placeholders and in no secret, in lower case. A short word counts only if it is the
// whole value.
var examples = []string{
	"example", "sample", "placeholder", "dummy", "changeme", "change_me", "change-me",
	"redacted", "xxxx", "your_", "your-", "yourtoken", "yourkey", "yourapi", "yoursecret",
	"insert", "replace", "foobar", "notareal", "not-a-real", "not_a_real", "fake",
	"testtest", "deadbeef", "abcdefgh", "12345678", "01234567", "98765432", "qwerty", "00000000",
	"todo", "...", "***", "secret_key", "secretkey", "my-secret", "my_secret", "mysecret", "supersecret",
}

// placeholder reports whether a body is a placeholder for a secret: it contains a word of an example, most of its
// letters are repeated or in sequence, or it has too few different ones.
func placeholder(body []byte) bool {
	if len(body) == 0 {
		return true
	}
	low := bytes.ToLower(body[:min(len(body), 512)])
	text := string(low)
	for _, word := range examples {
		if strings.Contains(text, word) {
			return true
		}
	}
	steady := 0
	for i := 1; i < len(low); i++ {
		if d := int(low[i]) - int(low[i-1]); -1 <= d && d <= 1 {
			steady++
		}
	}
	if 2*steady > len(low) {
		return true
	}
	return Entropy(low) < 0.6*math.Log2(float64(min(len(low), 32)))
}

// Entropy returns the entropy of the letters of b, in bits per letter (Shannon, 1948).
func Entropy(b []byte) float64 {
	var count [256]int
	for _, c := range b {
		count[c]++
	}
	bits := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(b))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// looksRandom reports whether a value looks random: its letters and digits are not in an order that a word, a name, a
// version or an expression has.
func looksRandom(v []byte) bool {
	var nLower, nUpper, nDigit, nOther, changes int
	class := func(c byte) int {
		switch {
		case '0' <= c && c <= '9':
			return 1
		case 'a' <= c && c <= 'z':
			return 2
		case 'A' <= c && c <= 'Z':
			return 3
		}
		return 4
	}
	for i, c := range v {
		switch class(c) {
		case 1:
			nDigit++
		case 2:
			nLower++
		case 3:
			nUpper++
		default:
			nOther++
		}
		if i > 0 && class(c) != class(v[i-1]) {
			changes++
		}
	}
	letters := nLower + nUpper
	if letters < 2 || nDigit == 0 && (len(v) < 20 || nLower < 4 || nUpper < 4) {
		return false
	}
	if isUUID(v) {
		return true
	}
	hex := nOther == 0 && (nLower == 0 || nUpper == 0) && len(bytes.Trim(v, string(anyHex))) == 0
	h := Entropy(v)
	switch n := len(v); {
	case hex:
		return n >= 16 && nDigit >= 2 && h >= 2.7
	case n < 12:
		if h < 2.9 || changes < 4 || min(nLower, 1)+min(nUpper, 1)+min(nDigit, 1)+min(nOther, 1) < 3 {
			return false
		}
	case n < 20:
		if h < 3.0 || changes < 4 {
			return false
		}
	default:
		if h < 3.4 || 6*changes < n {
			return false
		}
	}
	return 3*letters >= len(v) && !reads(v) && !slug(v)
}

// pairs lists pairs of letters that are frequent in words and names. There, six of seven pairs are in this list; in
// random letters, two of seven are.
const pairs = "" +
	"abacadagaialamanaparasatauavaybabebiblbobucacechcickclcocrctcudadddedidldoeaecedeeefegelemeneoeperesetevewex" +
	"fafefffiflfofrgagegigrgshahehihoiaibicidieifigiliminioipirisitivizkelaldlelilllolsltlulymamemimompnancndnenf" +
	"ngninonsntnunvoaobocodogoiolomonoooporosotouovowpapepiplpoppprptqurarcrdrerirmrorrrsrtrysascseshsislsospssst" +
	"sutatctethtitltotrtstttutyubueuiulumunupurusutvaveviwixextypze"

// letterPairs builds a table from pairs at first use.
var letterPairs = sync.OnceValue(func() *[26 * 26]bool {
	var often [26 * 26]bool
	for i := 0; i < len(pairs); i += 2 {
		often[int(pairs[i]-'a')*26+int(pairs[i+1]-'a')] = true
	}
	return &often
})

// reads reports whether the letters of v follow each other as they do in words. A capital after a small letter begins
// a new word.
func reads(v []byte) bool {
	often := letterPairs()
	all, common := 0, 0
	for i := 1; i < len(v); i++ {
		a, b := v[i-1]|0x20, v[i]|0x20
		if a < 'a' || a > 'z' || b < 'a' || b > 'z' || v[i-1] >= 'a' && v[i] < 'a' {
			continue
		}
		all++
		if often[int(a-'a')*26+int(b-'a')] {
			common++
		}
	}
	return all >= 4 && 3*common >= 2*all
}

// slug reports whether v is a name that consists of parts, like model2_5-base. Each part has small letters and then at
// most three digits.
func slug(v []byte) bool {
	parts := bytes.FieldsFunc(v, func(r rune) bool { return r == '_' || r == '-' || r == '.' || r == '/' })
	for _, part := range parts {
		letters := bytes.TrimRight(part, string(digits))
		if len(part)-len(letters) > 3 || len(bytes.Trim(letters, string(lower))) > 0 || len(letters) > 14 {
			return false
		}
	}
	return len(parts) > 1
}

func isUUID(v []byte) bool {
	if len(v) != 36 {
		return false
	}
	for i, c := range v {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && !isHexDigit(c) {
			return false
		}
	}
	return Entropy(v) > 3
}
