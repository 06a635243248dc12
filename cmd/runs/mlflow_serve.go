package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/http1"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/lock"
	"github.com/gitruns/runs/repo/mlflow"
)

// mlflowCommand returns the command that the plugin of the Python client starts.
func (a *app) mlflowCommand() *cobra.Command {
	var idle time.Duration
	cmd := &cobra.Command{
		Use:    "mlflow serve",
		Hidden: true,
		Short:  "Answer MLflow's calls for other programs",
		Long: `Answer MLflow's calls for other programs.

    runs mlflow serve --idle 1h`,
		Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error { return usagef("mlflow: missing serve") },
	}
	serve := &cobra.Command{
		Use: "serve [flags]", Short: "Answer MLflow's calls",
		Long: `Answer the MLflow calls of programs that do not run under 'runs exec'. The Python
client starts this command for mlflow.set_tracking_uri("gitruns:"). It serves one
project and user, and ends when nobody has used it for a while.

    runs mlflow serve --idle 1h

Its address and token are in a file in Git's folder that only this user can read.`,
		Args: arguments(0, 0, ""), DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.mlflowServe(cmd.Context(), idle) },
	}
	serve.Flags().DurationVar(&idle, "idle", 10*time.Minute, "end after `DURATION` without a call and a run in progress")
	cmd.AddCommand(serve)
	return cmd
}

// mlflowServer answers the calls of programs of this user for one project.
type mlflowServer struct {
	repo    *repo.Repository
	service *mlflow.Service
	token   string

	mu       sync.Mutex
	called   time.Time                 // the last call
	programs map[int]*mlflowProgramAsk // what processes said about themselves, by pid
}

// mlflowProgramAsk is what a program says about itself before it begins a run.
type mlflowProgramAsk struct {
	Command []string             `json:"command"`
	Entry   string               `json:"entry"` // absolute path of the script; may be empty
	Dir     string               `json:"dir"`   // absolute
	Python  *capture.Interpreter `json:"python"`

	process repo.Process
}

// The paths of what our own plugin says.
const (
	programPath = "/gitruns/program"
	servedPath  = "/gitruns/served" // asks whether the service is that of the token
)

// mlflowServe answers calls until nobody uses it for the time idle. If another process does so already, it does
// nothing.
func (a *app) mlflowServe(ctx context.Context, idle time.Duration) error {
	r, err := a.setup(ctx)
	if err != nil {
		return err
	}
	place, err := mlflowPlace(r)
	if err != nil {
		return err
	}
	held, err := place.hold()
	if err != nil || held == nil {
		return err
	}
	defer func() { _ = held.Close() }()
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening for MLflow calls: %w", err)
	}
	s := &mlflowServer{repo: r, token: rand.Text(), called: time.Now(), programs: map[int]*mlflowProgramAsk{}}
	s.service = mlflow.New(r, mlflow.Options{Capture: s.capture})
	answer := mlflowHandler(s.service, []string{s.token}, map[string]tellFunc{programPath: s.program, servedPath: ignore})
	server := &http1.Server{
		MaxBody: mlflow.MaxBody, Failed: func(err error) { a.warn("%v", err) },
		Handler: func(ctx context.Context, r *http1.Request) *http1.Response {
			response := answer(ctx, r)
			if response.Status != 401 {
				s.use()
			}
			return response
		},
	}
	address := mlflowAddress{Address: "http://" + l.Addr().String(), Token: s.token, PID: os.Getpid()}
	if err := place.write(address); err != nil {
		_ = l.Close()
		return err
	}
	defer place.remove()
	a.print("%s", address.Address)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l) }()
	s.attend(ctx, idle, a.warn)
	place.remove() // from now on, programs start another one
	cancel()
	err = <-ended
	return errors.Join(err, s.service.Close(context.WithoutCancel(ctx)))
}

func ignore(int, []byte) error { return nil }

// use notes that somebody uses the service.
func (s *mlflowServer) use() {
	s.mu.Lock()
	s.called = time.Now()
	s.mu.Unlock()
}

// attend finishes runs whose time has come, until ctx ends, nobody has used the service for the time idle, or the
// project was removed.
func (s *mlflowServer) attend(ctx context.Context, idle time.Duration, warn func(string, ...any)) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		open, err := s.service.Sweep(context.WithoutCancel(ctx))
		if err != nil {
			warn("%v", err)
		}
		s.mu.Lock()
		unused := time.Since(s.called)
		for pid, p := range s.programs {
			if !p.process.Alive() {
				delete(s.programs, pid)
			}
		}
		s.mu.Unlock()
		if _, err := os.Stat(s.repo.Dir); err != nil || open == 0 && unused > idle {
			return
		}
	}
}

// program takes in what a program says about itself.
func (s *mlflowServer) program(pid int, body []byte) error {
	q := &mlflowProgramAsk{process: repo.WatchProcess(pid)}
	if err := json.Unmarshal(body, q); err != nil || pid == 0 || !filepath.IsAbs(q.Dir) {
		return errors.New("the program is not valid")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.programs) < 10_000 {
		s.programs[pid] = q
	}
	return nil
}

// capture adds to a run the source, environment and machine of the program that begins it.
func (s *mlflowServer) capture(ctx context.Context, pid int, run *format.Run) error {
	s.mu.Lock()
	q := s.programs[pid]
	s.mu.Unlock()
	if q == nil {
		q = &mlflowProgramAsk{Dir: s.repo.Root}
	}
	described, err := s.repo.Describe(repo.Description{Command: q.Command, Dir: q.Dir})
	if err != nil {
		return err
	}
	run.Command, run.Cwd = described.Command, described.Cwd
	ask := repo.CaptureRequest{Command: q.Command, Dir: q.Dir, Interpreter: q.Python}
	if _, _, err := s.repo.Capture(ctx, run, ask); err != nil {
		return err
	}
	if run.Source != nil && q.Entry != "" {
		run.Source.Entry = s.repo.EntryPoint(q.Dir, []string{q.Entry})
	}
	return nil
}

// mlflowAddress is how programs of this user reach the service.
type mlflowAddress struct {
	Address string `json:"address"`
	Token   string `json:"token"`
	PID     int    `json:"pid"`
}

// mlflowFile is the path of the file with the address of the service for a project.
type mlflowFile string

// mlflowPlace returns the file for the project. Its name has the machine, the user and the network namespace, because
// others may share the folder, whom the address does not lead to the service.
func mlflowPlace(r *repo.Repository) (mlflowFile, error) {
	dir := filepath.Join(r.Git.Git, "runs")
	if !r.InGit {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("finding the user's cache folder: %w", err)
		}
		dir = filepath.Join(cache, "runs", "served"+filepath.ToSlash(r.Dir))
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	network, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		network = "net"
	}
	name := fmt.Sprintf("mlflow-%s-%d-%s.json", repo.Host(), os.Getuid(), onlyDigits(network))
	return mlflowFile(filepath.Join(dir, name)), nil
}

func onlyDigits(text string) (digits string) {
	for _, c := range text {
		if c >= '0' && c <= '9' {
			digits += string(c)
		}
	}
	return digits
}

// hold locks the place. It returns nil if another process serves.
func (p mlflowFile) hold() (*os.File, error) {
	f, err := os.OpenFile(string(p)+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	held, err := lock.Try(f)
	if err != nil || !held {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// write puts the address into the file.
func (p mlflowFile) write(at mlflowAddress) error {
	data, err := json.Marshal(at)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(string(p)), ".mlflow-*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), string(p))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// remove removes the file, if it is that of this process.
func (p mlflowFile) remove() {
	if at, err := p.read(); err == nil && at.PID == os.Getpid() {
		_ = os.Remove(string(p))
	}
}

// read returns the address in the file. It does not trust a file of another user.
func (p mlflowFile) read() (at mlflowAddress, err error) {
	info, err := os.Lstat(string(p))
	if err != nil {
		return at, err
	}
	if !info.Mode().IsRegular() || !isOwn(info) || info.Size() > 10_000 {
		return at, fmt.Errorf("%s is not a file of this user", p)
	}
	data, err := os.ReadFile(string(p))
	if err == nil {
		err = json.Unmarshal(data, &at)
	}
	return at, err
}
