package format

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const somePatch = `diff --git a/train.py b/train.py
index 1111111111111111111111111111111111111111..2222222222222222222222222222222222222222 100644
--- a/train.py
+++ b/train.py
@@ -1,3 +1,4 @@ def main():
 a
-diff --git a/x b/x
+b
+@@ -1 +1 @@
 c
@@ -10 +11 @@
--- gone
+++ come
\ No newline at end of file
diff --git "a/tab\tname \303\274" "b/tab\tname \303\274"
new file mode 100755
index 0000000000000000000000000000000000000000..3333333333333333333333333333333333333333
GIT binary patch
literal 3
Kc

literal 0
HcmV?d00001

diff --git a/a b b/a b
old mode 100644
new mode 100755
`

func TestReadPatch(t *testing.T) {
	got, err := ReadPatch(strings.NewReader(somePatch))
	if err != nil {
		t.Fatal(err)
	}
	want := []PatchFile{
		{
			Path: "train.py", Old: strings.Repeat("1", 40), New: strings.Repeat("2", 40), OldMode: "100644", NewMode: "100644",
			Added: 3, Removed: 2,
		},
		{
			Path: "tab\tname ü", Old: strings.Repeat("0", 40), New: strings.Repeat("3", 40), NewMode: "100755", Added: -1,
			Removed: -1,
		},
		{Path: "a b", OldMode: "100644", NewMode: "100755"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{
		"diff --git a/x b/y\n", "diff --git \"a/x\n", "diff --git x x\n",
		"diff --git \"a/\" \"b/\"\n", "diff --git a/x b/x\n@@ -1,x +1 @@\n",
	} {
		if files, err := ReadPatch(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is read as %+v", bad, files)
		}
	}
}

func FuzzReadPatch(f *testing.F) {
	f.Add(somePatch)
	f.Add(`diff --git "a/"`)
	f.Add("diff --git a/ b/\n")
	f.Fuzz(func(t *testing.T, text string) {
		files, err := ReadPatch(strings.NewReader(text))
		for _, file := range files {
			if err == nil && (file.Path == "" || file.Added < -1) {
				t.Errorf("%+v", file)
			}
		}
	})
}
