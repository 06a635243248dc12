package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gitruns/runs/cmd/internal/page"
)

// storeURL matches the URL of a store in a line of a page.
var storeURL = regexp.MustCompile(`--artifacts +('[^']*'|"[^"]*"|\S+)`)

// exportLine matches a line that sets credentials; the values of the pages are placeholders.
var exportLine = regexp.MustCompile(`(?m)^(export|gcloud) .*\n`)

// TestStoreLines runs every block of README.md and of the page about stores that sets up a store, line by line in its
// order, in a project whose run was pushed without one. Afterwards the store has the artifact. Buckets are replaced by
// a folder.
func TestStoreLines(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for name, text := range map[string]string{"README": string(readme), "stores": allPages(t)["stores"]} {
		parts, err := page.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			m := storeURL.FindStringSubmatch(part.Body)
			if part.Kind != page.Code || part.Lang != "sh" || m == nil || m[1] == "lfs" {
				continue
			}
			blocks++
			t.Run(name+"/"+m[1], func(t *testing.T) {
				t.Parallel()
				p := newProject(t)
				if !p.need("runs-store") {
					t.Skipf("%s names no built runs-store", storeVariable)
				}
				try := func(body string) {
					t.Helper()
					if err := p.run(page.Part{Kind: page.Code, Lang: "sh", Body: body}, 0); err != nil {
						t.Fatal(err)
					}
				}
				try(`git init -q --bare ../origin.git
					git init -q && git remote add origin ../origin.git
					printf '*.bin\n' >.gitignore && head -c 2000000 /dev/urandom >model.bin
					runs log --name kept loss=1 -a model.bin && runs commit
					git add . && git commit -q -m start && git push -q -u origin main
					git remote set-head origin main`)
				body := exportLine.ReplaceAllString(part.Body, "")
				root := filepath.Dir(p.dir)
				if !strings.Contains(m[1], "file://") {
					try("mkdir ../bucket")
					body = storeURL.ReplaceAllLiteralString(body, "--artifacts file://"+root+"/bucket")
				}
				// The page shows its own commands after this; the copy must still be there.
				body, _, _ = strings.Cut(body, "runs artifacts --prune")
				try(body)
				if held, _ := filepath.Glob(root + "/*/*/*"); !hasObject(held) {
					if held, _ = filepath.Glob(root + "/home/artifacts/*/*"); !hasObject(held) {
						t.Errorf("the store has no object after\n%s\nprinted\n%s", part.Body, p.out)
					}
				}
			})
		}
	}
	if blocks < 6 {
		t.Errorf("only %d blocks set up a store", blocks)
	}
}

// hasObject reports whether one of the files is named like an object of a store.
func hasObject(files []string) bool {
	for _, file := range files {
		if len(filepath.Base(file)) == 64 {
			return true
		}
	}
	return false
}
