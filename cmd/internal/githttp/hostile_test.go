package githttp

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/git/gittest"
)

// line returns a packet line.
func line(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }

// band returns lines of the sideband, of the given kind.
func band(kind byte, data []byte) string {
	var b strings.Builder
	for len(data) > 0 {
		n := min(len(data), 65000)
		b.WriteString(line(string(kind) + string(data[:n])))
		data = data[n:]
	}
	return b.String()
}

// object returns an object of a pack: its head, and its compressed content.
func object(kind byte, size int, extra []byte, content []byte) []byte {
	first := kind<<4 | byte(size&15)
	var out []byte
	for size >>= 4; size > 0; size >>= 7 {
		out = append(out, first|0x80)
		first = byte(size & 0x7f)
	}
	out = append(append(out, first), extra...)
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write(content)
	_ = w.Close()
	return append(out, z.Bytes()...)
}

// packOf returns a pack that claims to have n objects.
func packOf(n uint32, objects ...[]byte) []byte {
	out := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), n)
	for _, o := range objects {
		out = append(out, o...)
	}
	sum := sha1.Sum(out)
	return append(out, sum[:]...)
}

// varint appends a size of a difference.
func varint(dst []byte, n uint64) []byte { return binary.AppendUvarint(dst, n) }

// TestHostileServers fetches from and pushes to servers that send what Git's does not. Each is an error, and nothing in
// the clone changes: no ref, and no object.
func TestHostileServers(t *testing.T) {
	w := newWorld(t)
	at, dirs := w.clone("a")
	ours := w.commit(at, "ours", "ours.txt", "ours\n")
	want := strings.Repeat("1", 40)
	const can = "multi_ack_detailed side-band-64k ofs-delta report-status shallow symref=HEAD:refs/heads/main"
	list := func(service string, refs ...string) string {
		out := line("# service="+service+"\n") + "0000"
		for i, ref := range refs {
			if i == 0 {
				ref += "\x00" + can
			}
			out += line(ref + "\n")
		}
		return out + "0000"
	}
	refs := list("git-upload-pack", want+" refs/heads/main")
	blob := object(3, 3, nil, []byte("abc"))
	bomb := func() []byte { // a difference of some bytes that leads to an object of a gigabyte
		base := bytes.Repeat([]byte("x"), 1<<20)
		delta := varint(varint(nil, uint64(len(base))), 1<<30)
		for range 64 {
			delta = append(delta, 0x80|0x40, 0x10) // a mebibyte from the beginning
		}
		o := object(3, len(base), nil, base)
		return packOf(2, o, object(6, len(delta), offsetTo(len(o)), delta))
	}()
	chain := func() []byte { // each object is a difference to the one before, more of them than Git allows
		objects := [][]byte{object(3, 2, nil, []byte("xx"))}
		for i := range 5000 {
			delta := append(varint(varint(nil, 2), 2), 2, byte(i>>8), byte(i))
			objects = append(objects, object(6, len(delta), offsetTo(len(objects[i])), delta))
		}
		return packOf(5001, objects...)
	}()
	loop := packOf(2, // each is a difference to the other
		object(7, 4, bytes.Repeat([]byte{1}, 20), append(varint(varint(nil, 1), 1), 1, 'x')),
		object(7, 4, bytes.Repeat([]byte{2}, 20), append(varint(varint(nil, 1), 1), 1, 'y')))
	misfit := packOf(2, blob, object(6, 4, offsetTo(len(blob)), []byte("\x09\x01\x01x")))
	commit := func(text string) []byte { return object(1, len(text), nil, []byte(text)) }
	known := gittest.Git(t, at, "rev-parse", "HEAD")
	other := fmt.Sprintf("tree %s\nauthor A <a> 0 +0000\ncommitter A <a> 0 +0000\n\nx\n", strings.Repeat("2", 40))
	lacking := fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "commit %d\x00%s", len(other), other)))
	good := func(pack []byte) string { return line("NAK\n") + band(1, pack) + "0000" }
	for _, c := range []struct{ name, refs, answer, want string }{
		{"no list", "", "", "ends too early"},
		{"another protocol", "<html>", "", "is not the length of a line"},
		{"another service", list("git-receive-pack", want+" refs/heads/main"), "", "the name of the service"},
		{"a line that is too long", line("# service=git-upload-pack\n") + "0000fff1", "", "has the length 65521"},
		{"an unknown line", line("# service=git-upload-pack\n") + "0000" + line("x y z"), "", "is not a ref"},
		{"a ref twice", list("git-upload-pack", want+" refs/heads/main", want+" refs/heads/main"), "", "twice"},
		{
			"a ref without an object", list("git-upload-pack", strings.Repeat("0", 40)+" refs/heads/main"), "",
			"no object",
		},
		{
			"ids of another length", list("git-upload-pack", strings.Repeat("1", 64)+" refs/heads/main"), "",
			"object ids of sha256",
		},
		{"no end", strings.TrimSuffix(refs, "0000"), "", "ends too early"},
		{
			"a path as a ref", list("git-upload-pack", want+" refs/../../x", want+" refs/heads/x"), "",
			"no such branch",
		},
		{
			"an error", line("# service=git-upload-pack\n") + "0000" + line("ERR no \x1b[31mentry\n"), "",
			"no [31mentry",
		},
		{"no pack", refs, line("NAK\n"), "ends too early"},
		{"no answer", refs, "", "ends too early"},
		{"an answer about nothing", refs, line("ACK x common\n"), "is not about a commit"},
		{"an error in the pack", refs, line("NAK\n") + band(3, []byte("out of\nmemory")), "remote error: out of"},
		{"a band that is unknown", refs, line("NAK\n") + band(7, []byte("x")), "unknown kind 7"},
		{"a truncated stream", refs, line("NAK\n") + band(1, packOf(1, blob)), "ends too early"},
		{"a truncated pack", refs, good(packOf(1, blob)[:30]), "checksum is wrong"},
		{"a wrong checksum", refs, good(append(packOf(1, blob)[:30], make([]byte, 20)...)), "checksum is wrong"},
		{"no pack at all", refs, good([]byte("hello")), "checksum is wrong"},
		{"more objects than there are", refs, good(packOf(2, blob)), "1 objects and claims to have 2"},
		{"a huge number of objects", refs, good(packOf(1<<31, blob)), "claims to have 2147483648 objects"},
		{"bytes after the objects", refs, good(packOf(0, blob)), "bytes follow its objects"},
		{"an object twice", refs, good(packOf(2, blob, blob)), "twice"},
		{"an object of another size", refs, good(packOf(1, object(3, 2, nil, []byte("abc")))), "another size"},
		{
			"an object that claims to be huge", refs, good(packOf(1, object(3, 1<<40, nil, []byte("abc")))),
			"another size",
		},
		{"an object of an unknown kind", refs, good(packOf(1, object(5, 3, nil, []byte("abc")))), "no valid header"},
		{
			"a difference to nothing", refs, good(packOf(1, object(6, 4, offsetTo(5), []byte("abcd")))),
			"no valid header",
		},
		{"differences to one another", refs, good(loop), "lacks the objects"},
		{
			"a difference that does not fit", refs, good(misfit),
			"does not fit",
		},
		{"a bomb", refs, good(bomb), "more than 512 MiB"},
		{"a chain", refs, good(chain), "too many others"},
		{"another object than was asked for", refs, good(packOf(1, blob)), "is not in this clone"},
		{
			"a commit without its tree", list("git-upload-pack", lacking+" refs/heads/main"), good(packOf(1, commit(other))),
			"is not in this clone",
		},
		{
			"messages without an end", refs, line("NAK\n") + strings.Repeat(band(2, make([]byte, 65000)), 1100),
			"MiB of messages",
		},
		{"empty lines without an end", refs, line("NAK\n") + strings.Repeat("0005\x02", 1<<20+2), "empty lines"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.before = func(rw http.ResponseWriter, r *http.Request) bool {
				asked, _ := io.ReadAll(r.Body)
				const kind = "git-upload-pack"
				answer := c.answer
				if strings.HasPrefix(answer, line("NAK\n")) && !bytes.HasSuffix(asked, []byte("0009done\n")) {
					answer = line("NAK\n") // the search for common commits goes on
				}
				if r.Method == http.MethodGet {
					rw.Header().Set("Content-Type", "application/x-"+kind+"-advertisement")
					_, _ = io.WriteString(rw, c.refs)
				} else {
					rw.Header().Set("Content-Type", "application/x-"+kind+"-result")
					_, _ = io.WriteString(rw, answer)
				}
				return true
			}
			was := state(t, at)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := git.Fetch(t.Context(), dirs, "origin", branch, tracking)
			runtime.ReadMemStats(&after)
			if text := failure(t, err); !strings.Contains(text, c.want) || strings.ContainsRune(text, '\x1b') {
				t.Errorf("got %q, want %q", text, c.want)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 200<<20 {
				t.Errorf("it took %d MiB of memory", used>>20)
			}
			equal(t, "the clone", state(t, at), was)
			if left, _ := filepath.Glob(filepath.Join(at, ".git", "runs", "*", "fetched-*")); len(left) > 0 {
				t.Errorf("left %q", left)
			}
		})
	}
	head := strings.Repeat("0", 40) + " capabilities^{}"
	long := line("ok refs/heads/" + strings.Repeat("x", 60000) + "\n")
	for _, c := range []struct{ name, answer, want string }{
		{"no report", "0000", "whether the objects arrived"},
		{"a report that breaks off", line("unpack ok\n"), "ends too early"},
		{"an unknown line", line("unpack ok\n") + line("hello\n") + "0000", "is not a line of a report"},
		{"no word about the ref", line("unpack ok\n") + "0000", "did not report what became of it"},
		{"a word about another ref", line("unpack ok\n") + line("ok refs/heads/other\n") + "0000", "did not report"},
		{
			"objects that did not arrive", line("unpack index-pack failed\n") + line("ok refs/heads/main\n") + "0000",
			"unpacker error: index-pack failed",
		},
		{
			"a reason with colors", line("unpack ok\n") + line("ng refs/heads/main \x1b[31mno\n") + "0000",
			"[remote rejected] ([31mno)",
		},
		{
			"a report without an end", line("unpack ok\n") + strings.Repeat(long, 400),
			"damaged",
		},
	} {
		t.Run("push: "+c.name, func(t *testing.T) {
			w.before = func(rw http.ResponseWriter, r *http.Request) bool {
				_, _ = io.Copy(io.Discard, r.Body)
				if r.Method == http.MethodGet {
					rw.Header().Set("Content-Type", "application/x-git-receive-pack-advertisement")
					_, _ = io.WriteString(rw, list("git-receive-pack", head))
				} else {
					rw.Header().Set("Content-Type", "application/x-git-receive-pack-result")
					_, _ = io.WriteString(rw, band(1, []byte(c.answer))+"0000")
				}
				return true
			}
			was := state(t, at)
			_, err := git.Push(t.Context(), dirs, "origin", git.Refspec{From: ours, To: branch})
			if text := failure(t, err); !strings.Contains(text, c.want) || strings.ContainsRune(text, '\x1b') {
				t.Errorf("got %q, want %q", text, c.want)
			}
			equal(t, "the clone", state(t, at), was)
		})
	}
	w.before = nil
	_, err := git.Push(t.Context(), dirs, "origin", git.Refspec{From: known, To: branch})
	check(t, err)
}

// offsetTo encodes how far back the base of a difference is.
func offsetTo(n int) []byte {
	out := []byte{byte(n & 0x7f)}
	for n >>= 7; n > 0; n >>= 7 {
		n--
		out = append([]byte{0x80 | byte(n&0x7f)}, out...)
	}
	return out
}

// protect makes the server ask for a password.
func (w *world) protect(user, password string) {
	w.before = func(rw http.ResponseWriter, r *http.Request) bool {
		if u, p, ok := r.BasicAuth(); ok && u == user && p == password {
			return false
		}
		rw.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		rw.WriteHeader(http.StatusUnauthorized)
		return true
	}
}

// TestCredentials checks where a password comes from, and that no error shows it.
func TestCredentials(t *testing.T) {
	const secret = "s3cret/word"
	for _, c := range []struct {
		name string
		set  func(w *world, at, home, host string)
		want string // of the error; empty if the fetch works
	}{
		{"the URL", func(w *world, at, _, host string) {
			gittest.Git(t, at, "config", "remote.origin.url", "http://ada:s3cret%2Fword@"+host+"/p.git")
		}, ""},
		{"a wrong one in the URL", func(w *world, at, _, host string) {
			gittest.Git(t, at, "config", "remote.origin.url", "http://ada:s3cretX@"+host+"/p.git")
		}, `does not accept the password of "ada"`},
		{".netrc", func(w *world, at, home, host string) {
			name, _, _ := strings.Cut(host, ":")
			writeFile(t, filepath.Join(home, ".netrc"), "machine other login x password y\nmachine "+name+
				"\n  login ada\n  password "+secret+"\n")
		}, ""},
		{"the default of .netrc", func(w *world, at, home, host string) {
			writeFile(t, filepath.Join(home, ".netrc"), "default login ada password "+secret+"\n")
		}, "asks for a password, and none is configured"},
		{"a store", func(w *world, at, home, host string) {
			gittest.Git(t, at, "config", "credential.helper", "store")
			writeFile(t, filepath.Join(home, ".git-credentials"),
				"http://ada:wrong@"+host+"9\nhttp://ada:s3cret%2Fword@"+host+"\n")
		}, ""},
		{"a store with a file", func(w *world, at, home, host string) {
			gittest.Git(t, at, "config", "credential.helper", "store --file="+filepath.Join(home, "mine"))
			writeFile(t, filepath.Join(home, "mine"), "http://ada:s3cret%2Fword@"+host+"\n")
		}, ""},
		{"a store of another host", func(w *world, at, home, host string) {
			gittest.Git(t, at, "config", "credential.helper", "store")
			writeFile(t, filepath.Join(home, ".git-credentials"), "http://ada:s3cret%2Fword@"+host+"9\n")
		}, "asks for a password, and none is configured"},
		{"a helper of Git", func(w *world, at, home, host string) {
			gittest.Git(t, at, "config", "credential.helper", "manager")
		}, `only git runs the credential helper "manager"`},
		{"a program", func(w *world, at, home, host string) {
			program := filepath.Join(home, "ask")
			check(t, writeExecutable(program, "#!/bin/sh\ncase $1 in Username*) echo ada ;; *) echo "+secret+" ;; esac\n"))
			t.Setenv("GIT_ASKPASS", program)
		}, ""},
		{"a header", func(w *world, at, home, host string) {
			gittest.Git(t, at, "config", "http.http://"+host+"/.extraHeader",
				"Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("ada:"+secret)))
		}, ""},
		{"a header for another host", func(w *world, at, home, host string) {
			gittest.Git(t, at, "config", "http.http://example.org/.extraHeader",
				"Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("ada:"+secret)))
		}, "none is configured"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			at, dirs := w.clone("a")
			home := t.TempDir()
			t.Setenv("HOME", home)
			w.protect("ada", secret)
			c.set(w, at, home, strings.TrimPrefix(w.url, "http://"))
			tip, err := git.RemoteTip(t.Context(), dirs, "origin", branch)
			text := failure(t, err)
			switch {
			case c.want == "" && (err != nil || tip == ""):
				t.Errorf("got %q, %s", tip, text)
			case c.want != "" && !strings.Contains(text, c.want):
				t.Errorf("got %q, want %q", text, c.want)
			}
			if strings.Contains(text, "s3cret") {
				t.Errorf("the error shows the password: %s", text)
			}
			if err != nil {
				return
			}
			next := w.commit(at, "next", "next.txt", strings.Repeat("next\n", 1000))
			_, err = git.Push(t.Context(), dirs, "origin", git.Refspec{From: next, To: branch})
			check(t, err)
		})
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	check(t, os.WriteFile(name, []byte(text), 0o600))
}

// TestRedirects checks that a server may send us on, but that the other one gets no credentials and no header.
func TestRedirects(t *testing.T) {
	w := newWorld(t)
	at, dirs := w.clone("a")
	host := strings.TrimPrefix(w.url, "http://")
	var leaked []string
	target := w.url
	from := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok && strings.HasPrefix(r.URL.Path, "/p.git") {
			rw.Header().Set("WWW-Authenticate", "Basic")
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.Redirect(rw, r, target+r.URL.RequestURI(), http.StatusFound)
	}))
	defer from.Close()
	w.before = func(_ http.ResponseWriter, r *http.Request) bool {
		for _, name := range []string{"Authorization", "X-Secret"} {
			leaked = append(leaked, r.Header.Values(name)...)
		}
		return false
	}
	gittest.Git(t, at, "config", "http.extraHeader", "X-Secret: word")
	gittest.Git(t, at, "config", "remote.origin.url", strings.Replace(from.URL, "://", "://ada:word@", 1)+"/p.git")
	tip := w.commit(at, "next", "next.txt", "next\n")
	_, err := git.Push(t.Context(), dirs, "origin", git.Refspec{From: tip, To: branch})
	check(t, err)
	equal(t, "the pushed commit", gittest.Git(t, w.origin, "rev-parse", "main"), tip)
	if len(leaked) > 0 {
		t.Errorf("the other server was sent %q", leaked)
	}
	for _, c := range []struct{ name, target, want string }{
		{"another protocol", "ftp://" + host, "redirects to another protocol"},
		{"another place", w.url + "/login?next=", "redirects to an address that is not one of Git"},
		{"no end", from.URL, "redirects more than 10 times"},
	} {
		target = c.target
		_, err := git.RemoteTip(t.Context(), dirs, "origin", branch)
		if text := failure(t, err); !strings.Contains(text, c.want) || strings.Contains(text, "word@") {
			t.Errorf("%s: got %q, want %q", c.name, text, c.want)
		}
	}
	target = w.url
	gittest.Git(t, at, "config", "http.followRedirects", "false")
	_, err = git.RemoteTip(t.Context(), dirs, "origin", branch)
	if text := failure(t, err); !strings.Contains(text, "http.followRedirects is false") {
		t.Errorf("no redirections: %s", text)
	}
}

// TestAnswers checks what is reported of servers that do not work.
func TestAnswers(t *testing.T) {
	w := newWorld(t)
	_, dirs := w.clone("a")
	for _, c := range []struct {
		status     int
		kind, said string
		want       string
	}{
		{http.StatusNotFound, "text/plain", "no \x1b[1msuch project\n", "does not exist, or you may not read it"},
		{http.StatusForbidden, "text/plain", "not you\n", "does not allow it (403 Forbidden)"},
		{http.StatusInternalServerError, "text/html", "<html>", "answers with the status 500"},
		{http.StatusOK, "text/html", "<html>", "does not answer as a Git server"},
		{http.StatusProxyAuthRequired, "text/html", "", "the proxy asks for a password"},
	} {
		w.before = func(rw http.ResponseWriter, _ *http.Request) bool {
			rw.Header().Set("Content-Type", c.kind)
			rw.WriteHeader(c.status)
			_, _ = io.WriteString(rw, c.said)
			return true
		}
		_, err := git.RemoteTip(t.Context(), dirs, "origin", branch)
		if text := failure(t, err); !strings.Contains(text, c.want) {
			t.Errorf("%d: got %q, want %q", c.status, text, c.want)
		}
	}
	w.before = func(rw http.ResponseWriter, r *http.Request) bool {
		hijacked, _, err := http.NewResponseController(rw).Hijack()
		if err == nil {
			_ = hijacked.Close()
		}
		return true
	}
	_, err := git.RemoteTip(t.Context(), dirs, "origin", branch)
	if text := failure(t, err); !strings.Contains(text, "git fetch: talking to 127.0.0.1") {
		t.Errorf("a closed connection: %s", text)
	}
}
