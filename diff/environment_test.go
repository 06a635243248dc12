package diff

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gitruns/runs/format"
)

func TestCompareEnvironments(t *testing.T) {
	a := &format.EnvironmentFile{
		OS: "linux", Python: &format.Python{Version: "3.11.7", Implementation: "CPython"},
		Packages: format.Packages{"numpy": "1.26.4", "six": "1", "old": "1"},
	}
	b := &format.EnvironmentFile{
		OS: "linux", Python: &format.Python{Version: "3.12.0", Implementation: "CPython"},
		Packages: format.Packages{"numpy": "2.1.0", "six": "1", "new": "2"}, CUDA: "12.4",
	}
	want := []Change{
		{"cuda", "", "12.4"},
		{"python", "CPython 3.11.7", "CPython 3.12.0"},
		{"new", "", "2"},
		{"numpy", "1.26.4", "2.1.0"},
		{"old", "1", ""},
	}
	if d := cmp.Diff(want, CompareEnvironments(a, b)); d != "" {
		t.Error(d)
	}
	if d := CompareEnvironments(a, nil); d != nil {
		t.Errorf("%v", d)
	}
}

func TestWhatMatters(t *testing.T) {
	changes := []Change{
		{"cuda", "", "12"},
		{"python", "3.11", "3.12"},
		{"attrs", "1", "2"},
		{"numpy", "1", "2"},
		{"conda:mkl", "1", "2"},
		{"uv.lock", "a", "b"},
		{"go:example.org/x", "1", "2"},
	}
	got, most := WhatMatters(changes, map[string]bool{"numpy": true, "mkl": true, "torch": true})
	want := []Change{
		{"python", "3.11", "3.12"},
		{"cuda", "", "12"},
		{"numpy", "1", "2"},
		{"conda:mkl", "1", "2"},
		{"uv.lock", "a", "b"},
		{"go:example.org/x", "1", "2"},
		{"attrs", "1", "2"},
	}
	if d := cmp.Diff(want, got); d != "" || most != 6 {
		t.Errorf("%d, %s", most, d)
	}
	if got, most := WhatMatters(nil, nil); len(got) != 0 || most != 0 {
		t.Errorf("%v, %d", got, most)
	}
}
