//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// servedVariable makes the program runs, in tests, execute one command after another instead of one.
const servedVariable = "RUNS_TEST_SERVED"

// servedCommand is what a served program executes.
type servedCommand struct {
	Dir  string
	Args []string
}

// serves executes the commands that come on file 3 and answers their exit statuses on file 4, if servedVariable asks
// for it.
func serves() bool {
	if os.Getenv(servedVariable) == "" {
		return false
	}
	_ = os.Unsetenv(servedVariable) // hooks start the program too
	syscall.CloseOnExec(3)
	syscall.CloseOnExec(4)
	asked, answers := json.NewDecoder(bufio.NewReader(os.NewFile(3, "asked"))), os.NewFile(4, "answers")
	for {
		var c servedCommand
		if asked.Decode(&c) != nil {
			return true
		}
		status := 1
		if os.Chdir(c.Dir) == nil && os.Setenv("PWD", c.Dir) == nil {
			status = run(context.Background(), c.Args)
		}
		if _, err := fmt.Fprintln(answers, status); err != nil {
			return true
		}
	}
}

// served is a process that executes commands of runs, which saves the start of one for each. It is one process for the
// locks that commands take, and can be killed in the middle of a command.
type served struct {
	cmd     *exec.Cmd
	asked   *json.Encoder
	answers *bufio.Reader

	messages bytes.Buffer // complete once the process has ended
	close    func()
}

func startServed(t *testing.T, env []string) *served {
	t.Helper()
	in, ask, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answer, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s := &served{cmd: exec.Command("runs"), asked: json.NewEncoder(ask), answers: bufio.NewReader(answer)}
	s.cmd.Env = append(env[:len(env):len(env)], servedVariable+"=1")
	s.cmd.Stderr = &s.messages // for a panic
	s.cmd.ExtraFiles = []*os.File{in, out}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = s.cmd.Start()
	_ = in.Close()
	_ = out.Close()
	if err != nil {
		t.Fatal(err)
	}
	s.close = func() {
		_ = ask.Close()
		_ = s.cmd.Wait()
		_ = answer.Close()
	}
	return s
}

// run executes a command. If after is not 0, it kills the process and its children after that time. alive is false if
// the process no longer exists, which it may not either if the command has ended just before.
func (s *served) run(dir string, after time.Duration, args []string) (ended string, alive bool) {
	if err := s.asked.Encode(servedCommand{dir, args}); err != nil {
		return err.Error(), false
	}
	in := func() bool { return true }
	if after > 0 {
		in = time.AfterFunc(after, func() { _ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) }).Stop
	}
	line, err := s.answers.ReadString('\n')
	alive = in() && err == nil
	if err != nil {
		return "no exit status", alive
	}
	return "exit status " + strings.TrimSpace(line), alive
}
