package repo

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gitruns/runs/repo/git/gittest"
)

// A store is used only if the user allowed exactly its URL, in this clone.
func TestPermitStore(t *testing.T) {
	const url, other = "s3://bkt/p?endpoint=http://10.0.0.5:9000", "s3://bkt/p?endpoint=http://10.0.0.6:9000"
	q := StoreQuestion{URL: url, Means: "artifacts go there"}
	asked := 0
	answer := func(yes bool) func(context.Context, StoreQuestion) (bool, error) {
		return func(_ context.Context, got StoreQuestion) (bool, error) {
			asked++
			if got != q {
				t.Errorf("asked about %+v", got)
			}
			return yes, nil
		}
	}
	r := storeRepository(t)
	refused := func(why string) {
		t.Helper()
		if err := r.PermitStore(t.Context(), q); err == nil {
			t.Errorf("%s: the store is used", why)
		}
	}
	refused("nobody was asked")
	if err := r.PermitStore(t.Context(), q); !strings.Contains(err.Error(), q.Means) {
		t.Errorf("the error does not say what the store means: %v", err)
	}
	r.Gate.Ask = answer(false)
	refused("the answer was no")
	r.Gate = StoreGate{Named: other}
	refused("another URL was named")
	t.Setenv(allowStoreVariable, other+" s3://bkt")
	refused("the environment allows others")
	for _, allowed := range []string{"x " + url, StoreDigest(url)} {
		t.Setenv(allowStoreVariable, allowed)
		if err := r.PermitStore(t.Context(), q); err != nil {
			t.Errorf("the environment has %s: %v", allowed, err)
		}
	}
	t.Setenv(allowStoreVariable, "")
	refused("the environment is not remembered")

	r.Gate.Ask = answer(true)
	asked = 0
	for range 2 {
		if err := r.PermitStore(t.Context(), q); err != nil {
			t.Error(err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	r.Gate = StoreGate{}
	if err := r.PermitStore(t.Context(), StoreQuestion{URL: other}); err == nil {
		t.Error("another endpoint was allowed too")
	}
	// A commit cannot write the Git folder; outside Git, .runs may be a copy of somebody else's folder.
	outside, _, err := Init(filepath.Join(t.TempDir(), "copied"))
	if err != nil {
		t.Fatal(err)
	}
	if memory := outside.StoreMemory(url); strings.HasPrefix(memory.dir, outside.Root) {
		t.Errorf("outside Git, stores are remembered in %+v", memory)
	}
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	if memory := outside.StoreMemory(url); memory.Allow() != nil || memory.Allowed() {
		t.Error("a folder that others may have written allows a store")
	}
}

func storeRepository(t *testing.T) *Repository {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	dir := gittest.New(t).Dir
	r, _, err := Init(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The environment comes before the config, and 0 is no limit.
func TestStallTimeout(t *testing.T) {
	r := storeRepository(t)
	for text, want := range map[string]time.Duration{"": time.Minute, "0": 0, "0s": 0, "1m30s": 90 * time.Second} {
		t.Setenv(stallVariable, text)
		if got, err := r.StallTimeout(); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"60", "-1s", "x"} {
		t.Setenv(stallVariable, text)
		if got, err := r.StallTimeout(); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// What is remembered survives torn lines, and what the store lacks makes every run of the remote be looked at again.
func TestStoreMemory(t *testing.T) {
	r := storeRepository(t)
	m := r.StoreMemory("file:///x")
	a, b, c := strings.Repeat("0a", 32), strings.Repeat("0b", 32), strings.Repeat("0c", 32)
	check := func(want map[string]bool, got map[string]bool, err error) {
		t.Helper()
		if err != nil || len(got) != len(want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
		for digest := range want {
			if !got[digest] {
				t.Errorf("%s is lost", digest)
			}
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	held, err := m.Held()
	check(nil, held, err)
	ok(m.AddHeld([]string{a}))
	f, err := os.OpenFile(filepath.Join(m.dir, heldName), os.O_APPEND|os.O_WRONLY, 0)
	ok(err)
	_, err = f.WriteString(b[:20]) // a crash
	ok(err)
	ok(f.Close())
	ok(m.AddHeld([]string{b, c}))
	held, err = m.Held()
	check(map[string]bool{a: true, b: true, c: true}, held, err)

	tree := strings.Repeat("1", 40)
	ok(m.AddSettled([]string{tree}))
	ok(m.SetWhole(tree))
	ok(m.Lacks(nil, nil))
	if m.Whole() != tree {
		t.Error("a store that lacks nothing is forgotten")
	}
	ok(m.Lacks([]string{a}, []string{b}))
	held, err = m.Held()
	check(map[string]bool{c: true}, held, err)
	damaged, err := m.Damaged()
	check(map[string]bool{b: true}, damaged, err)
	settled, err := m.Settled()
	check(nil, settled, err)
	if m.Whole() != "" {
		t.Error("a push would not look at the runs again")
	}
	ok(m.Replaced([]string{a, b}))
	damaged, err = m.Damaged()
	check(nil, damaged, err)
}
