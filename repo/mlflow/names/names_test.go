package names

import (
	"fmt"
	"regexp"
	"testing"
)

// A name has the form of MLflow's own, is the same for the same id, and seldom that of another run.
func TestOf(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]+-[a-z]+-[0-9]{1,3}$`)
	seen := map[string]bool{}
	for n := range 2000 {
		id := fmt.Sprintf("20261123-142530-%08d", n)
		name := Of(id)
		if !form.MatchString(name) || name != Of(id) {
			t.Fatalf("%s has the name %q", id, name)
		}
		seen[name] = true
	}
	if len(seen) < 1990 {
		t.Errorf("2000 runs have %d names", len(seen))
	}
}
