package wandb

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/importer"
)

// head is what is known about a run before its history is read.
type head struct {
	run     *runMessage
	machine machine
	exit    *exitMessage // nil if the client recorded no end
	preempt bool
	begun   time.Time // from the first run record
	records int       // undamaged records of the log
}

// maxMetadataBytes bounds files/wandb-metadata.json.
const maxMetadataBytes = 4 << 20

var errNoRun = errors.New("its run record cannot be read")

// scan calls take for each record of a log, and damage for each damaged place, after which it continues. It returns the
// size of the log in bytes. The error comes from reading or from take.
func scan(
	ctx context.Context, path string, take func(kind importer.FieldNumber, data []byte) error, damage func(error),
) (int64, error) {
	f, err := importer.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	r, err := newRecordReader(f)
	if err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		begin := r.at
		data, err := r.next()
		var damaged *damageError
		switch {
		case errors.Is(err, io.EOF):
			return info.Size(), nil
		case errors.Is(err, errTorn):
			damage(err)
			return info.Size(), nil
		case errors.As(err, &damaged):
			damage(err)
			continue
		case err != nil:
			return 0, err
		}
		fields := importer.FieldsOf(data)
		for fields.Next() {
			if fields.Sub == nil {
				continue
			}
			if err = take(fields.Num, fields.Sub); err != nil {
				break
			}
		}
		if err == nil {
			err = fields.Err
		}
		if errors.Is(err, importer.ErrMessage) || errors.Is(err, errJSON) {
			damage(&damageError{begin, err.Error() + "; skipped the record"})
			err = nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// readHead reads a whole log and keeps the records that describe the run.
func readHead(ctx context.Context, name string) (*head, error) {
	h := &head{}
	var first *runMessage
	damaged := false
	_, err := scan(ctx, name, func(kind importer.FieldNumber, data []byte) (err error) {
		h.records++
		switch kind {
		case recordRun:
			var m *runMessage
			if m, err = parseRun(data); err != nil {
				return err
			}
			if first == nil {
				first = m
			}
			h.run = m
			h.run.config, h.run.summary = nil, nil // they share the record's buffer
		case recordEnvironment:
			err = parseEnvironment(data, &h.machine)
		case recordExit:
			h.exit, err = parseExit(data)
		case recordPreempting:
			h.preempt = true
		}
		return err
	}, func(error) { damaged = true })
	switch {
	case err != nil:
		return nil, err
	case first == nil && !damaged:
		return nil, importer.ErrEmpty
	case first == nil || h.run.id == "":
		return nil, errNoRun
	}
	if h.begun = first.started; h.begun.IsZero() {
		h.begun = timeInName(name)
	}
	if h.begun.IsZero() {
		return nil, errors.New("its run has no start time")
	}
	h.metadata(filepath.Join(filepath.Dir(name), "files", "wandb-metadata.json"))
	return h, nil
}

// ended returns when the client ended, or zero if that is unknown.
func (h *head) ended() time.Time {
	if h.exit == nil {
		return time.Time{}
	}
	return h.begun.Add(time.Duration(min(max(h.exit.runtime, 0), 1<<31)) * time.Second)
}

// timeInName returns the local time in the name of a run's folder, (offline-)run-<YYYYMMDD_hhmmss>-<id>, or zero.
func timeInName(name string) time.Time {
	_, rest, _ := strings.Cut(filepath.Base(filepath.Dir(name)), "run-")
	stamp, _, _ := strings.Cut(rest, "-")
	t, err := time.ParseInLocation("20060102_150405", stamp, time.Local)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// metadata adds what only the metadata file of older clients contains.
func (h *head) metadata(path string) {
	f, err := importer.Open(path)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxMetadataBytes))
	if err != nil {
		return
	}
	var m machine
	if json.Unmarshal(data, &m) != nil {
		return
	}
	text := func(to *string, from string) {
		if *to == "" {
			*to = from
		}
	}
	to := &h.machine
	text(&to.OS, m.OS)
	text(&to.Python, m.Python)
	text(&to.Program, m.Program)
	text(&to.CodePath, m.CodePath)
	text(&to.LocalPath, m.LocalPath)
	text(&to.Host, m.Host)
	text(&to.Root, m.Root)
	text(&to.GPU, m.GPU)
	text(&to.Git.Remote, m.Git.Remote)
	text(&to.Git.Commit, m.Git.Commit)
	if to.Args == nil {
		to.Args = m.Args
	}
	if to.Cores == 0 {
		to.Cores = m.Cores
	}
	if to.GPUCount == 0 {
		to.GPUCount = m.GPUCount
	}
}

// oneLine returns a text as one line that every record can hold.
func oneLine(text string) string {
	return importer.Cut([]byte(importer.Clean([]byte(text))), format.MaxTextBytes)
}

// multiLine returns a text that every record can hold, with its line breaks.
func multiLine(text string) string {
	return importer.Cut([]byte(strings.ToValidUTF8(text, "_")), format.MaxTextBytes)
}

// maxArgs bounds the arguments of a command line.
const maxArgs = 10_000

// record returns the run's record and its environment, which may be nil. dir is the log's folder.
func (h *head) record(dir string) (*format.Run, *format.EnvironmentFile) {
	m := h.run
	run := &format.Run{
		ID: h.id(), Name: oneLine(m.name), Key: oneLine(m.id), Started: h.begun, Note: multiLine(m.notes),
		Tags: map[string]string{"imported": "wandb"},
	}
	if run.Name == "" {
		run.Name = run.Key
	}
	if m.project != "" {
		run.Experiment = importer.Key(importer.Clean([]byte(m.project)))
	}
	if m.group != "" {
		run.Group = importer.Key(importer.Clean([]byte(m.group)))
	}
	for _, tag := range m.tags {
		run.Tags[importer.Key(importer.Clean([]byte(tag)))] = "yes"
	}
	for key, value := range map[string]string{"entity": m.entity, "job_type": m.job, "sweep": m.sweep} {
		if _, is := run.Tags[key]; value != "" && !is {
			run.Tags[key] = oneLine(value)
		}
	}
	h.addSource(run, dir)
	h.addMachine(run)
	var file *format.EnvironmentFile
	run.Environment, file = h.environment(dir)
	return run, file
}

// id returns the id of the run. It is derived from the run record, so every import gives the same id.
func (h *head) id() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "wandb\x00%s\x00%s\x00%d", h.run.project, h.run.id, h.begun.UnixNano()))
	return format.IDOf(h.begun, sum[:])
}

// diffName is the file with the uncommitted changes.
const diffName = "diff.patch"

func (h *head) addSource(run *format.Run, dir string) {
	m := &h.machine
	commit, remote := h.run.commit, h.run.remote
	if commit == "" {
		commit, remote = m.Git.Commit, m.Git.Remote
	}
	source := &format.Source{Remote: oneLine(git.RemoteWithoutCredentials(remote))}
	if format.IsObjectID(commit) {
		source.Commit = commit
		info, err := os.Lstat(filepath.Join(dir, "files", diffName))
		source.Dirty = err == nil && info.Mode().IsRegular() && info.Size() > 0
	}
	entry := m.CodePath
	if entry == "" && m.Root != "" && filepath.IsAbs(m.Program) {
		if rel, err := filepath.Rel(m.Root, m.Program); err == nil {
			entry = filepath.ToSlash(rel)
		}
	}
	if entry == "" {
		entry = m.LocalPath
	}
	if format.CheckPath(entry) == nil {
		source.Entry = entry
	}
	if source.Commit != "" || source.Entry != "" {
		run.Source = source
	}
	if m.Program != "" {
		run.Command = []string{oneLine(m.Program)}
		if source.Entry != "" {
			run.Command[0] = source.Entry
		}
		for _, arg := range m.Args[:min(len(m.Args), maxArgs)] {
			run.Command = append(run.Command, oneLine(arg))
		}
	}
}

func (h *head) addMachine(run *format.Run) {
	m := &h.machine
	host := m.Host
	if host == "" {
		host = h.run.host
	}
	if host == "" && m.CPU == "" && m.GPU == "" {
		return
	}
	run.Machine = &format.Machine{
		Host: oneLine(host), CPU: oneLine(m.CPU), Cores: min(max(m.Cores, 0), 1<<20), Memory: max(m.Memory, 0),
	}
	if m.GPU != "" {
		run.Machine.GPUs = slices.Repeat([]string{oneLine(m.GPU)}, int(min(max(m.GPUCount, 1), 64)))
	}
}

// logName returns the name of a log: the path of its folder from root.
func logName(root, name string) string {
	rel := importer.RelativeTo(root)(filepath.Dir(name))
	if rel == "." {
		rel = path.Base(filepath.ToSlash(name))
	}
	return importer.Key(importer.Clean([]byte(filepath.ToSlash(rel))))
}
