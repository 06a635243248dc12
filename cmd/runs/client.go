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
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/catalog"
	"github.com/gitruns/runs/repo/query"
)

// clientProtocol is the version of the protocol between the Python client and these commands.
const clientProtocol = 1

// maxRequestBytes is the maximum length of the first line of a request.
const maxRequestBytes = 1 << 20

// clientCommand returns the command that serves the Python client. Each call reads a request from stdin and prints its
// answer as one line of JSON.
func (a *app) clientCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:    "client start|join|finish",
		Hidden: true,
		Short:  "Record for the Python client",
		Long: `Record for the Python client. The request on stdin is a line of JSON, followed
by a journal line if it describes a run. The answer is one line of JSON; after a
failure it is {"error": {"kind", "message", "hint"}}.

    echo '{"protocol": 1, "pid": 4242}' | runs client start`,
		Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error { return usagef("client: missing start, join or finish") },
	}
	for _, c := range []struct {
		name, short string
		call        func(context.Context, *clientRequest) (clientAnswer, error)
		anywhere    bool // the request contains the folder, so any working folder will do
	}{
		{"start", "Start the run of a process", a.clientStart, false},
		{"join", "Add a process to the owners of a run", a.clientJoin, true},
		{"finish", "Finish a run", a.clientFinish, true},
		{"mlflow", "Find or start the service for MLflow", a.clientMLflow, false},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: c.name, Short: c.short, Long: c.short + ", as the request on stdin asks.",
			Args: arguments(0, 0, ""), DisableFlagsInUseLine: true,
			PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepareClient(cmd, c.anywhere) },
			RunE:              func(cmd *cobra.Command, _ []string) error { return a.clientCall(cmd.Context(), c.call) },
		})
	}
	cmd.AddCommand(a.clientAttendCommand(), a.clientColumnsCommand())
	return cmd
}

// clientRequest is a request from the client. Each call uses only some of the fields.
type clientRequest struct {
	Protocol int    `json:"protocol"`
	PID      int    `json:"pid"`
	Dir      string `json:"dir"` // the active folder of the run; for join and finish

	Name           string   `json:"name"`
	Experiment     string   `json:"experiment"`
	Group          string   `json:"group"`
	Key            string   `json:"key"`
	Parent         string   `json:"parent"`
	Resume         string   `json:"resume"`
	Command        []string `json:"command"`
	Entry          string   `json:"entry"`
	System         bool     `json:"system"`
	Sidecar        any      `json:"sidecar"` // for start: whether to start one; for finish: its id, which is not used
	AllowValChange bool     `json:"allow_val_change"`
	Names          bool     `json:"names"` // for join: a starting program brings its experiment, group and key
	Datasets       []string `json:"datasets"`

	Python *capture.Interpreter `json:"python"` // the Python of the process; for start, and for join with names

	Status    string  `json:"status"`
	ExitCode  *int64  `json:"exit_code"`
	Signal    string  `json:"signal"`
	EndReason string  `json:"end_reason"`
	LostRows  int64   `json:"lost_rows"`
	Wait      float64 `json:"wait"` // in seconds

	TensorBoard struct {
		On   bool     `json:"on"`
		Dirs []string `json:"dirs"` // absolute paths; if empty, the run's working folder is used
		PID  int      `json:"pid"`
	} `json:"tensorboard"`

	line *format.Line // the journal line that describes the run; nil if there is none
}

// maxWait is the longest time that a finish waits for open journals.
const maxWait = time.Hour

// readClientRequest reads stdin to its end and parses it as a request.
func readClientRequest(in io.Reader) (*clientRequest, error) {
	const limit = maxRequestBytes + format.MaxLineBytes + 2
	data, err := io.ReadAll(bufio.NewReader(io.LimitReader(in, limit+1)))
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	first, second, _ := bytes.Cut(data, []byte("\n"))
	if len(first) > maxRequestBytes {
		return nil, usagef("reading the request: it is longer than %d bytes", maxRequestBytes)
	}
	if len(data) > limit {
		return nil, usagef("reading the request: it and its journal line are longer than %d bytes", limit)
	}
	q := &clientRequest{}
	var kind *json.UnmarshalTypeError
	switch err := json.Unmarshal(first, q); {
	case errors.As(err, &kind) && kind.Field != "":
		return nil, usagef("reading the request: %s must not be a %s", kind.Field, kind.Value)
	case errors.As(err, &kind):
		return nil, usagef("reading the request: it must be a JSON object")
	case err != nil:
		return nil, usagef("reading the request: %v", err)
	}
	if err := checkProtocol(q.Protocol); err != nil {
		return nil, err
	}
	if second = bytes.TrimSpace(second); len(second) == 0 {
		return q, nil
	}
	if bytes.ContainsRune(second, '\n') {
		return nil, usagef("reading the request: it has more than two lines")
	}
	q.line = &format.Line{}
	var parser format.JournalParser
	if err := parser.Parse(second, q.line); err != nil {
		return nil, usagef("reading the description of the run: %v", err)
	}
	if q.line.Aside != "" {
		return nil, usagef("reading the description of the run: %s", q.line.Aside)
	}
	return q, nil
}

func checkProtocol(protocol int) error {
	if protocol == clientProtocol {
		return nil
	}
	return &repo.HintError{
		Err: usagef("reading the request: the client speaks protocol %d, but this version of runs speaks %d",
			protocol, clientProtocol),
		Hint: "install the same version of both",
	}
}

// The kinds of failures that the client distinguishes.
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
			catalog.KeyExists: clientExists, catalog.KeyMissing: clientMissing, catalog.IsActive: clientAlive,
			catalog.MayBeActive: clientAlive,
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

// prepareClient calls prepare and sends its errors to the client as answers. If the working folder was removed and
// anywhere is true, prepareClient uses the root folder instead.
func (a *app) prepareClient(cmd *cobra.Command, anywhere bool) error {
	err := a.prepare(cmd)
	if root := filepath.VolumeName(os.TempDir()) + string(filepath.Separator); anywhere && errors.Is(err,
		errFolderGone) && os.Chdir(root) == nil {
		a.dir = root
		err = a.prepare(cmd)
	}
	if err != nil {
		return errors.Join(a.clientFailed(err), quietError{exitFailed})
	}
	return nil
}

// clientFailed prints the answer to a failed call.
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

// failedJSON is the answer to a failed call.
type failedJSON struct {
	Error struct {
		Hint    string `json:"hint"`
		Kind    string `json:"kind"`
		Message string `json:"message"`
	} `json:"error"`
}

// clientAnswer is the answer to a successful call.
type clientAnswer interface{ setWarnings(warnings []string) }

// warnedJSON is embedded in every clientAnswer.
type warnedJSON struct {
	Warnings []string `json:"warnings"`
}

func (w *warnedJSON) setWarnings(warnings []string) { w.Warnings = warnings }

// clientCall handles one request. Lines that a command would print to stderr become warnings in the answer.
func (a *app) clientCall(ctx context.Context, call func(context.Context, *clientRequest) (clientAnswer, error)) error {
	var messages bytes.Buffer
	a.term.Quiet(&messages)
	var answer clientAnswer
	q, err := readClientRequest(a.term.In)
	if err == nil {
		answer, err = call(ctx, q)
	}
	if err != nil {
		return a.clientFailed(err)
	}
	answer.setWarnings(warningsIn(&messages))
	return a.printJSON(answer)
}

// warningsIn returns the lines that a command would print to stderr.
func warningsIn(messages *bytes.Buffer) []string {
	warnings := []string{}
	for line := range strings.Lines(messages.String()) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "runs: ")
		warnings = append(warnings, strings.TrimPrefix(line, "warning: "))
	}
	return warnings
}
