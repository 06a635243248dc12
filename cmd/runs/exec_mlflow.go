package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/gitruns/runs/cmd/internal/http1"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/mlflow"
)

// mlflowListener answers the MLflow calls of a program.
type mlflowListener struct {
	service *mlflow.Service
	env     []string // tells MLflow in the program about the listener
	stores  mlflowStores
	end     func() // ends the listener
}

// listenMLflow opens a listener for the MLflow calls of the program that a run records. Only processes that know its
// token are answered. servers is Options.Servers of the service.
func listenMLflow(
	ctx context.Context, active *repo.Active, servers bool, failed func(error),
) (*mlflowListener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for MLflow calls: %w", err)
	}
	token := rand.Text()
	service := mlflow.New(active.Repository(), mlflow.Options{Program: active, Servers: servers})
	listener := &mlflowListener{service: service}
	theirs, registry := userSettings()
	tokens := []string{token, theirs} // a client without our Python code sends theirs, if there is one
	answer := mlflowHandler(service, tokens, map[string]tellFunc{
		storePath: listener.stores.told, programPath: ignore,
		leftPath: func(pid int, _ []byte) error { service.Left(pid); return nil },
	})
	server := &http1.Server{MaxBody: mlflow.MaxBody, Failed: failed, Handler: answer}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(ctx, l); err != nil {
			failed(err)
		}
	}()
	address := "http://" + l.Addr().String()
	listener.end = func() { cancel(); <-ended }
	listener.env = []string{
		"MLFLOW_TRACKING_URI=" + address,
		"MLFLOW_REGISTRY_URI=" + address, // without it, each metric looks for Spark
		"RUNS_MLFLOW_REGISTRY=" + registry,
		"MLFLOW_HTTP_REQUEST_MAX_RETRIES=2",
		"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT=true",
		"NO_PROXY=" + withLoopback(os.Getenv("NO_PROXY")),
		"no_proxy=" + withLoopback(os.Getenv("no_proxy")),
		"RUNS_MLFLOW_ADDRESS=" + address,
		"RUNS_MLFLOW_TOKEN=" + token,
		"RUNS_MLFLOW_PROJECT=" + active.Repository().TreeRoot(),
	}
	if theirs == "" { // otherwise it may be for a server that the program names
		listener.env = append(listener.env, "MLFLOW_TRACKING_TOKEN="+token)
	}
	return listener, nil
}

// userSettings returns the token and the registry that the user has set for MLflow, and not another runs exec.
func userSettings() (token, registry string) {
	token, registry = os.Getenv("MLFLOW_TRACKING_TOKEN"), os.Getenv("MLFLOW_REGISTRY_URI")
	if token == os.Getenv("RUNS_MLFLOW_TOKEN") {
		token = ""
	}
	if registry == os.Getenv("RUNS_MLFLOW_ADDRESS") {
		registry = os.Getenv("RUNS_MLFLOW_REGISTRY")
	}
	return token, registry
}

// leftPath is where a process says that Python exits.
const leftPath = "/gitruns/left"

func withLoopback(list string) string {
	if list == "" {
		return "127.0.0.1"
	}
	return list + ",127.0.0.1"
}

// tellFunc takes in what our own Python code of a process says. The process is 0 if it does not say which it is.
type tellFunc func(pid int, body []byte) error

// mlflowHandler answers requests that have one of the tokens. After it, they may have a dot and the process that asks.
// told takes in what our own Python code says, by path.
func mlflowHandler(
	service *mlflow.Service, tokens []string, told map[string]tellFunc,
) http1.Handler {
	return func(ctx context.Context, r *http1.Request) *http1.Response {
		given, process, _ := strings.Cut(strings.TrimPrefix(r.Header("authorization"), "Bearer "), ".")
		if !slices.ContainsFunc(tokens, func(token string) bool {
			return token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1
		}) {
			return http1.PlainText(401, "the token is not that of this run")
		}
		pid, err := strconv.Atoi(process)
		if process != "" && (err != nil || pid <= 0) {
			return http1.PlainText(400, "the process after the token is not a number")
		}
		path, _, _ := strings.Cut(r.Target, "?")
		if path == "/health" || path == "/version" {
			return http1.PlainText(200, "OK")
		}
		if take := told[path]; take != nil && r.Method == "POST" {
			if err := take(pid, r.Body); err != nil {
				return http1.PlainText(400, err.Error())
			}
			return http1.PlainText(200, "OK")
		}
		query, err := r.Params()
		if err != nil {
			return http1.PlainText(400, "the query is not valid")
		}
		call := mlflow.Call{Method: r.Method, Path: mlflow.Path(path), Query: query, Body: r.Body, PID: pid}
		status, body := service.Answer(ctx, &call)
		response := &http1.Response{Status: status, Body: body}
		response.Set("Content-Type", "application/json")
		return response
	}
}
