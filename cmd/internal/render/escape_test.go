package render

import (
	"html"
	"strings"
	"testing"

	"github.com/gitruns/runs/cmd/internal/terminal"
)

func FuzzEscape(f *testing.F) {
	f.Add("<script>|@all `x` *y* [z](u) #1 $a$\n\x1b[31m")
	f.Fuzz(func(t *testing.T, text string) {
		got := Escape(text)
		if strings.ContainsAny(strings.NewReplacer("&#", "", ";", "").Replace(got), "<>|@`*_[]()#$~\\!\"'{}\n\x1b") {
			t.Errorf("%q became %q", text, got)
		}
		if back := html.UnescapeString(got); back != terminal.Clean(text) && !strings.ContainsRune(text, 0xfffd) {
			t.Errorf("%q reads as %q, not %q", text, back, terminal.Clean(text))
		}
	})
}
