package transition

import (
	"slices"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
)

// TestReplaced finds what one redaction took out of the record, the files and the shared files of a run, also where
// another redaction has taken a part of it.
func TestReplaced(t *testing.T) {
	old := oldVersion(t)
	before := old.record(t)
	redact := func(change func(m *made)) *Version {
		m := oldVersion(t)
		change(m)
		m.run.Redacted = append(m.run.Redacted, format.Redaction{
			Time: time.Date(2026, 1, 4, 0, 0, 0, 0, time.UTC), What: "pattern", Was: digestOf(before),
			Files: []string{
				noteOne, "artifacts/out.txt", "sources/" + m.run.Source.Patches[0] + ".patch",
				"environments/" + m.run.Environment.Digest + ".toml",
			},
		})
		v := version(t, m.all(t))
		if _, err := Check(version(t, old.all(t)), v, false); err != nil {
			t.Fatal(err)
		}
		return v
	}
	beside := redact(func(m *made) {
		m.run.Params["key"] = "open ses[redacted]"
		m.run.Params["pin"] = "[redacted]1"
	})
	now := redact(func(m *made) {
		m.run.Name = "[redacted]"
		m.run.Params["key"] = "open [redacted]"
		m.run.Params["pin"] = "4[redacted]1"
		model := m.run.Params["model"].(map[string]any)
		model["[redacted]"] = model["sesame"]
		delete(model, "sesame")
		m.hide(noteOne, "said open", "[redacted]")
		m.hide("artifacts/out.txt", "the end", "[redacted]")
		m.hidePatch("print(key)", "[redacted]")
		m.hideEnvironment("+sesame", "[redacted]")
	})
	got, err := Replaced(version(t, old.all(t)), now, beside)
	check(t, err)
	want := []string{
		"ses[redacted]", "open sesame", "print(key)", "said open", "+sesame", "the end", "sesame", "71",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got, err = Replaced(version(t, old.all(t)), beside, now)
	check(t, err)
	if want := []string{"4[redacted]", "471", "ame"}; !slices.Equal(got, want) {
		t.Errorf("the other way round: got %q, want %q", got, want)
	}
}
