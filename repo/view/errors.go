package view

// NotFoundError means that something that was asked for does not exist: a run, a metric, a file.
type NotFoundError struct{ What string }

func (e *NotFoundError) Error() string { return e.What }

// InvalidError means that a question cannot be understood.
type InvalidError struct{ Err error }

func (e *InvalidError) Error() string { return e.Err.Error() }
func (e *InvalidError) Unwrap() error { return e.Err }
