package repo

// syncReadOnly does nothing, because Windows syncs only what is open for writing. SPEC.md states the weaker guarantee.
func syncReadOnly(string) error { return nil }

// syncDir does nothing, because Windows cannot sync a folder. SPEC.md states the weaker guarantee.
func syncDir(string) error { return nil }
