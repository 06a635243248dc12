package repo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/capture"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/reads"
	"github.com/gitruns/runs/repo/regular"
	"github.com/gitruns/runs/repo/secret"
)

// maxNoticed is how many datasets of a run are noticed at most.
const maxNoticed = 200

// lookAtLeast is how long a finish at least waits for the state of the files that the program read. A network drive may
// hang.
const lookAtLeast = 10 * time.Second

// fillNoticed records what the program has read and nobody has named. It never fails: what is not known is recorded as
// such. untraced returns the trace of a run of which nothing was noticed.
func (a *Active) fillNoticed(
	ctx context.Context, b *finished, f *fold, end Finish, reach func() error, untraced func() *format.Trace,
) {
	if trace := untraced(); trace != nil {
		trace.Ignored = slices.DeleteFunc(trace.Ignored, func(path string) bool { return covered(b.run, path) })
		for i, path := range trace.Ignored {
			if b.run.Source.Rewrites(path) {
				trace.Ignored[i] = path + rewrittenNote
			}
		}
		trace.Problems = append(trace.Problems, a.unknownGiven(ctx, b.run, nil)...)
		if len(trace.Ignored)+len(trace.Problems) > 0 || trace.Withheld > 0 {
			b.run.Trace = trace
		}
		return
	}
	if !exists(a.readsDir()) {
		a.addGiven(b.run, a.unknownGiven(ctx, b.run, nil))
		return
	}
	if err := reach(); err != nil { // another machine has the files
		f.warn("what the program read is not recorded: %v", err)
		return
	}
	in := a.inputs
	if in == nil {
		in = a.newInputs(b.run)
	}
	in.run = b.run
	wait := in.config.Data.Wait
	look, cancel := context.WithTimeout(ctx, max(wait, lookAtLeast)+5*time.Second)
	defer cancel()
	result, road := make(chan *noticed, 1), in.road()
	go func() { result <- in.finish(look, wait, end) }() // ends with its context, or once a disk that hangs answers
	var n *noticed
	select {
	case n = <-result:
	case <-look.Done():
		n = &noticed{trace: &format.Trace{
			Road: road, Problems: []string{"the files that the program read could not be looked at in time"},
		}}
	}
	if n.trace == nil {
		a.addGiven(b.run, a.unknownGiven(ctx, b.run, nil))
		return
	}
	for _, what := range a.unknownGiven(ctx, b.run, n) {
		if !slices.Contains(n.trace.Problems, what) {
			n.trace.Problems = append(n.trace.Problems, what)
		}
	}
	for _, p := range n.trace.Problems {
		f.warn("what the program read is not fully known: %s", p)
	}
	b.run.Trace = n.trace
	if len(n.rewritten) > 0 {
		if err := a.addRewritten(ctx, b, in.kept, n.rewritten); err != nil {
			f.warn("the source does not have %s as the program read it: %v", someOf(n.rewritten), err)
			n.trace.Problems = append(n.trace.Problems, someOf(n.rewritten)+" was read as a run has rewritten it")
		}
	}
	b.outputs = append(b.outputs, n.written...)
	for _, d := range n.datasets {
		if d.Manifest != nil {
			if err := a.repo.shareBytes(sharedDatasets, d.Dataset.Manifest, d.Manifest); err != nil {
				f.warn("the manifest of dataset %s is not recorded: %v", d.Name, err)
				d.Dataset.Manifest = ""
			}
		}
		b.run.Datasets = append(b.run.Datasets, d.Dataset)
	}
	for name, place := range n.outside {
		if capture.Printable(place) != place { // no file of settings can hold it
			continue
		}
		if err := a.repo.rememberData(ctx, name, place); err != nil {
			f.warn("the place of dataset %s is not remembered: %v", name, err)
		}
	}
}

// addGiven records what is not known of the input of a run of which nothing was noticed.
func (a *Active) addGiven(run *format.Run, what []string) {
	if len(what) > 0 {
		run.Trace = &format.Trace{Road: format.RoadNone, Problems: what}
	}
}

// covered reports whether datasets of the project cover a file or a folder, which may have a slash at its end, or all
// files that the source leaves out by a pattern.
func covered(run *format.Run, path string) bool {
	if run.Source != nil {
		for _, o := range run.Source.Omitted {
			if o.Reason == format.OmittedExcluded && o.Path == path {
				matches, files := capture.Matcher([]string{path}), int64(0)
				for _, d := range run.Datasets {
					if d.Path != "" && (matches(d.Path, false) || matches(d.Path, true)) {
						files += max(1, d.Files)
					}
				}
				return files >= max(1, o.Count)
			}
		}
	}
	path = strings.TrimSuffix(strings.TrimSuffix(path, "*"), "/")
	return slices.ContainsFunc(run.Datasets, func(d format.Dataset) bool {
		return d.Path != "" && (path == d.Path || strings.HasPrefix(path, d.Path+"/"))
	})
}

// noticed is what the record of a run gets.
type noticed struct {
	trace    *format.Trace // nil if no process was watched
	datasets []*capture.Dataset
	outside  map[string]string // the places of datasets outside the project
	written  []string          // absolute paths of the files that the program has written

	rewritten []string // printable paths of files that an earlier run had rewritten, and that the program read
}

// finish determines the datasets. Hashing ends after wait, or when end.Hurry is closed.
func (in *inputs) finish(ctx context.Context, wait time.Duration, end Finish) *noticed {
	n := &noticed{outside: map[string]string{}}
	if err := in.reader.Next(); err != nil {
		n.trace = &format.Trace{Road: in.road(), Problems: []string{"what was noticed could not be read"}}
		return n
	}
	if in.reader.Processes == 0 {
		return n
	}
	n.trace = &format.Trace{Road: in.road(), Withheld: in.reader.Withheld()}
	n.written = in.reader.Outputs()
	problem := func(text string, args ...any) {
		n.trace.Problems = append(n.trace.Problems, fmt.Sprintf(text, args...))
	}
	left := in.leftRunning(ctx)
	if left == 0 && in.reader.Outlived {
		left = 1
	}
	switch left {
	case 0:
	case 1:
		problem("a process of the program had not ended: what it reads later is not known")
	default:
		problem("%d processes of the program had not ended: what they read later is not known", left)
	}
	if in.reader.Partial {
		problem("more files were read than could be written down")
	}
	if in.reader.Lost {
		problem("the program opened files while runs was stopped or after it was killed")
	}
	read := in.reader.Inputs()
	if in.stdin != "" && !slices.Contains(read, in.stdin) {
		read = append(read, in.stdin)
	}
	files, err := in.data(ctx, in.withLogs(read))
	if err != nil {
		problem("which files are source could not be determined")
		return n
	}
	for _, name := range slices.Sorted(maps.Keys(in.reader.Imported)) {
		if len(n.trace.Imported) < maxImportedNames && capture.Printable(name) == name {
			n.trace.Imported = append(n.trace.Imported, name)
		}
	}
	if in.again != nil && !in.again.clone {
		in.recordAgain(ctx, n, in.unchanged(in.ofAgain(ctx, files), problem), wait, end, problem)
		return n
	}
	n.rewritten = in.readRewritten()
	files = slices.DeleteFunc(files, func(f inputFile) bool {
		return f.rel != "" && slices.Contains(n.rewritten, capture.Printable(f.rel))
	})
	files = in.notDeclared(ctx, files)
	files = in.unchanged(files, problem)
	files = in.withoutSecrets(ctx, n.trace, files)
	in.pointers(files, problem)
	in.hash(ctx, files, wait, end, problem)
	in.record(ctx, n, files, problem)
	in.recordStdin(n)
	if n.trace.Withheld == 0 {
		n.trace.Withheld = hiddenWords(in.run, in.root, func(rel string) bool {
			source, err := in.source(ctx, []asked{{rel: rel}})
			return err == nil && !source[0]
		})
	}
	switch left := in.elsewhere(); left {
	case 0:
	case 1:
		problem("a file that was read is in a place that is not recorded")
	default:
		problem("%d files that were read are in places that are not recorded", left)
	}
	if runs := in.readArtifacts(); len(runs) > 0 {
		names := capture.Printable(someOf(runs))
		problem("the program read artifacts of run %s in .runs, which are not recorded as data", names)
	}
	if changed := in.changedFirst(); len(changed) > 0 {
		problem("%s changed after the source was recorded, and before the program read it", someOf(changed))
	}
	in.listed(ctx, problem)
	in.unseen(ctx, n, problem)
	n.trace.Folders = in.folders(ctx, n.datasets)
	return n
}

// recordStdin records which file was standard input, if it may be named.
func (in *inputs) recordStdin(n *noticed) {
	rel := relativeTo(in.root, in.stdin)
	switch {
	case in.stdin == "" || !in.places.May(in.stdin):
	case rel != "" && format.CheckPath(rel) == nil:
		n.trace.Stdin = rel
	default:
		for name, place := range n.outside {
			if place == in.stdin {
				n.trace.StdinData = name
			}
		}
	}
}

// Endings of what SQLite keeps beside a database: the log with the newest rows, and an index of that in memory.
const (
	walEnding = "-wal"
	shmEnding = "-shm"
)

// withLogs adds to the databases among some files the logs that they have, and leaves out the indexes of the logs.
func (in *inputs) withLogs(paths []string) []string {
	known := map[string]bool{}
	for _, p := range paths {
		known[p] = true
	}
	paths = slices.DeleteFunc(paths, func(p string) bool {
		of, ok := strings.CutSuffix(p, shmEnding)
		return ok && known[of]
	})
	for _, p := range paths {
		if log := p + walEnding; in.reader.Uses[p]&reads.Database != 0 && !known[log] {
			if info, err := os.Stat(log); err == nil && info.Size() > 0 {
				in.reader.Uses[log] |= reads.Database
				paths = append(paths, log)
			}
		}
	}
	return paths
}

// road returns how the files were noticed.
func (in *inputs) road() string {
	if in.reader.All {
		return format.RoadSyscalls
	}
	return format.RoadPython
}

// maxImportedNames is how many imported modules a trace names.
const maxImportedNames = 500

// maxFolders is how many folders a trace names.
const maxFolders = 20

// folders returns the folders of the project that a repetition must make: they existed before the run, the program used
// files in them, and neither Git nor a dataset has something there.
func (in *inputs) folders(ctx context.Context, datasets []*capture.Dataset) []string {
	used := map[string]bool{}
	for _, p := range in.reader.Order {
		if dir := filepath.Dir(p); !used[dir] && relativeTo(in.root, dir) != "" && in.places.May(p) {
			used[dir] = true
		}
	}
	var found []string
	for _, dir := range sortedKeys(used) {
		rel := relativeTo(in.root, dir)
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || bornAfter(dir, in.started) || format.CheckPath(rel) != nil {
			continue
		}
		found = append(found, rel)
	}
	if len(found) == 0 || in.run.Source == nil {
		return nil
	}
	if in.tracked == nil && in.repo.InGit {
		var err error
		if in.tracked, err = git.TrackedFiles(ctx, in.repo.Git); err != nil {
			return nil
		}
	}
	has := map[string]bool{}
	add := func(file string) {
		for at := path.Dir(file); at != "." && at != "/" && !has[at]; at = path.Dir(at) {
			has[at] = true
		}
	}
	for file := range in.tracked {
		add(file)
	}
	for _, d := range datasets {
		add(d.Path)
		has[d.Path] = d.Path != ""
	}
	found = slices.DeleteFunc(found, func(rel string) bool { return has[rel] })
	return found[:min(len(found), maxFolders)]
}

// EndsSoon is how long a process that the program has started may take to end after it.
const EndsSoon = time.Second

// leftRunning returns how many watched processes have not ended with the program.
func (in *inputs) leftRunning(ctx context.Context) (left int) {
	if !in.over || in.host == "" {
		return 0
	}
	for since := time.Now(); ; {
		left = 0
		entries, err := os.ReadDir(in.reader.Dir)
		if err != nil {
			return 0
		}
		for _, entry := range entries {
			pid, rest, _ := strings.Cut(entry.Name(), "-")
			_, host, _ := strings.Cut(rest, "-")
			n, err := strconv.Atoi(pid)
			if err != nil || host != in.host || n == 0 || n == os.Getpid() {
				continue
			}
			if info, err := entry.Info(); err == nil {
				if open, _ := holdsOpen(n, info); open {
					left++
				}
			}
		}
		if left == 0 || time.Since(since) > EndsSoon || ctx.Err() != nil {
			return left
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// launchers start a Python program and read no data themselves.
var launchers = []string{
	"uv", "poetry", "conda", "mamba", "micromamba", "pipenv", "pdm", "pixi", "hatch", "rye", "env", "nice", "timeout",
	"time", "nohup", "srun", "mpirun", "mpiexec", "torchrun", "accelerate", "deepspeed", "jupyter", "papermill",
	"xvfb-run", "ipython", "pytest",
}

// pythonLaunchers are those launchers that run nothing but Python.
var pythonLaunchers = []string{"torchrun", "accelerate", "deepspeed", "jupyter", "papermill", "ipython", "pytest"}

// unseen reports a problem if a program or a library ran that reads files unseen, and Git ignores files in the project
// that no dataset covers.
func (in *inputs) unseen(ctx context.Context, n *noticed, problem func(string, ...any)) {
	unseen := sortedKeys(in.reader.Missed)
	if !in.reader.All {
		unseen = in.unseenPrograms()
	}
	nothing := len(in.run.Datasets)+len(n.datasets)+len(n.trace.Problems) == 0 && n.trace.Withheld == 0
	if len(unseen) == 0 && !nothing || !in.repo.InGit || in.run.Reproduces != "" {
		return
	}
	paths, err := git.IgnoredFiles(ctx, in.repo.Git, in.repo.ownFolder())
	if err != nil {
		return
	}
	if len(unseen) == 0 {
		if in.run.Source != nil {
			n.trace.Ignored = in.unread(paths)
		}
		return
	}
	if outside := outsideData(in.run, in.root, in.places, n.outside); outside != "" {
		problem("%s", outside)
	}
	t := untraced(in.run, in.root, paths)
	if t == nil {
		return
	}
	all := *in.run
	for _, d := range n.datasets {
		all.Datasets = append(all.Datasets[:len(all.Datasets):len(all.Datasets)], d.Dataset)
	}
	rest := slices.DeleteFunc(t.Ignored, func(path string) bool {
		return covered(&all, path) || slices.Contains(n.rewritten, path)
	})
	if len(rest) > 0 {
		if in.run.Source.Rewrites(rest[0]) {
			rest[0] += rewrittenNote
		}
		problem("%s may have read files unseen, and %s is not in Git", capture.Printable(someOf(unseen)), rest[0])
	}
}

// notDeclared leaves out the files that a dataset covers which somebody has named.
func (in *inputs) notDeclared(ctx context.Context, files []inputFile) []inputFile {
	var covers []string // absolute
	for _, d := range in.run.Datasets {
		switch {
		case d.Noticed != "":
		case d.Path != "":
			covers = append(covers, filepath.Join(in.root, filepath.FromSlash(d.Path)))
		default:
			if place, err := in.repo.DataPlace(ctx, d.Name); err == nil && place != "" {
				covers = append(covers, place)
				if real := in.realPath(place); real != place {
					covers = append(covers, real)
				}
			}
		}
	}
	return slices.DeleteFunc(files, func(f inputFile) bool {
		return slices.ContainsFunc(covers, func(c string) bool { return f.path == c || relativeTo(c, f.path) != "" })
	})
}

// The bounds of the search for secrets in what was read: bytes of a file, number of files that are searched, and of
// those whose first bytes are looked at.
const (
	maxSearched      = 64 << 10
	maxSearchedFiles = 2000
	maxHeads         = 20_000
)

// settingFiles are endings of small files that people write by hand.
var settingFiles = []string{
	"", ".txt", ".json", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".sh", ".xml", ".properties", ".py", ".csv",
}

// withoutSecrets leaves out small files that hold a secret, and counts them: the digest of a short secret gives it
// away. Those that begin as keys do are searched whatever their names are.
func (in *inputs) withoutSecrets(ctx context.Context, t *format.Trace, files []inputFile) []inputFile {
	searched, heads := 0, 0
	var secrets []os.FileInfo
	return slices.DeleteFunc(files, func(f inputFile) bool {
		if f.found.Links() > 1 { // perhaps another name of a file that must not be named
			if secrets == nil {
				secrets = in.secretFiles()
			}
			if slices.ContainsFunc(secrets, f.found.Is) {
				t.Withheld++
				return true
			}
		}
		if f.found.Bytes() > maxSearched {
			return false
		}
		if searched >= maxSearchedFiles || !slices.Contains(settingFiles, strings.ToLower(filepath.Ext(f.path))) {
			heads++
			if heads > maxHeads || !beginsAsKey(f.found.Path) {
				return false
			}
		}
		searched++
		data, err := readBounded(f.found.Path, maxSearched)
		if err != nil {
			return false
		}
		if secret.DERKey(data) || isBareKey(data) && !isChecksum(f.path, data) {
			t.Withheld++
			return true
		}
		finds, err := secret.Search(ctx, bytes.NewReader(data), int64(len(data)), secret.Plain)
		if err == nil && len(finds) > 0 {
			t.Withheld++
			return true
		}
		return false
	})
}

// homeSecrets are files with keys in a home folder.
var homeSecrets = []string{
	".netrc", ".git-credentials", ".pgpass", ".aws/credentials", ".ssh/id_rsa", ".ssh/id_ed25519", ".ssh/id_ecdsa",
	".cache/huggingface/token", ".kube/config", ".docker/config.json",
}

// secretFiles returns the files directly in the project that must not be named, and those with keys in the home folder.
func (in *inputs) secretFiles() []os.FileInfo {
	found := []os.FileInfo{}
	add := func(path string) {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			found = append(found, info)
		}
	}
	f, err := regular.OpenFolder(in.root)
	if err == nil {
		names, _ := f.Readdirnames(maxEntries)
		_ = f.Close()
		for _, name := range names {
			if hidden(name) {
				add(filepath.Join(in.root, name))
			}
		}
	}
	for _, name := range homeSecrets {
		add(filepath.Join(in.places.Home, filepath.FromSlash(name)))
	}
	return found
}

// The sizes of a text that may be nothing but a key.
const (
	minBareKey = 20
	maxBareKey = 512
)

// isBareKey reports whether a file has nothing but one word that looks like a key: letters and digits, without spaces,
// such as 40 hexadecimal digits.
func isBareKey(data []byte) bool {
	word := bytes.TrimSpace(data)
	if len(word) < minBareKey || len(word) > maxBareKey {
		return false
	}
	letters, digits := 0, 0
	for _, c := range word {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letters++
		case c >= '0' && c <= '9':
			digits++
		case !bytes.ContainsRune([]byte("-_+/=.:"), rune(c)):
			return false
		}
	}
	return letters > 2 && digits > 2 && 10*(letters+digits) >= 9*len(word)
}

// isChecksum reports whether a file has nothing but the checksum that its name announces, such as train.sha256.txt.
func isChecksum(path string, data []byte) bool {
	word := strings.ToLower(string(bytes.TrimSpace(data)))
	if strings.Trim(word, "0123456789abcdef") != "" {
		return false
	}
	name := strings.ToLower(filepath.Base(path))
	for kind, digits := range map[string][]int{
		"md5": {32}, "sha1": {40}, "sha224": {56}, "sha256": {64}, "sha384": {96}, "sha512": {128},
		"checksum": {32, 40, 56, 64, 96, 128},
	} {
		if strings.Contains(name, kind) && slices.Contains(digits, len(word)) {
			return true
		}
	}
	return false
}

// beginsAsKey reports whether a file may be a key in PEM or DER.
func beginsAsKey(path string) bool {
	file, err := regular.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	head := make([]byte, len("-----BEGIN"))
	n, _ := io.ReadFull(file, head)
	sequence := n > 2 && head[0] == 0x30 && (head[1]&0x80 != 0 || head[2] == 2)
	return sequence || bytes.HasPrefix(head[:n], []byte("-----BEGIN"))
}

// pointers reports files that are pointers of Git LFS: the program did not read the data whose digest they have.
func (in *inputs) pointers(files []inputFile, problem func(string, ...any)) {
	var names []string
	for _, f := range files {
		if f.found.Bytes() <= maxPointerBytes && isPointer(f.found.Path) {
			names = append(names, in.shown(f))
		}
	}
	if len(names) > 0 {
		problem("the program read pointers of Git LFS, and not the data: %s", someOf(names))
	}
}

// unchanged leaves out the files that the program or another one has changed or made since the run began. If an input
// was hashed before its change, it is kept as it was.
func (in *inputs) unchanged(files []inputFile, problem func(string, ...any)) []inputFile {
	var kept []inputFile
	var changed, gone, made, given []string
	in.forgetTurns()
	for _, f := range files {
		early, known := in.early[f.path]
		known = known && in.hashes.Knows(early.found)
		use := in.reader.Uses[f.named]
		exists := !f.gone && !f.noFile
		switch {
		case known && exists && !early.found.Same(f.found):
			kept = append(kept, early)
		case exists && in.other(f):
			changed = append(changed, in.shown(f))
		case exists && f.found.Modified() < in.started:
			// A copy with the time of its original was made during the run: the time of the change cannot be set back.
			if f.found.Changed() < in.started || !bornAfter(f.path, in.started) {
				kept = append(kept, f)
			} else if in.byOther(f) {
				made = append(made, in.shown(f))
			}
		case !f.gone && !f.noFile && f.found.Changed() != 0 && f.found.Changed() < in.started:
			kept = append(kept, f) // its time is in the future
		case known:
			kept = append(kept, early)
		case f.gone && use&(reads.Removed|reads.Found) != 0 && use&reads.Written == 0: // others may never have existed
			gone = append(gone, in.shown(f))
		case f.gone:
		case use&(reads.Database|reads.Written) != 0 && strings.TrimSuffix(filepath.Base(f.path), walEnding) == "mlflow.db":
		case f.noFile: // a device is not data, and what we may not read, the program could not read either
			if isPipe(f.path) && !in.wrote(f) && !bornAfter(f.path, in.started) && !slices.Contains(given, readPipe) {
				given = append(given, readPipe)
			}
		case use&(reads.Removed|reads.Older) != 0 || !bornAfter(f.path, in.started):
			changed = append(changed, in.shown(f))
		case in.byOther(f):
			made = append(made, in.shown(f))
		}
	}
	for _, p := range []struct {
		names []string
		what  string
	}{
		{changed, "changed while the program ran"},
		{made, "came into being during the run, and the program did not write it"},
		{gone, "no longer existed at the end"},
	} {
		if len(p.names) > 0 {
			problem("%s %s", someOf(p.names), p.what)
		}
	}
	for _, what := range given {
		problem("%s", what)
	}
	return kept
}

func isPipe(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}

// shown returns how a file is named in a record: outside the project, only by its last name.
func (in *inputs) shown(f inputFile) string {
	if f.rel != "" {
		return capture.Printable(f.rel)
	}
	return capture.Printable(filepath.Base(f.path))
}

// someOf names the first of some files.
func someOf(names []string) string {
	const named = 3
	if len(names) <= named {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:named], ", "), len(names)-named)
}

// hash hashes the files until the time is over.
func (in *inputs) hash(
	ctx context.Context, files []inputFile, wait time.Duration, end Finish, problem func(string, ...any),
) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if end.Hurry != nil {
		go func() { // ends with the context
			select {
			case <-end.Hurry:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	if end.Hashing != nil {
		timer := time.AfterFunc(time.Second, end.Hashing)
		defer timer.Stop()
	}
	var list []capture.Found
	total := int64(0)
	for _, f := range files {
		if in.hashes.Knows(f.found) {
			total += f.found.Bytes()
		}
	}
	beyond := int64(0)
	for _, f := range files {
		if in.hashes.Knows(f.found) {
			continue
		}
		if total+f.found.Bytes() > in.config.Data.MaxAutoBytes {
			beyond++
			continue
		}
		total += f.found.Bytes()
		list = append(list, f.found)
	}
	err := in.hashes.Add(ctx, list)
	switch {
	case beyond > 0:
		problem("there is more data than data.max_auto_bytes: %d files were not hashed", beyond)
	case err != nil && ctx.Err() != nil:
		problem("hashing was not complete in time")
	}
}

// sets groups files into datasets, those of the project first, of which there are `within`. The files are by their path
// with slashes, relative to the root if they are below it.
func (in *inputs) sets(files []inputFile) (
	byPath map[string]inputFile, sets []reads.Set, within int, hubs []format.Dataset,
) {
	byPath = map[string]inputFile{}
	var inside, outside []string
	for _, f := range files {
		key := f.rel
		if key == "" {
			key = filepath.ToSlash(f.path)
		}
		if _, twice := byPath[key]; twice {
			continue
		}
		byPath[key] = f
		if f.rel != "" {
			inside = append(inside, f.rel)
		} else {
			outside = append(outside, key)
		}
	}
	from := in.config.Data.GroupFrom
	sets = withinFolders(reads.Group(inside, from, func(dir string) bool { return dir != "" }))
	within = len(sets)
	outside, hubs = hubSets(outside)
	return byPath, append(sets, reads.Group(outside, from, func(dir string) bool {
		return in.places.MayBeDataset(filepath.FromSlash(dir))
	})...), within, hubs
}

// withinFolders makes the sets of files whose names no path of a record can have, such as one with a line break, sets
// of their folders, whose manifests can have them.
func withinFolders(sets []reads.Set) []reads.Set {
	var kept []reads.Set
	odd := map[string]int{} // by the folder, the index in kept
	for _, s := range sets {
		dir, name := path.Split(s.Path)
		dir = strings.TrimSuffix(dir, "/")
		if s.Files != nil || format.CheckPath(s.Path) == nil || format.CheckPath(dir) != nil {
			kept = append(kept, s)
			continue
		}
		if i, ok := odd[dir]; ok {
			kept[i].Files = append(kept[i].Files, name)
			continue
		}
		odd[dir] = len(kept)
		kept = append(kept, reads.Set{Path: dir, Files: []string{name}})
	}
	return kept
}

// record makes datasets of the files.
func (in *inputs) record(ctx context.Context, n *noticed, files []inputFile, problem func(string, ...any)) {
	byPath, sets, within, hubs := in.sets(files)
	if len(sets) > maxNoticed {
		problem("the program read data in %d places: only the first %d are recorded", len(sets), maxNoticed)
		within, sets = min(within, maxNoticed), sets[:maxNoticed]
	}
	names := in.names(ctx, sets, within)
	known := func(manifest string) bool { return in.repo.inPlace(sharedDatasets, manifest, -1) }
	var listed []string
	var odd []string
	for i, s := range sets {
		d := format.Dataset{Name: names[i], Noticed: in.road()}
		if i < within {
			if format.CheckPath(s.Path) != nil { // a reader could not put it back
				odd = append(odd, fmt.Sprintf("%q", capture.Printable(s.Path)))
				continue
			}
			d.Path = s.Path
		}
		list := setFiles(s, byPath)
		made, err := capture.Join(d, list, s.Files != nil, &in.hashes, known)
		if err != nil {
			problem("dataset %s could not be recorded", names[i])
			continue
		}
		if made.Hash != "" {
			listed = append(listed, names[i])
		}
		if d.Path == "" {
			n.outside[names[i]] = filepath.FromSlash(s.Path)
		}
		n.trace.Files += made.Files
		n.datasets = append(n.datasets, made)
	}
	if len(odd) > 0 {
		problem("no record can have the name of %s", someOf(odd))
	}
	if len(listed) > 0 {
		problem("only names and sizes are recorded of %s", someOf(listed))
	}
	for _, h := range hubs {
		n.trace.Files += h.Files
		h.Noticed = in.road()
		n.datasets = append(n.datasets, &capture.Dataset{Dataset: h})
	}
}

// setFiles returns the files of a dataset.
func setFiles(s reads.Set, byPath map[string]inputFile) []capture.Listed {
	if s.Files == nil {
		f := byPath[s.Path]
		return []capture.Listed{{Path: filepath.Base(f.path), Found: f.found}}
	}
	list := make([]capture.Listed, len(s.Files))
	for i, name := range s.Files {
		list[i] = capture.Listed{Path: name, Found: byPath[s.Path+"/"+name].found}
	}
	return list
}

// names returns a name for each dataset that no other dataset of the run or of this machine has. The first `within`
// sets belong to the project.
func (in *inputs) names(ctx context.Context, sets []reads.Set, within int) []string {
	places := map[string]string{}
	if local, err := in.repo.local(ctx); err == nil {
		places = local.Data
	}
	inside := map[string]bool{}
	for _, s := range sets[:within] {
		inside[s.Path] = true
	}
	shown := func(s reads.Set) int {
		if inside[s.Path] {
			return strings.Count(s.Path, "/") + 1
		}
		return 1 // of a path outside the project, what comes before may be the name of a person
	}
	names := reads.Names(sets, shown, dataVariable, func(name string, s reads.Set) bool {
		if slices.ContainsFunc(in.run.Datasets, func(d format.Dataset) bool { return d.Name == name }) {
			return true
		}
		if _, ok := in.config.Datasets[name]; ok {
			return true
		}
		place, ok := places[name]
		return ok && !inside[s.Path] && filepath.ToSlash(place) != s.Path
	})
	for i, name := range names {
		if names[i] = capture.Printable(name); format.CheckKey(names[i]) != nil {
			names[i] = fmt.Sprintf("data-%d", i+1)
		}
	}
	return names
}
