package share

import (
	"strings"
	"testing"
)

func TestPlaceOf(t *testing.T) {
	digest := strings.Repeat("a1", 32)
	for _, c := range []struct {
		path string
		want place
	}{
		{"README", place{}},
		{".runs", place{}},
		{".runs/config.toml", place{at: ".runs", name: "config.toml", kind: ofSetup}},
		{".runs/.gitignore", place{at: ".runs", name: ".gitignore", kind: ofSetup}},
		{"a/b/.runs/.gitattributes", place{at: "a/b/.runs", name: ".gitattributes", kind: ofSetup}},
		{".runs/2026-01-02/" + runA + "/run.toml", place{
			at: ".runs", name: "2026-01-02/" + runA + "/run.toml", run: runA,
			kind: ofRun,
		}},
		{".runs/2026-01-02/" + runA + "/notes/x.toml", place{
			at: ".runs", name: "2026-01-02/" + runA + "/notes/x.toml",
			run: runA, kind: ofRun,
		}},
		{".runs/2026-01-03/" + runA + "/run.toml", place{at: ".runs", name: "2026-01-03/" + runA + "/run.toml"}},
		{".runs/2026-01-02/x/run.toml", place{at: ".runs", name: "2026-01-02/x/run.toml"}},
		{".runs/2026-01-02/" + runA, place{at: ".runs", name: "2026-01-02/" + runA}},
		{"sub/.runs/removed/" + runA, place{at: "sub/.runs", name: "removed/" + runA, mark: runA, kind: ofMark}},
		{".runs/removed/x", place{at: ".runs", name: "removed/x"}},
		{".runs/sources/" + digest + ".patch", place{at: ".runs", name: "sources/" + digest + ".patch", kind: ofShared}},
		{".runs/sources/" + digest + ".toml", place{at: ".runs", name: "sources/" + digest + ".toml"}},
		{".runs/a/.runs/.gitignore", place{at: ".runs", name: "a/.runs/.gitignore"}},
		{"../.runs/.gitignore", place{}},
		{".runs/a\x00b", place{}},
	} {
		equal(t, c.path, placeOf(c.path), c.want)
	}
}

func TestIsArtifact(t *testing.T) {
	for name, want := range map[string]bool{
		"2026-01-02/" + runA + "/artifacts/model.bin": true, "2026-01-02/" + runA + "/artifacts/a/b": true,
		"2026-01-02/" + runA + "/artifacts": false, "2026-01-02/" + runA + "/run.toml": false, "artifacts/x": false,
	} {
		equal(t, name, isArtifact(name), want)
	}
}
