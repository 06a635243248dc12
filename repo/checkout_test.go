package repo

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// gitBase85 encodes data as a line of a binary patch.
func gitBase85(data []byte) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
	var b strings.Builder
	for len(data) > 0 {
		n := min(len(data), 52)
		part := append(bytes.Clone(data[:n]), 0, 0, 0)
		data = data[n:]
		if n <= 26 {
			b.WriteByte(byte('A' + n - 1))
		} else {
			b.WriteByte(byte('a' + n - 27))
		}
		for i := 0; i < n; i += 4 {
			v := uint32(part[i])<<24 | uint32(part[i+1])<<16 | uint32(part[i+2])<<8 | uint32(part[i+3])
			var five [5]byte
			for j := 4; j >= 0; j-- {
				five[j] = alphabet[v%85]
				v /= 85
			}
			b.Write(five[:])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func deflated(data []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

func newFile(path, mode, content string) string {
	return fmt.Sprintf(
		"diff --git a/%[1]s b/%[1]s\nnew file mode %[2]s\nindex 0000000..1111111\n--- /dev/null\n+++ b/%[1]s\n@@ "+
			"-0,0 +1 @@\n+%[3]s\n\\ No newline at end of file\n",
		path, mode, content,
	)
}

// TestCheckOutRefuses restores runs of a stranger who would write where nobody asked.
func TestCheckOutRefuses(t *testing.T) {
	p := &project{T: t, dir: filepath.Join(t.TempDir(), "project")}
	if err := os.Mkdir(p.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	p.git("init", "-q")
	p.write("a.bin", bytes.Repeat([]byte("x"), 100))
	p.git("add", "-A")
	p.git("commit", "-q", "-m", "first")
	commit := strings.TrimSpace(p.git("rev-parse", "HEAD"))
	blob := strings.TrimSpace(p.git("rev-parse", "HEAD:a.bin"))
	r, _, err := Init(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	// 0x80 0x80 ... is a size of many gigabytes.
	delta := append([]byte{100}, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x90, 100)
	binary := "diff --git a/a.bin b/a.bin\nindex " + blob + "..1111111111111111111111111111111111111111 100644\n" +
		"GIT binary patch\n"
	for name, c := range map[string]struct{ patch, reason string }{
		"into .git":             {newFile(".git/hooks/post-checkout", "100755", "x"), "invalid path"},
		"into .git in capitals": {newFile(".GIT/config", "100644", "x"), "invalid path"},
		"into .git by NTFS":     {newFile("git~1/config", "100644", "x"), "invalid path"},
		"upwards":               {newFile("../escape", "100644", "x"), "invalid path"},
		"upwards from inside":   {newFile("a/../../escape", "100644", "x"), "invalid path"},
		"absolute":              {newFile("/tmp/runs-escape", "100644", "x"), ""},
		"through a link": {newFile("link", "120000", "/tmp") + newFile(
			"link/runs-escape", "100644", "x",
		), "beyond a symbolic link"},
		"a text of another run": {newFile("other.py", "100644", "x"), "recorded 1111"},
		"runs of its own":       {newFile(".runs/active/x", "100644", "x"), "recorded 1111"},
		"no patch at all":       {"nothing", "patch"},
		"a large literal": {binary + "literal 99999999999999\n" + gitBase85(
			deflated(nil),
		) + "\n", "limit of 1 GB"},
		"a large delta": {binary + fmt.Sprintf(
			"delta %d\n", len(delta),
		) + gitBase85(deflated(delta)) + "\n", "limit of 1 GB"},
	} {
		sum := sha256.Sum256([]byte(c.patch))
		digest := hex.EncodeToString(sum[:])
		if err := r.shareBytes(sharedSources, digest, []byte(c.patch)); err != nil {
			t.Fatal(err)
		}
		run := &format.Run{
			ID: format.NewID(now()),
			Source: &format.Source{
				Commit: commit, Base: commit, Tree: strings.Repeat("1", 40), Patches: []string{digest},
			},
		}
		dir := filepath.Join(t.TempDir(), "below", "restored")
		_, err := r.CheckOut(t.Context(), run, dir)
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "*")); len(left) > 0 {
			t.Errorf("%s left %v", name, left)
		}
		for _, at := range []string{
			"/tmp/runs-escape", filepath.Join(p.dir, ".git", "hooks", "post-checkout"),
			filepath.Join(filepath.Dir(p.dir), "escape"),
		} {
			if exists(at) {
				t.Fatalf("%s wrote %s", name, at)
			}
		}
	}
}

// TestCheckPatchLeavesHonestPatchesAlone asks about what git itself writes.
func TestCheckPatchLeavesHonestPatchesAlone(t *testing.T) {
	p := &project{T: t, dir: t.TempDir()}
	p.git("init", "-q")
	random := make([]byte, 300_000)
	for i := range random {
		random[i] = byte(i * i >> 3)
	}
	p.write("a.bin", random)
	p.git("add", "-A")
	p.git("commit", "-q", "-m", "first")
	p.write("a.bin", append(random[:200_000:200_000], 'x'))
	p.write("literal 99999999999999999", []byte("literal 99999999999999999\ndelta 12345678901234567\n"))
	p.git("add", "-A")
	file := filepath.Join(t.TempDir(), "x.patch")
	if err := os.WriteFile(file, []byte(p.git("diff", "--cached", "--binary")), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := git.CheckPatch(file); err != nil {
		t.Error(err)
	}
}

func FuzzCheckPatch(f *testing.F) {
	f.Add([]byte("GIT binary patch\ndelta 9\n" + gitBase85(deflated([]byte("xxxx")))))
	f.Add([]byte("literal 3\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(dir, format.RandomLetters(10))
		if err := os.WriteFile(file, data, 0o666); err != nil {
			t.Fatal(err)
		}
		_ = git.CheckPatch(file)
		_ = os.Remove(file)
	})
}
