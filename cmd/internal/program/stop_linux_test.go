package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// stoppedRole makes this test binary the process that a terminal stops, for TestStopLastsUntilContinued.
const stoppedRole = "PROGRAM_TEST_STOPPED"

// TestStopLastsUntilContinued checks that Ctrl-Z stops the program together with this process, and that the program
// goes on only when this process is continued.
func TestStopLastsUntilContinued(t *testing.T) {
	if file := os.Getenv(stoppedRole); file != "" {
		o := options(t, "sh", "-c", `echo $$ > "$0".new; mv "$0".new "$0"; exec sleep 600`, file)
		o.Stdin, o.Stdout, o.Stderr = os.Stdin, os.Stdout, os.Stderr
		_, _ = Run(t.Context(), o)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pid")
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), stoppedRole+"="+file)
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = terminal.Close() }()
	until := func(holds func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("it never held")
			}
		}
	}
	program := 0
	until(func() bool {
		data, _ := os.ReadFile(file)
		program, _ = strconv.Atoi(strings.TrimSpace(string(data)))
		return program > 0
	})
	defer func() {
		_, _ = syscall.Kill(-program, syscall.SIGKILL), syscall.Kill(cmd.Process.Pid, syscall.SIGCONT)
		_ = cmd.Wait()
	}()
	stopped := func(pid int) bool {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		return strings.HasPrefix(string(data[strings.LastIndexByte(string(data), ')'):]), ") T")
	}
	raw := func() bool { // otherwise the terminal itself takes Ctrl-Z
		mode, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
		return err == nil && mode.Lflag&unix.ISIG == 0
	}
	for range 10 {
		until(raw)
		if _, err := terminal.Write([]byte{0x1a}); err != nil {
			t.Fatal(err)
		}
		until(func() bool { return stopped(cmd.Process.Pid) })
		if !stopped(program) {
			t.Fatal("the program goes on while the process that runs it is stopped")
		}
		if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		until(func() bool { return !stopped(program) && !stopped(cmd.Process.Pid) })
	}
}
