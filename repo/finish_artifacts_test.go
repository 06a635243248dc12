package repo

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

// started is a run in progress with files in its own folder (name to text), and with artifacts that a client has
// copied.
func started(t *testing.T, own, copied map[string]string) *Active {
	t.Helper()
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	r, _, err := Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range own {
		put(t, filepath.Join(a.Dir, filesName, name), text)
	}
	j, err := a.OpenJournal()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(copied)) {
		line, err := a.AddArtifactFrom(name, true, strings.NewReader(copied[name]))
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Append(&format.Line{Time: 1764000000_000000, Artifact: &line}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return a
}

func put(t *testing.T, at, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// textsOf finishes a run and returns the text of each of its artifacts.
func textsOf(t *testing.T, a *Active) (texts map[string]string, res *Result) {
	t.Helper()
	res, err := a.Finish(t.Context(), Finish{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := a.repo.ReadFinished(a.ID)
	if err != nil {
		t.Fatal(err)
	}
	texts = map[string]string{}
	for _, item := range res.Run.Artifacts {
		var b strings.Builder
		if err := e.CopyArtifact(item, &b); err != nil {
			t.Error(err)
		}
		texts[item.Path] = b.String()
	}
	if exists(a.Dir) {
		t.Errorf("%s is still there", a.Dir)
	}
	return texts, res
}

// TestOwnFilesOfAnyName: no name costs a file that the program has put into the run's folder.
func TestOwnFilesOfAnyName(t *testing.T) {
	long := strings.Repeat(":", 250)
	texts, res := textsOf(t, started(t, map[string]string{
		"ckpt-12:30.pt": "1", "a\\b": "2", "con": "3", "aux.d/LPT1.txt": "4", "end.": "5", "end ": "6", "tab\t": "7",
		"\xff": "8", "\u202e": "9",
		".git/config": "10", "a%3Ab": "11", "a:b": "12", long: "13", "plain": "14",
	}, nil))
	for name, want := range map[string]string{
		"ckpt-12%3A30.pt": "1", "a%5Cb": "2", "con_": "3", "aux_.d/LPT1_.txt": "4", "end%2E": "5", "end%20": "6",
		"tab%09": "7", "%FF": "8", "%E2%80%AE": "9",
		".git_/config": "10", "a%3Ab": "11", "a%3Ab-2": "12", "plain": "14",
	} {
		if texts[name] != want {
			t.Errorf("%s is %q, not %q", name, texts[name], want)
		}
	}
	if len(texts) != 14 || !slices.Contains(slices.Collect(maps.Values(texts)), "13") {
		t.Errorf("%q", texts)
	}
	if said := strings.Join(res.Warnings, "\n"); !strings.Contains(
		said,
		`"ckpt-12:30.pt" of the run's folder is recorded as ckpt-12%3A30.pt: its name is not valid in a run`,
	) || len(res.Warnings) > maxNamed+1 {
		t.Errorf("%s", said)
	}
}

// TestFileAndFolderOfOneName: artifacts whose names cannot stand beside one another are all kept.
func TestFileAndFolderOfOneName(t *testing.T) {
	manifest, inside := "model.pt/0123456789ab.json", "model.pt/0123456789ab/w.bin"
	for name, c := range map[string]struct{ own, copied, want map[string]string }{
		"a file where an artifact has a folder": {
			map[string]string{"model.pt": "saved", "media": "plain"},
			map[string]string{manifest: "m", inside: "w", "media/x_0_0.png": "p"},
			map[string]string{
				"model.pt-2": "saved", "media-2": "plain", manifest: "m", inside: "w", "media/x_0_0.png": "p",
			},
		},
		"a folder where an artifact is a file": {
			map[string]string{"x/a": "1", "x/b": "2", "x-2": "3"},
			map[string]string{"x": "file"},
			map[string]string{"x": "file", "x-2": "3", "x-3/a": "1", "x-3/b": "2"},
		},
		"the same name": {map[string]string{"x": "own"}, map[string]string{
			"x": "logged",
		}, map[string]string{"x": "logged", "x-2": "own"}},
		"the same name and content": {
			map[string]string{"x": "both"}, map[string]string{"x": "both"}, map[string]string{"x": "both"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			texts, res := textsOf(t, started(t, c.own, c.copied))
			if !maps.Equal(texts, c.want) {
				t.Errorf("%q, not %q; %q", texts, c.want, res.Warnings)
			}
		})
	}
}

// TestUnreadableFilesStay: what a finish cannot take is not removed.
func TestUnreadableFilesStay(t *testing.T) {
	a := started(t, nil, nil)
	const longest = 4090 // as the path of a file that a system opens; that of the finished run has some bytes more
	rel := strings.Repeat(strings.Repeat("d", 99)+"/", 50)[:longest-len(a.Dir)-len(filesName)-2]
	put(t, filepath.Join(a.Dir, filesName, strings.TrimSuffix(rel, "/")), "only copy")
	_, res := textsOf(t, a)
	kept, err := filepath.Glob(filepath.Join(a.repo.trashDir(), "*", a.ID+"-left", filesName))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept: %q, %v; %q", kept, err, res.Warnings)
	}
	if said := strings.Join(res.Warnings, "\n"); !strings.Contains(said, "are kept in") {
		t.Error(said)
	}
}

// TestArtifactThatIsAnother: a file that was replaced behind its journal line is recorded as it is, with a word.
func TestArtifactThatIsAnother(t *testing.T) {
	a := started(t, nil, map[string]string{"media/h_0_0.html": "<p>logged</p>"})
	put(t, filepath.Join(a.Dir, artifactsName, "media/h_0_0.html"), "<p>another</p>")
	texts, res := textsOf(t, a)
	if texts["media/h_0_0.html"] != "<p>another</p>" {
		t.Errorf("%q", texts)
	}
	if said := strings.Join(
		res.Warnings, "\n",
	); said != "artifact media/h_0_0.html was replaced after it was logged; its current content is recorded" {
		t.Error(said)
	}
}

// TestStrayEntries: what a program writes into the run's folder under a name of its own is named and kept.
func TestStrayEntries(t *testing.T) {
	r, _, err := Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerProcess)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(a.Dir, "metrics.jsonl"), `{"t":1,"m":{"a":1}}`+"\n")
	put(t, filepath.Join(a.Dir, "model", "weights.bin"), "weights")
	res, err := a.Finish(t.Context(), Finish{})
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(res.Warnings, "\n")
	for _, want := range []string{
		`"metrics.jsonl" was not read: a journal is named journal-HOST-PID-LETTERS.jsonl`,
		`"model" was not recorded: only files below files/ are`, "are kept in ",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the warnings lack %q: %q", want, said)
		}
	}
	for _, name := range []string{"metrics.jsonl", "model/weights.bin"} {
		if kept, _ := filepath.Glob(filepath.Join(r.trashDir(), "*", a.ID+"-left", name)); len(kept) != 1 {
			t.Errorf("%s is not kept", name)
		}
	}
	if exists(a.Dir) {
		t.Error("the run's folder stays")
	}
}

// TestNoJournals: what only has the name of a journal does not keep the run's folder.
func TestNoJournals(t *testing.T) {
	a := started(t, nil, nil)
	put(t, filepath.Join(a.Dir, "journal-x-1-a.jsonl", "inside"), "kept")
	put(t, filepath.Join(a.Dir, "journal-x-2-b.jsonl~"), "kept too")
	if err := os.Symlink("/etc/hosts", filepath.Join(a.Dir, "journal-x-3-c.jsonl")); err != nil {
		t.Fatal(err)
	}
	_, res := textsOf(t, a)
	for _, name := range []string{"journal-x-1-a.jsonl/inside", "journal-x-2-b.jsonl~"} {
		if kept, err := filepath.Glob(filepath.Join(a.repo.trashDir(), "*", a.ID+"-left", name)); err != nil ||
			len(kept) != 1 {
			t.Errorf("%s: %q, %v", name, kept, err)
		}
	}
	if said := strings.Join(res.Warnings, "\n"); strings.Count(said, "has the name of a journal but is not one") != 3 {
		t.Error(said)
	}
	if got, err := a.repo.FinishGone(t.Context(), nil); err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
}
