package stored

import (
	"context"
	"crypto/sha256"
	"math"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/mlflow"
)

// experiment is an experiment of a store.
type experiment struct {
	name    string
	deleted bool
	created int64 // ms since 1970, or 0
	tags    map[string]string
}

// storedRun is what a store has about a run itself. Times are in ms since 1970; 0 is unknown.
type storedRun struct {
	id         string // 32 hexadecimal digits; a client may have chosen others
	name       string
	experiment *experiment
	user       string
	status     string // one of the words of MLflow, or empty
	start, end int64
	deleted    bool
	source     string // the program, in stores of MLflow 0.x
	commit     string
	artifacts  string // the address that the run wrote its artifacts to, on whatever machine

	content content
}

// content reads what a store has about one run, besides the run itself.
type content interface {
	// details returns everything but the points.
	details(ctx context.Context) (*details, error)
	// points visits the points of all metrics, those of one metric in the order of the store.
	points(ctx context.Context, visit func(p *point) error) error
	// last returns the time of the last point, in ms since 1970, or 0.
	last(ctx context.Context) (int64, error)
	// folders returns folders that may hold the artifacts, the most likely one first.
	folders() []string
}

// details is what a store has about a run in texts.
type details struct {
	tags     map[string]string
	params   []pair
	datasets []dataset
	models   []model // that the run made
	damage   []string
}

type pair struct{ key, value string }

// model is a model that a run logged, as MLflow 3 stores it.
type model struct {
	id, name string
	folder   string // of its files, or empty if they are not below the store
	uri      string // where they were written
	kind     string // in the words of MLflow
	created  int64  // ms since 1970, or 0
	updated  int64
}

// point is a point of a metric.
type point struct {
	key   string
	value float64
	time  int64 // ms since 1970
	step  int64
	about
	skipped string // why the store's point or its labels are left out, or empty
}

// infinity is the number that databases have in place of an infinite one.
const infinity = math.MaxFloat64

// unbounded turns the largest numbers, in whose place a database cannot store infinities, into these.
func unbounded(v float64) float64 {
	switch v {
	case infinity:
		return math.Inf(1)
	case -infinity:
		return math.Inf(-1)
	}
	return v
}

// maxMilliseconds is the last time that an id can hold, in ms since 1970.
const maxMilliseconds = 253402300799999

// validTime reports whether ms since 1970 are a time that a record can hold.
func validTime(ms int64) bool { return ms > 0 && ms <= maxMilliseconds }

// id returns the id of a run in this repository: its start, and letters that depend only on MLflow's id. So the run has
// the same id whether it comes from files, from a database or from a copy.
func (s *storedRun) runID() string {
	sum := sha256.Sum256([]byte("mlflow\x00" + s.id))
	return format.IDOf(time.UnixMilli(s.start).UTC(), sum[:])
}

// statuses are the words of MLflow for the status of a run, by the numbers in meta.yaml.
var statuses = map[string]string{
	"1": mlflow.StatusRunning, "2": mlflow.StatusScheduled, "3": mlflow.StatusFinished, "4": mlflow.StatusFailed,
	"5": mlflow.StatusKilled,
}

// ended reports whether MLflow knows that the run has ended.
func (s *storedRun) ended() bool {
	return s.status == mlflow.StatusFinished || s.status == mlflow.StatusFailed || s.status == mlflow.StatusKilled
}
