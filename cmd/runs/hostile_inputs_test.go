//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/format/hostile"
)

// Limits of one command over hostile files. The time is that of the processor, so that the load of the machine does not
// count; a command that does not end at all is killed.
const (
	hostileMemory  = 256 << 10 // KiB of the largest resident set, with git
	hostileTime    = 10 * time.Second
	hostileHang    = 3 * time.Minute
	hostileOutput  = 1 << 20  // bytes of both streams, and hostileGrowth times the hostile files
	hostileGrowth  = 8        // an escape of 1 byte is shown with 8
	hostileListing = 64 << 20 // bytes of a command that prints every point
)

// used is what a command needed.
type used struct {
	Status   int
	Memory   int64 // KiB
	Time     time.Duration
	Output   int64
	Killed   bool
	Complain string // the beginning of its messages
}

// measureCommand runs the command in its arguments and writes what it needed to the file in the first one. It is a
// small process of its own: the resident set that the kernel reports for a child is at least that of its parent.
func measureCommand() {
	report, args := os.Args[1], os.Args[2:]
	var out countedOutput
	var complain bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &out, io.MultiWriter(&out, &limitedOutput{&complain, 4 << 10})
	err := cmd.Start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	hang := time.AfterFunc(hostileHang, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	u := used{
		Status: cmd.ProcessState.ExitCode(), Time: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		Output: int64(out), Killed: !hang.Stop(), Complain: complain.String(),
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.Memory = usage.Maxrss
	}
	data, err := json.Marshal(u)
	if err == nil {
		err = os.WriteFile(report, data, 0o666)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// countedOutput counts what is written.
type countedOutput int64

func (c *countedOutput) Write(p []byte) (int, error) {
	*c += countedOutput(len(p))
	return len(p), nil
}

// limitedOutput keeps the first bytes of what is written.
type limitedOutput struct {
	to   *bytes.Buffer
	room int
}

func (l *limitedOutput) Write(p []byte) (int, error) {
	some := p[:min(len(p), l.room)]
	l.room -= len(some)
	l.to.Write(some)
	return len(p), nil
}

// victim is a project with hostile files.
type victim struct {
	t       *testing.T
	dir     string
	env     []string
	size    int             // bytes of the hostile files that the next command reads
	largest map[string]used // the largest memory, time and output, and the command
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{t: t, dir: t.TempDir(), largest: map[string]used{}}
	home := t.TempDir()
	config := "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, variable := range os.Environ() {
		if !machineVariable.MatchString(variable) {
			v.env = append(v.env, variable)
		}
	}
	v.env = append(v.env, "HOME="+home, "GIT_CONFIG_NOSYSTEM=1", "TZ=UTC", "LANG=C.UTF-8")
	return v
}

// must runs a command that has to succeed.
func (v *victim) must(dir string, args ...string) string {
	v.t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, v.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		v.t.Fatalf("%q: %v\n%.2000s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// measure runs `runs` with arguments, and fails the test if it needs more than the limits.
func (v *victim) measure(dir string, args ...string) used {
	v.t.Helper()
	report := filepath.Join(v.t.TempDir(), "report")
	cmd := exec.Command("measure", append([]string{report, "runs"}, args...)...)
	cmd.Dir, cmd.Env = dir, v.env
	if out, err := cmd.CombinedOutput(); err != nil {
		v.t.Fatalf("measuring %q: %v\n%s", args, err, out)
	}
	data, err := os.ReadFile(report)
	var u used
	if err == nil {
		err = json.Unmarshal(data, &u)
	}
	if err != nil {
		v.t.Fatal(err)
	}
	limit := int64(hostileOutput + hostileGrowth*v.size)
	if args[0] == "metrics" {
		limit = max(limit, hostileListing)
	}
	name := strings.Join(args, " ")
	switch {
	case u.Killed:
		v.t.Errorf("runs %s: did not end within %v", name, hostileHang)
	case u.Memory > hostileMemory:
		v.t.Errorf("runs %s: %d MB of memory", name, u.Memory>>10)
	case u.Time > hostileTime:
		v.t.Errorf("runs %s: %v of the processor", name, u.Time)
	case u.Output > limit:
		v.t.Errorf("runs %s: %d bytes of output", name, u.Output)
	case u.Status < 0 || u.Status > 4 || strings.Contains(u.Complain, "goroutine"):
		v.t.Errorf("runs %s: status %d\n%s", name, u.Status, u.Complain)
	}
	for what, larger := range map[string]func(a, b used) bool{
		"memory": func(a, b used) bool { return a.Memory > b.Memory },
		"time":   func(a, b used) bool { return a.Time > b.Time },
		"output": func(a, b used) bool { return a.Output > b.Output },
	} {
		if now := u; larger(now, v.largest[what]) {
			now.Complain = name
			v.largest[what] = now
		}
	}
	return u
}

// put writes a file of the .runs folder.
func (v *victim) put(name string, data []byte) {
	v.t.Helper()
	name = filepath.Join(v.dir, ".runs", name)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		v.t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o666); err != nil {
		v.t.Fatal(err)
	}
}

// add writes a run with a hostile file whose digests are right. It returns the id of the run.
func (v *victim) add(number int, in hostile.Input) string {
	v.t.Helper()
	random := []byte("aaaaaaaa")
	for i := range 3 {
		random[7-i] = "0123456789abcdefghjk"[number%20]
		number /= 20
	}
	id := "20261125-033041-" + string(random)
	dir := "2026-11-25/" + id + "/"
	sum := sha256.Sum256(in.Data)
	digest := hex.EncodeToString(sum[:])
	record := fmt.Sprintf("schema = 1\nid = %q\nname = %q\nstatus = \"finished\"\nstarted = 2026-11-25T03:30:41Z\n"+
		"ended = 2026-11-25T03:30:42Z\n", id, in.Name)
	file := fmt.Sprintf("\n[files]\n%q = {sha256 = %q, bytes = %d", in.File, digest, len(in.Data))
	switch in.File {
	case "metrics.parquet":
		record += "\n[metrics]\nloss = {last = 0.5, min = 0.5, min_step = 0, max = 0.5, max_step = 0, count = " +
			fmt.Sprintf("%d}\n%s, rows = %[1]d}\n", in.Rows, file)
		v.put(dir+in.File, in.Data)
	case "values.parquet", "artifacts.parquet":
		record += file + fmt.Sprintf(", rows = %d}\n", in.Rows)
		v.put(dir+in.File, in.Data)
	case "aside.jsonl", "output.log":
		record += file + "}\n"
		v.put(dir+in.File, in.Data)
	case "run.toml":
		record = strings.ReplaceAll(string(in.Data), hostile.ID, id)
	case "note":
		v.put(dir+"notes/20261125T033043.000000Z-aaaaaaaa.toml", in.Data)
	case "manifest":
		record += fmt.Sprintf("\n[[datasets]]\nname = \"train\"\npath = \"data\"\nsha256 = %q\nmanifest = %q\n",
			strings.Repeat("0", 64), digest)
		v.put("datasets/"+digest+".parquet", in.Data)
	case "environment":
		record += fmt.Sprintf("\n[environment]\ndigest = %q\n", digest)
		v.put("environments/"+digest+".toml", in.Data)
	case "patch":
		record += fmt.Sprintf("\n[source]\ntree = %q\nbase = %q\npatches = [%q]\n", strings.Repeat("1", 40),
			"4b825dc642cb6eb9a060e54bf8d69288fbee4904", digest)
		v.put("sources/"+digest+".patch", in.Data)
	case "journal":
		record, _, _ = strings.Cut(strings.Replace(record, `"finished"`, `"running"`, 1), "ended")
		dir = "active/" + id + "/"
		v.put(dir+"owner-detached.toml", []byte("schema = 1\nkind = \"detached\"\nhost = \"x\"\n"+
			"since = 2026-11-25T03:30:41Z\n"))
		v.put(dir+"journal-x-1-aaaa.jsonl", in.Data)
	default:
		v.t.Fatalf("%s: no place for a file %s", in.Name, in.File)
	}
	v.put(dir+"run.toml", []byte(record))
	return id
}

// addBatch writes a batch with a hostile file, whose digests are right, unless the file is a runs.toml itself.
func (v *victim) addBatch(in hostile.Input) {
	v.t.Helper()
	files := map[string][]byte{"runs.toml": in.Data}
	if in.File != "runs.toml" {
		sum := sha256.Sum256(in.Data)
		rows, at := "", "files/"+in.ID+"/"+in.File
		switch in.File {
		case "metrics.parquet", "values.parquet":
			rows, at = fmt.Sprintf(", rows = %d, points = %q", in.Rows, rowDigest(in)), in.File
		case "artifacts.parquet":
			rows = fmt.Sprintf(", rows = %d", in.Rows)
		}
		files[at] = in.Data
		record := fmt.Sprintf("schema = 1\nid = %q\nname = %q\nstatus = \"finished\"\nstarted = 2026-11-26T00:00:00Z\n"+
			"ended = 2026-11-26T03:30:42Z\n", in.ID, in.Name)
		if in.File == "metrics.parquet" {
			record += fmt.Sprintf("\n[metrics]\nloss = {last = 0.5, count = %d}\n", in.Rows)
		}
		record += fmt.Sprintf("\n[files]\n%q = {sha256 = %q, bytes = %d%s}\n", in.File, hex.EncodeToString(sum[:]),
			len(in.Data), rows)
		files["runs.toml"] = []byte(hostile.Record(in.ID, record))
	}
	var list []format.BatchFile
	for name, data := range files {
		sum := sha256.Sum256(data)
		list = append(list, format.BatchFile{Path: name, SHA256: hex.EncodeToString(sum[:])})
	}
	for name, data := range files {
		v.put(hostile.BatchDay+"/"+format.BatchName(list)+"/"+name, data)
	}
}

// rowDigest returns the digest of the rows that a hostile table of a batch has, or a false one if it cannot be read.
func rowDigest(in hostile.Input) string {
	m, err := format.OpenBatchMetrics(bytes.NewReader(in.Data), int64(len(in.Data)))
	if err == nil {
		var run *format.Metrics
		if run, err = m.Run(in.ID); err == nil {
			var digest string
			if digest, err = run.Digest(context.Background()); err == nil {
				return digest
			}
		}
	}
	return strings.Repeat("0", 64)
}

// harmful are files, in folders of runs and in batches, that once ended all commands, took gigabytes or were printed as
// a whole.
var harmful = []string{
	"points: nothing but a count", "points: a key of 60 MB", "points: 20000000 equal points", "record: dotted keys",
	"points: runs: in turn", "batch: 400,000 empty runs", "batch: 1,000 records of tables", "batch: a run of another day",
	"record: keys below a deep header", "values: deep JSON", "artifacts.parquet: 200,000 equal rows",
}

// TestHostileInputs: every reading command over every hostile file keeps to its limits, says what is wrong, and still
// shows the good run. RUNS_HOSTILE=1 takes all files, which lasts some minutes; otherwise a few that once did harm, and
// some others.
func TestHostileInputs(t *testing.T) {
	all := append(hostile.Inputs(), hostile.Batches()...)
	const batch = 30
	var batches [][]hostile.Input
	if os.Getenv("RUNS_HOSTILE") != "" {
		batches = slices.Collect(slices.Chunk(all, batch))
	} else {
		var some []hostile.Input
		for i, in := range all {
			if in.ID == "" && i%23 == 0 || slices.Contains(harmful, in.Name) {
				some = append(some, in)
			}
		}
		batches = [][]hostile.Input{some}
	}
	largest := map[string]used{}
	for i, inputs := range batches {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			v := newVictim(t)
			v.batch(inputs)
			for what, u := range v.largest {
				if old, ok := largest[what]; !ok || what == "memory" && u.Memory > old.Memory ||
					what == "time" && u.Time > old.Time || what == "output" && u.Output > old.Output {
					largest[what] = u
				}
			}
		})
	}
	t.Logf("%d files, %d batches", len(all), len(batches))
	t.Logf("largest memory: %d MB, runs %s", largest["memory"].Memory>>10, largest["memory"].Complain)
	t.Logf("largest time of the processor: %v, runs %s", largest["time"].Time, largest["time"].Complain)
	t.Logf("largest output: %d kB, runs %s", largest["output"].Output/1000, largest["output"].Complain)
}

// batch puts hostile files next to a good run, and measures the commands.
func (v *victim) batch(inputs []hostile.Input) {
	bare, clone := filepath.Join(v.t.TempDir(), "server.git"), filepath.Join(v.t.TempDir(), "clone")
	v.must(v.dir, "git", "init", "-q", "--bare", bare)
	v.must(v.dir, "git", "init", "-q", ".")
	v.must(v.dir, "git", "remote", "add", "origin", bare)
	v.must(v.dir, "runs", "init")
	v.must(v.dir, "git", "add", "-A")
	v.must(v.dir, "git", "commit", "-q", "-m", "begin")
	v.must(v.dir, "git", "push", "-q", "-u", "origin", "HEAD")
	v.must(v.dir, "git", "clone", "-q", bare, clone)
	good := v.must(v.dir, "runs", "log", "loss=1", "acc=0.5", "-p", "lr=0.1", "--name", "good")
	var ids []string
	of := map[string]hostile.Input{}
	for i, in := range inputs {
		if in.File == "events" {
			v.events(in)
			continue
		}
		v.size += len(in.Data)
		id := in.ID
		if id != "" {
			v.addBatch(in)
		} else {
			id = v.add(i, in)
		}
		ids, of[id] = append(ids, id), in
	}
	v.must(v.dir, "git", "add", "-f", ".runs", ":!.runs/active")
	v.must(v.dir, "git", "commit", "-q", "-m", "runs: add runs")

	for _, args := range [][]string{
		{"ls"},
		{"ls", "--json"},
		{"ls", "--csv"},
		{"ls", "best=loss"},
		{"status"},
		{"status", "--json"},
		{"verify"},
		{"verify", "--json"},
		{"verify", "--all"},
		{"check"},
		{"check", good},
		{"review", "HEAD~1"},
		{"review", "HEAD~1", "--json"},
		{"review", "HEAD~1", "--markdown"},
		{"gc", "--dry-run"},
		{"plot", "loss"},
		{"show", good},
		{"diff", good, good},
		{"export", "html", "--with", "source,log,machine", "-o", filepath.Join(v.t.TempDir(), "all.html")},
	} {
		v.measure(v.dir, args...)
	}
	if out := v.must(v.dir, "sh", "-c", "runs ls || true"); !strings.Contains(out, "good") {
		v.t.Errorf("runs ls does not show the good run:\n%.2000s", out)
	}
	size := v.size
	for _, id := range ids {
		v.size = len(of[id].Data)
		v.one(good, id, of[id])
	}
	v.size = size
	v.must(v.dir, "git", "push", "-q", "origin", "HEAD")
	v.measure(clone, "pull")
	v.measure(clone, "pull", "--runs-only")
	v.measure(clone, "ls")
	v.measure(clone, "import", v.dir, "--dry-run")
}

// one measures the commands that take a run.
func (v *victim) one(good, id string, in hostile.Input) {
	v.t.Helper()
	commands := [][]string{
		{"show", id},
		{"show", id, "--json"},
		{"metrics", id},
		{"metrics", id, "--csv"},
		{"metrics", id, "--last"},
		{"diff", good, id},
		{"verify", id},
		{"check", id},
		{"export", "html", id, good, "--with", "source,log,machine", "-o", v.t.TempDir() + "/page/"},
	}
	switch in.File {
	case "metrics.parquet":
		commands = append(commands, []string{"textconv", filepath.Join(".runs/2026-11-25", id, in.File)},
			[]string{"plot", id, "loss"}, []string{"metrics", id, "loss", "--json", "--every", "100"})
	case "values.parquet":
		commands = append(commands, []string{"metrics", id, "--values"},
			[]string{"textconv", filepath.Join(".runs/2026-11-25", id, in.File)})
	case "artifacts.parquet", "run.toml":
		commands = append(commands, []string{"artifacts", id, "--here"}, []string{"artifacts", id, "--json", "--here"},
			[]string{"artifacts", id, "-o", v.t.TempDir()}, []string{"show", id, "--toml"})
	case "patch", "environment", "manifest":
		commands = append(commands, []string{"show", id, "--source"},
			[]string{"checkout", id, filepath.Join(v.t.TempDir(), "out")}, []string{"reproduce", id, "--dry-run"})
	case "output.log":
		commands = append(commands, []string{"show", id, "--log"})
	case "journal":
		commands = append(commands, []string{"metrics", id, "--values"}, []string{"finish", id})
	}
	for _, args := range commands {
		v.measure(v.dir, args...)
	}
}

// events measures the import of a log of another tracker.
func (v *victim) events(in hostile.Input) {
	dir := v.t.TempDir()
	name := filepath.Join(dir, "events.out.tfevents.1764000000.host.1.0")
	if err := os.WriteFile(name, in.Data, 0o666); err != nil {
		v.t.Fatal(err)
	}
	v.measure(v.dir, "import", "tensorboard", dir, "--dry-run")
}
