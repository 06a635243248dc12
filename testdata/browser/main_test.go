package browser_test

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
	"github.com/gitruns/runs/testdata/browser"
)

// What all tests share.
var (
	chromium *browser.Browser // nil if there is none
	absent   string           // why there is none
	program  string           // runs
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "runs-browser-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path, err := browser.Installed()
	switch {
	case err != nil:
		absent = err.Error()
		fmt.Println("skipped: " + absent)
		return 0
	case !installed("git"):
		fmt.Println("skipped: git is not installed")
		return 0
	}
	if program, err = browser.Build(folder); err != nil {
		fmt.Println(err)
		return 1
	}
	_, done, err := gittest.Isolate()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer done()
	// A run in progress is of this process, which lives as long as the tests.
	if chromium, err = browser.Start(path); err != nil {
		fmt.Println(err)
		return 1
	}
	defer chromium.Stop()
	shared := &suite{dir: folder}
	defer shared.clean()
	training = sync.OnceValue(func() *browser.Project { return browser.Training(shared, program) })
	return m.Run()
}

func installed(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// training is the project of most journeys. They only look at it.
var training func() *browser.Project

// suite stands for all tests: what it makes lives until the last of them ends.
type suite struct {
	dir      string
	n        int
	cleanups []func()
}

func (s *suite) Helper()                           {}
func (s *suite) Logf(format string, args ...any)   { fmt.Printf(format+"\n", args...) }
func (s *suite) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (s *suite) Cleanup(f func())                  { s.cleanups = append(s.cleanups, f) }

func (s *suite) TempDir() string {
	s.n++
	dir := fmt.Sprintf("%s/%d", s.dir, s.n)
	if err := os.Mkdir(dir, 0o777); err != nil {
		s.Fatalf("%v", err)
	}
	return dir
}

func (s *suite) clean() {
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
}

// newTraining is a training project that a test may change.
func newTraining(t *testing.T) *browser.Project {
	t.Helper()
	return browser.Training(t, program)
}
