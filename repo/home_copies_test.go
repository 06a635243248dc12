package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git/gittest"
)

// worktreeProject is a project in Git with runs set up, and a linked worktree of each name.
func worktreeProject(t *testing.T, names ...string) (main *Repository, linked []*Repository) {
	t.Helper()
	g := gittest.New(t)
	r, _, err := Init(g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	g.Git("add", "-A")
	g.Git("commit", "-q", "-m", "runs")
	for _, name := range names {
		dir := filepath.Join(filepath.Dir(g.Dir), filepath.Base(g.Dir)+"-"+name)
		g.Git("worktree", "add", "-q", dir)
		w, err := Find(dir)
		if err != nil {
			t.Fatal(err)
		}
		linked = append(linked, w)
	}
	return r, linked
}

// record records a run with a metric and returns its id.
func recordIn(t *testing.T, r *Repository) string {
	t.Helper()
	a, err := r.Start(t.Context(), &format.Run{}, format.OwnerDetached)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Finish(t.Context(), Finish{}); err != nil {
		t.Fatal(err)
	}
	return a.ID
}

func idsListed(t *testing.T, r *Repository) []string {
	t.Helper()
	entries, damage, err := r.List(t.Context())
	if err != nil || len(damage) > 0 {
		t.Fatal(err, damage)
	}
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	slices.Sort(ids)
	return ids
}

// A finish that is killed between any two of its last steps is completed by the next command, with its copy.
func TestFinishKilledAroundTheCopy(t *testing.T) {
	for name, undo := range map[string]func(t *testing.T, store, id string){
		"before the copy": func(t *testing.T, store, id string) {
			remove(t, store)
		},
		"after the worktree was recorded": func(t *testing.T, store, id string) {
			remove(t, filepath.Join(store, format.IDDay(id)))
		},
		"while the copy was made": func(t *testing.T, store, id string) {
			dir := Home{store, true}.RunDir(id)
			if err := os.Rename(dir, filepath.Join(filepath.Dir(dir), newPrefix+"abc")); err != nil {
				t.Fatal(err)
			}
		},
		"before the active folder went": func(*testing.T, string, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			main, linked := worktreeProject(t, "w")
			w := linked[0]
			a, err := w.Start(t.Context(), &format.Run{}, format.OwnerDetached)
			if err != nil {
				t.Fatal(err)
			}
			saved := filepath.Join(t.TempDir(), "active")
			if err := os.CopyFS(saved, os.DirFS(a.Dir)); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Finish(t.Context(), Finish{}); err != nil {
				t.Fatal(err)
			}
			undo(t, w.commonDir(), a.ID)
			if err := os.CopyFS(a.Dir, os.DirFS(saved)); err != nil {
				t.Fatal(err)
			}
			if _, err := w.FinishGone(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if exists(a.Dir) {
				t.Error("the active folder is still there")
			}
			remove(t, w.Root)
			if got := idsListed(t, main); !slices.Equal(got, []string{a.ID}) {
				t.Errorf("listed %v", got)
			}
			if other := main.WorktreeOf(a.ID); other == nil || !other.Gone || other.Root != w.Git.Root {
				t.Errorf("recorded in %+v", other)
			}
			main.ClearStaleCopies()
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// Worktrees record at once while others are removed: no run is lost, and each is seen from every worktree as soon as
// it is finished.
func TestWorktreesRecordWhileOthersGo(t *testing.T) {
	const runs = 6
	main, linked := worktreeProject(t, "a", "b", "c", "d")
	var mu sync.Mutex
	var all []string
	var wg sync.WaitGroup
	errs := make([]error, len(linked))
	for i, w := range linked {
		wg.Go(func() {
			for range runs {
				a, err := w.Start(t.Context(), &format.Run{}, format.OwnerDetached)
				if err == nil {
					_, err = a.Finish(t.Context(), Finish{})
				}
				if err == nil && !main.HasRun(a.ID) {
					err = fmt.Errorf("run %s is not seen from the main checkout", a.ID)
				}
				if err != nil {
					errs[i] = err
					return
				}
				mu.Lock()
				all = append(all, a.ID)
				mu.Unlock()
			}
			if i%2 == 1 {
				_, errs[i] = gittest.Try(main.Root, "worktree", "remove", "--force", w.Root)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	for _, r := range []*Repository{main, linked[0], linked[2]} {
		if got := idsListed(t, r); !slices.Equal(got, all) {
			t.Errorf("%s lists %d of %d runs", r.Root, len(got), len(all))
		}
	}
	counts, err := main.Elsewhere()
	if err != nil || len(counts) != 4 || counts[0].Gone || !counts[2].Gone || counts[3].Runs != runs {
		t.Errorf("%+v, %v", counts, err)
	}
}

// Nothing but files and folders is copied, and nothing is written through a link.
func TestCopyFollowsNoLink(t *testing.T) {
	r, _ := worktreeProject(t)
	id := recordIn(t, r)
	store := Home{r.commonDir(), true}
	remove(t, store.Dir)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "notes/" + newPrefix + "half.toml", "notes/a.txt"} {
		at := filepath.Join(r.RunDir(id), name)
		if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(secret, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.KeepCopy(id); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(store.RunDir(id)); err != nil || len(names) != 2 {
		t.Errorf("%v, %v", names, err)
	}
	if _, err := os.Lstat(filepath.Join(store.RunDir(id), "link")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a link was copied")
	}
	remove(t, store.Dir)
	day := filepath.Dir(r.RunDir(id))
	if err := os.Rename(day, day+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(day+"-away", day); err != nil {
		t.Fatal(err)
	}
	if err := r.KeepCopy(id); err == nil {
		t.Error("a run behind a link was copied")
	}
}

// The key of the store is that of the SPEC, and differs between the projects of a repository.
func TestStoreKey(t *testing.T) {
	if got := storeKey(".runs"); got != "14dad988ab75" {
		t.Error(got)
	}
	if storeKey("part/.runs") == storeKey(".runs") {
		t.Error("two projects share a store")
	}
	r := emptyRepository(t)
	if dir := r.commonDir(); dir != "" {
		t.Errorf("outside Git the store is %s", dir)
	}
}

// The id of a worktree is the name of a folder: a file with anything else counts as none.
func TestWorktreeID(t *testing.T) {
	for text, valid := range map[string]bool{
		"k7qx2m9a": true, "": false, "..": false, "a/b": false, "A": false, "a\n\nb": false, ".root": false,
	} {
		if got := isWorktreeID(text); got != valid {
			t.Errorf("%q: %v", text, got)
		}
	}
}
