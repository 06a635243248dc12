// Package mlflow answers the calls of MLflow's tracking protocol from a repository of runs, so that a program which
// uses MLflow records into it unchanged. It knows no transport: a call is a method, a path, a query and a body of JSON.
//
// The protocol is that of MLflow's REST API, https://mlflow.org/docs/latest/api_reference/rest-api.html, as the clients
// of 2.22 and 3.17 use it.
package mlflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
)

// Prefix begins the path of every call. Clients of 3.x use version 3.0 of some paths.
const Prefix = "/api/2.0/mlflow/"

// Path returns the part of a path of the protocol that names the call, such as "runs/create". A path
// that is not of the protocol comes back whole.
func Path(path string) string {
	for _, prefix := range []string{Prefix, "/api/3.0/mlflow/", "/ajax-api/2.0/mlflow/", "/ajax-api/3.0/mlflow/"} {
		if call, ok := strings.CutPrefix(path, prefix); ok {
			return call
		}
	}
	return path
}

// MaxBody is the size in bytes that the body of a call may have: MLflow's client sends at most 1 MB, and tags and
// inputs of datasets add to it.
const MaxBody = 16 << 20

// Service answers calls. Its methods may be called by several goroutines at once.
type Service struct {
	repo *repo.Repository
	opts Options

	known   known      // what the ids of runs stand for
	nonce   string     // names the folder of artifacts that the program is given
	keeping sync.Mutex // held while the file of an experiment is changed
	placing sync.Mutex // held while the files of a version are placed

	mu          sync.Mutex
	open        map[string]*openRun // the runs of this service that have not ended, by the ids that MLflow knows
	parts       map[string]string   // the ids of open runs that MLflow knows, by other ids of theirs and of earlier parts
	taken       bool                // a run of the program has become Options.Program
	shared      *format.Run         // Options.Program as it was started, for what further runs share with it
	experiments map[string]string   // the names of experiments that no run has yet, by id
	begun       map[string]int64    // when experiments began that no run tells of, in ms since 1970, by our names
	given       map[string]string   // finished runs whose artifacts the program was given, by the folders that have them
	unknown     map[string]int      // calls that are not answered, by what they belong to
	left        map[int]bool        // processes that have said that they exit
	// programParts are the ids of Options.Program and of the runs that it resumes, if the program has deleted that run.
	programParts []string
	stages       sync.Map // of experiments, by our names of them; see inDeleted
	branch       ofBranch
	further      []string // the ids of runs that were finished, without Options.Program
}

// Further returns the ids of the runs that the service has finished, without the one that records the program.
func (s *Service) Further() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.further)
}

// Left tells the service that a process exits, not killed. A run that MLflow has not ended, of a process that did not
// say so, has crashed.
func (s *Service) Left(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left[pid] = true
}

// Options say for whom a service answers.
type Options struct {
	// Program is the run that records the program whose calls are answered: its first run is that one. It is nil for a
	// service that outlives programs.
	Program *repo.Active
	// Servers means that calls to a server which the program or its environment names are answered, too.
	Servers bool
	// PID is the process of that program. It keeps its runs in progress if this process ends before it. It may be 0.
	PID int
	// Capture adds to a run that the process pid begins what is captured of its program: source, environment, machine.
	// It is for a service that outlives programs. pid is 0 if the process is not known.
	Capture func(ctx context.Context, pid int, run *format.Run) error
}

// New makes a service for a repository.
func New(r *repo.Repository, o Options) *Service {
	s := &Service{
		repo: r, opts: o, open: map[string]*openRun{}, parts: map[string]string{}, experiments: map[string]string{},
		begun:   map[string]int64{},
		unknown: map[string]int{}, left: map[int]bool{}, given: map[string]string{}, nonce: format.RandomLetters(8),
	}
	if o.Program != nil {
		s.known.program = o.Program.ID
	}
	return s
}

// SetPID tells the service which process the program is, once it is started.
func (s *Service) SetPID(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.PID = pid
}

// Call is a call of the protocol.
type Call struct {
	Method string     // GET, POST, PATCH or DELETE
	Path   string     // below Prefix, such as "runs/create"
	Query  url.Values // of a GET
	Body   []byte     // JSON; empty for a GET

	id, key string // of a model and of its tag, in the path
	PID     int    // the process that calls, on this machine; 0 if it is not known
}

// decode reads the body of a call, or its query if it has no body. Keys that are not known are ignored, as MLflow's
// server does.
func (c *Call) decode(v any) error {
	data := c.Body
	if len(data) == 0 {
		query := map[string]string{}
		for key := range c.Query {
			query[key] = c.Query.Get(key)
		}
		data, _ = json.Marshal(query) // a map of strings
	}
	if err := json.Unmarshal(data, v); err != nil {
		return invalid("the body of %s is not valid: %v", c.Path, err)
	}
	return nil
}

// handlers answer the calls, by method and path.
var handlers = map[string]func(*Service, context.Context, *Call) (any, error){
	"GET experiments/get":         (*Service).getExperiment,
	"GET experiments/get-by-name": (*Service).experimentByName,
	"POST experiments/create":     (*Service).createExperiment,
	"POST experiments/search":     (*Service).searchExperiments,
	"GET experiments/search":      (*Service).searchExperiments,
	"POST experiments/update":     (*Service).updateExperiment,
	"POST experiments/delete":     (*Service).deleteExperiment,
	"POST experiments/restore":    (*Service).restoreExperiment,

	"POST experiments/set-experiment-tag":    (*Service).setExperimentTag,
	"POST experiments/delete-experiment-tag": (*Service).deleteExperimentTag,
	"POST experiments/search-datasets":       (*Service).searchDatasets,
	"GET metrics/get-history-bulk-interval":  (*Service).sampledHistory,
	"GET metrics/get-history-bulk":           (*Service).bulkHistory,

	"POST runs/create":        (*Service).createRun,
	"POST runs/update":        (*Service).updateRun,
	"GET runs/get":            (*Service).getRun,
	"POST runs/log-metric":    (*Service).logMetric,
	"POST runs/log-parameter": (*Service).logParam,
	"POST runs/log-batch":     (*Service).logBatch,
	"POST runs/set-tag":       (*Service).setTag,
	"POST runs/delete-tag":    (*Service).deleteTag,
	"POST runs/delete":        (*Service).deleteRun,
	"POST runs/restore":       (*Service).restoreRun,
	"POST runs/search":        (*Service).searchRuns,
	"POST runs/log-inputs":    (*Service).logInputs,
	"POST gitruns/journal":    (*Service).openDirect,
	"POST gitruns/artifacts":  (*Service).openArtifacts,
	"GET metrics/get-history": (*Service).metricHistory,
	"POST runs/outputs":       (*Service).logOutputs,
	"POST runs/log-model":     (*Service).recordModel,
	"GET artifacts/list":      (*Service).listArtifacts,

	"POST logged-models":                           (*Service).createModel,
	"POST logged-models/search":                    (*Service).searchModels,
	"GET logged-models/{id}":                       (*Service).getModel,
	"PATCH logged-models/{id}":                     (*Service).finalizeModel,
	"DELETE logged-models/{id}":                    (*Service).deleteModel,
	"PATCH logged-models/{id}/tags":                (*Service).setModelTags,
	"DELETE logged-models/{id}/tags/{key}":         (*Service).deleteModelTag,
	"POST logged-models/{id}/params":               (*Service).logModelParams,
	"GET logged-models/{id}/artifacts/directories": (*Service).listModelArtifacts,

	"POST registered-models/create":              ofRegistry((*Service).createRegistered),
	"GET registered-models/get":                  ofRegistry((*Service).getRegistered),
	"GET registered-models/search":               (*Service).searchRegistered,
	"PATCH registered-models/update":             ofRegistry(noting(false, describe)),
	"POST registered-models/rename":              ofRegistry((*Service).renameRegistered),
	"DELETE registered-models/delete":            ofRegistry((*Service).deleteRegistered),
	"POST registered-models/set-tag":             ofRegistry(noting(false, tag)),
	"DELETE registered-models/delete-tag":        ofRegistry(noting(false, untag)),
	"GET registered-models/get-latest-versions":  ofRegistry((*Service).latestVersions),
	"POST registered-models/get-latest-versions": ofRegistry((*Service).latestVersions),
	"POST registered-models/alias":               ofRegistry((*Service).setAlias),
	"GET registered-models/alias":                ofRegistry((*Service).versionByAlias),
	"DELETE registered-models/alias":             ofRegistry((*Service).deleteAlias),
	"POST model-versions/create":                 ofRegistry((*Service).createVersion),
	"GET model-versions/get":                     ofRegistry((*Service).getVersion),
	"GET model-versions/get-download-uri":        ofRegistry((*Service).versionFiles),
	"GET model-versions/search":                  (*Service).searchVersions,
	"PATCH model-versions/update":                ofRegistry(noting(true, describe)),
	"DELETE model-versions/delete":               ofRegistry((*Service).deleteVersion),
	"POST model-versions/transition-stage":       ofRegistry((*Service).moveVersion),
	"POST model-versions/set-tag":                ofRegistry(noting(true, tag)),
	"DELETE model-versions/delete-tag":           ofRegistry(noting(true, untag)),

	"GET traces":                           (*Service).nothing,
	"POST traces/search":                   (*Service).nothing,
	"POST traces/metrics":                  (*Service).nothing,
	"GET unified-traces":                   (*Service).nothing,
	"GET scorers/list":                     (*Service).nothing,
	"GET scorers/online-configs":           (*Service).nothing,
	"POST datasets/search":                 (*Service).nothing,
	"GET datasets/search":                  (*Service).nothing,
	"POST issues/search":                   (*Service).nothing,
	"GET label-schemas/list":               (*Service).nothing,
	"GET review-queues/list":               (*Service).nothing,
	"GET webhooks":                         (*Service).nothing,
	"POST prompt-optimization/jobs/search": (*Service).nothing,
	"GET prompt-optimization/jobs/search":  (*Service).nothing,
}

// pattern returns the path of the call with {id} and {key} in place of what the path names.
func (c *Call) pattern() string {
	rest, ok := strings.CutPrefix(c.Path, "logged-models/")
	if !ok || rest == "search" {
		return c.Path
	}
	id, rest, _ := strings.Cut(rest, "/")
	pattern := "logged-models/{id}"
	if key, ok := strings.CutPrefix(rest, "tags/"); ok {
		c.key, rest = unescape(key), "tags/{key}"
	}
	c.id = unescape(id)
	if rest != "" {
		pattern += "/" + rest
	}
	return pattern
}

func unescape(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// Answer answers a call with a status of HTTP and a body of JSON.
func (s *Service) Answer(ctx context.Context, c *Call) (status int, body []byte) {
	if c.PID != 0 {
		ctx = context.WithValue(ctx, callerKey{}, c.PID)
	}
	handler := handlers[c.Method+" "+c.pattern()]
	var answer any
	var err error
	if handler != nil {
		answer, err = handler(s, ctx, c)
	} else {
		err = s.unanswered(c)
	}
	if err == nil {
		if body, err = json.Marshal(answer); err == nil {
			return 200, body
		}
	}
	var known *Error
	if !errors.As(err, &known) {
		known = &Error{500, "INTERNAL_ERROR", err.Error()}
	}
	body, _ = json.Marshal(map[string]string{"error_code": known.Code, "message": known.Message})
	return known.Status, body
}

// Unanswered returns how often the program made calls that are not answered, by what they belong to.
func (s *Service) Unanswered() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unknown
}

// Error is an error in MLflow's words.
type Error struct {
	Status  int    // of HTTP
	Code    string // such as RESOURCE_DOES_NOT_EXIST
	Message string
}

func (e *Error) Error() string { return e.Message }

func invalid(text string, args ...any) error {
	return &Error{400, "INVALID_PARAMETER_VALUE", fmt.Sprintf(text, args...)}
}

func notFound(text string, args ...any) error {
	return &Error{404, "RESOURCE_DOES_NOT_EXIST", fmt.Sprintf(text, args...)}
}

// number reads an integer that JSON may give as a number or as a string of digits: the rules of protocol buffers allow
// both.
type number int64

func (n *number) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	if text == "null" || text == "" {
		return nil
	}
	var v int64
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return err
	}
	*n = number(v)
	return nil
}
