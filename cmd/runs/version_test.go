package main

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/python"
)

// TestPythonVersion: the client and this program are released together.
func TestPythonVersion(t *testing.T) {
	files, err := python.Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"__version__": `"` + version + `"`, "PROTOCOL": fmt.Sprint(clientProtocol), "FORMAT": fmt.Sprint(format.Schema),
	} {
		line := regexp.MustCompile(`(?m)^` + name + ` = ` + regexp.QuoteMeta(want) + `(\s|$)`)
		if !line.Match(files["gitruns/_version.py"]) {
			t.Errorf("_version.py does not say %s = %s", name, want)
		}
	}
}
