package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gitruns/runs/repo"
)

// storePath is where gitruns_exec.py tells which stores of MLflow's a program names.
const storePath = "/gitruns/store"

// mlflowStores are the stores that a program gives to MLflow by name, instead of using the listener. Files of the
// project are replaced by the listener, and servers with --mlflow.
type mlflowStores struct {
	dir string // the folder that the program runs in

	mu     sync.Mutex
	named  []mlflowStore        // at most maxStores
	before map[string]time.Time // when the usual stores were last changed before the program, by path
}

type mlflowStore struct {
	URI    string `json:"uri"`    // as the program wrote it
	Path   string `json:"path"`   // absolute; empty for a server
	Server bool   `json:"server"` // the URI is that of a server
	Taken  bool   `json:"taken"`  // the listener has replaced it
}

// maxStores is how many stores of a program are named. Tests of programs make one for each test.
const maxStores = 100

// told takes in what the program says about a store.
func (s *mlflowStores) told(_ int, body []byte) error {
	var store mlflowStore
	if err := json.Unmarshal(body, &store); err != nil || (store.Path == "") != store.Server || len(body) > 10_000 {
		return fmt.Errorf("the store is not valid")
	}
	if store.Server {
		store.URI = withoutUser(store.URI)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := func(other mlflowStore) bool {
		return other.Path == store.Path && (!store.Server || other.URI == store.URI)
	}
	if len(s.named) < maxStores && !slices.ContainsFunc(s.named, known) {
		s.named = append(s.named, store)
	}
	return nil
}

// withoutUser returns the address of a server without a user, a password and a query, which may have secrets.
func withoutUser(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "a server"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// watch remembers the state of the usual stores. The folder of injectPython makes MLflow use the listener where the
// program names a store of the project. Without it, such a program is recorded by exec, but not its MLflow runs, which
// report tells.
func (s *mlflowStores) watch(r *repo.Repository, dir, entry string) {
	s.dir, s.before = dir, map[string]time.Time{}
	folders := []string{dir, r.TreeRoot()}
	if entry != "" {
		folders = append(folders, filepath.Dir(entry))
	}
	for _, folder := range folders {
		for _, name := range []string{"mlflow.db", "mlruns"} {
			store := filepath.Join(folder, name)
			s.before[store] = changed(store)
		}
	}
}

// changed returns when a store of MLflow's was last changed: a database, or a folder with a folder for each experiment.
// Without a store, it is zero.
func changed(store string) (last time.Time) {
	note := func(info fs.FileInfo, err error) {
		if err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	info, err := os.Stat(store)
	note(info, err)
	if err != nil || !info.IsDir() {
		return last
	}
	entries, err := os.ReadDir(store)
	if err != nil {
		return last
	}
	for _, e := range entries {
		note(e.Info())
	}
	return last
}

// reportStores says where the MLflow runs went of a program that names its stores.
func (a *app) reportStores(s *mlflowStores) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var taken, left, earlier, servers []string
	for _, store := range s.named {
		delete(s.before, store.Path)
		switch {
		case store.Server && store.Taken:
			taken = append(taken, store.URI)
		case store.Server:
			servers = append(servers, store.URI)
		case !store.Taken && !changed(store.Path).IsZero():
			left = append(left, store.Path)
		case store.Taken:
			taken = append(taken, store.URI)
			if !changed(store.Path).IsZero() {
				earlier = append(earlier, s.relative(store.Path))
			}
		}
	}
	if len(taken) > 0 {
		a.progress("runs: MLflow's runs are recorded here instead of in %s", firstNames(taken))
		if len(earlier) > 0 {
			a.hint("run 'runs import mlflow %s' for the runs that it has from before", earlier[0])
		}
	}
	if len(servers) > 0 {
		a.warn("the program named %s; its MLflow calls went there and are not recorded here", firstNames(servers))
		a.hint("use 'runs exec --mlflow' to record them here instead")
	}
	for store, before := range s.before {
		if changed(store).After(before) {
			left = append(left, s.relative(store))
		}
	}
	slices.Sort(left)
	if left = slices.Compact(left); len(left) > 0 {
		a.warn("MLflow wrote to %s; its runs there are not recorded here", firstNames(left))
		a.hint("run 'runs import mlflow %s' to import them", left[0])
	}
}

// relative returns a path as the user would name it in the folder that the program ran in.
func (s *mlflowStores) relative(path string) string {
	dir, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
