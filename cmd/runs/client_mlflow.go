package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/gitruns/runs/cmd/internal/program"
	"github.com/gitruns/runs/repo"
)

// clientServedJSON tells the client where MLflow's calls are answered.
type clientServedJSON struct {
	warnedJSON
	Address  string `json:"address"`
	Protocol int    `json:"protocol"`
	Root     string `json:"root"`
	Token    string `json:"token"`
}

// clientMLflow finds the service that answers MLflow's calls for the project, or starts it.
func (a *app) clientMLflow(ctx context.Context, _ *clientRequest) (clientAnswer, error) {
	r, err := a.setup(ctx)
	if err != nil {
		return nil, err
	}
	at, err := findMLflow(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("starting the service for MLflow: %w", err)
	}
	return &clientServedJSON{Address: at.Address, Protocol: clientProtocol, Root: r.TreeRoot(), Token: at.Token}, nil
}

// startWait is how long a service may take to start.
const startWait = 20 * time.Second

func findMLflow(ctx context.Context, r *repo.Repository) (at mlflowAddress, err error) {
	place, err := mlflowPlace(r)
	if err != nil {
		return at, err
	}
	if at, err = place.read(); err == nil && at.answers(ctx) {
		return at, nil
	}
	self, err := os.Executable()
	if err != nil {
		return at, err
	}
	cmd := exec.Command(self, "mlflow", "serve")
	cmd.Dir = r.Root
	program.Detach(cmd)
	if err := cmd.Start(); err != nil {
		return at, err
	}
	ended := make(chan struct{})
	go func() { // it goes on after this process, if it does not end at once
		defer close(ended)
		_ = cmd.Wait()
	}()
	late := time.After(startWait)
	for wait := 2 * time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		if at, err = place.read(); err == nil && at.answers(ctx) {
			return at, nil
		}
		select {
		case <-ended: // another one was faster, and is still starting, or it has failed
			ended = nil
			late = time.After(startWait / 4)
		case <-time.After(wait):
		case <-late:
			return at, &repo.HintError{
				Err: fmt.Errorf("it did not answer in time"), Hint: "run 'runs mlflow serve' in the project to see why",
			}
		case <-ctx.Done():
			return at, ctx.Err()
		}
	}
}

// answers reports whether the service still exists at its address: the file of one that was killed stays behind.
func (at mlflowAddress) answers(ctx context.Context) bool {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	host := strings.TrimPrefix(at.Address, "http://")
	if !strings.HasPrefix(host, "127.0.0.1:") || strings.ContainsAny(at.Token, "\r\n") {
		return false
	}
	c, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	const ask = "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n"
	if _, err := fmt.Fprintf(c, ask, servedPath, host, at.Token); err != nil {
		return false
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return err == nil && strings.HasPrefix(line, "HTTP/1.1 200 ")
}
