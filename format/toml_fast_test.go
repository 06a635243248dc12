package format

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestFastTOMLReadsWhatIsWritten(t *testing.T) {
	data, err := EncodeRun(exampleRun())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := fastTOML(data); !ok {
		t.Error("the canonical form of a record is left to the general parser")
	}
}

// FuzzFastTOML: what the fast parser accepts, the general one accepts too, with the same result.
func FuzzFastTOML(f *testing.F) {
	data, err := EncodeRun(exampleRun())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for _, s := range []string{
		"a = 1\n[a]\n", "a = {b = 1}\n[a.c]\n", "[[a]]\nx = 1\n[[a]]\n", "[a]\n[a.b]\n[a]\n", "a = \"\"\"x\"\"\"\n",
		"t = 2026-11-23T14:25:30.5Z\n", "a = [1, 2.5, \"x\", {b = nan}]\n",
		"a = 1e400\n", "a = -0\n", "a = 0.1e-5\n", "\"a b\" = \"\\u00e9\\n\"\n", "# c\n", "a = 2026-02-30T00:00:00Z\n",
		"[a]\nb = {c = 1}\n[a.b]\n", "a = 2026-11-23T24:00:00Z\n", "a = \"\\ud800\"\n",
		"0=0000-01-01T0:00:00.0Z\n", "0=0000-01-01T00:0:00.00Z\n",
	} {
		f.Add([]byte(s))
	}
	vectors, _ := filepath.Glob("../testdata/vectors/run/*/*.toml")
	for _, name := range vectors {
		if data, err := os.ReadFile(name); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if invalidUTF8(data) >= 0 {
			return
		}
		got, ok := fastTOML(data)
		if !ok {
			return
		}
		var want map[string]any
		if _, err := toml.Decode(string(data), &want); err != nil {
			t.Fatalf("%q was accepted as %v, but %v", data, got, err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("%q (-general +fast):\n%s", data, d)
		}
	})
}
