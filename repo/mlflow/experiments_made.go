package mlflow

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/gitruns/runs/repo/regular"
)

// An experiment that a program makes exists as soon as a run has its name. Until then, this clone remembers it, so that
// another program can name it by its id.

// maxMade is how many experiments are remembered. The oldest are forgotten.
const maxMade = 1000

func (s *Service) madeFile() string {
	return filepath.Join(s.repo.CacheDir(), "mlflow-experiments.json")
}

// made reads the names of the experiments that programs have made, the newest last. What cannot be read has none.
func (s *Service) made() (names []string) {
	data, err := regular.ReadFile(s.madeFile())
	if err != nil || json.Unmarshal(data, &names) != nil {
		return nil
	}
	return names
}

// madeBefore returns the names of these experiments by their ids.
func (s *Service) madeBefore() map[string]string {
	return maps.Collect(func(yield func(id, name string) bool) {
		for _, name := range s.made() {
			if !yield(ExperimentID(name), name) {
				return
			}
		}
	})
}

// noteMade remembers an experiment. It does its best: its first run makes this needless. The caller holds the lock.
func (s *Service) noteMade(name string) {
	names := append(slices.DeleteFunc(s.made(), func(other string) bool { return other == name }), name)
	data, err := json.Marshal(names[max(0, len(names)-maxMade):])
	if err != nil || os.MkdirAll(s.repo.CacheDir(), 0o777) != nil {
		return
	}
	tmp, err := os.CreateTemp(s.repo.CacheDir(), ".mlflow-*")
	if err != nil {
		return
	}
	_, err = tmp.Write(data)
	if closed := tmp.Close(); err != nil || closed != nil || os.Rename(tmp.Name(), s.madeFile()) != nil {
		_ = os.Remove(tmp.Name())
	}
}
