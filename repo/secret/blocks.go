package secret

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// pem recognizes the PEM block of a private key: PKCS 1 and 8, OpenSSH, PGP. Its lines may be in a patch, in a string
// of a program, or in JSON.
func (m *machine) pem(w []byte, at int) (match, bool) {
	const head, tail = "-----BEGIN ", "-----END "
	p := at + len(head)
	end := bytes.Index(w[p:min(len(w), p+60)], []byte("-----"))
	if end < 0 || !bytes.Contains(w[p:p+end], []byte("PRIVATE KEY")) {
		return match{}, false
	}
	p += end + len("-----")
	mark, p := m.keyBody(w, p)
	if len(mark) < 56 || placeholder(mark[:56]) && placeholder(mark[len(mark)-56:]) {
		return match{}, false
	}
	if rest := w[p:min(len(w), p+16)]; bytes.HasPrefix(rest, []byte(tail)) {
		p += len(tail)
		if end := bytes.Index(w[p:min(len(w), p+60)], []byte("-----")); end >= 0 {
			p += end + len("-----")
		}
	}
	return match{rule: "private-key", from: at, to: p, mark: mark}, true
}

// keyBody collects the base 64 text of a key from p on, and returns the offset of its end.
func (m *machine) keyBody(w []byte, p int) ([]byte, int) {
	set := m.sets[base62+"/"]
	var body []byte
	last := p
	for p < len(w) {
		switch c := w[p]; {
		case set[c]:
			if colon := fieldOf(w, p); colon > 0 { // Proc-Type: 4,ENCRYPTED
				p = lineEnd(w, colon)
				continue
			}
			end := p
			for end < len(w) && set[w[end]] {
				end++
			}
			body = append(body, w[p:end]...)
			p, last = end, end
			continue
		case c == '\\' && p+1 < len(w) && bytes.IndexByte([]byte("nrt\\"), w[p+1]) >= 0:
			p += 2
			continue
		case c == '-' && bytes.HasPrefix(w[p:], []byte("-----")):
			return body, p
		case c == '\n', c == '\r', c == '\t', c == ' ', c == '"', c == '\'', c == '+', c == '=', c == ',', c == '#',
			c == '-' && p > 0 && w[p-1] == '\n':
		default:
			return body, last
		}
		p++
	}
	return body, last
}

// fieldOf returns the offset of the colon of a header that begins at p, or 0.
func fieldOf(w []byte, p int) int {
	for q := p; q < len(w) && q-p < 24; q++ {
		switch {
		case w[q] == ':' && q > p:
			return q
		case !isAlphanumeric(w[q]) && w[q] != '-':
			return 0
		}
	}
	return 0
}

// lineEnd returns the offset of the end of the line. The line end may be escaped, as in "\n".
func lineEnd(w []byte, p int) int {
	for p < len(w) && w[p] != '\n' && !(w[p] == '\\' && p+1 < len(w) && w[p+1] == 'n') {
		p++
	}
	return p
}

// putty recognizes a private key of PuTTY.
func (m *machine) putty(w []byte, at int) (match, bool) {
	const lines = "Private-Lines:"
	p := bytes.Index(w[at:], []byte(lines))
	if p < 0 {
		return match{}, false
	}
	p += at + len(lines)
	p = lineEnd(w, p)
	if mac := bytes.Index(w[p:], []byte("Private-MAC:")); mac >= 0 {
		w = w[:p+mac]
	}
	mark, end := m.keyBody(w, p)
	if len(mark) < 40 || placeholder(mark[:40]) {
		return match{}, false
	}
	return match{rule: "private-key", from: at, to: end, mark: mark}, true
}

// usualPasswords are passwords that documentation uses in URLs.
var usualPasswords = []string{
	"password", "passwd", "passw0rd", "pass", "pwd", "pw", "secret", "token", "user", "username", "test", "testing",
	"tiger", "foo", "bar", "baz", "spam", "eggs", "admin", "root", "postgres", "mysql",
	"guest", "abc", "abc123", "1234", "12345", "123456", "pass123", "password123", "mypassword", "mypass",
	"my_password", "dbpass", "dbpassword", "userpass", "key", "apikey", "api_key", "x-oauth-basic", "hidden",
	"credentials", "pass1", "pass2", "letmein", "sesame", "opensesame", "passpass", "secretpassword",
	"userpassword", "somepassword", "password1",
}

// urlPassword finds the password in scheme://user:password@host.
func (m *machine) urlPassword(w []byte, at int) (match, bool) {
	if at < 2 || !isAlphanumeric(w[at-1]) {
		return match{}, false
	}
	from := at + len("://")
	colon, last, end := -1, -1, from
scan:
	for ; end < len(w) && end-from < 256; end++ {
		switch c := w[end]; {
		case c == '@':
			last = end // a password may contain one, although it should be escaped
		case c == ':' && colon < 0:
			colon = end
		case c <= ' ', c >= 0x7f, bytes.IndexByte([]byte("/\"'`<>\\(),?#|"), c) >= 0:
			break scan
		}
	}
	end = last
	if colon < 0 || end < colon || end+1 >= len(w) || !isAlphanumeric(w[end+1]) && w[end+1] != '[' {
		return match{}, false
	}
	user, password := w[from:colon], w[colon+1:end]
	plain := password
	if text, err := url.PathUnescape(string(plain)); err == nil {
		plain = []byte(text)
	}
	if !grantsAccess(user, plain) || template(password) || isExample(hostOf(w[end+1:])) && !looksRandom(plain) ||
		m.tokenIn(w, colon+1, end) {
		return match{}, false
	}
	return match{rule: "url-password", from: colon + 1, to: end}, true
}

// grantsAccess reports whether what stands in the place of a password is one, whatever it looks like. It is not if it
// is a placeholder.
func grantsAccess(user, password []byte) bool {
	return len(password) >= 3 && !template(password) && !bytes.ContainsAny(password, "{}$*[]<>") &&
		!(len(password) > 6 && placeholder(password)) && !usual(string(user), string(password))
}

// usual reports whether a user and a password are ones that documentation uses.
func usual(user, password string) bool {
	low := strings.ToLower(password)
	bare := strings.Map(func(r rune) rune {
		if r >= 0x80 || isAlphanumeric(byte(r)) {
			return r
		}
		return -1
	}, low)
	return low == strings.ToLower(user) || strings.Trim(low, string(digits)) == "" && len(low) < 5 ||
		Entropy([]byte(low)) < 1.5 ||
		slices.Contains(usualPasswords, low) || slices.Contains(usualPasswords, bare)
}

// usualBasic reports whether credentials of HTTP basic authentication are ones that documentation uses.
func usualBasic(v []byte) bool {
	text, err := base64.StdEncoding.DecodeString(string(v))
	if err != nil {
		return false
	}
	user, password, ok := strings.Cut(string(text), ":")
	return !ok || usual(user, password) || len(password) < 6
}

func hostOf(w []byte) string {
	end := 0
	for end < len(w) && end < 255 && (isAlphanumeric(w[end]) || w[end] == '.' || w[end] == '-') {
		end++
	}
	return strings.ToLower(string(w[:end]))
}

// isExample reports whether a host is reserved for documentation and tests (RFC 2606).
func isExample(host string) bool {
	name := host[strings.LastIndexByte(host, '.')+1:]
	return strings.Contains(host, "example.") || strings.Contains(host, "domain.") || name == "example" ||
		name == "test" || name == "invalid"
}
