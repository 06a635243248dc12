package smarthttp

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/git/native"
)

func FuzzRefs(f *testing.F) {
	id := strings.Repeat("1", 40)
	f.Add([]byte("001e# service=git-upload-pack\n0000003d" + id + " HEAD\x00symref=HEAD:refs/heads/x\n0000"))
	f.Add([]byte("001e# service=git-upload-pack\n0000000eversion 1\n0031" + id + " refs/a\n0000"))
	f.Add([]byte("001e# service=git-upload-pack\n0000003c" + id + " refs/../../x\n0000"))
	f.Fuzz(func(t *testing.T, data []byte) {
		refs, err := readRefs(bytes.NewReader(data), UploadPack)
		if err != nil {
			return
		}
		for name, id := range refs.IDs {
			if name != "HEAD" && !native.ValidRef(name) || id.IsZero() {
				t.Errorf("%q refers to %s", name, id)
			}
		}
		if refs.Head != "" && !native.ValidRef(refs.Head) {
			t.Errorf("HEAD refers to %q", refs.Head)
		}
	})
}

func FuzzReport(f *testing.F) {
	f.Add([]byte("000eunpack ok\n0018ok refs/heads/main\n0000"))
	f.Add([]byte("000eunpack ok\n001cng refs/heads/main no\n0000"))
	f.Add([]byte("0010unpack bad\n0000"))
	f.Fuzz(func(t *testing.T, data []byte) {
		report, err := readReport(bytes.NewReader(data), []Update{{Ref: "refs/heads/main"}})
		if err != nil {
			return
		}
		for ref, reason := range report.Refused {
			if ref != "refs/heads/main" || reason == "" || strings.ContainsAny(reason, "\n\x1b") {
				t.Errorf("%q is refused: %q", ref, reason)
			}
		}
	})
}

func FuzzAnswer(f *testing.F) {
	id := strings.Repeat("1", 40)
	f.Add([]byte("0038ACK " + id + " common\n0008NAK\n0009\x01PACK0000"))
	f.Add([]byte("0031ACK " + id + "\n000a\x02hello0009\x03oops0000"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in := newLines(bytes.NewReader(data))
		if _, err := readAcks(in); err != nil {
			return
		}
		band := &sideband{in: in}
		n, err := io.Copy(io.Discard, band)
		if err == nil && n > int64(len(data)) {
			t.Errorf("%d bytes of %d", n, len(data))
		}
		if text := band.lines(); strings.ContainsAny(text, "\r\x1b") {
			t.Errorf("the server said %q", text)
		}
	})
}

// FuzzFrames checks that what one program sends, the other can receive, and that anything else is an error.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("M\x00\x00\x00\x02{}D\x00\x00\x00\x01xE\x00\x00\x00\x00"))
	f.Add([]byte("D\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w := NewWire(bytes.NewReader(data), io.Discard)
		var reply Reply
		_ = w.ReceiveMessage(&reply)
		if _, err := io.Copy(io.Discard, w.ReceiveBody()); err != nil && len(data) == 0 {
			return
		}
		var sent bytes.Buffer
		out := NewWire(&bytes.Buffer{}, &sent)
		body := out.SendBody()
		_, err := body.Write(data)
		if err != nil || body.Close() != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(NewWire(&sent, io.Discard).ReceiveBody())
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
	})
}

// TestNegotiation checks that the search for common commits ends, whatever a server says.
func TestNegotiation(t *testing.T) {
	have := func(n int) native.ID { return native.ID{byte(n >> 16), byte(n >> 8), byte(n)} }
	for _, c := range []struct {
		name   string
		all    int
		server func(sent []native.ID) *acks
		common int
		most   int // requests
	}{
		{"nothing in common", 100_000, func([]native.ID) *acks { return &acks{} }, 0, 20},
		{"all in common", 100_000, func(sent []native.ID) *acks { return &acks{sent, true} }, firstHaves, 1},
		{"never ready", 100_000, func(sent []native.ID) *acks { return &acks{common: sent[:1]} }, 1, 4},
		{"lies", 1000, func([]native.ID) *acks { return &acks{common: []native.ID{have(1 << 20)}} }, 0, 20},
		{"nothing here", 0, nil, 0, 0},
	} {
		asked := 0
		common, err := negotiate(func(yield func(native.ID, error) bool) {
			for i := range c.all {
				if !yield(have(i), nil) {
					return
				}
			}
		}, func(sent []native.ID) (*acks, error) {
			asked++
			return c.server(sent), nil
		})
		if err != nil || len(common) != c.common || asked > c.most {
			t.Errorf("%s: %d common commits after %d requests, %v", c.name, len(common), asked, err)
		}
	}
}
