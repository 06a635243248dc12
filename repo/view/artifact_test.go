package view

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

// TestArtifact serves what the record names, after verifying it, and nothing else.
func TestArtifact(t *testing.T) {
	r := setup(t)
	e := oneRun(t, r, &format.Run{}, nil, map[string]string{
		"plain.txt": "plain", "linked.txt": "linked", "missing.txt": "missing", "changed.txt": "changed",
		"folder/deep.txt": "deep", "pointer.bin": "pointer",
	})
	other := oneRun(t, r, &format.Run{}, nil, map[string]string{"other.txt": "of another run"})
	digests := map[string]string{}
	for _, a := range e.Artifacts {
		digests[a.Path] = a.SHA256
	}
	outside := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(e.Dir, "artifacts", name) }
	write(filepath.Join(outside, "linked.txt"), "linked")
	write(filepath.Join(outside, "deep.txt"), "deep")
	write(at("changed.txt"), "CHANGED")
	write(at("pointer.bin"), "version https://git-lfs.github.com/spec/v1\noid sha256:"+digests["pointer.bin"]+"\nsize 7\n")
	for _, name := range []string{"linked.txt", "missing.txt", "folder"} {
		if err := os.RemoveAll(at(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(outside, "linked.txt"), at("linked.txt")); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink(outside, at("folder")); err != nil {
		t.Fatal(err)
	}
	v := openView(t, r)
	for _, c := range []struct{ name, digest, want, err string }{
		{"plain.txt", digests["plain.txt"], "plain", ""},
		{"linked.txt", digests["linked.txt"], "", "missing"},
		{"missing.txt", digests["missing.txt"], "", "missing"},
		{"changed.txt", digests["changed.txt"], "", "digest"},
		{"folder/deep.txt", digests["folder/deep.txt"], "", "folder"},
		{"pointer.bin", digests["pointer.bin"], "", "in Git LFS"},
		{"of another run", other.Artifacts[0].SHA256, "", "no artifact"},
		{"a path", "../run.toml", "", "no artifact"},
		{"nothing", "", "", "no artifact"},
	} {
		data, err := v.Artifact(t.Context(), e.ID, c.digest)
		if string(data) != c.want || (err == nil) != (c.err == "") ||
			err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v; want %q, %q", c.name, data, err, c.want, c.err)
		}
		file, err := v.OpenArtifact(t.Context(), e.ID, c.digest)
		var copied []byte
		if err == nil {
			copied, err = io.ReadAll(file)
			_ = file.Close()
		}
		if (err == nil) != (c.err == "") || err == nil && string(copied) != c.want {
			t.Errorf("opening %s: %q, %v", c.name, copied, err)
		}
	}
	list, err := v.Artifacts(t.Context(), e.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list.List {
		want := map[string]string{"plain.txt": PlaceHere, "changed.txt": PlaceHere, "pointer.bin": PlaceLFS}[a.Path]
		if want == "" {
			want = PlaceMissing
		}
		if a.Place != want {
			t.Errorf("%s is %s, want %s", a.Path, a.Place, want)
		}
	}
	list, err = v.Artifacts(t.Context(), e.ID, 4)
	if err != nil || len(list.List) != 2 || list.Total != 6 || list.From != 4 {
		t.Errorf("from 4: %+v, %v", list, err)
	}
	if list, err = v.Artifacts(t.Context(), e.ID, -1); err != nil || len(list.List) != 6 {
		t.Errorf("from -1: %+v, %v", list, err)
	}
}

// header is the beginning of an image of a size.
func header(kind string, width, height uint32) []byte {
	be, le := binary.BigEndian, binary.LittleEndian
	switch kind {
	case "png":
		b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")
		return append(be.AppendUint32(be.AppendUint32(b, width), height), 8, 6, 0, 0, 0)
	case "gif":
		return append(le.AppendUint16(le.AppendUint16([]byte("GIF89a"), uint16(width)), uint16(height)), 0, 0, 0)
	case "jpeg":
		b := []byte("\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc0\x00\x11\x08")
		return append(be.AppendUint16(be.AppendUint16(b, uint16(height)), uint16(width)), 3, 1, 0x22)
	case "webp":
		b := []byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10\x00\x00\x00")
		w, h := width-1, height-1
		return append(b, byte(w), byte(w>>8), byte(w>>16), byte(h), byte(h>>8), byte(h>>16))
	}
	return nil
}

func TestImageOf(t *testing.T) {
	gif, _ := base64.StdEncoding.DecodeString("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"png", "image/png", header("png", 10, 20)},
		{"gif", "image/gif", header("gif", 10, 20)},
		{"jpeg", "image/jpeg", header("jpeg", 10, 20)},
		{"webp", "image/webp", header("webp", 10, 20)},
		{"whole gif", "image/gif", gif},
		{"wide", "", header("png", 20_000, 1)},
		{"large", "", header("png", 16_000, 16_000)},
		{"overflow", "", header("png", 1<<32-1, 1<<32-1)},
		{"no pixels", "", header("png", 0, 5)},
		{"large webp", "", header("webp", 16_000, 16_000)},
		{"large jpeg", "", header("jpeg", 60_000, 60_000)},
		{"svg", "", []byte("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")},
		{"html", "", []byte("<html><script>alert(1)</script>")},
		{"png in name only", "", []byte("\x89PNG\r\n\x1a\n")},
		{"nothing", "", nil},
		{"jpeg without a frame", "", []byte("\xff\xd8\xff\xda\x00\x02abcdefghij")},
	} {
		if got, err := ImageOf(c.data); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	for _, kind := range []string{"png", "gif", "jpeg", "webp"} { // no length makes it fail
		whole := header(kind, 300, 300)
		for n := range whole {
			_, _ = ImageOf(whole[:n])
		}
	}
}

func TestTableOfJSON(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{
			`{"columns":["a",2,"c"],` +
				`"data":[[1,"x",true],[null,"<b>",{"_type":"image-file","path":"media/a.png"}],[2.5]]}`,
			`{"columns":[{"cells":[1.0,null,2.5],"name":"a","type":"number"},` +
				`{"cells":["x","<b>",null],"name":"2","type":"text"},` +
				`{"cells":[true,"media/a.png",null],"name":"c","type":"mixed"}],"rows":3,"shown":3}`,
		},
		{`{"columns":["a"],"data":[]}`, `{"columns":[{"cells":[],"name":"a","type":"text"}],"rows":0,"shown":0}`},
		{`{"columns":[],"data":[]}`, ""},
		{`[1]`, ""},
		{`PAR1 and no more`, ""},
	} {
		table, err := tableOf(context.Background(), []byte(c.data))
		if err != nil {
			if c.want != "" {
				t.Errorf("%s: %v", c.data, err)
			}
			continue
		}
		var got bytes.Buffer
		encoder := json.NewEncoder(&got)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(table); err != nil || strings.TrimSpace(got.String()) != c.want {
			t.Errorf("%s:\n%s, %v\nwant\n%s", c.data, got.String(), err, c.want)
		}
	}
}
