//go:build !linux || (!amd64 && !arm64)

package openwatch

import "time"

// Watcher watches the files that a program opens. This system has no filters that report calls.
type Watcher struct{}

// New returns ErrUnsupported.
func New(Options) (*Watcher, error) { return nil, ErrUnsupported }

// IsFolder returns false.
func (o Open) IsFolder() bool { return false }

// Wrap returns its arguments.
func (w *Watcher) Wrap(path string, args []string) (string, []string) { return path, args }

// Began does nothing.
func (w *Watcher) Began(int) error { return nil }

// Refused returns ErrUnsupported.
func (w *Watcher) Refused() error { return ErrUnsupported }

// Outlived returns false.
func (w *Watcher) Outlived(time.Duration) bool { return false }

// Close does nothing.
func (w *Watcher) Close() {}

// Main reports that the arguments are those of a command.
func Main([]string) (status int, ours bool) { return 0, false }
