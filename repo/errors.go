package repo

import (
	"errors"
	"fmt"
)

// HintError is an error with a next step for the user.
type HintError struct {
	Err  error
	Hint string
}

func (e *HintError) Error() string { return e.Err.Error() }
func (e *HintError) Unwrap() error { return e.Err }

// withHint adds a next step to an error.
func withHint(err error, format string, args ...any) error {
	return &HintError{err, fmt.Sprintf(format, args...)}
}

// NoSourceError means that the source of a run is needed and was not recorded.
type NoSourceError struct{ Run string }

func (e *NoSourceError) Error() string {
	return fmt.Sprintf("the source of %s was not recorded", e.Run)
}

// Errors that callers distinguish.
var (
	ErrNoRepository = errors.New("no .runs folder in this or any parent folder")
	ErrFinished     = errors.New("the run is finished")
	ErrBusy         = errors.New("another process is finishing the run")
	ErrNoBase       = errors.New("no remote names a default branch")
	ErrNotActive    = errors.New("no run in progress has this id")
)
