package http1

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// serve starts a server with a handler. It ends with the test, which fails if a goroutine of the server stays.
func serve(t *testing.T, handler Handler) (address string) {
	t.Helper()
	return serveBodies(t, handler, 0)
}

func serveBodies(t *testing.T, handler Handler, most int) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	s := &Server{Handler: handler, MaxBody: most, Failed: func(err error) { t.Log(err) }}
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return l.Addr().String()
}

func connect(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// echo answers with what it was asked.
func echo(_ context.Context, r *Request) *Response {
	parts, ok := r.Path()
	params, err := r.Params()
	return PlainText(200, fmt.Sprintf("%s %q %v %v %v %v", r.Method, parts, ok, params, err, r.HasBody))
}

func TestRequests(t *testing.T) {
	long := strings.Repeat("x", 25<<10)
	for _, c := range []struct{ request, status, body string }{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK", `GET [] true map[] <nil> false`},
		{"\r\nGET /a HTTP/1.1\r\n\r\n", "200 OK", `GET ["a"] true`},
		{"GET /a/b%20c.json?x=1&x=2&y=%C3%A4 HTTP/1.1\n\n", "200 OK", `GET ["a" "b c.json"] true map[x:[1 2] y:[ä]]`},
		{"GET /a HTTP/1.0\r\n\r\n", "200 OK", `GET ["a"]`},
		{"BREW /a HTTP/1.1\r\n\r\n", "200 OK", `BREW ["a"]`}, // the handler decides about the method
		{"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "200 OK", `POST ["a"] true map[] <nil> true`},
		{"GET /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200 OK", `<nil> true`},
		{"GET /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "200 OK", `<nil> false`},
		{"GET /a?%zz HTTP/1.1\r\n\r\n", "200 OK", `invalid URL escape`},
		// Paths that are not plain names.
		{"GET /a//b HTTP/1.1\r\n\r\n", "200 OK", "[] false"},
		{"GET /a/ HTTP/1.1\r\n\r\n", "200 OK", "[] false"},
		{"GET /../a HTTP/1.1\r\n\r\n", "200 OK", "[] false"},
		{"GET /%2e%2E/a HTTP/1.1\r\n\r\n", "200 OK", "[] false"},
		{"GET /a%2fb HTTP/1.1\r\n\r\n", "200 OK", "[] false"},
		{"GET /a%5cb HTTP/1.1\r\n\r\n", "200 OK", "[] false"},
		{"GET /a\\b HTTP/1.1\r\n\r\n", "200 OK", "[] false"},
		{"GET /a%00 HTTP/1.1\r\n\r\n", "200 OK", "[] false"},
		{"GET /a%ff HTTP/1.1\r\n\r\n", "200 OK", "[] false"},
		{"GET /a%2 HTTP/1.1\r\n\r\n", "200 OK", "[] false"},
		// What is not a request.
		{"hello\r\n\r\n", "400 Bad Request", "begin with a line of HTTP"},
		{"GET /\r\n\r\n", "400 Bad Request", "begin with a line of HTTP"},
		{"G ET / HTTP/1.1\r\n\r\n", "505 HTTP Version Not Supported", "1.1"},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP Version Not Supported", "1.1"},
		{"GET / HTTP/1.2\r\n\r\n", "505 HTTP Version Not Supported", "1.1"},
		{"GET http://evil.example/ HTTP/1.1\r\n\r\n", "400 Bad Request", "must be a path"},
		{"GET * HTTP/1.1\r\n\r\n", "400 Bad Request", "must be a path"},
		{"GET /\x00 HTTP/1.1\r\n\r\n", "400 Bad Request", "must be a path"},
		{"GET /ä HTTP/1.1\r\n\r\n", "400 Bad Request", "must be a path"},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request", "host must not be repeated"},
		{"GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 9\r\n\r\n", "400 Bad Request", "content-length"},
		{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400 Bad Request", "no valid name"},
		{"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "400 Bad Request", "no valid name"}, // a folded line
		{"GET / HTTP/1.1\r\nA\r\n\r\n", "400 Bad Request", "no valid name"},
		{"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", "400 Bad Request", "control character"},
		{"GET / HTTP/1.1\r\nA: b\x00\r\n\r\n", "400 Bad Request", "control character"},
		// What is too long.
		{"GET /" + long + " HTTP/1.1\r\n\r\n", "431 Request Header Fields Too Large", "24 kB"},
		{"GET / HTTP/1.1\r\nA: " + long + "\r\n\r\n", "431 Request Header Fields Too Large", "24 kB"},
		{"GET / HTTP/1.1\r\n" + strings.Repeat("A: "+long[:4000]+"\r\n", 7), "431 Request Header", "24 kB"},
		{"GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", 101) + "\r\n", "431 Request Header", "too many header fields"},
	} {
		address := serve(t, echo)
		conn := connect(t, address)
		_, _ = io.WriteString(conn, c.request)
		answer, err := readAnswer(bufio.NewReader(conn))
		if err != nil || !strings.HasPrefix(answer, "HTTP/1.1 "+c.status) || !strings.Contains(answer, c.body) {
			t.Errorf("%.60q: %v %q, want %s %q", c.request, err, answer, c.status, c.body)
		}
	}
}

// A server that reads bodies gives them to its handler and keeps the connection, unless it could take a body for a
// request or the other way around.
func TestBodies(t *testing.T) {
	address := serveBodies(t, func(_ context.Context, r *Request) *Response {
		return PlainText(200, fmt.Sprintf("%s %q", r.Target, r.Body))
	}, 10)
	conn := connect(t, address)
	in := bufio.NewReader(conn)
	_, _ = io.WriteString(conn, "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"+
		"POST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nokGET /c HTTP/1.1\r\n\r\n")
	for _, want := range []string{`/a "hello"`, `/b "ok"`, `/c ""`} {
		if answer, err := readAnswer(in); err != nil || !strings.Contains(answer, want) {
			t.Errorf("%v %q, want %s", err, answer, want)
		}
	}
	for _, c := range []struct{ fields, status string }{
		{"Content-Length: 11", "413 Content Too Large"},
		{"Content-Length: 99999999999999999999", "400 Bad Request"},
		{"Content-Length: +5", "400 Bad Request"},
		{"Content-Length: -1", "400 Bad Request"},
		{"Transfer-Encoding: chunked", "411 Length Required"},
		{"Content-Length: 5\r\nTransfer-Encoding: chunked", "411 Length Required"},
	} {
		conn := connect(t, address)
		in := bufio.NewReader(conn)
		_, _ = io.WriteString(conn, "POST /a HTTP/1.1\r\n"+c.fields+"\r\n\r\nhelloGET /b HTTP/1.1\r\n\r\n")
		if answer, err := readAnswer(in); err != nil || !strings.HasPrefix(answer, "HTTP/1.1 "+c.status) {
			t.Errorf("%s: %v %q", c.fields, err, answer)
		}
		if answer, err := readAnswer(in); err == nil {
			t.Errorf("%s: the connection goes on with %q", c.fields, answer)
		}
	}
	conn = connect(t, address)
	_, _ = io.WriteString(conn, "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel")
	_ = conn.(*net.TCPConn).CloseWrite()
	if answer, err := readAnswer(bufio.NewReader(conn)); err == nil {
		t.Errorf("half a body is answered with %q", answer)
	}
}

// readAnswer reads one response as text.
func readAnswer(in *bufio.Reader) (string, error) {
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	return fmt.Sprintf("%s %s\n%v\n%s", response.Proto, response.Status, response.Header, body), err
}

// A connection answers one request after another, also if they arrive at once, and ends when the client asks for it.
func TestConnectionsAreKept(t *testing.T) {
	conn := connect(t, serve(t, echo))
	in := bufio.NewReader(conn)
	for range 3 {
		_, _ = io.WriteString(conn, "GET /one HTTP/1.1\r\n\r\nGET /two HTTP/1.1\r\n\r\n")
		for _, want := range []string{`["one"]`, `["two"]`} {
			if answer, err := readAnswer(in); err != nil || !strings.Contains(answer, want) {
				t.Fatalf("%v %q", err, answer)
			}
		}
	}
	_, _ = io.WriteString(conn, "GET /last HTTP/1.1\r\nConnection: Close\r\n\r\n")
	if answer, err := readAnswer(in); err != nil || !strings.Contains(answer, "last") {
		t.Fatalf("%v %q", err, answer)
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection is still open: %v", err)
	}
}

// A body is not read as the next request.
func TestBodiesEndTheConnection(t *testing.T) {
	conn := connect(t, serve(t, echo))
	_, _ = io.WriteString(conn, "POST /a HTTP/1.1\r\nContent-Length: 40\r\n\r\nGET /secret HTTP/1.1\r\n\r\n")
	all, err := io.ReadAll(conn)
	if err != nil || strings.Contains(string(all), "secret") || strings.Count(string(all), "HTTP/1.1 200") != 1 {
		t.Errorf("%v %q", err, all)
	}
}

func TestResponses(t *testing.T) {
	text := []byte(strings.Repeat("hello ", 1000))
	address := serve(t, func(_ context.Context, r *Request) *Response {
		a := &Response{Status: 200, Body: text}
		a.Set("X-Name", "a\r\nX-Evil: b")
		switch r.Target {
		case "/raw":
			a.Raw = true
		case "/small":
			a.Body = []byte("hello")
		case "/packed":
			a.Packed = Pack(text)
		case "/file":
			a.File, a.Size = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		case "/short":
			a.File, a.Size = io.NopCloser(bytes.NewReader(text)), int64(len(text))+1
		case "/panic":
			panic("a fault")
		}
		return a
	})
	get := func(method, path, accepts string) (*http.Response, []byte, error) {
		conn := connect(t, address)
		_, _ = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nAccept-Encoding: %s\r\nConnection: close\r\n\r\n", method, path, accepts)
		response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		return response, body, err
	}
	for _, c := range []struct {
		path, accepts string
		packed        bool
	}{
		{"/", "gzip", true},
		{"/", "br, GZIP;q=0.5", true},
		{"/packed", "gzip", true},
		{"/", "", false},
		{"/", "gzip;q=0", false},
		{"/", "gzip;q=0.0, identity", false},
		{"/", "deflate", false},
		{"/raw", "gzip", false},
		{"/file", "gzip", false},
		{"/small", "gzip", false},
	} {
		response, body, err := get("GET", c.path, c.accepts)
		if err != nil {
			t.Fatal(err)
		}
		if packed := response.Header.Get("Content-Encoding") == "gzip"; packed != c.packed {
			t.Errorf("%s with %q: compressed is %v", c.path, c.accepts, packed)
		} else if packed {
			unpack, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(unpack); err != nil {
				t.Fatal(err)
			}
		}
		if want := text; c.path != "/small" && !bytes.Equal(body, want) {
			t.Errorf("%s: %d bytes", c.path, len(body))
		}
		if response.Header.Get("X-Evil") != "" {
			t.Error("a value has added a header field")
		}
		head, none, err := get("HEAD", c.path, c.accepts)
		if err != nil || len(none) > 0 || head.Header.Get("Content-Length") != response.Header.Get("Content-Length") {
			t.Errorf("HEAD %s: %v, %d bytes, %v", c.path, err, len(none), head.Header)
		}
	}
	if _, _, err := get("GET", "/short", ""); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that is shorter than it was: %v", err)
	}
	if response, body, err := get("GET", "/panic", ""); err != nil || response.StatusCode != 500 {
		t.Errorf("a panic: %v %v %s", err, response, body)
	}
	if _, body, err := get("GET", "/small", ""); err != nil || string(body) != "hello" {
		t.Errorf("after a panic: %v %s", err, body)
	}
}

// The context of a request ends when the client goes, and with the server.
func TestGoneClients(t *testing.T) {
	asked, gone := make(chan bool, 2), make(chan error, 2)
	address := serve(t, func(ctx context.Context, _ *Request) *Response {
		asked <- true
		<-ctx.Done()
		gone <- ctx.Err()
		return PlainText(503, "too late")
	})
	conn := connect(t, address)
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
	<-asked
	_ = conn.Close()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	conn = connect(t, address)
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
	<-asked
	t.Cleanup(func() { // after the server has ended
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

// More requests than the server answers at once get a status that says so, and more connections are closed.
func TestBounds(t *testing.T) {
	release := make(chan bool)
	var asked sync.WaitGroup
	asked.Add(MaxRequests)
	address := serve(t, func(_ context.Context, r *Request) *Response {
		if r.Target == "/wait" {
			asked.Done()
			<-release
		}
		return PlainText(200, "done")
	})
	var held []net.Conn
	for range MaxRequests {
		conn := connect(t, address)
		_, _ = io.WriteString(conn, "GET /wait HTTP/1.1\r\n\r\n")
		held = append(held, conn)
	}
	asked.Wait()
	conn := connect(t, address)
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
	in := bufio.NewReader(conn)
	answer, err := readAnswer(in)
	if err != nil || !strings.Contains(answer, "503 Service Unavailable") || !strings.Contains(answer, "Retry-After:[1]") {
		t.Errorf("%v %q", err, answer)
	}
	close(release)
	for _, c := range held {
		if answer, err := readAnswer(bufio.NewReader(c)); err != nil || !strings.Contains(answer, "200 OK") {
			t.Fatalf("%v %q", err, answer)
		}
	}
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
	if answer, err := readAnswer(in); err != nil || !strings.Contains(answer, "200 OK") {
		t.Errorf("%v %q", err, answer)
	}
	for range maxConnections {
		held = append(held, connect(t, address))
	}
	refused := held[len(held)-1]
	if _, err := refused.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one more connection than allowed: %v", err)
	}
	for _, c := range held {
		_ = c.Close()
	}
}

// FuzzRequest: what is read as a request is within its bounds, and its path consists of plain names.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: localhost:1\r\n\r\n"))
	f.Add([]byte("GET /data/run/a%20b.json?x=%41 HTTP/1.0\nA: b\n\n"))
	f.Add([]byte("POST /%2e%2e/ HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bytes.NewReader(data)
		r, err := readRequest(bufio.NewReaderSize(in, maxHeader))
		if err != nil {
			var refused *RequestError
			if errors.As(err, &refused) && (refused.Status < 400 || refused.Message == "") {
				t.Errorf("%v", refused)
			}
			return
		}
		if len(r.fields) > maxFields || len(r.Target) > maxHeader || !isToken(r.Method) {
			t.Errorf("%q", data)
		}
		parts, ok := r.Path()
		for _, part := range parts {
			if !ok || part == "" || part == "." || part == ".." || strings.ContainsAny(part, "/\\\x00\r\n") {
				t.Errorf("%q has the path %q", r.Target, parts)
			}
		}
		_, _ = r.Params()
	})
}
