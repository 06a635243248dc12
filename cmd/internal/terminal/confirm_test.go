package terminal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestConfirm(t *testing.T) {
	for answer, want := range map[string]bool{
		"y\n": true, "YES\n": true, " yes \n": true, "y": true, "": false, "\n": false, "n\n": false, "yep\n": false,
	} {
		var said bytes.Buffer
		term := Test(io.Discard, &said, 80, false)
		term.In = strings.NewReader(answer)
		if got, err := term.Confirm(t.Context(), "Really?"); err != nil || got != want {
			t.Errorf("%q: %v, %v", answer, got, err)
		}
		if !strings.Contains(said.String(), "Really? [y/N] ") {
			t.Errorf("said %q", said.String())
		}
		if term.CanAsk() {
			t.Error("a test is taken for a person")
		}
	}
	in, out := io.Pipe()
	defer func() { _ = out.Close() }()
	term := Test(io.Discard, io.Discard, 80, false)
	term.In = in
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := term.Confirm(ctx, "Really?"); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted question: %v", err)
	}
}
