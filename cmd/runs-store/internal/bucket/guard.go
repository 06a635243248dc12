package bucket

import (
	"fmt"
	"strings"
)

// PanicError reports that a library panicked, for example because of a server's answer that it did not expect.
type PanicError struct{ text string }

func (e *PanicError) Error() string { return "the store's library failed: " + e.text }

// PanicHint is the next step after a *PanicError.
const PanicHint = "check that the URL leads to a store of this kind; if it does, report the message"

// Guard calls do and turns a panic into a *PanicError. Every goroutine that calls a library needs it, because a panic
// ends the whole program otherwise.
func Guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			text, _, _ := strings.Cut(fmt.Sprint(p), "\n")
			err = &PanicError{text}
		}
	}()
	return do()
}
