package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
)

// Verdict is what the verification of one run found.
type Verdict struct {
	ID, Name   string
	Problems   []string    // what is damaged or missing
	Unknown    []Reference // runs that it refers to and that are not in this clone, which is not a problem
	Absent     []string    // files that stayed on the machine that recorded them
	Restorable bool        // all of the source can be restored
	Why        string      // why the source cannot be restored
	Inputs     string      // what is not known of the data that the run read
	Missing    []MissingDataset
	Denied     bool // Problems are only files that the user may not read

	problems, absent int // all of them, also those that are not listed
}

// maxListed is how many problems, or absent files, of one run are named. The others are counted.
const maxListed = 1000

// addProblem adds a problem. A run can have a million artifacts, each with a long name.
func (v *Verdict) addProblem(problem string) {
	if v.problems++; v.problems <= maxListed {
		v.Problems = append(v.Problems, problem)
	}
}

// addAbsent adds a file that stayed on another machine.
func (v *Verdict) addAbsent(name string) {
	if v.absent++; v.absent <= maxListed {
		v.Absent = append(v.Absent, name)
	}
}

// countRest says how many problems and absent files were not named.
func (v *Verdict) countRest() {
	if n := v.problems - maxListed; n > 0 {
		v.Problems = append(v.Problems, fmt.Sprintf("… and %d more problems", n))
	}
	if n := v.absent - maxListed; n > 0 {
		v.Absent = append(v.Absent, fmt.Sprintf("… and %d more files", n))
	}
}

// Verifier verifies runs one after another. It verifies files that several of them share only once.
type Verifier struct {
	sources map[string]rebuilt
	shared  map[string]error
	data    map[string]string // what is wrong with a dataset on this machine

	packages map[string][]string // what is wrong with the packages of an environment
	lfs      map[*Repository]bool
}

// rebuilt is what the verification of a source found.
type rebuilt struct {
	err  error
	held map[string]bool // which of the datasets that are not on this machine it has, by name
}

// NewVerifier returns a verifier.
func NewVerifier() *Verifier {
	return &Verifier{
		sources: map[string]rebuilt{}, shared: map[string]error{}, data: map[string]string{},
		packages: map[string][]string{}, lfs: map[*Repository]bool{},
	}
}

// Verify recomputes the digests of the files, artifacts, patches, manifests and environment of a finished run, and
// rebuilds its source. The only error is that of the context. Damage is in the verdict.
func (v *Verifier) Verify(ctx context.Context, e *Entry) (Verdict, error) {
	d := Verdict{ID: e.ID, Name: e.Name}
	problem := func(err error) {
		if err != nil {
			d.Denied = errors.Is(err, fs.ErrPermission) && (d.Denied || d.problems == 0)
			d.addProblem(strings.TrimPrefix(err.Error(), "run "+e.ID+": "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Files)) {
		found, err := e.verifyFile(ctx, name)
		switch {
		case found || err != nil:
		case format.LocalFile(name, e.Files[name].Bytes):
			d.addAbsent(name)
		default:
			err = fmt.Errorf("%s is missing", name)
		}
		problem(err)
	}
	if _, ok := e.Files[MetricsName]; !ok && len(e.Metrics) > 0 {
		problem(fmt.Errorf("run.toml has %d metrics, but there are no points", len(e.Metrics)))
	}
	artifacts, err := e.AllArtifacts()
	if want, ok := e.Files[format.ArtifactsName]; ok && err == nil && int64(len(artifacts)) != want.Rows {
		err = fmt.Errorf("%s: has %d rows, %d in run.toml", format.ArtifactsName, len(artifacts), want.Rows)
	}
	problem(err)
	for _, a := range artifacts {
		if a.Where != "" || e.Pointer(a) {
			problem(e.verifyStored(a, &d))
			continue
		}
		f, err := e.openVerified(artifactsName+"/"+a.Path, format.File{SHA256: a.SHA256, Bytes: a.Bytes})
		problem(err)
		if f != nil {
			_ = f.Close()
		} else if err == nil {
			problem(fmt.Errorf("%s/%s is missing", artifactsName, a.Path))
		}
	}
	if e.Environment != nil && e.Environment.Digest != "" {
		problem(v.once("environment "+e.Environment.Digest, func() error {
			_, err := e.repo.Environment(ctx, e.Environment.Digest)
			return err
		}))
	}
	for _, set := range e.Datasets {
		if set.Manifest != "" {
			problem(v.once("manifest "+set.Manifest+set.SHA256, func() error {
				_, err := e.repo.Manifest(ctx, set)
				return err
			}))
		}
	}
	d.Missing = v.source(ctx, e, &d, v.away(ctx, e))
	if d.Inputs = e.UnknownInputs(); d.Inputs == "" {
		if missing := v.missingPackages(ctx, e); len(missing) > 1 {
			d.Inputs = fmt.Sprintf("%s; and %d more", missing[0], len(missing)-1)
		} else if len(missing) == 1 {
			d.Inputs = missing[0]
		} else {
			d.Inputs = e.MissingArtifactOfCommand(ctx)
		}
	}
	d.countRest()
	return d, ctx.Err()
}

// Reference is a reference from a record to a run.
type Reference struct{ Key, ID string }

// References lists the runs that a record refers to.
func References(run *format.Run) []Reference {
	var refs []Reference
	for _, r := range []Reference{{"parent", run.Parent}, {"resumes", run.Resumes}, {"reproduces", run.Reproduces}} {
		if r.ID != "" {
			refs = append(refs, r)
		}
	}
	return refs
}

// verifyFile verifies a file of [files], and its rows if it has any. found is false if it is not on this machine.
func (e *Entry) verifyFile(ctx context.Context, name string) (found bool, err error) {
	switch name {
	case MetricsName, systemName:
		m, release, err := e.metrics(name)
		if err != nil || m == nil {
			return false, err
		}
		defer release()
		return true, checkPoints(ctx, e.Run, name, m)
	case format.ValuesName:
		v, release, err := e.values()
		if err != nil || v == nil {
			return false, err
		}
		defer release()
		return true, checkValues(ctx, e.Files[name], v)
	}
	f, err := e.openVerified(name, e.Files[name])
	if f != nil {
		_ = f.Close()
	}
	return f != nil, err
}

// CheckRows compares a Parquet file of size bytes, whose digest the caller has verified, with run.toml: the number of
// rows, their digest if the record has it and, for metrics.parquet, the summary in [metrics]. If there are more than
// format.MaxCheckedPoints points, it compares only the number.
func CheckRows(ctx context.Context, run *format.Run, name string, r io.ReaderAt, size int64) error {
	switch name {
	case format.ValuesName:
		v, err := format.OpenValues(r, size)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return checkValues(ctx, run.Files[name], v)
	case MetricsName, systemName:
		m, err := format.OpenMetrics(r, size)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return checkPoints(ctx, run, name, m)
	}
	return nil
}

// checkPoints is CheckRows for points.
func checkPoints(ctx context.Context, run *format.Run, name string, m *format.Metrics) (err error) {
	want := run.Files[name]
	few := want.Rows <= format.MaxCheckedPoints
	switch {
	case m.Rows() != want.Rows:
		err = fmt.Errorf("has %d rows, %d in run.toml", m.Rows(), want.Rows)
	case m.Layout() != nil:
		err = m.Layout()
	case name == MetricsName && few:
		err = m.Agrees(ctx, run.Metrics)
	}
	if err == nil && want.Points != "" && few {
		err = sameDigest(ctx, want, m.Digest)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return ctx.Err()
}

// checkValues verifies that the values can be read and are in order, and that their number and digest are those in
// run.toml.
func checkValues(ctx context.Context, want format.File, v *format.Values) (err error) {
	switch {
	case v.Rows() != want.Rows:
		err = fmt.Errorf("has %d rows, %d in run.toml", v.Rows(), want.Rows)
	case v.Layout() != nil:
		err = v.Layout()
	case want.Points != "":
		err = sameDigest(ctx, want, v.Digest)
	default:
		err = v.Each(ctx, func(string, format.Value) error { return nil })
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", format.ValuesName, err)
	}
	return ctx.Err()
}

func sameDigest(ctx context.Context, want format.File, digest func(context.Context) (string, error)) error {
	got, err := digest(ctx)
	if err == nil && got != want.Points {
		err = errors.New("the digest of its rows is not the one in run.toml")
	}
	return err
}

// verifyStored verifies the bytes of an artifact that is not in Git, if they are on this machine.
func (e *Entry) verifyStored(a format.Artifact, d *Verdict) error {
	name := artifactsName + "/" + a.Path
	at := e.repo.Stored(a.SHA256, a.Bytes)
	if at == "" {
		d.addAbsent(name)
		return nil
	}
	if err := checkDigest(at, a.SHA256, maxFileBytes); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (v *Verifier) once(key string, check func() error) error {
	err, ok := v.shared[key]
	if !ok {
		err = check()
		v.shared[key] = err
	}
	return err
}

// missingPackages is MissingPackages, which looks at the packages of many runs only once.
func (v *Verifier) missingPackages(ctx context.Context, e *Entry) []string {
	if e.Source == nil || e.Environment == nil || e.Environment.Digest == "" {
		return nil
	}
	key := e.Environment.Digest
	for i := range e.Source.Packages {
		key += "\x00" + e.Source.Packages[i].Name + " " + e.Source.Packages[i].Base
	}
	missing, ok := v.packages[key]
	if !ok {
		missing = e.repo.MissingPackages(ctx, e.Run)
		v.packages[key] = missing
	}
	return missing
}

// away returns the datasets that are not on this machine. It looks at a dataset of many runs only once.
func (v *Verifier) away(ctx context.Context, e *Entry) (missing []MissingDataset) {
	for _, d := range e.Datasets {
		key := strings.Join([]string{d.Name, d.Path, d.Identity(), d.Manifest}, "\x00")
		if e.Source.Rewrites(d.Path) {
			key += "\x00rewritten"
		}
		reason, ok := v.data[key]
		if !ok {
			reason = e.repo.away(ctx, e.Run, d)
			v.data[key] = reason
		}
		if reason != "" {
			missing = append(missing, MissingDataset{d, reason})
		}
	}
	return missing
}

// source rebuilds the tree, and those of the submodules and packages. It is not a problem if no source was recorded, if
// this clone lacks the base commit, if the source was redacted, or if only the git program can restore it. Any other
// failure is a problem. source returns those of the datasets in away that the source does not have either.
func (v *Verifier) source(ctx context.Context, e *Entry, d *Verdict, away []MissingDataset) []MissingDataset {
	s := e.Source
	if s == nil || s.Tree == "" {
		d.Why = s.Missing()
		return away
	}
	key := s.Base + " " + s.Remote + " " + s.Proof() + " " + strings.Join(s.AllPatches(), " ")
	for i := range s.Submodules {
		key += " " + s.Submodules[i].Path
	}
	for i := range s.Packages {
		key += " " + s.Packages[i].Name
	}
	for _, part := range s.Parts() {
		key += " " + part.Base + " " + part.Tree
	}
	for _, m := range away {
		key += "\x00" + m.Name + "\x00" + m.Path + "\x00" + m.Identity()
	}
	found, ok := v.sources[key]
	if !ok {
		found = v.rebuild(ctx, e, away)
		v.sources[key] = found
	}
	var noBase noBaseError
	var other absentOtherError
	var absent absentSubmoduleError
	var lfs absentLFSError
	switch err := found.err; {
	case err == nil:
		d.Why = s.Missing()
		d.Restorable = d.Why == ""
	case errors.As(err, &noBase), errors.As(err, &other), errors.As(err, &absent), errors.As(err, &lfs),
		errors.Is(err, errRedacted):
		d.Why = err.Error()
	case errors.Is(err, git.ErrNoGit):
		d.Why = err.Error() + "; run 'runs verify' where git is installed"
	default:
		d.Why = err.Error()
		d.addProblem("source: " + err.Error())
	}
	return slices.DeleteFunc(away, func(m MissingDataset) bool { return found.held[m.Name] })
}

// rebuild rebuilds a source, and looks in it for datasets that are not on this machine, and for files of Git LFS.
func (v *Verifier) rebuild(ctx context.Context, e *Entry, away []MissingDataset) rebuilt {
	uses, known := v.lfs[e.repo]
	if !known {
		uses = e.repo.usesLFS(ctx)
		v.lfs[e.repo] = uses
	}
	found := rebuilt{held: map[string]bool{}}
	var lfs error
	look := func(scratch *git.Scratch) error {
		files, err := e.repo.sourceFiles(ctx, e.Run, scratch)
		if err != nil {
			return err
		}
		for _, m := range away {
			if m.Path == "" {
				continue
			}
			if found.held[m.Name], err = files.holds(ctx, m.Dataset); err != nil {
				return err
			}
		}
		if uses {
			lfs = files.checkLFS(ctx)
		}
		return nil
	}
	if len(away) == 0 && !uses {
		look = nil
	}
	if found.err = e.repo.rebuildAll(ctx, e.Run, look); found.err == nil {
		found.err = lfs
	}
	var noBase noBaseError
	if errors.As(found.err, &noBase) && e.repo.fetchedFromOther(ctx, e.Run.Source) {
		found.err = absentOtherError(e.Run.Source.Remote)
	}
	return found
}
