package main

import (
	"context"
	"os"
	"strings"
)

// answerMLflow opens a listener for the MLflow calls of a program that is about to start. With servers, it also answers
// the calls to a server that the program names. If that fails, the program runs without it.
func (a *app) answerMLflow(ctx context.Context, s *supervised, servers bool) {
	l, err := listenMLflow(ctx, s.active, servers, func(err error) { a.warn("%v", err) })
	if err != nil {
		a.warn("%v", err)
		return
	}
	mode := "left" // a surrounding exec may have said otherwise
	if servers {
		mode = "taken"
	}
	l.env = append(l.env, "RUNS_MLFLOW_SERVERS="+mode)
	s.mlflow = l
	l.stores.watch(s.active.Repository(), s.dir, s.entry)
}

// namesServer reports whether the environment names a server of MLflow's, which the user wants to be used. Files are
// what MLflow uses that is not told better, and the listener of an enclosing exec answers for that one's run.
func namesServer() bool {
	uri := os.Getenv("MLFLOW_TRACKING_URI")
	if uri == "" || uri == os.Getenv("RUNS_MLFLOW_ADDRESS") {
		return false
	}
	scheme, _, ok := strings.Cut(uri, ":")
	switch scheme = strings.ToLower(scheme); {
	case !ok: // a path, or the name of a service
		return scheme == "databricks" || scheme == "databricks-uc" || scheme == "uc"
	case scheme == "file", scheme == "sqlite", scheme == "gitruns":
		return false
	}
	return len(scheme) > 1 // C:/mlruns is a file
}
