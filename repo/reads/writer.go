package reads

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Lost is what is appended to the file of a Writer if its process no longer watches the program.
const Lost = "V"

// Writer writes down what the processes of a program open, as seen by somebody who watches all their calls. It writes
// no name that may be that of a secret, and nothing of places that are never named.
type Writer struct {
	places Places
	own    string // the folder of the files, in which nothing is data
	file   *os.File
	born   time.Time // when the run began
	close  sync.Once
	stop   chan struct{}
	done   chan struct{}

	looking sync.Mutex // held while files are looked at

	mu      sync.Mutex
	pending []opened
	seen    map[string]Use // what was written down, or counted

	verdicts map[string]verdict
	software map[string]bool // folders with an interpreter or an installed program
	owns     map[string]bool // folders with files of the client
	self     string          // this program
	left     int
	withheld int
	full     bool
	unseen   map[string]bool
}

type opened struct {
	path string
	use  Use
	at   int64 // when, in nanoseconds since 1970
}

// The bounds of a Writer.
const (
	maxWritten = 500_000
	maxPending = 200_000 // opened, and not looked at yet
	maxCounted = 1000
	writeEvery = 20 * time.Millisecond
)

// NewWriter creates a file in the folder. all tells that all processes of the run's program are watched.
func NewWriter(dir string, places Places, born time.Time, all bool) (*Writer, error) {
	host, _ := os.Hostname()
	name := fmt.Sprintf("%d-%s-%s", os.Getpid(), strings.ToLower(rand.Text()[:8]), host)
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	head := "H\x00"
	if all {
		head += "A\x00"
	}
	if _, err := file.WriteString(head); err != nil {
		_ = file.Close()
		return nil, err
	}
	w := &Writer{
		places: places, own: dir, file: file, born: born, stop: make(chan struct{}), done: make(chan struct{}),
		seen: map[string]Use{}, verdicts: map[string]verdict{}, software: map[string]bool{}, unseen: map[string]bool{},
		owns: map[string]bool{},
	}
	if w.self, err = os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(w.self); err == nil {
			w.self = real
		}
	}
	go w.run() // ends with Close
	return w, nil
}

// File returns the file. Another process that has inherited it may write Lost and a zero byte.
func (w *Writer) File() *os.File { return w.file }

// Opened takes in that a file may be opened: whether it exists is looked at later. It does not wait for the disk.
func (w *Writer) Opened(path []byte, use Use) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen[string(path)]&use == use || w.full {
		return
	}
	if len(w.pending) >= maxPending {
		w.full = true
		return
	}
	w.pending = append(w.pending, opened{string(path), use, time.Now().UnixNano()})
}

// Ran takes in that a program may be started. It is data, unless it is source, or of the system or an installed one.
func (w *Writer) Ran(path []byte) { w.Opened(path, Read) }

// Missed takes in that something may have opened files unseen.
func (w *Writer) Missed(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.unseen[what] && len(w.unseen) < 50 {
		w.unseen[what] = true
		w.pending = append(w.pending, opened{path: "U" + what})
	}
}

// Outlived takes in that a process of the program has not ended with it.
func (w *Writer) Outlived() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(w.pending, opened{path: "Q"})
}

// Look looks at the files that were opened so far, before one of them is removed or replaced.
func (w *Writer) Look() { w.flush() }

func (w *Writer) run() {
	defer close(w.done)
	for ended := false; !ended; {
		select {
		case <-time.After(writeEvery):
		case <-w.stop:
			ended = true
		}
		w.flush()
	}
}

// Close writes what is pending. It may be called again.
func (w *Writer) Close() (err error) {
	w.close.Do(func() {
		close(w.stop)
		<-w.done
		err = w.file.Close()
	})
	return err
}

// Discard removes the file of a Writer: the program is not watched.
func (w *Writer) Discard() {
	_ = w.Close()
	_ = os.Remove(w.file.Name())
}

// flush writes down what is pending.
func (w *Writer) flush() {
	w.looking.Lock()
	defer w.looking.Unlock()
	w.mu.Lock()
	pending, full := w.pending, w.full
	w.pending = nil
	w.mu.Unlock()
	if len(pending) == 0 {
		return
	}
	var b bytes.Buffer
	for _, o := range pending {
		if o.use == 0 {
			b.WriteString(o.path + "\x00")
			continue
		}
		if len(w.seen) >= maxWritten {
			full = true
			break
		}
		w.look(&b, o)
	}
	if _, err := w.file.Write(b.Bytes()); err != nil {
		full = true
	}
	if full {
		w.mu.Lock()
		w.full = true
		w.mu.Unlock()
		w.spoil()
	}
}

// spoil marks the file as incomplete. This works on a full disk too.
func (w *Writer) spoil() { _, _ = w.file.WriteAt([]byte("X"), 0) }

// look writes down one file, if it is data.
func (w *Writer) look(b *bytes.Buffer, o opened) {
	path := filepath.Clean(o.path)
	if o.use == Listed {
		w.listed(b, path)
		return
	}
	if strings.Contains(o.path, "/../") { // which the system resolves after links
		if real, err := filepath.EvalSymlinks(o.path); err == nil {
			path = real
		}
	}
	dir, name := filepath.Split(path)
	dir = strings.TrimSuffix(dir, "/")
	_, inside := below(w.places.Root, path)
	if from, ok := strings.CutSuffix(dir, "/__pycache__"); ok && filepath.Ext(name) == ".pyc" {
		module, _, _ := strings.Cut(name, ".") // whose source is what matters
		dir, name = from, module+".py"
		path = filepath.Join(dir, name)
	}
	v := w.verdict(dir)
	if v == never || !inside && (slices.Contains(partEndings, filepath.Ext(name)) || w.isOwn(path)) {
		return
	}
	seen := w.seen[path]
	if seen&o.use == o.use {
		return
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() && o.use == Read {
		w.listed(b, path)
		return
	}
	exists := err == nil && info.Mode().IsRegular()
	if !exists && o.use&Written == 0 { // programs look for files that may exist
		return
	}
	// Of what is not named, only the inputs are counted.
	input := exists && o.use&Read != 0 && info.ModTime().Before(w.born)
	count := func(n *int, kind string) {
		if input && *n < maxCounted {
			*n++
			fmt.Fprintf(b, "%s%d\x00", kind, *n)
		}
	}
	switch {
	case v == settings:
		if EndsAsData(name) {
			count(&w.withheld, "N")
		}
	case v == elsewhere && strings.HasPrefix(name, "."): // settings, as of shells and Git
	case v == elsewhere:
		if !slices.Contains(stateNames, name) {
			count(&w.left, "O")
		}
	case v == hidden || Secret(name, true):
		count(&w.withheld, "N")
	case strings.HasPrefix(name, "."):
		// Git reads its own in each of its commands.
		if !strings.HasPrefix(name, ".git") && (inside || !slices.Contains(settingNames, name)) {
			count(&w.withheld, "N")
		}
	case !inside && isShared(path):
	case w.places.May(path), inside && w.ofArtifact(path):
		if exists && o.use&Read != 0 && seen&(Read|Written) == 0 {
			b.WriteString("R" + path + "\x00" + stampOf(info, path, o.at).record())
		}
		if o.use&Written != 0 && seen&Written == 0 {
			b.WriteString("W" + path + "\x00")
		}
	}
	w.mu.Lock()
	w.seen[path] = seen | o.use
	if path != o.path && len(w.seen) < maxWritten {
		w.seen[o.path] = seen | o.use
	}
	w.mu.Unlock()
}

// tick is how far behind the times are that a kernel gives to files.
const tick = int64(10 * time.Millisecond)

// stampOf returns the state of a file that was opened some time ago. It is that of no file if another one may have
// taken its place since: both the file and its folder have changed.
func stampOf(info fs.FileInfo, path string, opened int64) Stamp {
	s := Stamp{inodeOf(info), info.ModTime().UnixNano(), info.Size()}
	if changedAt(info) < opened-tick {
		return s
	}
	if dir, err := os.Stat(filepath.Dir(path)); err == nil && dir.ModTime().UnixNano() >= opened-tick {
		return Stamp{}
	}
	return s
}

// ofArtifact reports whether a file is an artifact of an earlier run.
func (w *Writer) ofArtifact(path string) bool {
	rel, _ := below(w.places.Root, path)
	return ArtifactOf(rel) != ""
}

// verdict tells what the files of a folder may be.
func (w *Writer) verdict(dir string) verdict {
	v, ok := w.verdicts[dir]
	if !ok {
		if len(w.verdicts) > 100_000 {
			clear(w.verdicts)
		}
		v = w.folder(dir)
		w.verdicts[dir] = v
	}
	return v
}

// listed writes down a folder that was listed, if its files may be data.
func (w *Writer) listed(b *bytes.Buffer, dir string) {
	if w.seen[dir]&Listed != 0 || w.verdict(dir) != data {
		return
	}
	b.WriteString("L" + dir + "\x00")
	w.mu.Lock()
	w.seen[dir] |= Listed
	w.mu.Unlock()
}

// verdict tells what the files of a folder may be.
type verdict uint8

const (
	never     verdict = iota // not data
	data                     // data, by their folder
	hidden                   // not to be named
	settings                 // of programs, in a hidden folder of the home folder or the project: data by its ending
	elsewhere                // perhaps data, in a place that is never named
)

// scratchBegins begins the names of temporary folders in which a run that the program records captures its source.
const scratchBegins = "runs-source-"

// Folders of packages, and what tools write for themselves.
var packageFolders = []string{"/site-packages/", "/dist-packages/", "/__pycache__/", "/node_modules/"}

// Hidden folders of a project that Git and runs keep.
var ownFolders = []string{"/.git/", "/.runs/"}

// Hidden folders of a project that tools use for themselves.
var toolFolders = []string{
	"/.venv/", "/.cache/", "/.ipynb_checkpoints/", "/.pytest_cache/", "/.mypy_cache/",
	"/.ruff_cache/", "/.idea/", "/.vscode/", "/.tox/", "/.nox/", "/.hydra/", "/.dvc/",
}

// settingNames are hidden files that programs look for in every folder, and that hold settings.
var settingNames = []string{
	".DS_Store", ".directory", ".editorconfig", ".node-version", ".npmrc", ".nvmrc", ".python-version", ".ruby-version",
	".tool-versions", ".yarnrc",
}

// dataEndings are endings of files that are hardly ever settings or caches of a program.
var dataEndings = []string{
	".arrow", ".caffemodel", ".ckpt", ".csv", ".feather", ".fits", ".flac", ".gguf", ".h5", ".hdf5", ".joblib", ".jsonl",
	".mat", ".mp3", ".nc", ".nii", ".npy", ".npz", ".onnx", ".parquet", ".pickle", ".pkl", ".pt", ".pth", ".safetensors",
	".tflite", ".tfrecord", ".tif", ".tiff", ".tsv", ".wav",
}

// EndsAsData reports whether a file has the ending of data, and is hardly ever a setting or a cache of a program.
func EndsAsData(name string) bool {
	return slices.Contains(dataEndings, strings.ToLower(filepath.Ext(name)))
}

func (w *Writer) folder(dir string) verdict {
	file := dir + "/x"
	rel, inside := below(w.places.Root, file)
	scratch := strings.HasPrefix(file, w.places.Temp+"/"+scratchBegins)
	if _, own := below(w.own, file); own || scratch || hasAny(file, packageFolders) || w.isSoftware(dir) {
		return never
	}
	if !inside {
		switch w.places.outside(file) {
		case ofMachine:
			return never
		case unnamed:
			return elsewhere
		}
		rel = strings.TrimPrefix(file, "/")
	}
	if strings.Contains("/"+rel, "/.") && (inside || !hasAny(file, hubs)) {
		switch {
		case inside && hasAny("/"+rel, caches):
			return hidden
		case !inside && w.places.ofPrograms(file):
			return settings
		case inside && ArtifactOf(rel) != "":
			return data
		case hasAny("/"+rel, ownFolders):
			return never
		case hasAny("/"+rel, toolFolders):
			return settings
		}
		return hidden
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(rel, "/x"), "/") {
		if Secret(part, false) {
			return hidden
		}
	}
	return data
}

// isSoftware reports whether a folder is below one where a program or an interpreter is installed.
func (w *Writer) isSoftware(dir string) bool {
	if dir == "" || dir == w.places.Root || dir == w.places.Home || dir == "/usr/local" || dir == "/var" || dir == "/opt" {
		return false // some of what is there is data, or of another program
	}
	if known, ok := w.software[dir]; ok {
		return known
	}
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	}
	_, inside := below(w.places.Root, dir+"/x")
	_, around := below(dir, w.places.Root)
	_, home := below(dir, w.places.Home)
	answer := false
	switch {
	case around || home: // nor can a folder above be one
		return false
	case has("pyvenv.cfg"), has("conda-meta"):
		answer = true
	case !inside && has("bin") && (has("lib") || has("lib64")):
		answer = true
	default:
		answer = w.isSoftware(filepath.Dir(dir))
	}
	w.software[dir] = answer
	return answer
}

// stateNames are files that the system keeps beside data.
var stateNames = []string{"btmp", "lastlog", "utmp", "wtmp"}

// isShared reports whether a file is a semaphore of POSIX, or what a library of the system keeps in memory.
func isShared(path string) bool {
	name, ok := strings.CutPrefix(path, staging)
	return ok && (strings.HasPrefix(name, "sem.") || strings.HasPrefix(name, "lttng-ust"))
}

// partEndings are endings of files that tools make of code, or that tell where it is. The code itself is what matters.
var partEndings = []string{".pyc", ".pyo", ".pyi", ".pth", ".a", ".o"}

// isOwn reports whether a file is this program, or belongs to the client or to what exec brings into Python.
func (w *Writer) isOwn(path string) bool {
	dir := filepath.Dir(path)
	own, ok := w.owns[dir]
	if !ok {
		_, err := os.Stat(filepath.Join(dir, "gitruns_reads.py"))
		own = err == nil
		if at := strings.Index(dir+"/", "/gitruns/"); at >= 0 && !own {
			_, err := os.Stat(filepath.Join(dir[:at], "gitruns", "_reads.py"))
			own = err == nil
		}
		w.owns[dir] = own
	}
	return own || path == w.self
}
