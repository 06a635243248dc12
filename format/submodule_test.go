package format

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const submoduleHead = "schema = 1\nid = \"20261123-142530-k7qx2m9a\"\nstatus = \"finished\"\n" +
	"started = 2026-11-23T14:25:30Z\nended = 2026-11-23T14:25:31Z\n[source]\ndirty = true\n"

func TestSubmodules(t *testing.T) {
	tree, digest := strings.Repeat("a", 40), strings.Repeat("b", 64)
	entry := "[[source.submodules]]\npath = \"libs/a\"\nurl = \"https://example.org/a.git\"\ncommit = \"" + tree +
		"\"\ntree = \"" + tree + "\"\nbase = \"" + tree + "\"\npatches = [\"" + digest + "\"]\n"
	run, err := DecodeRun("run.toml", []byte(submoduleHead+entry+"later = 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Submodule{{"libs/a", Part{
		URL: "https://example.org/a.git", Commit: tree, Tree: tree, Base: tree, Patches: []string{digest},
	}}}
	if d := cmp.Diff(want, run.Source.Submodules); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	data, err := EncodeRun(run)
	if err != nil || !strings.Contains(string(data), "later = 1") || !strings.Contains(string(data), entry) {
		t.Errorf("%s, %v", data, err)
	}
	if all := run.Source.AllPatches(); len(all) != 1 || run.Source.PatchedSubmodules() != tree+" libs/a\n" {
		t.Errorf("%v, %q", all, run.Source.PatchedSubmodules())
	}
	same := &Source{Submodules: SubmodulesOf(run.Source.PatchedSubmodules())}
	if same.PatchedSubmodules() != run.Source.PatchedSubmodules() {
		t.Errorf("%q", same.PatchedSubmodules())
	}
	for name, text := range map[string]string{
		"no path":      strings.Replace(entry, "path = \"libs/a\"\n", "", 1),
		"no tree":      strings.Replace(entry, "tree = \""+tree+"\"\n", "", 1),
		"out of it":    strings.Replace(entry, "libs/a", "../a", 1),
		"absolute":     strings.Replace(entry, "libs/a", "/a", 1),
		"in .git":      strings.Replace(entry, "libs/a", ".git/hooks", 1),
		"bad patch":    strings.Replace(entry, digest, "x", 1),
		"bad base":     strings.Replace(entry, "base = \""+tree, "base = \"--upload-pack=x", 1),
		"twice":        entry + entry,
		"out of order": entry + strings.Replace(entry, "libs/a", "aaa", 1),
		"not a table":  "submodules = 1\n",
		"too many":     manySubmodules(tree, MaxSubmodules+1),
		"an empty url": strings.Replace(entry, "https://example.org/a.git", "", 1),
	} {
		if _, err := DecodeRun("run.toml", []byte(submoduleHead+text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPackages(t *testing.T) {
	tree, digest := strings.Repeat("a", 40), strings.Repeat("b", 64)
	entry := "[[source.packages]]\nname = \"lib\"\nurl = \"https://example.org/a.git\"\ncommit = \"" + tree +
		"\"\ntree = \"" + tree + "\"\nbase = \"" + tree + "\"\npatches = [\"" + digest + "\"]\nfolder = \"py\"\nomitted = 2\n"
	run, err := DecodeRun("run.toml", []byte(submoduleHead+entry+"later = 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Package{{"lib", Part{
		URL: "https://example.org/a.git", Commit: tree, Tree: tree, Base: tree, Patches: []string{digest},
	}, "py", 2}}
	if d := cmp.Diff(want, run.Source.Packages); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	data, err := EncodeRun(run)
	if err != nil || !strings.Contains(string(data), "later = 1") || !strings.Contains(string(data), entry) {
		t.Errorf("%s, %v", data, err)
	}
	if all := run.Source.AllPatches(); len(all) != 1 || run.Source.PatchedSubmodules() != "" {
		t.Errorf("%v, %q", all, run.Source.PatchedSubmodules())
	}
	for name, text := range map[string]string{
		"no name":      strings.Replace(entry, "name = \"lib\"\n", "", 1),
		"no tree":      strings.Replace(entry, "tree = \""+tree+"\"\n", "", 1),
		"out of it":    strings.Replace(entry, "\"py\"", "\"../py\"", 1),
		"bad patch":    strings.Replace(entry, digest, "x", 1),
		"bad base":     strings.Replace(entry, "base = \""+tree, "base = \"--upload-pack=x", 1),
		"a negative":   strings.Replace(entry, "omitted = 2", "omitted = -2", 1),
		"twice":        entry + entry,
		"out of order": entry + strings.Replace(entry, "lib", "aaa", 1),
		"not a table":  "packages = 1\n",
	} {
		if _, err := DecodeRun("run.toml", []byte(submoduleHead+text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func manySubmodules(tree string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("[[source.submodules]]\npath = \"a" + strings.Repeat("x", i/1000) +
			string([]byte{byte('0' + i/100%10), byte('0' + i/10%10), byte('0' + i%10)}) + "\"\ntree = \"" + tree + "\"\n")
	}
	return b.String()
}
