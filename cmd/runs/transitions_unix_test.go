//go:build unix

package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestTransitions lets clones share runs in random order: whatever one command makes, every other accepts. Then it
// changes committed runs by hand: verify --all, pull and the server's hook name each change that no command makes.
// RUNS_TRANSITION_WORLDS asks for so many random worlds, RUNS_TRANSITION_SEED repeats one. Without them, the worlds are
// the same each time.
func TestTransitions(t *testing.T) {
	worlds, seed := asked("RUNS_TRANSITION_WORLDS", 0), uint64(1)
	if worlds == 0 {
		worlds = 2
	} else {
		seed = uint64(time.Now().UnixNano() >> 16 & 0xffffffff)
	}
	seed = uint64(asked("RUNS_TRANSITION_SEED", int(seed)))
	steps, changes := 0, 0
	var w *world
	t.Cleanup(func() {
		if t.Failed() && w != nil {
			t.Logf("repeat with RUNS_TRANSITION_SEED=%d RUNS_TRANSITION_WORLDS=1:\n%s", w.seed, strings.Join(w.log, "\n"))
		}
	})
	for i := range worlds {
		w = newWorld(t, seed+uint64(i))
		for range 36 {
			w.step()
			steps++
		}
		w.converge()
		if t.Failed() {
			return
		}
		for range 5 {
			w.change()
			changes++
		}
		if t.Failed() {
			return
		}
		_ = os.RemoveAll(w.dir)
	}
	t.Logf("%d worlds, %d steps, %d changes by hand, each named", worlds, steps, changes)
}

// world is a team whose clones share runs.
type world struct {
	*team
	seed    uint64
	r       *rand.Rand
	clones  []string
	branch  string // the runs branch; empty if runs are committed with the code
	batches bool   // a commit of two runs makes a batch
	runs    []string
	loss    map[string]string // what was logged, by id
	removed map[string]bool
	words   map[string]string // what a redaction may look for, by id
	log     []string
	n       int
}

// removedThere excuses a commit that leaves out a run: one clone has annotated it, and another has removed it.
var removedThere = []string{"it was removed on that branch; name it to restore it"}

const receiveHook = "#!/bin/sh\nwhile read old new ref; do runs verify --all $old..$new || exit 1; done\n"

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{
		team: newTeam(t, func(_ *testing.T, m *team) { m.url = m.bare }), seed: seed, r: rand.New(rand.NewPCG(seed, 0)),
		loss: map[string]string{}, removed: map[string]bool{}, words: map[string]string{},
	}
	w.batches = seed%2 == 0
	settings := ""
	if w.r.IntN(3) == 0 {
		w.branch = "results"
		settings = "branch = \"results\"\n"
	}
	if w.batches {
		settings += "batch = 1\n"
	}
	if settings != "" {
		first := filepath.Join(w.dir, "first")
		w.edit(filepath.Join(first, ".runs", "config.toml"), func(text string) string {
			return text + "\n[commit]\n" + settings
		})
		w.must(first, "git", "commit", "-qam", "settings")
		w.must(first, "git", "push", "-q")
	}
	w.hook(true)
	for i := range 3 {
		w.clones = append(w.clones, w.fresh("clone"+strconv.Itoa(i)))
	}
	if w.branch == "" && w.r.IntN(2) == 0 {
		w.must(w.clones[2], "runs", "init", "--with-code")
	}
	return w
}

// fresh makes a clone in which nobody is at work.
func (w *world) fresh(name string) string {
	w.t.Helper()
	dir := filepath.Join(w.dir, name)
	w.must(w.dir, "git", "clone", "-q", w.url, dir)
	return dir
}

// hook installs the server's hook, or removes it.
func (w *world) hook(on bool) {
	w.t.Helper()
	file := filepath.Join(w.bare, "hooks", "pre-receive")
	_ = os.Remove(file)
	if on {
		if err := os.WriteFile(file, []byte(receiveHook), 0o777); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) edit(file string, change func(string) string) {
	w.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(change(string(data))), 0o666); err != nil {
		w.t.Fatal(err)
	}
}

// do runs a command and fails the test if the command fails, unless its output has one of the excuses.
func (w *world) do(dir string, excuses []string, args ...string) (string, bool) {
	w.t.Helper()
	out, err := w.call(dir, args...)
	w.log = append(w.log, fmt.Sprintf("%s: %s: %v", filepath.Base(dir), strings.Join(args, " "), err))
	excused := func(excuse string) bool { return strings.Contains(out, excuse) }
	if err != nil && !slices.ContainsFunc(excuses, excused) {
		w.t.Errorf("%s: %s: %v\n%s", filepath.Base(dir), strings.Join(args, " "), err, out)
	}
	return out, err == nil
}

// finished returns the finished runs of a clone.
func (w *world) finished(dir string) []string {
	w.t.Helper()
	out, _ := w.do(dir, nil, "runs", "ls", "--json", "-n", "0")
	var list []struct{ ID string }
	if err := json.Unmarshal([]byte(out[strings.Index(out, "["):]), &list); err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
	var ids []string
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return ids
}

// some returns a run of a clone, or an empty string.
func (w *world) some(dir string) string {
	ids := w.finished(dir)
	if len(ids) == 0 {
		return ""
	}
	return ids[w.r.IntN(len(ids))]
}

// step is one random operation, after which all is well.
func (w *world) step() {
	w.t.Helper()
	w.n++
	dir := w.clones[w.r.IntN(len(w.clones))]
	switch op := w.r.IntN(20); op {
	case 0, 1, 2, 3, 4:
		w.record(dir)
	case 5, 6:
		w.do(dir, removedThere, "runs", "commit")
	case 7, 8:
		w.push(dir)
	case 9, 10:
		w.pull(dir)
	case 11:
		if id := w.some(dir); id != "" {
			w.do(dir, nil, "runs", "tag", id, fmt.Sprintf("k%d=%s", w.r.IntN(3), w.words[id]))
		}
	case 12:
		if id := w.some(dir); id != "" {
			w.do(dir, nil, "runs", "note", id, fmt.Sprintf("it is %s, %d", w.words[id], w.n))
		}
	case 13, 14, 15:
		w.redact(dir)
	case 16:
		w.remove(dir)
	case 17:
		w.collect(dir)
	case 18:
		w.codeCommit(dir)
	case 19:
		if w.batches && w.r.IntN(2) == 0 {
			w.pack(dir)
		} else {
			w.mergeByGit(dir)
		}
	}
	if w.n%6 == 0 {
		w.accept(dir)
	}
}

// accept verifies that a clone finds nothing wrong.
func (w *world) accept(dir string) {
	w.t.Helper()
	revs := []string{"HEAD"}
	if w.branch != "" {
		if _, err := w.call(dir, "git", "rev-parse", "-q", "--verify", "refs/heads/"+w.branch); err == nil {
			revs = append(revs, w.branch)
		}
	}
	w.do(dir, nil, append([]string{"runs", "verify", "--all"}, revs...)...)
	w.do(dir, nil, "runs", "verify")
	w.do(dir, nil, "runs", "status")
	if out, _ := w.do(dir, nil, "runs", "recover", "--lost", "--dry-run"); strings.Contains(out, "would restore") {
		w.t.Errorf("%s: a run is lost\n%s", filepath.Base(dir), out)
	}
}

// record logs a run whose note, params and source have a word of its own.
func (w *world) record(dir string) {
	w.t.Helper()
	word := fmt.Sprintf("zwort%05d", w.r.IntN(100_000))
	loss := strconv.FormatFloat(w.r.Float64(), 'g', -1, 64)
	dirty := w.r.IntN(2) == 0
	if dirty {
		w.edit(filepath.Join(dir, "train.py"), func(text string) string { return text + "key = '" + word + "'\n" })
	}
	file := filepath.Join(dir, "out.txt")
	if err := os.WriteFile(file, []byte("say "+word+"\nend\n"), 0o666); err != nil {
		w.t.Fatal(err)
	}
	args := []string{
		"runs", "log", "loss=" + loss, "acc=0.5", "-p", "lr=0.1", "-p", "word=" + word, "-p", "m." + word + "=1",
		"--note", "with " + word, "-t", "t=" + word,
	}
	if w.r.IntN(2) == 0 {
		args = append(args, "-a", "out.txt")
	}
	out, ok := w.do(dir, nil, args...)
	_ = os.Remove(file)
	if dirty {
		w.must(dir, "git", "checkout", "-q", "--", "train.py")
	}
	id := regexp.MustCompile(`\d{8}-\d{6}-[0-9a-z]{8}`).FindString(out)
	if !ok || id == "" {
		w.t.Fatalf("no run was recorded: %s", out)
	}
	w.runs = append(w.runs, id)
	w.loss[id], w.words[id] = loss, word
}

// mayPush lists why a push may fail.
var mayPush = []string{
	"code commit", "run 'runs pull' to keep the remote's", "nothing to push", "has no upstream",
}

func (w *world) push(dir string) {
	w.t.Helper()
	w.do(dir, mayPush, "runs", "push")
}

func (w *world) pull(dir string) {
	w.t.Helper()
	excuses := []string{"both sides have new code commits", "the remote has no such branch", "the branch was not updated"}
	if out, _ := w.do(dir, excuses, "runs", "pull"); strings.Contains(out, "verification failed") {
		w.t.Errorf("%s: pull refused what a command made:\n%s", filepath.Base(dir), out)
	}
}

func (w *world) redact(dir string) {
	w.t.Helper()
	id := w.some(dir)
	if id == "" {
		return
	}
	here := []string{"the run holds no such text or secret", "it is not in the working tree"}
	if _, ok := w.do(dir, here, "runs", "redact", id, w.words[id]); ok {
		w.do(dir, removedThere, "runs", "commit")
	}
}

func (w *world) remove(dir string) {
	w.t.Helper()
	id := w.some(dir)
	if id == "" {
		return
	}
	if _, ok := w.do(dir, nil, "runs", "rm", id); !ok {
		return
	}
	if w.r.IntN(4) == 0 {
		w.do(dir, []string{"it already exists"}, "runs", "rm", "--undo")
		return
	}
	w.removed[id] = true
	w.do(dir, removedThere, "runs", "commit")
}

// collect lets gc look at files that nobody has needed for two days.
func (w *world) collect(dir string) {
	w.t.Helper()
	old := time.Now().Add(-48 * time.Hour)
	for _, glob := range []string{".runs/*/*.patch", ".runs/*/*.toml", ".git/runs/shared/*/*"} {
		files, _ := filepath.Glob(filepath.Join(dir, glob))
		for _, file := range files {
			_ = os.Chtimes(file, old, old)
		}
	}
	w.do(dir, []string{"branch main is checked out"}, "runs", "gc")
}

func (w *world) codeCommit(dir string) {
	w.t.Helper()
	w.edit(filepath.Join(dir, "model.py"), func(text string) string {
		return text + fmt.Sprintf("# %s %d\n", filepath.Base(dir), w.n)
	})
	w.do(dir, nil, "git", "commit", "-qm", "code", "model.py")
	w.do(dir, []string{"rejected"}, "git", "push", "-q")
}

// mergeByGit is what somebody does who pulls with git alone. 'runs pack' settles the conflicts of batches; of single
// runs and code in conflict, theirs win, whole.
func (w *world) mergeByGit(dir string) {
	w.t.Helper()
	w.do(dir, nil, "git", "fetch", "-q")
	out, err := w.call(dir, "git", "merge", "-q", "--no-edit", "origin/main")
	w.log = append(w.log, fmt.Sprintf("%s: git merge: %v", filepath.Base(dir), err))
	switch {
	case err == nil:
	case strings.Contains(out, "CONFLICT") && w.batches:
		w.settleByPack(dir)
	case strings.Contains(out, "CONFLICT"):
		w.settle(dir)
	default:
		w.t.Errorf("%s: git merge: %v\n%s", filepath.Base(dir), err, out)
	}
	w.do(dir, []string{"rejected"}, "git", "push", "-q")
}

// settleByPack ends a merge with conflicts by 'runs pack'. Of code in conflict, theirs wins.
func (w *world) settleByPack(dir string) {
	w.t.Helper()
	w.finished(dir) // the runs are read
	if strings.Contains(w.must(dir, "git", "diff", "--name-only", "--diff-filter=U"), "model.py") {
		w.must(dir, "git", "checkout", "-q", "--theirs", "--", "model.py")
		w.must(dir, "git", "add", "model.py")
	}
	if w.must(dir, "git", "diff", "--name-only", "--diff-filter=U") != "" {
		w.do(dir, nil, "runs", "pack")
	}
	w.do(dir, nil, "git", "commit", "-q", "--no-edit")
}

// settle ends a merge with conflicts.
func (w *world) settle(dir string) {
	w.t.Helper()
	for _, path := range strings.Fields(w.must(dir, "git", "diff", "--name-only", "--diff-filter=U")) {
		if parts := strings.Split(path, "/"); parts[0] == ".runs" && len(parts) > 3 {
			path = strings.Join(parts[:3], "/")
		}
		if _, err := w.call(dir, "git", "checkout", "-q", "MERGE_HEAD", "--", path); err != nil { // they removed it
			w.must(dir, "git", "rm", "-rqf", "--", path)
			continue
		}
		w.must(dir, "git", "add", "-f", "--", path)
	}
	if ids := w.must(dir, "git", "ls-files", ".runs/removed"); ids != "" {
		for mark := range strings.FieldsSeq(ids) {
			id := filepath.Base(mark)
			day := id[:4] + "-" + id[4:6] + "-" + id[6:8]
			_, _ = w.call(dir, "git", "rm", "-rqf", "--ignore-unmatch", "--", ".runs/"+day+"/"+id)
		}
	}
	w.do(dir, nil, "git", "commit", "-q", "--no-verify", "--no-edit")
}

// converge brings all clones to the same runs and compares them with what was logged.
func (w *world) converge() {
	w.t.Helper()
	for range 3 {
		for _, dir := range w.clones {
			w.do(dir, removedThere, "runs", "commit")
			w.do(dir, nil, "git", "fetch", "-q")
			if w.branch == "" {
				w.mergeByGit(dir)
			}
			w.pull(dir)
			w.push(dir)
		}
	}
	want := slices.DeleteFunc(slices.Clone(w.runs), func(id string) bool { return w.removed[id] })
	slices.Sort(want)
	for _, dir := range w.clones {
		w.accept(dir)
		got := w.finished(dir)
		for _, id := range got {
			if out, _ := w.do(dir, nil, "runs", "metrics", id, "loss", "--last", "--csv"); !strings.Contains(out, w.loss[id]) {
				w.t.Errorf("%s: run %s has another loss than %s: %s", filepath.Base(dir), id, w.loss[id], out)
			}
		}
		if !slices.Equal(got, want) {
			w.t.Errorf("%s has the runs %v, want %v", filepath.Base(dir), got, want)
		}
	}
}

// handmade is a change of a committed run that no command makes. It returns false if the run has nothing to change.
type handmade struct {
	name   string
	change func(w *world, dir, run, id string) bool
}

var handmades = []handmade{
	{"another metric", rewriteRecord(`last = 0.5`, `last = 0.9`)},
	{"another status", rewriteRecord(`status = "finished"`, `status = "failed"`)},
	{"another param", rewriteRecord(`lr = 0.1`, `lr = 0.2`)},
	{"another note in the record", rewriteRecord(`schema = 1`, "schema = 1\nend_reason = \"x\"")},
	{"a forged redaction of a metric", forge(`last = 0.5`, `last = 0.9`)},
	{"a forged redaction of a param", forge(`lr = 0.1`, `lr = 0.2`)},
	{"a forged redaction of a time", forge(`ended = 2`, `ended = 3`)},
	{"a forged redaction of a digest", forge(`"metrics.parquet" = {sha256 = "`, `"metrics.parquet" = {sha256 = "0`)},
	{"a dropped run", func(w *world, dir, run, _ string) bool {
		w.must(dir, "git", "rm", "-rqf", "--", run)
		return true
	}},
	{"a dropped file", func(w *world, dir, run, _ string) bool {
		w.must(dir, "git", "rm", "-qf", "--", run+"/metrics.parquet")
		return true
	}},
	{"other points, with their digest", func(w *world, dir, run, id string) bool {
		other := w.other(dir, id)
		if other == "" {
			return false
		}
		data := w.read(dir, other+"/metrics.parquet")
		file := filepath.Join(dir, run, "metrics.parquet")
		was := w.read(dir, run+"/metrics.parquet")
		if string(was) == string(data) || os.Chmod(file, 0o666) != nil || os.WriteFile(file, data, 0o666) != nil {
			return false
		}
		w.edit(filepath.Join(dir, run, "run.toml"), func(text string) string {
			text = strings.Replace(text, sum(was), sum(data), 1)
			size := func(data []byte) string { return fmt.Sprintf("bytes = %d, rows", len(data)) }
			return strings.Replace(text, size(was), size(data), 1)
		})
		return true
	}},
	{"an edited annotation", func(w *world, dir, run, id string) bool {
		w.must(dir, "runs", "note", id, "a true word")
		w.must(dir, "runs", "commit")
		notes, _ := filepath.Glob(filepath.Join(dir, run, "notes", "*.toml"))
		w.edit(notes[len(notes)-1], func(text string) string { return strings.Replace(text, "true", "false", 1) })
		return true
	}},
	{"a redaction that names another past", func(w *world, dir, run, id string) bool {
		if _, err := w.call(dir, "runs", "redact", id, w.words[id]); err != nil {
			return false
		}
		w.edit(filepath.Join(dir, run, "run.toml"), func(text string) string {
			return regexp.MustCompile(`was = "[0-9a-f]{4}`).ReplaceAllString(text, `was = "eeee`)
		})
		return true
	}},
	{"a redaction that is taken back", func(w *world, dir, run, id string) bool {
		if _, err := w.call(dir, "runs", "redact", id, w.words[id]); err != nil {
			return false
		}
		w.must(dir, "runs", "commit")
		w.must(dir, "git", "checkout", "-q", "HEAD~1", "--", run)
		return true
	}},
	{"another patch", func(w *world, dir, run, _ string) bool {
		record := string(w.read(dir, run+"/run.toml"))
		digest := regexp.MustCompile(`patches = \["([0-9a-f]{64})`).FindStringSubmatch(record)
		if digest == nil {
			return false
		}
		patch := strings.Replace(string(w.read(dir, ".runs/sources/"+digest[1]+".patch")), "\n+key", "\n+kex", 1)
		w.write(filepath.Join(filepath.Base(dir), ".runs/sources", sum([]byte(patch))+".patch"), patch)
		return forge(digest[1], sum([]byte(patch)))(w, dir, run, "")
	}},
}

func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

func (w *world) read(dir, name string) []byte {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return data
}

// other is the folder of another run.
func (w *world) other(dir, id string) string {
	for _, other := range w.finished(dir) {
		if other != id && w.batchOf(dir, other) == "" {
			return runFolder(other)
		}
	}
	return ""
}

func runFolder(id string) string {
	return ".runs/" + id[:4] + "-" + id[4:6] + "-" + id[6:8] + "/" + id
}

func rewriteRecord(was, now string) func(w *world, dir, run, id string) bool {
	return func(w *world, dir, run, _ string) bool {
		before := string(w.read(dir, run+"/run.toml"))
		after := strings.Replace(before, was, now, 1)
		w.edit(filepath.Join(dir, run, "run.toml"), func(string) string { return after })
		return before != after
	}
}

// forge changes a record under an entry of [[redacted]].
func forge(was, now string) func(w *world, dir, run, id string) bool {
	return func(w *world, dir, run, id string) bool {
		digest := sum(w.read(dir, run+"/run.toml"))
		if !rewriteRecord(was, now)(w, dir, run, id) {
			return false
		}
		w.edit(filepath.Join(dir, run, "run.toml"), func(text string) string {
			return text + forgedEntry(digest)
		})
		return true
	}
}

// forgedEntry is an entry of [[redacted]] that no redaction made.
func forgedEntry(was string) string {
	return "\n[[redacted]]\ntime = 2026-11-29T12:40:00Z\nwhat = \"pattern\"\nwas = \"" + was + "\"\n"
}

// change makes one change by hand, and verifies that it is named by verify --all, by the server's hook and by pull.
func (w *world) change() {
	w.t.Helper()
	main := w.branch
	if main == "" {
		main = "main"
	}
	tip := strings.TrimSpace(w.must(w.bare, "git", "rev-parse", main))
	made, id := w.makeChange(main)
	if made == nil {
		return
	}
	w.log = append(w.log, "by hand: "+made.name+" of "+id)
	dir := filepath.Join(w.dir, "hand")
	defer func() { _ = os.RemoveAll(dir) }()
	fails := func(where, out string, err error) {
		if err == nil || !strings.Contains(out, id) {
			w.t.Errorf("%s of %s was not named by %s: %v\n%s", made.name, id, where, err, out)
		}
	}
	out, err := w.call(dir, "runs", "verify", "--all")
	fails("verify --all", out, err)
	out, err = w.call(dir, "git", "push", "-q", "origin", "HEAD:"+main)
	fails("the hook", out, err)
	w.hook(false)
	w.must(dir, "git", "push", "-q", "origin", "HEAD:"+main)
	reader := w.fresh("reader")
	defer func() { _ = os.RemoveAll(reader) }()
	w.must(w.bare, "git", "update-ref", "refs/heads/"+main, tip)
	w.hook(true)
	out, err = w.call(reader, "runs", "verify", "--all", "origin/"+main)
	fails("a new clone", out, err)
	w.pulled(reader, main, tip, id, fails)
}

// pulled lets a clone that has the runs pull the change.
func (w *world) pulled(hand, main, tip, id string, fails func(where, out string, err error)) {
	w.t.Helper()
	bad := strings.TrimSpace(w.must(hand, "git", "rev-parse", "origin/"+main))
	w.hook(false)
	defer w.hook(true)
	reader := w.fresh("second")
	defer func() { _ = os.RemoveAll(reader) }()
	if w.branch != "" {
		w.must(reader, "git", "branch", "-q", w.branch, "origin/"+w.branch)
	}
	w.must(hand, "git", "push", "-q", "origin", bad+":"+main)
	out, err := w.call(reader, "runs", "pull")
	fails("pull", out, err)
	if !strings.Contains(out, "nothing was changed") { // what is wrong in a batch stops the pull
		out, err = w.call(reader, "runs", "status")
		fails("status", out, err)
	}
	got, err := w.call(reader, "runs", "ls", id, "--columns", "acc", "--csv")
	if err == nil && !strings.Contains(got, "0.5") {
		w.t.Errorf("after the pull, the clone believes the change: %s", got)
	}
	w.must(w.bare, "git", "update-ref", "refs/heads/"+main, tip)
}

// makeChange makes a clone with one changed run on a branch.
func (w *world) makeChange(main string) (*handmade, string) {
	w.t.Helper()
	dir := w.fresh("hand")
	if w.branch != "" {
		w.must(dir, "git", "checkout", "-q", w.branch)
		w.must(dir, "git", "checkout", "-q", "origin/main", "--", ".runs/config.toml", ".runs/.gitignore")
	}
	for range 20 {
		id := w.some(dir)
		if id == "" {
			break
		}
		run, list := runFolder(id), handmades
		if batch := w.batchOf(dir, id); batch != "" {
			run, list = batch, batchHandmades
		}
		made := list[w.r.IntN(len(list))]
		if !made.change(w, dir, run, id) {
			w.must(dir, "git", "reset", "-q", "--hard", "origin/"+main)
			continue
		}
		w.must(dir, "git", "add", "-f", "--all", ":(glob).runs/2*/**", ":(glob).runs/sources/**")
		w.must(dir, "git", "commit", "-qm", "runs: redact 1 run")
		return &made, id
	}
	_ = os.RemoveAll(dir)
	return nil, ""
}
