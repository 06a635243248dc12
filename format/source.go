package format

import "fmt"

// Reasons why something that lies in the working tree is not in the recorded tree. The first three take nothing from a
// restored run: what training writes, what is recorded elsewhere, and results that stand in a notebook.
const (
	OmittedExcluded   = "source.exclude"
	OmittedDataset    = "recorded as a dataset"
	OmittedOutputs    = "outputs of notebook cells"
	OmittedMore       = "more of the same"
	OmittedLarge      = "larger than source.max_file"
	OmittedMany       = "more files than source.max_files"
	OmittedTotal      = "beyond source.max_total"
	OmittedRepository = "a git repository of its own"
	OmittedDirty      = "a submodule with changes that are not committed"
	OmittedUnpushed   = "a submodule's commit that no remote is known to hold"
	OmittedLFS        = "in git LFS, and no remote is known to hold it"
)

// Harmless reports whether a restored tree misses nothing that the run needs.
func (o Omitted) Harmless() bool {
	switch o.Reason {
	case OmittedExcluded, OmittedDataset, OmittedOutputs:
		return true
	}
	return false
}

// Proof is the tree that base and patches must make: the recorded one, or what is left of it after a redaction; empty where
// they make none.
func (s *Source) Proof() string {
	if s.Redacted {
		return s.RedactedTree
	}
	return s.Tree
}

// Missing says why the recorded source is not all of what ran, or "".
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
	switch {
	case s.Redacted:
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
