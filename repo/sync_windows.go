package repo

// syncDir does nothing, because Windows cannot sync a folder. SPEC.md states the weaker guarantee.
func syncDir(string) error { return nil }
