package browser_test

import (
	"bytes"
	"flag"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gitruns/runs/testdata/browser"
)

var update = flag.Bool("update", false, "take testdata/page.png again")

const maxPicture = 200_000 // bytes

// The picture of the README is small, and the page of the demo project shows what it shows. With -update, the test
// takes the picture.
func TestPicture(t *testing.T) {
	if !installed("python3") {
		t.Skip("skipped: python3 is not installed")
	}
	const file = "../page.png"
	parent := t.TempDir()
	demo := exec.Command(program, "demo")
	demo.Env = append(os.Environ(), "TMPDIR="+parent)
	if out, err := demo.CombinedOutput(); err != nil {
		t.Fatalf("runs demo: %v\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(parent, "*", "penguins"))
	if err != nil || len(found) != 1 {
		t.Fatalf("runs demo made %q", found)
	}
	page := chromium.NewPage(t)
	page.Size(1280, 800)
	page.Open(browser.Existing(t, program, found[0]).Serve().URL("#/runs"))
	for _, text := range []string{"penguins", "sex", "wild", "good", "slow", "finished", "val/loss"} {
		page.WaitText(text)
	}
	page.Wait(`document.querySelector("figure.chart canvas")`)
	page.Settle()
	page.NoProblems()
	if *update {
		image, err := png.Decode(bytes.NewReader(page.Picture()))
		if err != nil {
			t.Fatal(err)
		}
		var small bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, image); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, small.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	config, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil || config.Width != 1280 || config.Height != 800 || len(data) > maxPicture {
		t.Errorf("the picture has %d x %d pixels and %d bytes (%v)", config.Width, config.Height, len(data), err)
	}
}
