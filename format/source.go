package format

import (
	"fmt"
	"slices"
	"strings"
)

// Reasons why something in the working tree is not in the recorded tree. A restored run does not need what the first
// five are about: files that training writes, data that is recorded elsewhere, results in a notebook, and what runs of
// the project have written.
const (
	OmittedExcluded   = "source.exclude"
	OmittedDataset    = "recorded as a dataset"
	OmittedOutputs    = "outputs of notebook cells"
	OmittedWritten    = "written by a run"
	OmittedRewritten  = "rewritten by a run" // a tracked file, which the tree has as the commit has it
	OmittedMore       = "more of the same"
	OmittedLarge      = "larger than source.max_file"
	OmittedMany       = "more files than source.max_files"
	OmittedTotal      = "beyond source.max_total"
	OmittedRepository = "a git repository of its own"
	OmittedDirty      = "a submodule with changes that are not committed"
	OmittedUnpushed   = "a submodule's commit that no remote is known to hold"
	OmittedLFS        = "in git LFS, and no remote is known to hold it"
)

// Harmless reports whether the run can be restored without what was omitted.
func (o Omitted) Harmless() bool {
	switch o.Reason {
	case OmittedExcluded, OmittedDataset, OmittedOutputs, OmittedWritten, OmittedRewritten:
		return true
	}
	return false
}

// Proof returns the tree that the base and the patches must make: Tree, or RedactedTree after a redaction. It is empty
// if the patches do not apply.
func (s *Source) Proof() string {
	if s.Redacted {
		return s.RedactedTree
	}
	return s.Tree
}

// Missing returns a text that says why the recorded source is not all of the code that ran. It returns "" if nothing
// is missing.
func (s *Source) Missing() string {
	if s == nil || s.Tree == "" {
		return "no tree was recorded"
	}
	left := int64(0)
	for _, o := range s.Omitted {
		if !o.Harmless() {
			left += max(o.Count, 1)
		}
	}
	redacted := s.Redacted
	for _, p := range s.Parts() {
		redacted = redacted || p.Redacted
	}
	switch {
	case redacted:
		return "a secret was redacted from its patches"
	case left == 1:
		return "1 file was left out"
	case left > 1:
		return fmt.Sprintf("%d files were left out", left)
	case s.Durable != nil && !*s.Durable:
		return "its commit may vanish with its branch"
	}
	return ""
}

// Rewrites reports whether an earlier run has rewritten a tracked file, so that the tree has it as the commit has it.
func (s *Source) Rewrites(path string) bool {
	return slices.Contains(s.Rewritten(), path)
}

// Rewritten returns the tracked files that an earlier run had rewritten, so that the tree has them as the commit has
// them.
func (s *Source) Rewritten() (paths []string) {
	if s == nil {
		return nil
	}
	for _, o := range s.Omitted {
		if o.Reason == OmittedRewritten {
			paths = append(paths, o.Path)
		}
	}
	return paths
}

// Parts returns the sources of other repositories: of the submodules, and then of the packages.
func (s *Source) Parts() []*Part {
	var parts []*Part
	for i := range s.Submodules {
		parts = append(parts, &s.Submodules[i].Part)
	}
	for i := range s.Packages {
		parts = append(parts, &s.Packages[i].Part)
	}
	return parts
}

// AllPatches returns the digests of the patches of a source and of its parts.
func (s *Source) AllPatches() []string {
	all := s.Patches[:len(s.Patches):len(s.Patches)]
	for _, p := range s.Parts() {
		all = append(all, p.Patches...)
	}
	return all
}

// PatchedSubmodules returns a text that is equal for two sources with the same tree if their submodules are the same
// too: it names those that differ from the commit in the tree. It is empty if there are none.
func (s *Source) PatchedSubmodules() string {
	text := ""
	for i := range s.Submodules {
		if sub := &s.Submodules[i]; len(sub.Patches) > 0 {
			text += sub.Tree + " " + sub.Path + "\n"
		}
	}
	return text
}

// SubmodulesOf returns submodules for which PatchedSubmodules returns the text. Apart from that, they are empty.
func SubmodulesOf(text string) []Submodule {
	var all []Submodule
	for line := range strings.Lines(text) {
		tree, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		all = append(all, Submodule{path, Part{Tree: tree, Patches: []string{""}}})
	}
	return all
}
