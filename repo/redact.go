package repo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/secret"
)

// RedactRequest says what to take out of a run: what a pattern matches, or what the search for secrets finds.
type RedactRequest struct {
	Pattern     *regexp.Regexp // nil: finds
	Rule        string         // finds of this rule alone
	Fingerprint string         // this find alone
	DryRun      bool
}

// Redacted is what a redaction did, or would do.
type Redacted struct {
	What    string
	Places  int
	Runs    []RedactedRun // the run, and those that share a file with it
	Old     []string      // shared files that no run here names any more, and that are gone
	Unproof []string      // runs whose source does not come back at all
	InTrash []string      // removed runs in the trash that hold it too
}

// RedactedRun is one run and the files of it that changed, below .runs.
type RedactedRun struct {
	ID    string
	Files []string
}

// ErrNothingToRedact says that what was to be redacted is nowhere in the run.
var ErrNothingToRedact = errors.New("it is nowhere in the run")

// RedactedDir names the runs whose redaction a commit must still take: one empty file a run.
func (r *Repository) RedactedDir() string { return filepath.Join(r.Dir, "cache", "redacted") }

// redactDir holds redactions that are complete and not yet in their places.
func (r *Repository) redactDir() string { return filepath.Join(r.Dir, "cache", "redact") }

// Redact takes a secret out of a finished run and all that it shares with others. Those runs name the new shared files from
// then on, and all are marked. It happens whole or not at all: killed, the next redaction or commit completes it.
func (r *Repository) Redact(ctx context.Context, id string, ask RedactRequest) (*Redacted, error) {
	if err := r.SettleRedactions(); err != nil {
		return nil, err
	}
	x := &redaction{repo: r, ask: ask, done: &Redacted{What: "pattern"}, shared: map[string][]byte{}, runs: map[string]*rewrite{}, trees: map[string]string{}}
	err := x.plan(ctx, id)
	if err == nil && !ask.DryRun {
		err = x.carryOut(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("redacting run %s: %w", id, err)
	}
	return x.done, nil
}

type redaction struct {
	repo     *Repository
	ask      RedactRequest
	done     *Redacted
	config   *format.Config
	literals []string          // what the search found, as text
	rules    map[string]bool   // that found it
	shared   map[string][]byte // old name of a shared file to its new bytes
	renamed  map[string]string // old name to new name
	runs     map[string]*rewrite
	trees    map[string]string // of patches that were redacted
}

// rewrite is a run that changes.
type rewrite struct {
	run   *format.Run // without notes
	old   []byte      // run.toml as it was
	files map[string][]byte
}

// plan finds all that changes and changes nothing.
func (x *redaction) plan(ctx context.Context, id string) error {
	var err error
	if x.config, err = x.repo.Config(); err != nil {
		return err
	}
	main, err := x.read(id)
	if err != nil {
		return err
	}
	x.runs[id] = main
	e := &Entry{Run: main.run, Dir: x.repo.RunDir(id), repo: x.repo}
	files, err := x.ownFiles(e)
	if err != nil {
		return err
	}
	names := SharedNames(main.run)
	contents := map[string][]byte{}
	for _, name := range names {
		if contents[name], err = x.readShared(ctx, name); err != nil {
			return err
		}
	}
	if x.ask.Pattern == nil {
		if err := x.learn(ctx, files, contents); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == RecordName {
			continue
		}
		data, n, err := x.redactFile(ctx, name, files[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if n > 0 {
			main.files[name] = data
			x.done.Places += n
		}
	}
	for _, name := range names {
		data, n, err := x.redactFile(ctx, name, contents[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if n > 0 {
			x.shared[name] = data
			x.done.Places += n
		}
	}
	if err := x.redactRecord(main); err != nil {
		return err
	}
	if x.done.Places == 0 {
		return ErrNothingToRedact
	}
	if len(x.rules) > 0 {
		x.done.What = strings.Join(slices.Sorted(maps.Keys(x.rules)), ", ")
	}
	return x.findSharers(ctx)
}

// read reads the record of a finished run as it stands in its file.
func (x *redaction) read(id string) (*rewrite, error) {
	dir := x.repo.RunDir(id)
	if err := realDir(dir); err != nil {
		return nil, err
	}
	data, err := readBounded(filepath.Join(dir, RecordName), format.MaxRecordBytes)
	if err != nil {
		return nil, err
	}
	run, err := decodeFinished(RecordName, id, data)
	return &rewrite{run: run, old: data, files: map[string][]byte{}}, err
}

// ownFiles reads the files of the run itself, each proved by its digest.
func (x *redaction) ownFiles(e *Entry) (map[string][]byte, error) {
	files := map[string][]byte{RecordName: x.runs[e.ID].old}
	add := func(name string, want format.File) error {
		f, err := e.openVerified(name, want)
		if err != nil || f == nil {
			return err // what is not here cannot leave from here
		}
		defer func() { _ = f.Close() }()
		files[name], err = io.ReadAll(io.NewSectionReader(f, 0, want.Bytes))
		return err
	}
	for name, want := range e.Files {
		if err := add(name, want); err != nil {
			return nil, err
		}
	}
	artifacts, err := e.AllArtifacts()
	if err != nil {
		return nil, err
	}
	for _, a := range artifacts {
		if a.Where == "" {
			if err := add(path.Join(artifactsName, a.Path), format.File{SHA256: a.SHA256, Bytes: a.Bytes}); err != nil {
				return nil, err
			}
		}
	}
	notes, err := e.NoteFiles()
	if err != nil {
		return nil, err
	}
	for _, n := range notes {
		if files[n.Name], err = readBounded(filepath.Join(e.Dir, filepath.FromSlash(n.Name)), format.MaxNoteBytes); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (x *redaction) readShared(ctx context.Context, name string) ([]byte, error) {
	kind, digest, _ := sharedName(name)
	file, remove, err := x.repo.shared(ctx, kind, digest)
	if err != nil {
		return nil, err
	}
	defer remove()
	return readBounded(file, kind.limit)
}

func kindOf(name string) secret.Kind {
	if path.Ext(name) == sharedSources.extension && IsShared(name) {
		return secret.Patch
	}
	return secret.Plain
}

// learn searches all files and keeps what is found as text: what one file shows by the name beside it stands in another
// without.
func (x *redaction) learn(ctx context.Context, own, shared map[string][]byte) error {
	x.rules = map[string]bool{}
	for _, files := range []map[string][]byte{own, shared} {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			finds, err := x.finds(ctx, name, files[name])
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			for _, f := range finds {
				x.rules[f.Rule] = true
				if f.To == 0 {
					return fmt.Errorf("%s of rule %s: %w", f.Source+" in "+name, f.Rule, errPackedSecret)
				}
				text := string(files[name][f.From:f.To])
				if path.Ext(name) == ".toml" {
					text = unescape(text)
				}
				if !strings.Contains(text, "\n") && !slices.Contains(x.literals, text) {
					x.literals = append(x.literals, text)
				}
				if strings.Contains(text, "\n") && name == RecordName {
					x.literals = append(x.literals, text)
				}
			}
		}
	}
	slices.SortFunc(x.literals, func(a, b string) int { return len(b) - len(a) })
	if len(x.rules) == 0 {
		return ErrNothingToRedact
	}
	return nil
}

// finds are those that were asked for; without a rule or a fingerprint, all that the configuration does not allow.
func (x *redaction) finds(ctx context.Context, name string, data []byte) ([]secret.Find, error) {
	finds, err := secret.Search(ctx, bytes.NewReader(data), int64(len(data)), kindOf(name))
	return slices.DeleteFunc(finds, func(f secret.Find) bool {
		if x.ask.Rule != "" || x.ask.Fingerprint != "" {
			return x.ask.Rule != "" && x.ask.Rule != f.Rule || x.ask.Fingerprint != "" && x.ask.Fingerprint != f.Fingerprint
		}
		return slices.ContainsFunc(x.config.Secrets.Allow, func(a format.SecretAllow) bool { return a.Allows(f.Fingerprint, f.Rule, name, f.Source) })
	}), err
}

// unescape reads the escapes of a text as it stands in TOML.
func unescape(text string) string {
	if s, err := strconv.Unquote(`"` + text + `"`); err == nil {
		return s
	}
	return text
}

var (
	errPackedSecret = errors.New("it is in a binary file, which cannot be redacted: 'runs rm' removes the run")
	errParquet      = errors.New("it is in a Parquet file, which cannot be redacted: 'runs rm' removes the run")
	errPlace        = errors.New("it is in the name of a metric or an artifact, which cannot be redacted: 'runs rm' removes the run")
)

// redactFile makes the new bytes of a file and counts the places. Binary files cannot be redacted: that they hold it is an
// error.
func (x *redaction) redactFile(ctx context.Context, name string, data []byte) ([]byte, int, error) {
	switch {
	case path.Ext(name) == ".parquet":
		return nil, 0, x.checkParquet(name, data)
	case path.Dir(name) == notesName:
		return x.redactNote(name, data)
	}
	kind := kindOf(name)
	spans, err := x.spans(ctx, name, data)
	if err != nil {
		return nil, 0, err
	}
	if kind == secret.Patch {
		err := secret.EachPacked(bytes.NewReader(data), func(file string, r io.Reader) error {
			part, err := io.ReadAll(io.LimitReader(r, git.MaxPatchBytes))
			if err == nil && len(x.matches(part)) > 0 {
				err = fmt.Errorf("%s: %w", file, errPackedSecret)
			}
			return err
		})
		if err != nil {
			return nil, 0, err
		}
	}
	if len(spans) == 0 {
		return nil, 0, nil
	}
	if !utf8.Valid(data) && strings.HasPrefix(name, artifactsName+"/") || bytes.IndexByte(data, 0) >= 0 {
		return nil, 0, errPackedSecret
	}
	out, err := secret.Replace(data, kind, spans)
	if err == nil && strings.HasPrefix(name, sharedEnvironments.folder+"/") {
		if _, bad := format.DecodeEnvironment(name, out); bad != nil {
			err = errors.New("a longer text is needed: this one also stands where the file would break without it")
		}
	}
	if err == nil && len(x.matches(out)) > 0 {
		err = errors.New("the pattern meets its own replacement " + secret.Mark)
	}
	return out, len(spans), err
}

// spans are the places of a file that go.
func (x *redaction) spans(ctx context.Context, name string, data []byte) ([]secret.Span, error) {
	spans := x.matches(data)
	if x.ask.Pattern == nil {
		finds, err := x.finds(ctx, name, data)
		if err != nil {
			return nil, err
		}
		for _, f := range finds {
			s := secret.Span{From: int(f.From), To: int(f.To)}
			if !slices.ContainsFunc(spans, func(o secret.Span) bool { return o.From <= s.From && s.To <= o.To }) {
				spans = append(spans, s)
			}
		}
	}
	return spans, nil
}

// matches are the places where the pattern, or what was found, stands as text; also as JSON and TOML escape it.
func (x *redaction) matches(data []byte) []secret.Span {
	var spans []secret.Span
	if x.ask.Pattern != nil {
		for _, at := range x.ask.Pattern.FindAllIndex(data, -1) {
			if at[0] < at[1] {
				spans = append(spans, secret.Span{From: at[0], To: at[1]})
			}
		}
		return spans
	}
	for _, text := range x.literals {
		forms := []string{text}
		if quoted, err := json.Marshal(text); err == nil && string(quoted[1:len(quoted)-1]) != text {
			forms = append(forms, string(quoted[1:len(quoted)-1]))
		}
		for _, form := range forms {
			for from := 0; ; {
				i := bytes.Index(data[from:], []byte(form))
				if i < 0 {
					break
				}
				s := secret.Span{From: from + i, To: from + i + len(form)}
				if !slices.ContainsFunc(spans, func(o secret.Span) bool { return s.From < o.To && o.From < s.To }) {
					spans = append(spans, s)
				}
				from = s.To
			}
		}
	}
	return spans
}

// replaceText is for the texts of a record or a note.
func (x *redaction) replaceText(s string) string {
	spans := x.matches([]byte(s))
	if len(spans) == 0 {
		return s
	}
	slices.SortFunc(spans, func(a, b secret.Span) int { return a.From - b.From })
	var b strings.Builder
	at := 0
	for _, sp := range spans {
		b.WriteString(s[at:sp.From] + secret.Mark)
		at = sp.To
	}
	x.done.Places += len(spans)
	return b.String() + s[at:]
}

func (x *redaction) redactNote(name string, data []byte) ([]byte, int, error) {
	note, err := format.DecodeNote(name, data)
	if err != nil {
		return nil, 0, err
	}
	before := x.done.Places
	note.RedactTexts(x.replaceText)
	n := x.done.Places - before
	x.done.Places = before
	if n == 0 {
		return nil, 0, nil
	}
	out, err := format.EncodeNote(note)
	return out, n, err
}

func (x *redaction) redactRecord(w *rewrite) error {
	w.run.RedactTexts(x.replaceText)
	for key := range w.run.Metrics {
		if len(x.matches([]byte(key))) > 0 {
			return errPlace
		}
	}
	for _, a := range w.run.Artifacts {
		if len(x.matches([]byte(a.Path))) > 0 {
			return errPlace
		}
	}
	for name := range w.run.Files {
		if len(x.matches([]byte(name))) > 0 {
			return errPlace
		}
	}
	return nil
}

// checkParquet looks into the texts of Parquet files; the keys of metrics stand in the record too.
func (x *redaction) checkParquet(name string, data []byte) error {
	switch {
	case name == format.ArtifactsName:
		artifacts, err := format.DecodeArtifacts(data)
		if err != nil {
			return err
		}
		for _, a := range artifacts {
			if len(x.matches([]byte(a.Path+" "+a.Key+" "+a.Caption))) > 0 {
				return errParquet
			}
		}
	case strings.HasPrefix(name, sharedDatasets.folder+"/"):
		entries, err := format.DecodeManifest(data)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if len(x.matches([]byte(e.Path))) > 0 {
				return errParquet
			}
		}
	}
	return nil
}

// findSharers takes in all other runs that name a shared file that changes.
func (x *redaction) findSharers(ctx context.Context) error {
	x.renamed = map[string]string{}
	for name, data := range x.shared {
		kind, _, _ := sharedName(name)
		sum := sha256.Sum256(data)
		x.renamed[name] = path.Join(kind.folder, hex.EncodeToString(sum[:])+kind.extension)
	}
	ids, err := x.repo.FinishedIDs()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return err
		}
		if x.runs[id] != nil || len(x.shared) == 0 {
			continue
		}
		w, err := x.read(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("run %s may share a file with it: %w", id, err)
		}
		if x.shares(w.run) {
			x.runs[id] = w
		}
	}
	actives, err := x.repo.Actives()
	if err != nil {
		return err
	}
	for _, a := range actives {
		e, err := a.Entry(ctx)
		if err == nil && x.shares(e.Run) {
			return withHint(fmt.Errorf("run %s is in progress and shares a file with it", a.ID), "repeat when it has ended")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(x.runs)) {
		w := x.runs[id]
		r := RedactedRun{ID: id, Files: []string{path.Join(format.IDDay(id), id, RecordName)}}
		for _, name := range slices.Sorted(maps.Keys(w.files)) {
			r.Files = append(r.Files, path.Join(format.IDDay(id), id, name))
		}
		for _, name := range SharedNames(w.run) {
			if _, ok := x.shared[name]; ok {
				r.Files = append(r.Files, name)
			}
		}
		x.done.Runs = append(x.done.Runs, r)
	}
	return x.lookIntoTrash()
}

func (x *redaction) shares(run *format.Run) bool {
	return slices.ContainsFunc(SharedNames(run), func(name string) bool { return x.shared[name] != nil })
}

// lookIntoTrash names the removed runs that hold it too, in their records and logs.
func (x *redaction) lookIntoTrash() error {
	err := filepath.WalkDir(x.repo.trashDir(), func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Type().IsRegular() && (strings.HasSuffix(file, ".toml") || strings.HasSuffix(file, ".log")) {
			data, err := readBounded(file, maxFileBytes)
			if err != nil {
				return err
			}
			if len(x.matches(data)) > 0 {
				rel := Relative(x.repo.Root, filepath.Dir(file))
				if !slices.Contains(x.done.InTrash, rel) {
					x.done.InTrash = append(x.done.InTrash, rel)
				}
			}
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// carryOut stores the new shared files, makes all new files of the runs in one folder, and gives that its name: from then on
// the redaction takes place.
func (x *redaction) carryOut(ctx context.Context) error {
	for old, data := range x.shared {
		kind, _, _ := sharedName(x.renamed[old])
		if err := x.storeShared(kind, x.renamed[old], data); err != nil {
			return err
		}
	}
	nonce := format.RandomLetters(8)
	tmp := filepath.Join(x.repo.redactDir(), newPrefix+nonce)
	defer func() { _ = os.RemoveAll(tmp) }()
	for id, w := range x.runs {
		if err := x.rewriteRecord(ctx, w); err != nil {
			return fmt.Errorf("run %s: %w", id, err)
		}
		for name, data := range w.files {
			target := filepath.Join(tmp, "runs", id, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
				return err
			}
			if err := writeFile(target, data); err != nil {
				return err
			}
		}
	}
	for old := range x.shared {
		target := filepath.Join(tmp, "old", filepath.FromSlash(old))
		if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
			return err
		}
		if err := writeFile(target, nil); err != nil {
			return err
		}
	}
	if err := syncTree(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(x.repo.redactDir(), nonce)); err != nil {
		return err
	}
	if err := x.repo.SettleRedactions(); err != nil {
		return err
	}
	for old := range x.shared {
		if kind, digest, _ := sharedName(old); !exists(x.repo.sharedPlace(kind, digest)) {
			x.done.Old = append(x.done.Old, old)
		}
	}
	slices.Sort(x.done.Old)
	slices.Sort(x.done.Unproof)
	return nil
}

func (x *redaction) storeShared(kind sharedKind, name string, data []byte) error {
	tmp, err := os.CreateTemp("", "runs-*"+kind.extension)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	_, digest, _ := sharedName(name)
	return x.repo.share(kind, digest, tmp.Name())
}

// rewriteRecord makes the new run.toml: new digests, and the mark.
func (x *redaction) rewriteRecord(ctx context.Context, w *rewrite) error {
	run := w.run
	sum := sha256.Sum256(w.old)
	mark := format.Redaction{Time: now(), What: x.done.What, Was: hex.EncodeToString(sum[:])}
	listed := false
	for _, name := range slices.Sorted(maps.Keys(w.files)) {
		data := w.files[name]
		mark.Files = append(mark.Files, name)
		sum := sha256.Sum256(data)
		digest := hex.EncodeToString(sum[:])
		if f, ok := run.Files[name]; ok {
			f.SHA256, f.Bytes = digest, int64(len(data))
			run.Files[name] = f
		}
		if rest, ok := strings.CutPrefix(name, artifactsName+"/"); ok {
			found := false
			for i := range run.Artifacts {
				if a := &run.Artifacts[i]; a.Path == rest {
					a.SHA256, a.Bytes, found = digest, int64(len(data)), true
				}
			}
			listed = listed || !found
		}
	}
	if listed {
		if err := x.rewriteArtifacts(w); err != nil {
			return err
		}
		mark.Files = append(mark.Files, format.ArtifactsName)
	}
	patched := false
	if run.Source != nil {
		for i, digest := range run.Source.Patches {
			if next, ok := x.renamed[path.Join(sharedSources.folder, digest+sharedSources.extension)]; ok {
				_, run.Source.Patches[i], _ = sharedName(next)
				mark.Files = append(mark.Files, next)
				patched = true
			}
		}
	}
	if run.Environment != nil {
		if next, ok := x.renamed[path.Join(sharedEnvironments.folder, run.Environment.Digest+sharedEnvironments.extension)]; ok {
			_, run.Environment.Digest, _ = sharedName(next)
			mark.Files = append(mark.Files, next)
		}
	}
	if patched {
		run.Source.Redacted, run.Source.RedactedTree = true, x.treeOf(ctx, run)
		if run.Source.RedactedTree == "" {
			x.done.Unproof = append(x.done.Unproof, run.ID)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	run.Redacted = append(run.Redacted, mark)
	data, err := format.EncodeRun(run)
	w.files[RecordName] = data
	return err
}

// rewriteArtifacts makes a list of artifacts anew that does not stand in run.toml.
func (x *redaction) rewriteArtifacts(w *rewrite) error {
	e := &Entry{Run: w.run, Dir: x.repo.RunDir(w.run.ID), repo: x.repo}
	artifacts, err := e.AllArtifacts()
	if err != nil {
		return err
	}
	for i := range artifacts {
		if data, ok := w.files[path.Join(artifactsName, artifacts[i].Path)]; ok {
			sum := sha256.Sum256(data)
			artifacts[i].SHA256, artifacts[i].Bytes = hex.EncodeToString(sum[:]), int64(len(data))
		}
	}
	data, err := format.EncodeArtifacts(artifacts)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	f := w.run.Files[format.ArtifactsName]
	f.SHA256, f.Bytes = hex.EncodeToString(sum[:]), int64(len(data))
	w.run.Files[format.ArtifactsName] = f
	w.files[format.ArtifactsName] = data
	return nil
}

// treeOf is the tree that base and redacted patches make, so that what is left can be proved; empty where they make none.
func (x *redaction) treeOf(ctx context.Context, run *format.Run) string {
	key := run.Source.Base + " " + strings.Join(run.Source.Patches, " ")
	if tree, ok := x.trees[key]; ok {
		return tree
	}
	tree := ""
	if x.repo.InGit {
		if scratch, err := git.NewScratch(x.repo.Git); err == nil {
			if tree, err = x.repo.applyPatches(ctx, scratch, run.Source); err != nil {
				tree = ""
			}
			scratch.Close()
		}
	}
	x.trees[key] = tree
	return tree
}

// SettleRedactions completes redactions that were killed: new files take their places, each record last, and shared files
// that no run names any more go.
func (r *Repository) SettleRedactions() error {
	entries, err := os.ReadDir(r.redactDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), newPrefix) || !entry.IsDir() {
			continue
		}
		if err := r.settleRedaction(filepath.Join(r.redactDir(), entry.Name())); err != nil {
			return fmt.Errorf("completing a redaction: %w", err)
		}
	}
	return err
}

func (r *Repository) settleRedaction(dir string) error {
	ids, err := os.ReadDir(filepath.Join(dir, "runs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range ids {
		id := entry.Name()
		if format.CheckID(id) != nil {
			continue
		}
		if err := r.placeRewritten(filepath.Join(dir, "runs", id), id); err != nil {
			return err
		}
	}
	named := map[string]bool{}
	var damaged error
	if err := r.eachFinished(func(id string) {
		e, err := r.readFinished(id)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			damaged = err // nobody knows what it names
		}
		if err == nil {
			for _, name := range SharedNames(e.Run) {
				named[name] = true
			}
		}
	}); err != nil || damaged != nil {
		return errors.Join(err, damaged)
	}
	err = filepath.WalkDir(filepath.Join(dir, "old"), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(filepath.Join(dir, "old"), file)
		if err != nil {
			return err
		}
		kind, digest, ok := sharedName(filepath.ToSlash(rel))
		if !ok || named[filepath.ToSlash(rel)] {
			return nil
		}
		for _, at := range []string{r.keptPlace(kind, digest), r.sharedPlace(kind, digest)} {
			if at != "" {
				if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir)
}

// placeRewritten moves the new files of a run into their places, the record last.
func (r *Repository) placeRewritten(from, id string) error {
	target := r.RunDir(id)
	if !exists(target) {
		return nil // removed meanwhile
	}
	if err := os.MkdirAll(r.RedactedDir(), 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.RedactedDir(), id), nil, 0o666); err != nil {
		return err
	}
	var names []string
	err := filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			rel, relErr := filepath.Rel(from, file)
			names, err = append(names, rel), relErr
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(names, func(a, b string) int {
		switch {
		case a == RecordName:
			return 1
		case b == RecordName:
			return -1
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		if err := os.Rename(filepath.Join(from, name), filepath.Join(target, name)); err != nil {
			return err
		}
		if err := syncDir(filepath.Dir(filepath.Join(target, name))); err != nil {
			return err
		}
	}
	return nil
}
