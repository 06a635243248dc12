package repo

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gitruns/runs/format"
)

func TestExportArtifacts(t *testing.T) {
	ctx := context.Background()
	a := started(t, nil, map[string]string{"model.bin": "model.bin", "sub/log.txt": "sub/log.txt"})
	if _, err := a.Finish(ctx, Finish{Status: format.Finished}); err != nil {
		t.Fatal(err)
	}
	e, err := a.repo.Read(ctx, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	all, err := e.AllArtifacts()
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	var written []string
	note := func(file string, _ format.Artifact) { written = append(written, Relative(dir, file)) }
	err = e.ExportArtifacts(all, dir, note)
	if err != nil || strings.Join(written, " ") != "model.bin sub/log.txt" {
		t.Fatalf("%q, %v", written, err)
	}
	for _, name := range written {
		if data, err := os.ReadFile(filepath.Join(dir, name)); string(data) != name {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	if err := e.ExportArtifacts(all, dir, nil); err == nil || !strings.Contains(err.Error(), "it already exists") {
		t.Errorf("a second time: %v", err)
	}
	if _, err := e.Artifact("sub/log.txt"); err != nil {
		t.Error(err)
	}
	if _, err := e.Artifact("sub"); err == nil || !strings.Contains(err.Error(), "no artifact of this name") {
		t.Errorf("an unknown name: %v", err)
	}
	linked := t.TempDir()
	if err := os.Symlink(t.TempDir(), filepath.Join(linked, "sub")); err != nil {
		t.Skip(err)
	}
	if err := e.ExportArtifacts(all[1:], linked, nil); err == nil {
		t.Error("through a link: no error")
	}
	if err := os.WriteFile(e.ArtifactFile(all[0]), []byte("MODEL.BIN"), 0o666); err == nil {
		file := filepath.Join(linked, "changed")
		if err := e.ExportArtifact(all[0], file); err == nil {
			t.Error("an artifact that was changed: no error")
		}
		if _, err := os.Stat(file); err == nil {
			t.Error("an artifact that was changed is written")
		}
	}
}
