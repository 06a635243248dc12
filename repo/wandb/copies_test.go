package wandb

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/repo/importer"
)

// Of copies of one log, the one that says most is taken, wherever it lies.
func TestFullestCopy(t *testing.T) {
	log := func(name string, records ...[]byte) *runLog {
		path := writeLog(t, append([][]byte{runOf("a", 1e9)}, records...)...)
		h, err := readHead(context.Background(), path)
		file := importer.File{Path: filepath.Join("/logs", name, "run-a.wandb")}
		return &runLog{file: file, root: "/logs", head: h, err: err}
	}
	row, end := row(0, entry("x", "1")), field(recordExit, message(field(2, 7)))
	cut, whole, ended := log("a", row), log("b", row, row, row), log("c", row, end)
	again := log("d", row, end)
	other := &runLog{file: importer.File{Path: "/logs/e/run-b.wandb"}, root: "/logs", err: errNoRun}
	kept, copies := fullest([]*runLog{cut, other, whole})
	if len(kept) != 2 || kept[0] != other || kept[1] != whole || len(copies) != 1 ||
		copies[0] != "skipped a: it is a log of the same run as b, and has 2 of 4 records" {
		t.Errorf("%v %v", kept, copies)
	}
	kept, copies = fullest([]*runLog{whole, again, cut, ended})
	if len(kept) != 1 || kept[0] != ended || len(copies) != 3 ||
		!strings.HasSuffix(copies[2], "d: it is a log of the same run as c, and has as many records") {
		t.Errorf("%v %v", kept, copies)
	}
}

// Machine samples may be nested; what is left out is named.
func TestSamples(t *testing.T) {
	samples := field(recordStats, message(
		field(3, entry("cpu", "12.5")), field(3, entry("network", `{"sent": 10, "recv": {"eth0": 20}}`)),
		field(3, entry("gpu.0.name", `"A100"`)), field(3, entry("broken", "{")),
	))
	k, r, _ := readLog(t, writeLog(t, runOf("a", 1e9), samples, field(99, "?"), field(recordTensorBoard, "tb")))
	for _, key := range []string{"cpu", "network.sent", "network.recv.eth0"} {
		if k.system[key] != 1 {
			t.Errorf("%s: %v", key, k.system)
		}
	}
	for _, want := range []string{
		"skipped machine samples that are not numbers: 1 (gpu.0.name)",
		"skipped machine samples that are not JSON: 1 (broken)",
		"skipped records of an unknown kind: 1 (99)",
		"skipped folders of TensorBoard, which 'runs import tensorboard' imports: 1",
	} {
		if !strings.Contains(strings.Join(r.warnings, "\n"), want) {
			t.Errorf("%q is not in %q", want, r.warnings)
		}
	}
}
