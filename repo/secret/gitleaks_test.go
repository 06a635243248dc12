package secret

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// gitleaksRule is a rule of gitleaks' published list.
type gitleaksRule struct {
	id      string
	regex   string
	entropy float64 // in bits a letter; a match with less is dropped
}

// readGitleaks reads the [[rules]] of gitleaks.toml, as far as they search contents.
func readGitleaks(t *testing.T, file string) []gitleaksRule {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var rules []gitleaksRule
	inRule := false
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " = ")
		switch {
		case key == "[[rules]]":
			rules, inRule = append(rules, gitleaksRule{}), true
		case strings.HasPrefix(key, "["):
			inRule = false // an allow-list of the rule
		case !inRule:
		case key == "id":
			rules[len(rules)-1].id = strings.Trim(value, `"`)
		case key == "regex":
			rules[len(rules)-1].regex = strings.TrimSuffix(strings.TrimPrefix(value, "'''"), "'''")
		case key == "entropy":
			rules[len(rules)-1].entropy, _ = strconv.ParseFloat(value, 64)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(rules, func(r gitleaksRule) bool { return r.regex == "" })
}

// writer writes random texts that match a regular expression.
type writer struct {
	*rand.Rand
	strings.Builder
}

// write appends a text that matches re. Of an optional part it writes as little as the expression allows.
func (w *writer) write(re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			w.WriteRune(r)
		}
	case syntax.OpCharClass:
		w.WriteRune(w.pick(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		w.WriteByte('.') // a dot that nobody escaped
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			w.write(sub)
		}
	case syntax.OpAlternate:
		w.write(re.Sub[w.IntN(len(re.Sub))])
	case syntax.OpPlus:
		w.repeat(re.Sub[0], 12)
	case syntax.OpRepeat:
		switch {
		case re.Min == 0:
		case re.Max < re.Min:
			w.repeat(re.Sub[0], re.Min+8)
		default:
			w.repeat(re.Sub[0], re.Min+w.IntN(re.Max-re.Min+1))
		}
	}
}

func (w *writer) repeat(re *syntax.Regexp, n int) {
	if re.Op == syntax.OpAnyChar || re.Op == syntax.OpAnyCharNotNL {
		re = &syntax.Regexp{Op: syntax.OpCharClass, Rune: []rune{'0', '9', 'A', 'Z', 'a', 'z'}}
	}
	for range n {
		w.write(re)
	}
}

// pick chooses a character of a class, a letter or digit if there is one.
func (w *writer) pick(ranges []rune) rune {
	var all, common []rune
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= min(ranges[i+1], 0x7e); r++ {
			if r < 0x80 && isAlphanumeric(byte(r)) {
				common = append(common, r)
			}
			all = append(all, r)
		}
	}
	switch {
	case len(common) > 0:
		return common[w.IntN(len(common))]
	case len(all) > 0:
		return all[0] // one kind of quotes and blanks
	}
	return ranges[0]
}

// nameAndValue matches a rule for a value under a name that contains a word. Its groups are the words and the value.
var nameAndValue = regexp.MustCompile(`^.{0,40}?\[\\w\.-\]\{0,50\}\?\(\?:(.*?)\)\(\?:\[ \\t\\w\.-\]\{0,20\}\).*?` +
	`\[\\x60'"\\s=\]\{0,5\}\((.*)\)\(\?:\[\\x60`)

// sample returns a text that matches the rule, in one of the forms that people write it in.
func (r gitleaksRule) sample(random *rand.Rand, n int) (string, error) {
	expand := func(expression string) (string, error) {
		written := strings.NewReplacer("(?i)", "", "(?i:", "(?:", "(?-i:", "(?:").Replace(expression) // keeps the case
		parsed, err := syntax.Parse(written, syntax.Perl)
		if err != nil {
			return "", err
		}
		w := &writer{Rand: random}
		w.write(parsed)
		return w.String(), nil
	}
	m := nameAndValue.FindStringSubmatch(r.regex)
	if m == nil {
		return expand(r.regex)
	}
	word, err := expand("(?:" + m[1] + ")")
	if err != nil {
		return "", err
	}
	value, err := expand("(?:" + m[2] + ")")
	if err != nil {
		return "", err
	}
	what := "token"
	for _, end := range []string{"secret", "key", "password"} {
		if strings.Contains(r.id, end) {
			what = end
		}
	}
	name := strings.ToLower(word) + "_" + what
	if strings.HasSuffix(strings.ToLower(word), what) {
		name = strings.ToLower(word)
	}
	switch n % 3 {
	case 0:
		return fmt.Sprintf("%s = %q\n", name, value), nil
	case 1:
		return fmt.Sprintf("%s=%s\n", strings.ToUpper(name), value), nil
	}
	return fmt.Sprintf("{%q: %q}\n", name, value), nil
}

// TestGitleaksRules compares the search with the rules that gitleaks publishes, so that ours do not age. For each rule
// it writes texts that match it and searches them. testdata/gitleaks.txt has the rules that we lack, with the reason.
func TestGitleaksRules(t *testing.T) {
	file := os.Getenv("RUNS_TEST_GITLEAKS")
	if file == "" {
		t.Skip("RUNS_TEST_GITLEAKS does not name a gitleaks.toml")
	}
	lacking := map[string]string{}
	list, err := os.ReadFile(filepath.Join("testdata", "gitleaks.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(list)) {
		if id, reason, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.HasPrefix(line, "#") {
			lacking[id] = reason
		}
	}
	const samples = 30
	found := 0
	rules := readGitleaks(t, file)
	if len(rules) < 200 {
		t.Fatalf("%s has only %d rules", file, len(rules))
	}
	for i, rule := range rules {
		re, err := regexp.Compile(rule.regex)
		if err != nil {
			t.Errorf("%s: %v", rule.id, err)
			continue
		}
		random := rand.New(rand.NewPCG(uint64(i), 3))
		tried, hits, missed := 0, 0, ""
		for n := 0; n < 20*samples && tried < samples; n++ {
			text, err := rule.sample(random, n)
			if err != nil {
				t.Errorf("%s: %v", rule.id, err)
				break
			}
			m := re.FindStringSubmatch(text)
			if m == nil || Entropy([]byte(m[len(m)-1])) <= rule.entropy {
				continue
			}
			tried++
			if len(search(t, text, Plain)) > 0 {
				hits++
			} else {
				missed = text
			}
		}
		reason, known := lacking[rule.id]
		delete(lacking, rule.id)
		switch {
		case tried == 0:
			t.Logf("%s: no text could be written", rule.id)
			if !known {
				t.Errorf("%s: %s", rule.id, rule.regex)
			}
		case 4*hits >= 3*tried && known:
			t.Errorf("%s is found and no longer lacking (%s)", rule.id, reason)
		case 4*hits < 3*tried && !known:
			t.Errorf("%s: %d of %d are found, not %q", rule.id, hits, tried, missed)
		case !known:
			found++
		}
	}
	for id := range lacking {
		t.Errorf("testdata/gitleaks.txt has %s, which is not a rule", id)
	}
	t.Logf("%d of %d rules are covered", found, len(rules))
}
