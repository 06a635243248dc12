package http1

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Response is the answer to a request. The server adds what the connection needs: the length, the encoding, the date.
type Response struct {
	Status int
	Body   []byte
	Packed []byte // the body compressed by gzip, if that is known already
	Raw    bool   // the body is not worth compressing

	// File is the body instead, if it is not nil. Size bytes of it are sent, and it is closed.
	File io.ReadCloser
	Size int64

	fields [][2]string
}

// Set adds a header field. Control characters in the value become spaces.
func (r *Response) Set(name, value string) {
	value = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, value)
	r.fields = append(r.fields, [2]string{name, value})
}

// PlainText makes a response of one line.
func PlainText(status int, line string) *Response {
	r := &Response{Status: status, Body: []byte(line + "\n")}
	r.Set("Content-Type", "text/plain; charset=utf-8")
	for _, field := range [][2]string{
		{"X-Content-Type-Options", "nosniff"},
		{"Cache-Control", "no-store"},
		{"Referrer-Policy", "no-referrer"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Content-Security-Policy", "default-src 'none'; sandbox"},
	} {
		r.Set(field[0], field[1])
	}
	return r
}

// reason returns the text of a status that is used.
func reason(status int) string {
	switch status {
	case 200:
		return "OK"
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 411:
		return "Length Required"
	case 413:
		return "Content Too Large"
	case 421:
		return "Misdirected Request"
	case 431:
		return "Request Header Fields Too Large"
	case 500:
		return "Internal Server Error"
	case 503:
		return "Service Unavailable"
	case 505:
		return "HTTP Version Not Supported"
	}
	return "Status"
}

// worthPacking is the size in bytes from which a body is compressed.
const worthPacking = 1 << 10

// maxWrite is how much is sent within AnswerTimeout. A slow client gets a large answer, a client that stops does not.
const maxWrite = 256 << 10

// write sends a response. An error means that the connection cannot be used any more.
func write(c net.Conn, r *Request, a *Response) error {
	if a.File != nil {
		defer func() { _ = a.File.Close() }()
	}
	body, size := a.Body, a.Size
	if a.File == nil {
		var packed bool
		if body, packed = a.body(r); packed {
			a.Set("Content-Encoding", "gzip")
		}
		size = int64(len(body))
	}
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + strconv.Itoa(a.Status) + " " + reason(a.Status) + "\r\n")
	field := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	field("Date", time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	field("Content-Length", strconv.FormatInt(size, 10))
	for _, f := range a.fields {
		field(f[0], f[1])
	}
	if r.last {
		field("Connection", "close")
	}
	b.WriteString("\r\n")
	if r.Method == "HEAD" {
		return send(c, b.Bytes())
	}
	if a.File == nil && len(body) < worthPacking {
		b.Write(body)
		body = nil
	}
	if err := send(c, b.Bytes()); err != nil {
		return err
	}
	if a.File == nil {
		return send(c, body)
	}
	return sendFile(c, a.File, size)
}

// sendFile sends exactly size bytes. The last part is sent when the file has ended without an error, so that a client
// does not take a file that turns out to be damaged for a whole one.
func sendFile(c net.Conn, file io.Reader, size int64) error {
	part, held := make([]byte, maxWrite), make([]byte, 0, maxWrite)
	for sent := int64(0); ; {
		n, err := io.ReadFull(file, part)
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if sent += int64(n); err != nil && !ended {
			return err
		}
		if sent > size || ended && sent < size {
			return io.ErrUnexpectedEOF
		}
		if err := send(c, held); err != nil {
			return err
		}
		held = append(held[:0], part[:n]...)
		if ended {
			return send(c, held)
		}
	}
}

// send writes all of data. Each part must be taken within AnswerTimeout.
func send(c net.Conn, data []byte) error {
	for len(data) > 0 {
		_ = c.SetWriteDeadline(time.Now().Add(AnswerTimeout))
		n, err := c.Write(data[:min(len(data), maxWrite)])
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// body returns the body as the client takes it, and whether it is compressed.
func (a *Response) body(r *Request) (body []byte, packed bool) {
	if len(a.Body) < worthPacking || a.Raw || !takesGzip(r.Header("accept-encoding")) {
		return a.Body, false
	}
	body = a.Packed
	if body == nil {
		body = Pack(a.Body)
	}
	if len(body) < len(a.Body) {
		return body, true
	}
	return a.Body, false
}

// packers are expensive to make: each has tables of almost a megabyte.
var packers sync.Pool

// Pack compresses data by gzip, fast.
func Pack(data []byte) []byte {
	var b bytes.Buffer
	w, ok := packers.Get().(*gzip.Writer)
	if ok {
		w.Reset(&b)
	} else {
		w, _ = gzip.NewWriterLevel(&b, gzip.BestSpeed) // a known level
	}
	defer packers.Put(w)
	_, _ = w.Write(data) // into memory
	_ = w.Close()
	return b.Bytes()
}

// takesGzip reads the field Accept-Encoding.
func takesGzip(list string) bool {
	for item := range strings.SplitSeq(list, ",") {
		name, weight, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			_, q, weighed := strings.Cut(weight, "=")
			return !weighed || strings.Trim(q, " 0.") != ""
		}
	}
	return false
}
