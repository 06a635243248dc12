package native

// NotTrusted means that a repository belongs to another user, and that the user has not said to trust it.
type NotTrusted struct{ Path string }

func (e *NotTrusted) Error() string {
	return "detected dubious ownership in repository at '" + e.Path + "'"
}

// checkOwner refuses every repository: the owner of a file is not read on Windows, where Git is usually installed.
func (r *Repository) checkOwner() error {
	return &Unsupported{What: "the owner of a repository is not checked on Windows"}
}
