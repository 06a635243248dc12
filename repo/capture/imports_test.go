package capture

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestImported(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"train.py": "import numpy as np, pandas\nfrom sklearn.linear_model import Ridge\n" +
			"  import yaml # x\nimportant = 1\n",
		"a/nb.ipynb":        "{\"source\": [\n   \"import matplotlib.pyplot as plt\\n\",\n   \"from torch import nn\"\n]}",
		".venv/x.py":        "import hidden\n",
		"node_modules/x.py": "import hidden\n",
		"notes.txt":         "import hidden\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"matplotlib", "numpy", "pandas", "pyyaml", "scikit-learn", "sklearn", "torch", "triton", "yaml",
	}
	if got := slices.Sorted(maps.Keys(Imported(t.Context(), root))); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
