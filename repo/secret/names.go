package secret

import (
	"bytes"
	"slices"
	"strings"
)

// nameWords are words that occur in the names of secrets, in lower case and without separators.
var nameWords = []string{
	"passw", "passphrase", "secret", "token", "credential", "apikey", "accesskey", "privatekey", "auth", "jwt",
}

// Names reports whether a name, for example of an environment variable, suggests a secret.
func Names(name string) bool {
	flat := flatten([]byte(name))
	for _, word := range nameWords {
		if strings.Contains(flat, word) {
			return true
		}
	}
	if name == "PWD" {
		return false // the shell's working directory
	}
	return hasPart([]byte(name), nameParts)
}

// nameParts suggest a secret if they are a whole part of a name: DB_PW, smtpPass, MY_PIN.
var nameParts = []string{"pass", "pw", "pwd", "pin", "passphrase", "passwd"}

// passParts are the nameParts that mean a password not only in the name of a variable but also in a text.
var passParts = []string{"pass", "pw"}

// hasPart reports whether one of the parts of a name is in words. A new part begins after punctuation, and at a
// capital that follows a small letter. Digits at the end of a part are ignored.
func hasPart(name []byte, words []string) bool {
	for len(name) > 0 {
		n := partEnd(name)
		part := strings.ToLower(string(bytes.TrimRight(name[:n], string(digits))))
		if slices.Contains(words, part) {
			return true
		}
		name = name[max(n, 1):]
	}
	return false
}

// partEnd returns the offset at which the first part of a name ends. It is 0 if the name begins with punctuation.
func partEnd(name []byte) int {
	for i, c := range name {
		switch {
		case !isAlphanumeric(c):
			return i
		case i == 0 || !isUpper(c):
		case !isUpper(name[i-1]), i+1 < len(name) && isLower(name[i+1]): // dbPass, DBPass
			return i
		}
	}
	return len(name)
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

// flatten returns a name in lower case without separators.
func flatten(name []byte) string {
	var b strings.Builder
	for _, c := range name {
		if isAlphanumeric(c) {
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

// keyedWords are the words that are searched for. If a name contains one, the whole name is examined.
var keyedWords = []string{"pass", "pw", "secret", "token", "credential", "key", "auth", "jwt"}

// keyed lists providers whose keys have no distinctive format, but appear together with the provider's name.
var keyed = []struct{ word, rule string }{
	{"wandb", "wandb-key"},
	{"comet", "comet-key"},
	{"neptune", "neptune-token"},
	{"datadog", "datadog-key"},
	{"ddapi", "datadog-key"},
	{"ddapp", "datadog-key"},
	{"cloudflare", "cloudflare-token"},
	{"cfapi", "cloudflare-token"},
	{"kaggle", "kaggle-key"},
	{"together", "together-key"},
	{"cohere", "cohere-key"},
	{"coapi", "cohere-key"},
	{"heroku", "heroku-key"},
	{"twilio", "twilio-token"},
	{"mailgun", "mailgun-key"},
	{"awssecret", "aws-secret-key"},
	{"secretaccesskey", "aws-secret-key"},
	{"azure", "azure-key"},
	{"mistral", "mistral-key"},
	{"deepgram", "deepgram-key"},
	{"roboflow", "roboflow-key"},
	{"discord", "discord-token"},
	{"algolia", "algolia-key"},
	{"pagerduty", "pagerduty-key"},
	{"okta", "okta-token"},
	{"snyk", "snyk-token"},
	{"asana", "asana-token"},
	{"vercel", "vercel-token"},
	{"clearml", "clearml-key"},
	{"adafruit", "adafruit-key"},
	{"airtable", "airtable-token"},
	{"alibaba", "alibaba-key"},
	{"artifactory", "jfrog-key"},
	{"bintray", "jfrog-key"},
	{"jfrog", "jfrog-key"},
	{"bittrex", "bittrex-key"},
	{"confluent", "confluent-key"},
	{"hubspot", "hubspot-key"},
	{"intercom", "intercom-key"},
	{"kucoin", "kucoin-key"},
	{"maxmind", "maxmind-key"},
	{"meraki", "meraki-key"},
	{"plaid", "plaid-key"},
	{"privateai", "privateai-token"},
	{"squarespace", "squarespace-token"},
	{"twitter", "twitter-key"},
	{"yandex", "yandex-key"},
	{"zendesk", "zendesk-key"},
}

// keyWords are words that, before "key", make a name the name of a secret.
var keyWords = []string{
	"api", "access", "secret", "private", "auth", "account", "encryption", "signing", "master", "license", "session",
	"app", "application", "service", "client", "admin", "deploy", "webhook",
	"shared", "storage", "server", "fernet", "aes", "hmac", "django",
}

// endings are last words of names that refer to a property of a secret and not to the secret itself.
var endings = []string{
	"name", "id", "ids", "url", "uri", "path", "file", "filename", "type", "count", "length", "len", "size", "field",
	"policy", "expiry", "expires", "ttl", "arn", "prefix", "suffix",
	"header", "class", "label", "dir", "version", "limit", "index", "idx", "hash", "salt", "format", "pattern",
	"regex", "hint", "prompt", "endpoint", "issuer", "audience", "scope",
	"algorithm", "alg", "method", "mode", "str", "func", "cls", "tokens", "used", "data", "date", "time", "timestamp",
	"changed", "age", "required", "reset", "enabled", "author", "authors", "authority", "digest", "checksum", "sha",
	"sha256", "map", "embedding", "mask", "re", "host", "user", "username", "message", "text", "error", "title",
}

// harmless are words in the names of things that are not secret: tokens of a language, public keys, markers of
// requests and pages.
var harmless = []string{
	"tokeni", "public", "continuation", "nexttoken", "pagetoken", "pagination", "csrf", "xsrf", "requesttoken",
	"changetoken", "actiontoken", "granttoken", "synctoken", "eostoken", "bostoken", "padtoken", "specialtoken",
}

// names reports whether a name that contains one of the keyedWords is the name of a secret, and which rule applies.
func names(name []byte) (rule string, ok bool) {
	flat := flatten(name)
	for _, end := range endings {
		if strings.HasSuffix(flat, end) {
			return "", false
		}
	}
	for _, word := range harmless {
		if strings.Contains(flat, word) {
			return "", false
		}
	}
	if strings.Contains(flat, "author") && !strings.Contains(flat, "authoriz") {
		return "", false
	}
	provider := ""
	for _, k := range keyed {
		if strings.Contains(flat, k.word) {
			provider = k.rule
			break
		}
	}
	switch {
	case provider != "":
		return provider, true
	case strings.Contains(flat, "passw"), strings.HasSuffix(flat, "pwd"), strings.Contains(flat, "passphrase"),
		hasPart(name, passParts):
		return "password", true
	case strings.HasSuffix(flat, "key"), strings.HasSuffix(flat, "keys"):
		base := strings.TrimSuffix(strings.TrimSuffix(flat, "s"), "key")
		for _, w := range keyWords {
			if strings.HasSuffix(base, w) {
				return "secret-key", true
			}
		}
		return "", strings.HasSuffix(flat, "secretskey")
	case strings.Contains(flat, "secret"), strings.Contains(flat, "token"), strings.Contains(flat, "credential"),
		strings.Contains(flat, "apikey"),
		strings.Contains(flat, "accesskey"), strings.Contains(
			flat, "privatekey",
		), strings.HasSuffix(flat, "auth"), strings.HasSuffix(flat, "authorization"), strings.HasSuffix(flat, "jwt"):
		return "secret-value", true
	}
	return "", false
}

func isNameByte(c byte) bool { return isAlphanumeric(c) || c == '_' || c == '-' || c == '.' }

// underName examines the name that contains the word at w[at:], and the value after it. The two may be in TOML, JSON,
// YAML, an assignment, the environment, a flag, a query or a header.
func (m *machine) underName(w []byte, at int) (match, bool) {
	const longest = 64
	left, right := at, at
	for left > 0 && at-left < longest && isNameByte(w[left-1]) {
		left--
	}
	for right < len(w) && right-at < longest && isNameByte(w[right]) {
		right++
	}
	if dashes := bytes.Index(w[left:right], []byte("--")); dashes > 0 { // after a terminal color sequence
		left += dashes
	}
	name := w[left:right]
	value, quoted, ok := valueOf(w, left, right)
	if !ok {
		return match{}, false
	}
	v := w[value.from:value.to]
	if len(v) < 8 || len(v) > 512 || template(v) || !quoted && !flagged(w, left) && !plain(v) || badge(w, left) ||
		bytes.IndexByte(v, ' ') >= 0 || bytes.Contains(v, []byte("://")) || placeholder(v) {
		return match{}, false
	}
	if !looksRandom(v) && !(chosenPassword(v) && namesPassword(name) && given(w, left, right, value, quoted)) {
		return match{}, false
	}
	if bytes.HasSuffix(w[:value.from], []byte("Basic ")) && usualBasic(v) ||
		bytes.HasPrefix(v, []byte("AWS4-HMAC-")) || bytes.HasPrefix(v, []byte("pbkdf2_")) {
		return match{}, false
	}
	rule, ok := names(name)
	if !ok {
		if rule, ok = bareKey(w, left, name, v); !ok {
			return match{}, false
		}
	}
	if rule != "password" && len(bytes.Trim(v, string(base64s)+"_.~-:%@!#$^&*")) > 0 ||
		isUUID(v) && !opens(name) && !providers(rule) || m.tokenIn(w, value.from, value.to) {
		return match{}, false // a token has its own rule
	}
	return match{rule: rule, from: value.from, to: value.to}, true
}

// providers reports whether a rule belongs to a provider, whose name makes a UUID a secret.
func providers(rule string) bool {
	return slices.ContainsFunc(keyed, func(k struct{ word, rule string }) bool { return k.rule == rule })
}

// opens reports whether a name suggests that its value gives access. It decides about a UUID, which may also just
// identify a request.
func opens(name []byte) bool {
	flat := flatten(name)
	for _, word := range []string{"key", "secret", "auth", "access", "api", "passw"} {
		if strings.Contains(flat, word) {
			return true
		}
	}
	return false
}

// badge reports whether a name belongs to the token in the URL of a badge, which is public.
func badge(w []byte, left int) bool {
	return left > 0 && (w[left-1] == '?' || w[left-1] == '&') &&
		(bytes.HasSuffix(w[:left-1], []byte(".svg")) || bytes.Contains(w[max(0, left-60):left], []byte("badge")))
}

// bareKey recognizes the two secrets whose name is just key: the key of Kaggle, after a username, and the key in a
// call of W&B's login.
func bareKey(w []byte, left int, name, v []byte) (string, bool) {
	if string(name) != "key" || len(v) != 32 && len(v) != 40 || len(bytes.Trim(v, string(lowerHex))) > 0 {
		return "", false
	}
	before := bytes.ToLower(w[max(0, left-100):left])
	switch {
	case len(v) == 32 && bytes.Contains(before, []byte("username")):
		return "kaggle-key", true
	case bytes.HasSuffix(before, []byte("login(")):
		return "wandb-key", true
	}
	return "", false
}

// plain reports whether an unquoted value is a literal and not an expression.
func plain(v []byte) bool {
	if len(bytes.Trim(v, string(base62)+"+/=_.~-!@#%^*:")) > 0 {
		return false
	}
	digit := false
	for _, c := range v {
		digit = digit || '0' <= c && c <= '9'
	}
	return digit && !dottedNames(v)
}

// dottedNames reports whether v consists of names separated by dots, as in a program.
func dottedNames(v []byte) bool {
	parts := bytes.Split(v, []byte("."))
	for _, part := range parts {
		if len(part) == 0 || '0' <= part[0] && part[0] <= '9' || len(bytes.Trim(part, string(words))) > 0 {
			return false
		}
	}
	return len(parts) > 1
}

// template reports whether a value is a template that is still to be filled in.
func template(v []byte) bool {
	if v[0] == '$' || v[0] == '<' || v[0] == '{' || v[0] == '[' || v[0] == '/' || v[0] == '~' || v[0] == '%' {
		return true
	}
	for _, part := range []string{"${", "$(", "{{", "}}", "%(", "{}", "%s", "<", "\\x", "\\u"} {
		if bytes.Contains(v, []byte(part)) {
			return true
		}
	}
	open := bytes.IndexByte(v, '{')
	return open >= 0 && bytes.IndexByte(v[open:], '}') > 0
}

type span struct{ from, to int }

// valueOf finds the value that follows a name at w[left:right], on the same line.
func valueOf(w []byte, left, right int) (v span, quoted, ok bool) {
	p := right
	flag := left < right && w[left] == '-'
	closed := false
	for p < len(w) && p-right < 4 && bytes.IndexByte([]byte("\"'`]\\"), w[p]) >= 0 {
		closed = closed || w[p] != '\\'
		p++
	}
	gap := p
	p = skipBlanks(w, p)
	if p >= len(w) {
		return v, false, false
	}
	next := byte(0)
	if p+1 < len(w) {
		next = w[p+1]
	}
	switch c := w[p]; {
	case c == '=' && next == '=', c == ':' && next == ':':
		return v, false, false
	case c == '=' && next == '>', c == ':' && next == '=':
		p += 2
	case c == '=':
		p++
	case c == ':':
		p = annotated(w, p+1)
	case c == ',' && closed && (flag || string(w[left:right]) != "auth"):
		p = skipBlanks(w, p+1)
		if p < len(w) && w[p] != '"' && w[p] != '\'' && w[p] != '\\' {
			return v, false, false
		}
	case c == '>' && left > 0 && w[left-1] == '<':
		p++
	case closed && bytes.HasPrefix(w[p:], []byte("value=")): // the attributes of XML
		p += len("value=")
	case p > gap && (flag || netrc(w, left, right)):
	default:
		return v, false, false
	}
	p = skipBlanks(w, p)
	for p < len(w) && w[p] == '\\' {
		p++
	}
	if p+1 < len(w) && bytes.IndexByte([]byte("bBrRuUfF@"), w[p]) >= 0 && (w[p+1] == '"' || w[p+1] == '\'') {
		p++
	}
	const longest = 520
	if p < len(w) && (w[p] == '"' || w[p] == '\'' || w[p] == '`') {
		quote := w[p]
		p = skipScheme(w, p+1)
		end := p
		for end < len(w) && end-p < longest && w[end] != quote && w[end] != '\n' && w[end] != '\\' {
			end++
		}
		return span{p, end}, true, end < len(w) &&
			(w[end] == quote || w[end] == '\\' && end+1 < len(w) && (w[end+1] == quote || w[end+1] == 'n'))
	}
	p = skipScheme(w, p)
	end := p
	for end < len(w) && end-p < longest && w[end] > ' ' && w[end] < 0x7f &&
		bytes.IndexByte([]byte("\"'`,;)}]<>&|\\"), w[end]) < 0 {
		end++
	}
	for end > p && (w[end-1] == '.' || w[end-1] == ':') { // belongs to the sentence around it
		end--
	}
	return span{p, end}, false, end > p && !(end < len(w) && bytes.IndexByte([]byte("(["), w[end]) >= 0)
}

func skipBlanks(w []byte, p int) int {
	for p < len(w) && (w[p] == ' ' || w[p] == '\t') {
		p++
	}
	return p
}

// annotated skips the type between a name and its value: name: str = "value".
func annotated(w []byte, p int) int {
	for q := p; q < len(w) && q-p < 48; q++ {
		switch c := w[q]; {
		case c == '=' && q > p && w[q-1] == ' ' && q+1 < len(w) && w[q+1] == ' ':
			return q + 1
		case isNameByte(c), c == ' ', c == '[', c == ']', c == '|':
		default:
			return p
		}
	}
	return p
}

// skipScheme skips the word before the credentials of an HTTP header.
func skipScheme(w []byte, p int) int {
	for _, word := range []string{"Bearer ", "bearer ", "Basic ", "Token ", "token "} {
		if bytes.HasPrefix(w[p:], []byte(word)) {
			return p + len(word)
		}
	}
	return p
}

// netrc reports whether a name is the word before a password in a .netrc file.
func netrc(w []byte, left, right int) bool {
	return string(w[left:right]) == "password" && bytes.Contains(w[max(0, left-100):left], []byte("login "))
}

// wandbLogin recognizes a key on the command line of wandb login.
func (m *machine) wandbLogin(w []byte, at int) (match, bool) {
	p := at + len("wandb")
	skip := func() {
		for p < len(w) && bytes.IndexByte([]byte(" \t\",'"), w[p]) >= 0 {
			p++
		}
	}
	skip()
	if !bytes.HasPrefix(w[p:], []byte("login")) {
		return match{}, false
	}
	p += len("login")
	for {
		skip()
		if p+2 >= len(w) || w[p] != '-' || w[p+1] != '-' {
			break
		}
		p = m.run(w, p, urlSafe, 40)
	}
	to := m.run(w, p, lowerHex, 41)
	return match{rule: "wandb-key", from: p, to: to}, to-p == 40 && (to == len(w) || !isAlphanumeric(w[to])) &&
		!placeholder(w[p:to])
}
