package web

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gitruns/runs/repo/view"
)

// fuzzedRequests is how many requests TestFuzzedRequests sends.
const fuzzedRequests = 10_000

// Whatever is asked of a project of strangers, the server answers, soon and within its memory, and changes nothing.
func TestFuzzedRequests(t *testing.T) {
	p := newProject(t)
	if err := os.Symlink(p.secret, filepath.Join(p.RunDir(p.ids[1]), "artifacts", "link")); err != nil {
		t.Logf("no link was made: %v", err)
	}
	var mu sync.Mutex
	var failures []string
	s := serve(t, p.Repository, view.Options{}, Options{Failed: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		failures = append(failures, err.Error())
	}})
	before := stateOf(t, p)
	var memory runtime.MemStats
	var most uint64
	statuses := map[int]int{}
	var senders sync.WaitGroup
	const parts = 8
	for part := range parts {
		senders.Go(func() {
			f := &fuzzer{rand.New(rand.NewPCG(1, uint64(part))), p}
			c := &fuzzClient{address: s.address}
			defer c.close()
			for n := range fuzzedRequests / parts {
				request, raw := f.request()
				status, body, err := c.send(request, raw)
				mu.Lock()
				if statuses[status]++; err != nil && !raw {
					failures = append(failures, fmt.Sprintf("%q: %v", request, err))
				}
				if status >= 500 && status != 503 && status != 505 {
					failures = append(failures, fmt.Sprintf("%.300q: status %d: %s", request, status, body))
				}
				if part == 0 && n%100 == 0 {
					runtime.ReadMemStats(&memory)
					most = max(most, memory.HeapAlloc)
				}
				enough := len(failures) > 20
				mu.Unlock()
				if enough {
					return
				}
			}
		})
	}
	senders.Wait()
	for _, f := range failures {
		t.Errorf("%.600s", f)
	}
	t.Logf("statuses %v, at most %d MB of memory", statuses, most>>20)
	if statuses[200] < fuzzedRequests/20 || statuses[404] < fuzzedRequests/20 {
		t.Errorf("the requests are not varied: %v", statuses)
	}
	if most > 256<<20 {
		t.Errorf("the memory grew to %d MB", most>>20)
	}
	if after := stateOf(t, p); after != before {
		t.Errorf("the project has changed from\n%s\nto\n%s", before, after)
	}
	if _, err := os.Stat(filepath.Join(p.git.Dir, "owned")); err == nil {
		t.Error("a command of a record was run")
	}
}

// stateOf describes the files of .runs and what Git says.
func stateOf(t *testing.T, p *testProject) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(p.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v %v", path, info.Mode(), info.ModTime())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %x", sha256.Sum256(data))
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + p.git.State()
}

// fuzzer makes requests: paths that exist, changed a little or much, with parameters and header fields of all kinds.
type fuzzer struct {
	*rand.Rand
	p *testProject
}

func pick[T any](f *fuzzer, list []T) T { return list[f.IntN(len(list))] }

// pieces are values that a reader could take for something else.
var pieces = []string{
	"..", ".", "%2e%2e", "%2f", "%5c", "%00", "%0d%0aX-Evil:%201", "<b>", "%3Cscript%3E", "\"", "'", "NaN", "-1", "0",
	"9223372036854775808", "999999", "1e9", "HEAD", "last", "best=loss", "group=", "@~1", "main:last", "HEAD:last",
	"--help", "loss", "a%2F%3Cb%3E", "metrics.loss%20%3C%201", "metrics.loss+%3C", "(((((", "%F0%9F%92%A9", "%ff%fe", "*",
	"params.lr+~+%27(%27", "status+%3D+finished", "true", "a..b", "a,b,c", "[]", "{}", "null", "%25s%25n", "changes", "?",
	"^(a+)+$", "~",
}

func (f *fuzzer) request() (text string, raw bool) {
	if f.IntN(20) == 0 { // bytes that are hardly a request
		data := make([]byte, f.IntN(2000))
		for i := range data {
			data[i] = byte(f.IntN(256))
		}
		start := pick(f, []string{"", "GET ", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: ", "\r\n\r\n"})
		return start + string(data) + "\r\n\r\n", true
	}
	target := "/" + f.path()
	if f.IntN(2) == 0 {
		target += "?" + f.params()
	}
	if f.IntN(6) == 0 {
		target = f.mutate(target)
	}
	method := pick(f, []string{"GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "HEAD", "POST"})
	text = method + " " + target + " HTTP/1.1\r\n"
	if f.IntN(20) > 0 {
		text += "Host: " + pick(f, []string{
			"localhost", "localhost", "localhost:99", "127.0.0.1:1", "127.0.0.1:1", "[::1]", "[::1]:2", "evil.example",
			f.piece(),
		}) + "\r\n"
	}
	if f.IntN(20) > 0 {
		text += "Runs-Token: " + token + "\r\n"
	}
	for range f.IntN(3) {
		name := pick(f, []string{
			"Accept-Encoding", "Sec-Fetch-Site", "Range", "If-None-Match", "Origin", "Referer", "Cookie", "Expect",
			"Upgrade", "Content-Length", "Transfer-Encoding", "Connection", "X-Forwarded-Host", "X-" + f.piece(),
		})
		text += name + ": " + pick(f, []string{
			"gzip", "cross-site", "same-origin", "bytes=0-1", "0", "5", "chunked", "close", "100-continue", f.piece(),
		}) + "\r\n"
	}
	return text + "\r\n", false
}

func (f *fuzzer) piece() string {
	if f.IntN(50) == 0 {
		return strings.Repeat(pick(f, pieces), 1+f.IntN(3000))
	}
	return pick(f, pieces)
}

// path is one of the answers with parts that exist or not, or a part of the page, or something else.
func (f *fuzzer) path() string {
	if f.IntN(8) == 0 {
		return pick(f, []string{"", "app.js", "app.css", "favicon.ico", "ticket/x", "data", "data/", f.piece(), "app/../x"})
	}
	var patterns []string
	for pattern := range answers {
		patterns = append(patterns, pattern)
	}
	slices.Sort(patterns) // so that a seed means the same requests each time
	path := pick(f, patterns)
	for strings.Contains(path, "{") {
		open, end := strings.IndexByte(path, '{'), strings.IndexByte(path, '}')
		value := f.piece()
		if f.IntN(3) > 0 {
			value = f.value(path[open+1 : end])
		}
		path = path[:open] + strings.NewReplacer("{", "%7B", "}", "%7D").Replace(value) + path[end+1:]
	}
	if f.IntN(10) == 0 {
		path = "ticket/" + path
	}
	return "data/" + path
}

func (f *fuzzer) value(name string) string {
	id := pick(f, f.p.ids)
	switch strings.TrimSuffix(name, "...") {
	case "id", "run":
		return id
	case "pair":
		return id + ".." + pick(f, f.p.ids)
	case "n":
		return fmt.Sprint(f.IntN(30))
	case "digest":
		return f.p.digest
	}
	return pick(f, []string{"loss", "a%2F%3Cb%3E", strings.Repeat("k", 250), id, "0", f.p.digest})
}

func (f *fuzzer) params() string {
	names := []string{
		"cursor", "find", "from", "to", "line", "count", "download", "side", "a", "b", "runs", "run", "metric", "key", "keys",
		"x", "width", "where", "base", "value", "all", "select", "group", "sort", "smooth", "n", "columns", "by", "parts",
	}
	if f.IntN(12) == 0 { // it starts Git, which takes time
		names = append(names, "rev")
	}
	var b strings.Builder
	for range 1 + f.IntN(4) {
		value := f.piece()
		if f.IntN(3) == 0 {
			value = f.value("id")
		}
		name := pick(f, names)
		if strings.Contains(value, "HEAD:") && f.IntN(4) > 0 || name == "cursor" && f.IntN(4) > 0 {
			value = "x"
		}
		b.WriteString("&" + name + "=" + value)
	}
	return b.String()[1:]
}

// mutate changes some bytes.
func (f *fuzzer) mutate(s string) string {
	b := []byte(s)
	for range 1 + f.IntN(4) {
		i := f.IntN(len(b))
		switch f.IntN(3) {
		case 0:
			b[i] = byte(33 + f.IntN(94))
		case 1:
			b = slices.Insert(b, i, []byte(pick(f, pieces))...)
		case 2:
			if len(b) > 1 {
				b = slices.Delete(b, i, i+1)
			}
		}
	}
	return strings.ReplaceAll(string(b), " ", "+")
}

// fuzzClient sends requests over a connection, and over a new one when the server has ended it.
type fuzzClient struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
}

func (c *fuzzClient) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// send sends a request and returns the status of the response and the beginning of its body. After raw bytes, the
// connection ends.
func (c *fuzzClient) send(request string, raw bool) (status int, body []byte, err error) {
	if c.conn == nil {
		if c.conn, err = net.Dial("tcp", c.address); err != nil {
			return 0, nil, err
		}
		c.in = bufio.NewReader(c.conn)
	}
	_ = c.conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c.conn, request); err != nil {
		c.close()
		return 0, nil, err
	}
	if raw {
		_ = c.conn.(*net.TCPConn).CloseWrite()
		defer c.close()
	}
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		c.close()
		return 0, nil, err
	}
	body, err = io.ReadAll(response.Body)
	if err != nil {
		c.close()
		return 0, nil, err
	}
	if evil := response.Header.Get("X-Evil"); evil != "" {
		err = fmt.Errorf("a request has added the header field %q", evil)
	}
	if response.Close || response.Header.Get("Connection") == "close" {
		c.close()
	}
	return response.StatusCode, body[:min(len(body), 300)], err
}
