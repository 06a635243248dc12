package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/registry"
)

// modelBytes is the size of the model that is loaded.
const modelBytes = 1 << 30

// promotions is how many promotions a history has.
const promotions = 1_000

// models measures how long a version takes to load, and its history to show.
func (b *bench) models() error {
	dir, err := b.project()
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "model.bin")
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{1}), modelBytes); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"log", "rmse=1", "--artifact", file, "--name", "one"},
		{"log", "rmse=2", "--artifact", os.Args[0], "--name", "two"},
		{"model", "register", "one", "taxi"},
		{"model", "register", "two", "taxi"},
	} {
		if _, err := measure(dir, nil, append([]string{b.runs}, args...)...); err != nil {
			return err
		}
	}
	out := filepath.Join(b.dir, "out")
	load := []string{"sh", "-c", "rm -rf " + out + " && exec " + b.runs + " model load taxi@1 " + out}
	a, base, err := pairs(5, dir, nil, load, []string{"sha256sum", file})
	if err != nil {
		return err
	}
	fmt.Printf("model load of %s                 %s; %.2f x sha256sum (%s), by processor time %.2f x\n", mb(modelBytes),
		ms(a.wall), float64(a.wall)/float64(base.wall), ms(base.wall), float64(a.cpu)/float64(base.cpu))
	return b.history(dir)
}

// history makes commits that promote, and shows them.
func (b *bench) history(dir string) error {
	r, err := repo.Find(dir)
	if err != nil {
		return err
	}
	g := registry.Open(r)
	for i := range promotions {
		if _, _, err := g.Promote(context.Background(), fmt.Sprintf("taxi@%d", 1+i%2), "production",
			registry.Promotion{Reason: fmt.Sprint("reason ", i)}); err != nil {
			return err
		}
		for _, args := range [][]string{
			{"add", ".runs/models"}, {"-c", "user.name=b", "-c", "user.email=b@example.org", "commit", "-qm", "promote"},
		} {
			cmd := exec.Command("git", args...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("git %v: %w\n%s", args, err, out)
			}
		}
	}
	log := []string{"git", "log", "--oneline", "--", ".runs/models/taxi"}
	a, base, err := pairs(20, dir, nil, []string{b.runs, "model", "show", "taxi", "--history"}, log)
	if err != nil {
		return err
	}
	fmt.Printf("model show --history, %d promotions  %s; %.2f x git log of that folder (%s)\n", promotions, ms(a.wall),
		float64(a.wall)/float64(base.wall), ms(base.wall))
	return nil
}
