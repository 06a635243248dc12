package tensorboard

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
)

// field returns a field of a message that has bytes.
func field(num byte, data ...byte) []byte {
	return append(binary.AppendUvarint([]byte{num<<3 | 2}, uint64(len(data))), data...)
}

// eventOf returns the record of an event with values.
func eventOf(second float64, step byte, values ...[]byte) []byte {
	data := binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, math.Float64bits(second))
	data = append(data, 2<<3, step)
	if values != nil {
		data = append(data, field(5, slices.Concat(values...)...)...)
	}
	return record(data)
}

func scalarOf(tag string, v float32) []byte {
	data := append(field(1, []byte(tag)...), 2<<3|5)
	return field(1, binary.LittleEndian.AppendUint32(data, math.Float32bits(v))...)
}

func imageOf(tag, file string) []byte {
	return field(1, append(field(1, []byte(tag)...), field(4, field(4, []byte(file)...)...)...)...)
}

// tensorOf returns a value of an unknown plugin.
func tensorOf(tag, plugin string) []byte {
	data := append(field(1, []byte(tag)...), field(9, field(1, field(1, []byte(plugin)...)...)...)...)
	return field(1, append(data, field(8, 1<<3, 1)...)...)
}

func damaged(record []byte) []byte {
	record[len(record)-1] ^= 1
	return record
}

const eventFile = "events.out.tfevents.1700000000.vm.1.0"

func write(t *testing.T, root, folder string, records ...[]byte) {
	t.Helper()
	at := filepath.Join(root, folder, eventFile)
	if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, slices.Concat(records...), 0o666); err != nil {
		t.Fatal(err)
	}
}

func project(t *testing.T) *repo.Repository {
	t.Helper()
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	r, _, err := repo.Init(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// imported imports a folder and returns the last values of loss of the new runs, by their names.
func imported(t *testing.T, r *repo.Repository, root string) (map[string]float64, *importer.Imported) {
	t.Helper()
	done, err := Import(t.Context(), r, importer.Request{Path: root})
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]float64{}
	for _, id := range done.Runs {
		e, err := r.ReadFinished(id)
		if err != nil {
			t.Fatal(err)
		}
		last[e.Name] = e.Metrics["loss"].Last
	}
	return last, done
}

// A damaged first record costs that record alone.
func TestFirstGoodRecord(t *testing.T) {
	root, r := t.TempDir(), project(t)
	good := eventOf(1.7e9+1, 1, scalarOf("loss", 0.5))
	write(t, root, "damaged", damaged(eventOf(1.7e9, 0)), good)
	write(t, root, "zero", eventOf(0, 0), eventOf(1.7e9+2, 1, scalarOf("loss", 0.25)))
	write(t, root, "none", record([]byte("no event")), eventOf(1.7e9+3, 1, scalarOf("loss", 0.125)))
	last, done := imported(t, r, root)
	if len(last) != 3 || last["damaged"] != 0.5 || last["zero"] != 0.25 || last["none"] != 0.125 || len(done.Refused) > 0 {
		t.Errorf("%v; %v", last, done.Refused)
	}
	if _, again := imported(t, r, root); len(again.Present) != 3 {
		t.Errorf("again: %+v", again)
	}
}

// Values of many unknown plugins are reported in few lines.
func TestManyPlugins(t *testing.T) {
	root := t.TempDir()
	var values [][]byte
	for i := range 500 {
		values = append(values, tensorOf(fmt.Sprintf("tag%d", i), fmt.Sprintf("plugin%d", i)))
	}
	write(t, root, "", eventOf(1.7e9, 0, values...))
	_, read := readAll(t, root)
	rest := fmt.Sprintf("skipped values of other plugins: %d", 500-maxPlugins)
	if n := len(read.counts.Warnings); n != maxPlugins+1 || !slices.Contains(read.counts.Warnings, rest) {
		t.Errorf("%d warnings, the last %q", n, read.counts.Warnings[n-1])
	}
}

// An image of an event file does not replace an image that the Python client logged.
func TestMediaOfTwo(t *testing.T) {
	r := project(t)
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	j, err := a.OpenJournal()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"media/a_0_0.gif", "media/deep"} {
		line, err := a.AddArtifactFrom(name, true, strings.NewReader("GIF8 of the client"))
		if err == nil {
			line.Key = "client"
			err = j.Append(&format.Line{Time: 1.7e15, Artifact: &line})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	logs := t.TempDir()
	write(
		t, logs, "", eventOf(1.7e9, 0, imageOf("a", "GIF8 one")), eventOf(1.7e9, 0, imageOf("a", "GIF8 two")),
		eventOf(1.7e9, 0, imageOf("deep/x", "GIF8 three")),
	)
	search := Search{Open: []string{filepath.Join(logs, eventFile)}, Dirs: []string{t.TempDir()}}
	counts, err := ImportInto(t.Context(), a, search)
	if err != nil || counts.Media != 3 {
		t.Fatal(counts, err)
	}
	res, err := a.Finish(t.Context(), repo.Finish{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.ReadFinished(a.ID)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, item := range res.Run.Artifacts {
		var b strings.Builder
		if err := e.CopyArtifact(item, &b); err != nil {
			t.Error(err)
		}
		got[item.Path] = item.Key + ": " + b.String()
	}
	for name, want := range map[string]string{
		"media/a_0_0.gif": "client: GIF8 of the client", "media/a_0_0-2.gif": "a: GIF8 one", "media/a_0_1.gif": "a: GIF8 two",
		"media/deep": "client: GIF8 of the client", "media/deep-2/x_0_0.gif": "deep/x: GIF8 three",
	} {
		if got[name] != want {
			t.Errorf("%s is %q; %v", name, got[name], got)
		}
	}
	if len(res.Warnings) != 0 {
		t.Error(res.Warnings)
	}
}

// A copied log that continued is a run of its own; a plain copy is skipped; imported logs stay recognized.
func TestCopiesThatWentOn(t *testing.T) {
	root, r := t.TempDir(), project(t)
	first, second := eventOf(1.7e9, 0, scalarOf("loss", 1)), eventOf(1.7e9+1, 1, scalarOf("loss", 0.5))
	more := eventOf(1.7e9+2, 2, scalarOf("loss", 0.25))
	write(t, root, "run1", first, second)
	write(t, root, "run1_more", first, second, more)
	write(t, root, "run1_same", first, second)
	last, done := imported(t, r, root)
	if len(last) != 2 || last["run1"] != 0.5 || last["run1_more"] != 0.25 {
		t.Errorf("%v", last)
	}
	if s := strings.Join(done.Warnings, "\n"); s != "skipped run1_same: it is a copy of run1" {
		t.Error(s)
	}
	again := func(here int, refused ...string) {
		t.Helper()
		last, done := imported(t, r, root)
		if len(last) > 0 || len(done.Present) != here || len(done.Refused) != len(refused) {
			t.Fatalf("again: %v, here %v, refused %v", last, done.Present, done.Refused)
		}
		for i, want := range refused {
			if err := done.Refused[i].Err.Error(); !strings.Contains(err, "its log "+want+" has changed since it was imported") {
				t.Error(err)
			}
		}
	}
	again(2)
	write(t, root, "run1_more", first, second, more, eventOf(1.7e9+3, 3, scalarOf("loss", 0.1)))
	again(1, "run1_more")
	write(t, root, "a_copy", first, second) // its name comes before the log that is here
	again(1, "run1_more")
}
