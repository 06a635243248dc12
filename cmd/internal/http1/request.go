package http1

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Request is a request.
type Request struct {
	Method  string
	Target  string // as it was sent: "/data/runs.json?rev=main"
	HasBody bool
	Body    []byte // nil if bodies are not read, see Server.MaxBody
	Local   net.Addr

	fields map[string]string // by lower-case name
	old    bool              // the version is HTTP/1.0
	last   bool              // the connection ends after the answer
}

// RequestError is a request that is not valid, and the status that it gets.
type RequestError struct {
	Status  int
	Message string
}

func (e *RequestError) Error() string { return e.Message }

func invalid(message string) error { return &RequestError{400, message} }

// Header returns the value of a header field, or "". The name is in lower case.
func (r *Request) Header(name string) string { return r.fields[name] }

// Path returns the decoded parts of the path: "/data/run/a%20b.json" has "data", "run" and "a b.json". It returns
// false if a part is not a plain name: if it is empty, "." or "..", is not UTF-8, or contains a slash, a backslash or a
// control character, encoded or not. The path "/" has no part.
func (r *Request) Path() ([]string, bool) {
	path, _, _ := strings.Cut(r.Target, "?")
	path, ok := strings.CutPrefix(path, "/")
	if !ok || path == "" {
		return nil, ok
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		part, err := url.PathUnescape(part)
		if err != nil || !isName(part) {
			return nil, false
		}
		parts[i] = part
	}
	return parts, true
}

func isName(s string) bool {
	never := func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' || r == '\\' }
	return s != "" && s != "." && s != ".." && utf8.ValidString(s) && !strings.ContainsFunc(s, never)
}

// Params returns the parameters after the question mark.
func (r *Request) Params() (url.Values, error) {
	_, query, _ := strings.Cut(r.Target, "?")
	return url.ParseQuery(query)
}

// readRequest reads the header of a request. If it is not valid, the error is a *RequestError.
func readRequest(in *bufio.Reader) (*Request, error) {
	left := maxHeader
	line, err := readLine(in, &left)
	if err == nil && line == "" { // some clients send an empty line after a body
		line, err = readLine(in, &left)
	}
	if err != nil {
		return nil, err
	}
	r, err := requestLine(line)
	if err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		line, err := readLine(in, &left)
		if err != nil {
			return nil, err
		}
		if line == "" {
			break
		}
		if n == maxFields {
			return nil, &RequestError{431, "the request has too many header fields"}
		}
		if err := r.field(line); err != nil {
			return nil, err
		}
	}
	r.finish()
	return r, nil
}

// requestLine reads the first line, such as "GET /data/runs.json HTTP/1.1".
func requestLine(line string) (*Request, error) {
	method, rest, _ := strings.Cut(line, " ")
	target, version, ok := strings.Cut(rest, " ")
	switch {
	case !ok || !isToken(method):
		return nil, invalid("the request does not begin with a line of HTTP")
	case version != "HTTP/1.1" && version != "HTTP/1.0":
		return nil, &RequestError{505, "the version of HTTP must be 1.1"}
	case !strings.HasPrefix(target, "/") || strings.ContainsFunc(target, notPrinted):
		return nil, invalid("the target of the request must be a path")
	}
	old := version == "HTTP/1.0"
	return &Request{Method: method, Target: target, fields: map[string]string{}, old: old, last: old}, nil
}

// field reads a header field. What could be understood in two ways is refused.
func (r *Request) field(line string) error {
	name, value, ok := strings.Cut(line, ":")
	if !ok || !isToken(name) {
		return invalid("a header field has no valid name")
	}
	value = strings.Trim(value, " \t")
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return invalid("a header field contains a control character")
	}
	name = strings.ToLower(name)
	before, again := r.fields[name]
	if again {
		switch name {
		case "host", "content-length", "transfer-encoding", "sec-fetch-site":
			return invalid("the header field " + name + " must not be repeated")
		}
		value = before + ", " + value
	}
	r.fields[name] = value
	return nil
}

func (r *Request) finish() {
	length, ok := r.fields["content-length"]
	_, encoded := r.fields["transfer-encoding"]
	r.HasBody = ok && strings.Trim(length, "0") != "" || encoded
	if r.HasBody || hasWord(r.fields["connection"], "close") {
		r.last = true
	}
}

// hasWord reports whether a list of words between commas contains a word, in any case. What follows a semicolon is not
// part of a word.
func hasWord(list, word string) bool {
	for item := range strings.SplitSeq(list, ",") {
		item, _, _ = strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(item), word) {
			return true
		}
	}
	return false
}

// readBody reads the body of the request, whose length must be known.
func (r *Request) readBody(in *bufio.Reader, most int) error {
	if !r.HasBody {
		return nil
	}
	if _, encoded := r.fields["transfer-encoding"]; encoded {
		return &RequestError{411, "the body of the request must have the field Content-Length"}
	}
	length, err := strconv.ParseUint(r.fields["content-length"], 10, 63)
	switch {
	case err != nil:
		return invalid("the field Content-Length is not a number")
	case length > uint64(most):
		return &RequestError{413, "the body of the request must have at most " + strconv.Itoa(most) + " bytes"}
	}
	// The length is what the client says: memory is taken as the bytes arrive.
	body, err := io.ReadAll(io.LimitReader(in, int64(length)))
	if err == nil && uint64(len(body)) < length {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	r.Body = body
	r.last = hasWord(r.fields["connection"], "close") || r.old
	return nil
}

// readLine reads a line without its end, which is a line feed with or without a carriage return. left is what the
// header may still take.
func readLine(in *bufio.Reader, left *int) (string, error) {
	line, err := in.ReadSlice('\n')
	*left -= len(line)
	switch {
	case errors.Is(err, bufio.ErrBufferFull) || *left < 0:
		return "", &RequestError{431, "the header of the request is longer than 24 kB"}
	case errors.Is(err, io.EOF):
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	}
	return strings.TrimSuffix(string(line[:len(line)-1]), "\r"), nil
}

func notPrinted(c rune) bool { return c <= ' ' || c >= 0x7f }

// isToken reports whether s is a name as HTTP defines it.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return notPrinted(c) || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}
