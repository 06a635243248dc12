package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// identity makes commits independent of the settings of the user.
var identity = []string{
	"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=b", "GIT_AUTHOR_EMAIL=b@example.org",
	"GIT_COMMITTER_NAME=b", "GIT_COMMITTER_EMAIL=b@example.org",
}

// sweep creates the finished runs of a sweep. They are as the program would record them, but are written faster.
type sweep struct {
	repo  *repo.Repository
	like  *format.Run // a run that the program recorded
	next  time.Time
	every time.Duration
	seed  int64
	r     *rand.Rand
}

// newSweep records one run in a project. The sweep creates more like it, at a fixed interval.
func (b *bench) newSweep(dir string, every time.Duration) (*sweep, error) {
	cmd := exec.Command(
		b.runs,
		"exec", "-e", "penguins", "--group", "sweep", "-p", "lr=0.1", "-p", "batch_size=32", "-p", "epochs=50", "-p",
		"seed=0", "-p", "model.kind=mlp", "-p", "model.layers=[64,64]", "--", "sh", "-c", "exit 0", "train.py",
		"--lr", "0.1",
	)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), identity...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("recording a run: %w\n%s", err, out)
	}
	r, err := repo.Find(dir)
	if err != nil {
		return nil, err
	}
	ids, err := r.FinishedIDs()
	if err != nil || len(ids) != 1 {
		return nil, fmt.Errorf("%d runs were recorded, not one: %v", len(ids), err)
	}
	e, err := r.ReadFinished(ids[0])
	if err != nil {
		return nil, err
	}
	e.Files = nil
	return &sweep{
		repo: r, like: e.Run, next: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), every: every,
		r: rand.New(rand.NewPCG(1, 2)),
	}, os.RemoveAll(e.Dir)
}

// plant writes n runs with 100 points each, and returns their folders in the project.
func (s *sweep) plant(n int) ([]string, error) {
	var folders []string
	for range n {
		folder, err := s.one()
		if err != nil {
			return nil, err
		}
		folders = append(folders, folder)
	}
	return folders, nil
}

func (s *sweep) one() (string, error) {
	started := s.next.Add(time.Duration(s.r.Int64N(1_000_000)) * time.Microsecond)
	s.next = s.next.Add(s.every)
	s.seed++
	run := *s.like
	run.ID = format.NewID(started)
	run.Params = map[string]any{}
	for key, value := range s.like.Params {
		run.Params[key] = value
	}
	run.Params["lr"], run.Params["seed"] = float64(1+s.seed%50)/500, s.seed
	run.Started, run.Metrics = started, map[string]format.Metric{}
	points := format.NewPointSorter("")
	defer func() { _ = points.Close() }()
	at := started.UnixMicro()
	for step := range int64(50) {
		at += 1_000_000 + int64(s.r.ExpFloat64()*3000)
		for k, key := range []string{"loss", "", "", "", "", "val/acc"} {
			if key == "" {
				continue
			}
			p := format.Point{Step: step, Time: at, Value: value(mixed, k, step, 50, s.r)}
			if err := points.Add(key, p); err != nil {
				return "", err
			}
			run.Metrics[key] = summed(run.Metrics[key], p)
		}
	}
	run.Ended = time.UnixMicro(at).UTC()
	var parquet bytes.Buffer
	if err := points.WriteParquet(&parquet); err != nil {
		return "", err
	}
	sum := sha256.Sum256(parquet.Bytes())
	run.Files = map[string]format.File{
		"metrics.parquet": {SHA256: hex.EncodeToString(sum[:]), Bytes: int64(parquet.Len()), Rows: points.Rows()},
	}
	record, err := format.EncodeRun(&run)
	if err != nil {
		return "", err
	}
	dir := s.repo.RunDir(run.ID)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "metrics.parquet"), parquet.Bytes(), 0o666); err != nil {
		return "", err
	}
	rel, err := filepath.Rel(s.repo.Root, dir)
	if err != nil {
		return "", err
	}
	return rel, os.WriteFile(filepath.Join(dir, "run.toml"), record, 0o666)
}

// summed returns an entry of [metrics] with one more point.
func summed(m format.Metric, p format.Point) format.Metric {
	if m.Count == 0 {
		m.Min, m.Max = &format.Extreme{Value: p.Value, Step: p.Step}, &format.Extreme{Value: p.Value, Step: p.Step}
	}
	if p.Value < m.Min.Value {
		m.Min = &format.Extreme{Value: p.Value, Step: p.Step}
	}
	if p.Value > m.Max.Value {
		m.Max = &format.Extreme{Value: p.Value, Step: p.Step}
	}
	m.Last = p.Value
	m.Count++
	return m
}

// call runs a command in a folder and returns how long it took.
func call(dir string, args ...string) (time.Duration, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), identity...)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%v: %w\n%s", args, err, out)
	}
	return time.Since(start), err
}

// calls runs commands one after the other.
func calls(dir string, commands ...[]string) (total time.Duration, err error) {
	for _, args := range commands {
		d, err := call(dir, args...)
		if err != nil {
			return total, err
		}
		total += d
	}
	return total, nil
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// shared creates a project with code and a repository of runs, and pushes it to a bare repository next to it.
func (b *bench) shared() (dir, remote string, err error) {
	if dir, err = os.MkdirTemp(b.dir, "shared-"); err != nil {
		return "", "", err
	}
	remote = dir + ".git"
	if err := os.WriteFile(filepath.Join(dir, "train.py"), []byte("print('training')\n"), 0o666); err != nil {
		return "", "", err
	}
	_, err = calls(
		dir,
		[]string{
			"git", "init", "-q", "--bare", "-b", "main", remote,
		},
		[]string{"git", "init", "-q", "-b", "main"},
		[]string{b.runs, "init"},
		[]string{"git", "add", "."},
		[]string{
			"git", "commit", "-q", "-m", "code",
		},
		[]string{"git", "remote", "add", "origin", remote},
		[]string{"git", "push", "-q", "-u", "origin", "main"},
	)
	return dir, remote, err
}

// push measures commit and push of 1,000 runs. The baseline is plain git with the same files.
func (b *bench) push() error {
	var ours, plain []time.Duration
	var dir string
	for i := range 5 {
		var err error
		if dir, _, err = b.shared(); err != nil {
			return err
		}
		s, err := b.newSweep(dir, time.Minute)
		if err != nil {
			return err
		}
		if _, err := s.plant(1000); err != nil {
			return err
		}
		twin, _, err := b.shared()
		if err != nil {
			return err
		}
		if _, err := call(
			b.dir, "cp", "-a", filepath.Join(dir, ".runs")+"/.", filepath.Join(twin, ".runs"),
		); err != nil {
			return err
		}
		paths, err := committed(twin)
		if err != nil {
			return err
		}
		ourCommands := [][]string{{b.runs, "commit"}, {b.runs, "push"}}
		theirs := [][]string{
			append([]string{"git", "add", "-f", "--"}, paths...),
			{"git", "commit", "-q", "-m", "runs"},
			{"git", "push", "-q"},
		}
		var x, y time.Duration
		if i%2 == 0 {
			x, err = calls(dir, ourCommands...)
		}
		if err == nil {
			y, err = calls(twin, theirs...)
		}
		if err == nil && i%2 == 1 {
			x, err = calls(dir, ourCommands...)
		}
		if err != nil {
			return err
		}
		ours, plain = append(ours, x), append(plain, y)
	}
	x, y := median(ours), median(plain)
	fmt.Printf(
		"commit and push of 1,000 runs       %s; %.2f x git add, commit and push of the same files (%s)\n", ms(x),
		float64(x)/float64(y), ms(y),
	)
	return b.pushAgain(dir)
}

// pushAgain measures pushes with nothing new next to 1,000 runs, once a store is set: the first looks at every run of
// the remote, the others compare what it remembered.
func (b *bench) pushAgain(dir string) error {
	folder, err := os.MkdirTemp(b.dir, "store")
	if err != nil {
		return err
	}
	if _, err := calls(
		dir, []string{b.runs, "init", "--artifacts", "file://" + folder}, []string{"git", "add", ".runs/config.toml"},
		[]string{"git", "commit", "-q", "-m", "store"}, []string{"git", "push", "-q"},
	); err != nil {
		return err
	}
	first, err := call(dir, b.runs, "push")
	if err != nil {
		return err
	}
	var ours, plain []time.Duration
	for range 30 {
		x, err := call(dir, b.runs, "push")
		if err != nil {
			return err
		}
		y, err := call(dir, "git", "fetch", "-q")
		if err != nil {
			return err
		}
		ours, plain = append(ours, x), append(plain, y)
	}
	x, y := median(ours), median(plain)
	fmt.Printf(
		"push with nothing new, with a store %s, %s the first time; %.2f x git fetch (%s)\n", ms(x), ms(first),
		float64(x)/float64(y), ms(y),
	)
	return nil
}

// committed are the folders under .runs that a run commit contains.
func committed(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, ".runs"))
	var paths []string
	for _, e := range entries {
		if name := e.Name(); format.CheckDay(name) == nil || name == "sources" || name == "environments" ||
			name == "datasets" {
			paths = append(paths, ".runs/"+name)
		}
	}
	return paths, err
}

// manyRuns creates a repository with many files of code and 10,000 committed runs.
func (b *bench) manyRuns(files int) (*sweep, string, error) {
	dir, _, err := b.shared()
	if err != nil {
		return nil, "", err
	}
	if err := b.code(dir, files); err != nil {
		return nil, "", err
	}
	s, err := b.newSweep(dir, 7*time.Minute) // 50 days
	if err != nil {
		return nil, "", err
	}
	if _, err := s.plant(10_000); err != nil {
		return nil, "", err
	}
	_, err = calls(dir, []string{b.runs, "commit"}, []string{"git", "gc", "-q"})
	return s, dir, err
}

// code commits files directly into a pack. Loose objects would take minutes.
func (b *bench) code(dir string, files int) error {
	if files == 0 {
		return nil
	}
	var stream bytes.Buffer
	stream.WriteString(
		"commit refs/heads/main\ncommitter b <b@example.org> 1764000000 +0000\ndata 5\nfiles\nfrom refs/heads/main^0\n",
	)
	for i := range files {
		text := fmt.Sprintf("x = %d\n", i)
		fmt.Fprintf(&stream, "M 100644 inline pkg%03d/file%06d.py\ndata %d\n%s\n", i/100, i, len(text), text)
	}
	cmd := exec.Command("git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin, cmd.Env = dir, &stream, append(os.Environ(), identity...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git fast-import: %w\n%s", err, out)
	}
	_, err := calls(dir, []string{"git", "reset", "-q", "--hard"}, []string{"git", "push", "-q"})
	return err
}

// commit measures the commit of one run in a large repository. The baseline is plain git with the same files.
func (b *bench) commit() error {
	s, dir, err := b.manyRuns(100_000)
	if err != nil {
		return err
	}
	var ours, plain []time.Duration
	for i := range 23 {
		if _, err := s.plant(1); err != nil {
			return err
		}
		x, err := call(dir, b.runs, "commit")
		if err != nil {
			return err
		}
		folders, err := s.plant(1)
		if err != nil {
			return err
		}
		y, err := calls(
			dir, []string{"git", "add", "-f", "--", folders[0]}, []string{"git", "commit", "-q", "-m", "run"},
		)
		if err != nil {
			return err
		}
		if i >= 3 { // the first ones warm the caches
			ours, plain = append(ours, x), append(plain, y)
		}
	}
	x, y := median(ours), median(plain)
	fmt.Printf(
		"commit of one run among 100,000 files and 10,000 runs  %s; %.2f x git add and commit of it (%s)\n", ms(x),
		float64(x)/float64(y), ms(y),
	)
	return nil
}

// growth measures what a run of a sweep adds to a repository.
func (b *bench) growth() error {
	const runs, each = 1000, 10
	dir, remote, err := b.shared()
	if err != nil {
		return err
	}
	s, err := b.newSweep(dir, time.Minute)
	if err != nil {
		return err
	}
	tidy := func() (here, there int64, err error) {
		gc := []string{"git", "-c", "gc.reflogExpire=now", "gc", "-q", "--prune=now"}
		if _, err := calls(dir, gc); err != nil {
			return 0, 0, err
		}
		if _, err := calls(remote, gc); err != nil {
			return 0, 0, err
		}
		if here, err = bytesBelow(filepath.Join(dir, ".git", "objects")); err == nil {
			there, err = bytesBelow(filepath.Join(remote, "objects"))
		}
		return here, there, err
	}
	here, there, err := tidy()
	if err != nil {
		return err
	}
	plain := int64(0)
	for range runs / each {
		folders, err := s.plant(each)
		if err != nil {
			return err
		}
		for _, folder := range folders {
			n, err := bytesBelow(filepath.Join(dir, folder))
			if err != nil {
				return err
			}
			plain += n
		}
		if _, err := calls(dir, []string{b.runs, "commit"}, []string{b.runs, "push"}); err != nil {
			return err
		}
	}
	here2, there2, err := tidy()
	if err != nil {
		return err
	}
	perRun := func(n int64) string { return fmt.Sprintf("%.2f KB", float64(n)/runs/1000) }
	fmt.Printf(
		"growth by a run of a sweep, 100 points, commits of %d  remote %s, clone %s after git gc; %.2f x its "+
			"files (%s)\n",
		each, perRun(there2-there), perRun(here2-here), float64(there2-there)/float64(plain), perRun(plain),
	)
	return nil
}

func bytesBelow(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// verify measures the verification of all runs of a branch. The baseline is git fsck of the same objects.
func (b *bench) verify() error {
	_, dir, err := b.manyRuns(0)
	if err != nil {
		return err
	}
	var ours, plain []time.Duration
	for range 3 {
		x, err := measure(dir, identity, b.runs, "verify", "--all")
		if err != nil {
			return err
		}
		if !strings.Contains(strings.ReplaceAll(x.out, ",", ""), "1000") { // the runs of other measurements are there too
			return errors.New("it did not report 10,000 verified runs: " + x.out)
		}
		y, err := measure(dir, identity, "git", "fsck", "--strict")
		if err != nil {
			return err
		}
		ours, plain = append(ours, x.wall), append(plain, y.wall)
	}
	x, y := median(ours), median(plain)
	fmt.Printf(
		"verify --all of 10,000 runs         %s; %.2f x git fsck --strict (%s)\n", ms(x), float64(x)/float64(y),
		ms(y),
	)
	return nil
}
