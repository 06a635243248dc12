package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// clientProtocol is the version of what the Python client and these commands say to each other.
const clientProtocol = 1

// maxRequestBytes bounds the first line of a request.
const maxRequestBytes = 1 << 20

// clientCommand serves the Python client: each call reads a request from stdin and answers with one line of JSON.
func (a *app) clientCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:    "client start|join|finish",
		Hidden: true,
		Short:  "Record for the Python client",
		Long: `Record for the Python client. A request is read from stdin to its end: a line of JSON, and where a run is described a
journal line behind it. The answer is one line of JSON; what went wrong is {"error": {"kind", "message", "hint"}}.`,
		Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error { return usagef("client: start, join or finish missing") },
	}
	for _, c := range []struct {
		name, short string
		call        func(context.Context, *clientRequest) (clientAnswer, error)
		anywhere    bool // the request says where
	}{
		{"start", "Start a run that a process keeps open", a.clientStart, false},
		{"join", "Add a process to the owners of a run", a.clientJoin, true},
		{"finish", "End a run", a.clientFinish, true},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: c.name, Short: c.short, Long: c.short + ", as stdin says.", Args: arguments(0, 0, ""), DisableFlagsInUseLine: true,
			PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepareClient(cmd, c.anywhere) },
			RunE:              func(cmd *cobra.Command, _ []string) error { return a.clientCall(cmd.Context(), c.call) },
		})
	}
	cmd.AddCommand(a.clientAttendCommand())
	return cmd
}

// clientRequest is what the client asks: one set of keys for all calls, as each needs them.
type clientRequest struct {
	Protocol int    `json:"protocol"`
	PID      int    `json:"pid"`
	Dir      string `json:"dir"` // the active folder of the run; of join and finish

	Name           string   `json:"name"`
	Experiment     string   `json:"experiment"`
	Group          string   `json:"group"`
	Key            string   `json:"key"`
	Parent         string   `json:"parent"`
	Resume         string   `json:"resume"`
	Command        []string `json:"command"`
	Entry          string   `json:"entry"`
	System         bool     `json:"system"`
	Sidecar        any      `json:"sidecar"` // of start, whether one is wanted; of finish its pid, which the run knows too
	AllowValChange bool     `json:"allow_val_change"`
	Names          bool     `json:"names"` // of join: a program begins, and says what its run belongs to
	Datasets       []string `json:"datasets"`

	Status    string  `json:"status"`
	ExitCode  *int64  `json:"exit_code"`
	Signal    string  `json:"signal"`
	EndReason string  `json:"end_reason"`
	LostRows  int64   `json:"lost_rows"`
	Wait      float64 `json:"wait"` // seconds

	TensorBoard struct {
		On   bool     `json:"on"`
		Dirs []string `json:"dirs"` // absolute; none is the run's working folder
		PID  int      `json:"pid"`
	} `json:"tensorboard"`

	line *format.Line // what the run says of itself; nil without
}

// maxWait bounds the wait of a finish for writers.
const maxWait = time.Hour

// readClientRequest reads a request to its end.
func readClientRequest(in io.Reader) (*clientRequest, error) {
	const limit = maxRequestBytes + format.MaxLineBytes + 2
	data, err := io.ReadAll(bufio.NewReader(io.LimitReader(in, limit+1)))
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	first, second, _ := bytes.Cut(data, []byte("\n"))
	if len(data) > limit || len(first) > maxRequestBytes {
		return nil, usagef("reading the request: longer than a request may be")
	}
	q := &clientRequest{}
	var kind *json.UnmarshalTypeError
	switch err := json.Unmarshal(first, q); {
	case errors.As(err, &kind) && kind.Field != "":
		return nil, usagef("reading the request: %s must not be a %s", kind.Field, kind.Value)
	case errors.As(err, &kind):
		return nil, usagef("reading the request: it is no object")
	case err != nil:
		return nil, usagef("reading the request: %v", err)
	}
	if q.Protocol != clientProtocol {
		return nil, usagef("the client speaks protocol %d and this version of runs %d: install the same version of both", q.Protocol, clientProtocol)
	}
	if second = bytes.TrimSpace(second); len(second) == 0 {
		return q, nil
	}
	if bytes.ContainsRune(second, '\n') {
		return nil, usagef("reading the request: a third line")
	}
	q.line = &format.Line{}
	var parser format.JournalParser
	if err := parser.Parse(second, q.line); err != nil {
		return nil, usagef("reading what describes the run: %v", err)
	}
	return q, nil
}

// Kinds of what goes wrong.
const (
	clientExists   = "exists"
	clientMissing  = "missing"
	clientAlive    = "alive"
	clientReadOnly = "readonly"
	clientUsage    = "usage"
	clientParams   = "params"
	clientOther    = "other"
)

func errorKind(err error) string {
	var problem *catalog.ResumeError
	var params *catalog.ParamsError
	var usage usageError
	var syntax *query.SyntaxError
	switch {
	case errors.As(err, &problem):
		return map[catalog.ResumeProblem]string{
			catalog.KeyExists: clientExists, catalog.KeyMissing: clientMissing, catalog.IsActive: clientAlive, catalog.MayBeActive: clientAlive,
		}[problem.Problem]
	case errors.As(err, &params):
		return clientParams
	case errors.As(err, &usage), errors.As(err, &syntax):
		return clientUsage
	case errors.Is(err, repo.ErrNotActive):
		return clientMissing
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return clientReadOnly
	}
	return clientOther
}

// prepareClient is prepare where an error is an answer. A program may have removed the folder that it works in: a call that
// needs none goes on without.
func (a *app) prepareClient(cmd *cobra.Command, anywhere bool) error {
	err := a.prepare(cmd)
	if root := filepath.VolumeName(os.TempDir()) + string(filepath.Separator); anywhere && errors.Is(err, errFolderGone) && os.Chdir(root) == nil {
		a.dir = root
		err = a.prepare(cmd)
	}
	if err != nil {
		return errors.Join(a.clientFailed(err), quietError{exitFailed})
	}
	return nil
}

// clientFailed answers with an error.
func (a *app) clientFailed(err error) error {
	hint := ""
	var hinted *repo.HintError
	if errors.As(err, &hinted) {
		hint = hinted.Hint
	}
	a.status = exitFailed
	var answer failedJSON
	answer.Error.Hint, answer.Error.Kind, answer.Error.Message = hint, errorKind(err), firstLine(err.Error())
	return a.printJSON(answer)
}

// failedJSON is the answer to a call that failed.
type failedJSON struct {
	Error struct {
		Hint    string `json:"hint"`
		Kind    string `json:"kind"`
		Message string `json:"message"`
	} `json:"error"`
}

// clientAnswer is the answer to a call that succeeded.
type clientAnswer interface{ setWarnings(warnings []string) }

// warnedJSON is part of each clientAnswer.
type warnedJSON struct {
	Warnings []string `json:"warnings"`
}

func (w *warnedJSON) setWarnings(warnings []string) { w.Warnings = warnings }

// clientCall answers one request. What a command would say to a person goes into the answer.
func (a *app) clientCall(ctx context.Context, call func(context.Context, *clientRequest) (clientAnswer, error)) error {
	var said bytes.Buffer
	a.term.Quiet(&said)
	var answer clientAnswer
	q, err := readClientRequest(a.term.In)
	if err == nil {
		answer, err = call(ctx, q)
	}
	if err != nil {
		return a.clientFailed(err)
	}
	warnings := []string{}
	for line := range strings.Lines(said.String()) {
		warnings = append(warnings, strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "runs: "), "warning: "))
	}
	answer.setWarnings(warnings)
	return a.printJSON(answer)
}
