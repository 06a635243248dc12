package repo

// syncDir does nothing: Windows has no sync of a folder; SPEC.md states the weaker guarantee.
func syncDir(string) error { return nil }
