package ingest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestOf(t *testing.T) {
	root := t.TempDir()
	write := func(name string) {
		t.Helper()
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("project/.runs/config.toml")
	write("board/a/events.out.tfevents.1700000000.host")
	write("wandb/offline-run-20261128_011017-failed/run-failed.wandb")
	write("both/.runs/config.toml")
	write("both/events.out.tfevents.1700000000.host")
	write("empty/x")
	for _, c := range []struct{ kind, path, want string }{
		{"", "project", ""},
		{"", "board", "tensorboard"},
		{"", "wandb", "wandb"},
		{"", "both", ""},
		{"tensorboard", "both", "tensorboard"},
		{"wandb", "board", "wandb"},
		{"runs", "board", ""},
		{"", "empty", ""},
		{"", "nowhere", ""},
	} {
		got := ""
		if tracker := Of(context.Background(), c.kind, filepath.Join(root, c.path)); tracker != nil {
			got = tracker.Kind
		}
		if got != c.want {
			t.Errorf("%q of kind %q: %q, want %q", c.path, c.kind, got, c.want)
		}
	}
}

func TestKinds(t *testing.T) {
	want := []string{"runs", "mlflow", "tensorboard", "wandb", "dvclive", "trackio", "csv"}
	if got := Kinds(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
