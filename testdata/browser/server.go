package browser

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Build builds runs into a folder and returns its path. If RUNS_BINARY names a program, it is that one.
func Build(folder string) (string, error) {
	if named := os.Getenv("RUNS_BINARY"); named != "" {
		return filepath.Abs(named)
	}
	program := filepath.Join(folder, "runs")
	cmd := exec.Command("go", "build", "-C", "../..", "-o", program, "./cmd/runs")
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building runs: %v\n%s", err, out)
	}
	return program, nil
}

// Server is a running 'runs ui'.
type Server struct {
	Base  string // the address without fragment, ending in a slash
	Token string

	cmd  *exec.Cmd
	gone chan error
	mu   sync.Mutex
	out  bytes.Buffer // what it printed
}

var address = regexp.MustCompile(`(http://[^\s#]+/)#token=([\w-]+)`)

// Serve starts 'runs ui' in a project. It is interrupted at the end of the test.
func (p *Project) Serve(args ...string) *Server {
	p.t.Helper()
	s := &Server{gone: make(chan error, 1)}
	s.cmd = exec.Command(p.program, append([]string{"-C", p.Dir, "ui", "--port", "0", "--no-browser"}, args...)...)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	s.cmd.Stderr = s.cmd.Stdout
	if err := s.cmd.Start(); err != nil {
		p.t.Fatalf("starting runs ui: %v", err)
	}
	found := make(chan []string, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.mu.Lock()
			s.out.WriteString(lines.Text() + "\n")
			s.mu.Unlock()
			if match := address.FindStringSubmatch(lines.Text()); match != nil {
				select {
				case found <- match:
				default:
				}
			}
		}
		s.gone <- s.cmd.Wait()
	}()
	p.t.Cleanup(s.Stop)
	select {
	case match := <-found:
		s.Base, s.Token = match[1], match[2]
	case err := <-s.gone:
		s.gone <- err
		p.t.Fatalf("runs ui ended: %v\n%s", err, s.Output())
	case <-time.After(10 * patience): // for what a benchmark may ask
		p.t.Fatalf("runs ui printed no address:\n%s", s.Output())
	}
	return s
}

// Output returns what the server has printed.
func (s *Server) Output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// URL returns the address of a place in the page, such as "#/charts?x=time", with the token.
func (s *Server) URL(place string) string {
	place = strings.TrimPrefix(place, "#")
	if place == "" {
		return s.Base + "#token=" + s.Token
	}
	return s.Base + "#" + place + "&token=" + s.Token
}

// Pid is the process of the server.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Stop interrupts the server and waits for its end.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	select {
	case err := <-s.gone:
		s.gone <- err
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
	}
}
