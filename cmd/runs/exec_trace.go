package main

import (
	"cmp"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/python"
)

// traceReads prepares the run for what the program reads to be noticed. road is data.trace, or empty for what the
// settings say.
func (a *app) traceReads(s *supervised, road string) error {
	config, err := s.active.Repository().Config()
	if err != nil {
		return err
	}
	if road = cmp.Or(road, config.Data.Trace); road == format.TraceOff {
		return nil
	}
	if !s.joined && s.stdin == nil {
		s.given = watchGiven(s.dir, s.args)
	}
	flag := isolated(s.args)
	if flag != "" && road != format.RoadSyscalls {
		a.warn("python %s ignores its environment: the data that the program reads is not noticed", flag)
		return nil
	}
	dir, root, err := s.active.TraceReads()
	if err != nil {
		a.warn("%v", err)
		return nil
	}
	s.traced = true
	if file := stdinFile(); file != "" && !s.joined {
		if err := s.active.NoteStdin(file); err != nil {
			a.warn("%v", err)
		}
	}
	if flag == "" {
		began := os.Getenv("RUNS_READS_BEGAN")
		if !s.joined || began == "" {
			began = strconv.FormatFloat(float64(time.Now().UnixMicro())/1e6, 'f', 6, 64)
		}
		s.env = append(s.env, "RUNS_READS="+dir, "RUNS_READS_ROOT="+root, "RUNS_READS_BEGAN="+began)
	}
	if road == format.RoadSyscalls {
		if s.calls, err = a.watchCalls(s.active, dir, !s.joined); err != nil {
			a.warnUnwatched(err)
		}
	}
	return nil
}

// stdinFile returns the path of the file that is standard input and was not read yet, or "".
func stdinFile() string {
	file, err := os.Readlink("/proc/self/fd/0") // of Linux
	if err != nil {
		return ""
	}
	info, err := os.Stdin.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	at, seekErr := os.Stdin.Seek(0, io.SeekCurrent)
	named, err := os.Stat(file)
	if err != nil || seekErr != nil || at != 0 || !os.SameFile(info, named) {
		return ""
	}
	return file
}

// checkTrace returns an error if road is not a value of --trace, which may be empty.
func checkTrace(road string) error {
	if road != "" && !slices.Contains(format.Traces, road) {
		return usagef("exec: --trace must be auto, python, syscalls or off, got %q", road)
	}
	return nil
}

// injectPython returns a folder for PYTHONPATH with what every Python process of the program imports at its start: what
// notices the files that it opens, and what sends MLflow's calls here. Without it, the program runs all the same.
func (a *app) injectPython(s *supervised) []string {
	if s.mlflow == nil && !s.traced || isolated(s.args) != "" {
		return nil
	}
	files, err := python.ExecFiles()
	if err != nil {
		return nil
	}
	if dir, err := installPython("exec-", files); err == nil {
		return []string{dir}
	}
	dir, err := os.MkdirTemp("", "runs-exec-")
	if err != nil { // the cache cannot be written either
		return nil
	}
	s.tidy = func() { _ = os.RemoveAll(dir) }
	if err := writeFiles(dir, files); err != nil || strings.ContainsRune(dir, os.PathListSeparator) {
		return nil
	}
	return []string{dir}
}
