package render

import (
	"maps"
	"slices"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// outputs shows the artifacts, the files and the unknown keys of the record.
func (v Run) outputs(p *page, e *repo.Entry) {
	artifacts, err := e.AllArtifacts()
	if err != nil {
		p.line("\nartifacts: %s", terminal.Clean(err.Error()))
	}
	const most = 20
	artifacts = media(p, artifacts)
	earlier := e.EarlierArtifacts()
	if len(artifacts)+len(earlier) > 0 {
		p.title("artifacts")
		for _, a := range artifacts[:min(len(artifacts), most)] {
			p.line("  %s  %s", terminal.Clean(a.Path), p.t.Paint(terminal.Dim, terminal.Bytes(a.Bytes)))
		}
		if len(artifacts) > most {
			p.line("  … %d more", len(artifacts)-most)
		}
		for _, part := range earlier[:min(len(earlier), most)] {
			p.line("  earlier part %s: %s", part.ID, terminal.Count(int64(part.N), "more artifact"))
		}
		if len(earlier) > most {
			p.line("  … and of %s", terminal.Count(int64(len(earlier)-most), "more part"))
		}
	}
	if len(e.Files) > 0 {
		p.title("files")
		for _, name := range slices.Sorted(maps.Keys(e.Files)) {
			f := e.Files[name]
			line := terminal.Bytes(f.Bytes)
			if f.Rows > 0 {
				line += ", " + terminal.Count(f.Rows, "row")
			}
			if f.Cut > 0 {
				line += ", " + terminal.Bytes(f.Cut) + " cut from its middle"
			}
			p.line("  %s  %s", terminal.Clean(name), p.t.Paint(terminal.Dim, line))
		}
	}
	if len(e.Extra) > 0 || len(e.Unknown) > 0 {
		p.title("unknown keys")
		for _, m := range []map[string]any{e.Extra, e.Unknown} {
			for _, key := range slices.Sorted(maps.Keys(m)) {
				p.line("  %s = %s", terminal.Clean(key), terminal.Clean(format.TOMLString(m[key])))
			}
		}
	}
}
