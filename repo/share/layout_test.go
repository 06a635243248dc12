package share

import (
	"strings"
	"testing"
)

// TestStray holds what may lie in .runs against what may not.
func TestStray(t *testing.T) {
	digest := strings.Repeat("a1", 32)
	for _, c := range []struct {
		name, mode string
		want       string // beginning of the reason; empty where it may
	}{
		{"config.toml", "100644", ""},
		{".gitignore", "100644", ""},
		{".gitattributes", "100644", ""},
		{"active/.gitignore", "100644", ""},
		{"2026-01-02/20260102-000000-aaaaaaaa/run.toml", "100644", ""},
		{"2026-01-02/20260102-000000-aaaaaaaa/artifacts/a/b", "100644", ""},
		{"removed/20260102-000000-aaaaaaaa", "100644", ""},
		{"sources/" + digest + ".patch", "100644", ""},
		{"environments/" + digest + ".toml", "100644", ""},
		{"datasets/" + digest + ".parquet", "100644", ""},
		{"models/net/model.toml", "100644", ""},
		{"models/net/versions/4-k7qx2m9a.toml", "100644", ""},
		{"models/net/stages/production.toml", "100644", ""},
		{"models/net/archived/4-k7qx2m9a.toml", "100644", ""},
		{"models/net/notes/20260102-000000.000000-aaaa.toml", "100644", ""},

		{"", "120000", "it is a link"},
		{"", "160000", "it is a submodule"},
		{"active", "120000", "it is a link"},
		{"models/x", "120000", "it is a link"},
		{"2026-01-02/20260102-000000-aaaaaaaa", "160000", "it is a submodule"},
		{"active/20260102-000000-aaaaaaaa/run.toml", "100644", "runs in progress"},
		{"Active/x", "100644", "runs in progress"},
		{"local.toml", "100644", "it says where data is"},
		{"LOCAL.toml", "100644", "it says where data is"},
		{"store/x", "100644", "it belongs to one machine"},
		{"trash/x/y", "100644", "it belongs to one machine"},
		{"cache/x", "100644", "it belongs to one machine"},
		{"Config.toml", "100644", "runs writes no file with this name"},
		{"odd", "100644", "runs writes no file with this name"},
		{"models/net/versions.toml", "100644", "the registry of models has no file"},
		{"models/net/versions/4.toml", "100644", "the registry of models has no file"},
		{"models/net/stages/a.b.toml", "100644", "the registry of models has no file"},
		{"models/net/model.bin", "100644", "the registry of models has no file"},
		{"models", "100644", "runs writes no file with this name"},
		{"2026-01-02", "100644", "runs writes no file with this name"},
		{"2026-01-02/x", "100644", "it does not belong to a run"},
		{"2026-01-03/20260102-000000-aaaaaaaa/run.toml", "100644", "run 20260102-000000-aaaaaaaa does not belong"},
		{"removed/x", "100644", "runs writes no file with this name"},
		{"sources/" + digest + ".toml", "100644", "runs writes no file with this name"},
		{"models/con", "100644", `the path "models/con" contains a name that a file system reserves`},
		{"models/a\x1bb", "100644", "the path"},
	} {
		err := stray(c.name, c.mode)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
			t.Errorf("%q %s: %v, want %q", c.name, c.mode, err, c.want)
		}
	}
}
