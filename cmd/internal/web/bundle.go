//go:build ignore

// Bundle builds app/app.js and app/app.css from src and third_party. 'go generate' runs it. With -check, it writes
// nothing, and fails if the files are not what it would write.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	check := flag.Bool("check", false, "only compare the files with what would be written")
	flag.Parse()
	if err := bundle(*check); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func bundle(check bool) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir:       dir,
		EntryPointsAdvanced: []api.EntryPoint{{InputPath: "src/app.tsx", OutputPath: "app"}},
		Outdir:              "app",
		Bundle:              true,
		MinifyWhitespace:    true,
		MinifyIdentifiers:   true,
		MinifySyntax:        true,
		Format:              api.FormatIIFE, // a module cannot be read from file://
		Target:              api.ES2022,
		Charset:             api.CharsetASCII,
		LegalComments:       api.LegalCommentsInline,
		JSXFactory:          "h",
		JSXFragment:         "Fragment",
		Alias: map[string]string{
			"preact":       "./third_party/preact/preact.mjs",
			"preact/hooks": "./third_party/preact/hooks/hooks.mjs",
		},
		LogLevel: api.LogLevelWarning,
	})
	if len(result.Errors) > 0 {
		return fmt.Errorf("%d errors", len(result.Errors))
	}
	for _, f := range result.OutputFiles {
		name := filepath.Base(f.Path)
		if !check {
			if err := os.WriteFile(f.Path, f.Contents, 0o644); err != nil {
				return err
			}
			continue
		}
		have, err := os.ReadFile(f.Path)
		if err != nil {
			return err
		}
		if !bytes.Equal(have, f.Contents) {
			return fmt.Errorf("app/%s is not what src makes; run 'go generate ./cmd/internal/web'", name)
		}
	}
	return nil
}
