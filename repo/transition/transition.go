// Package transition defines how a run that was committed may change. There are five ways: files are added, a secret is
// redacted, the run moves into or out of a batch, it is removed with a marker, and a removed run comes back. Everything
// else is damage.
//
// Every command that makes or accepts such a change asks Check: redact and commit about what they are about to write,
// push, pull and import about what they replay or receive, verify about a history. The package knows the files of a
// run, and neither Git nor the working tree: a Version reads them from wherever they are stored.
//
// It imports only format and repo/secret. Start reading at Check.
package transition

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/secret"
)

// MaxBytes is the largest size of a file whose change can be checked. A larger file must not change.
const MaxBytes = 64 << 20

// Names of files in the folder of a run.
const (
	recordName = "run.toml"
	notes      = "notes"
	artifacts  = "artifacts"
)

// Kind is the kind of a change.
type Kind int

// The kinds of changes that are allowed.
const (
	Same     Kind = iota // no file of the run differs
	Added                // the run, or files of it, such as annotations
	Packed               // the run moved into a batch
	Unpacked             // the run moved from a batch into a folder of its own
	Redacted             // texts were replaced with [redacted]; it may also have moved
	Removed              // the run is gone and has a removal marker
)

// Version is a run as a commit or the working tree holds it. Read, Rows and Shared are called only for files that
// differ.
type Version struct {
	// Batched reports whether the run lies in a batch.
	Batched bool
	// Files holds the name of each file in the run's folder, with an id of its bytes. Two files with the same id are
	// equal.
	Files map[string]string
	// Read returns the bytes of such a file.
	Read func(name string) ([]byte, error)
	// Rows returns the digest of the rows of a Parquet file that a batch stores together with those of other runs. Two
	// such files are equal if this digest is.
	Rows func(name string) (string, error)
	// Shared returns the bytes of a shared file, by its path in .runs.
	Shared func(name string) ([]byte, error)
}

// Change is a change that is allowed.
type Change struct {
	Kind  Kind
	Files []string // of a redaction: the files that differ, shared files by their new paths in .runs
}

// Refused means that a change is not allowed.
type Refused struct {
	File   string // in the folder of the run; empty for the run itself
	Reason string // begins with a verb: "was rewritten"
}

func (e *Refused) Error() string { return strings.TrimSpace(e.File + " " + e.Reason) }

// Unmarked is the reason of a Refused run that was removed without a marker.
const Unmarked = "was removed without a marker in removed/"

// Check decides whether a run may change from old to now. A version is nil if the run does not exist there. marked
// reports whether the run has a removal marker where now comes from. If the change is not allowed, the error is a
// *Refused. Any other error is that of reading a file.
func Check(old, now *Version, marked bool) (Change, error) {
	switch {
	case old == nil:
		return Change{Kind: Added}, nil
	case now == nil && marked:
		return Change{Kind: Removed}, nil
	case now == nil:
		return Change{}, &Refused{Reason: Unmarked}
	}
	var changed []string
	kind := Same
	for _, name := range slices.Sorted(maps.Keys(old.Files)) {
		id, ok := now.Files[name]
		switch {
		case !ok:
			return Change{}, &Refused{name, "was removed"}
		case id != old.Files[name]:
			same, err := sameRows(old, now, name)
			if err != nil {
				return Change{}, err
			}
			if !same {
				changed = append(changed, name)
			}
		}
	}
	switch {
	case now.Batched && !old.Batched:
		kind = Packed
	case old.Batched && !now.Batched:
		kind = Unpacked
	case len(now.Files) > len(old.Files):
		kind = Added
	}
	if len(changed) == 0 {
		return Change{Kind: kind}, nil
	}
	s := step{old: old, now: now, changed: changed}
	return s.check()
}

// sameRows reports whether a file has the same rows in both versions, one of which lies in a batch.
func sameRows(old, now *Version, name string) (bool, error) {
	if !old.Batched && !now.Batched || name != format.MetricsName && name != format.ValuesName {
		return false, nil
	}
	was, err := old.Rows(name)
	if err != nil {
		return false, err
	}
	is, err := now.Rows(name)
	return err == nil && was == is, err
}

// Repairs reports whether a change gives a run back the bytes that it had before a change that was not allowed. earlier
// is a version from before damaged, and now is the version that follows damaged.
func Repairs(earlier, damaged, now *Version) (bool, error) {
	back, err := Check(earlier, now, false)
	if err != nil || back.Kind >= Redacted {
		return false, onlyReading(err)
	}
	_, err = Check(earlier, damaged, false)
	return err != nil && onlyReading(err) == nil, onlyReading(err)
}

// onlyReading returns err unless it is a *Refused.
func onlyReading(err error) error {
	if refused := (*Refused)(nil); errors.As(err, &refused) {
		return nil
	}
	return err
}

// step is the change of a run of which files differ.
type step struct {
	old, now *Version
	changed  []string
	was, is  *format.Run
	entries  []format.Redaction // those that the change adds
	files    []string           // the files that were redacted
}

func (s *step) check() (Change, error) {
	if !slices.Contains(s.changed, recordName) {
		return s.withoutRecord()
	}
	if err := s.readRecords(); err != nil {
		return Change{}, err
	}
	was, is := s.was.Table(), s.is.Table()
	delete(was, "redacted")
	delete(is, "redacted")
	for _, name := range s.changed {
		if name == recordName {
			continue
		}
		if err := s.file(name); err != nil {
			return Change{}, err
		}
	}
	for _, follow := range []func(was, is map[string]any) error{s.digests, s.listed, s.patches, s.environment} {
		if err := follow(was, is); err != nil {
			return Change{}, err
		}
	}
	if reason := compareRecords(was, is); reason != "" {
		return Change{}, rewritten(recordName, reason)
	}
	for _, name := range s.files {
		if !slices.ContainsFunc(s.entries, func(r format.Redaction) bool { return slices.Contains(r.Files, name) }) {
			return Change{}, rewritten(name, "no entry of [[redacted]] lists it")
		}
	}
	return Change{Redacted, append([]string{recordName}, s.files...)}, nil
}

// withoutRecord decides about a change that leaves the record as it is. Only an artifact may differ: Git LFS moves its
// bytes elsewhere and back. That these are the recorded ones is checked with the rest of the version.
func (s *step) withoutRecord() (Change, error) {
	for _, name := range s.changed {
		if !strings.HasPrefix(name, artifacts+"/") {
			return Change{}, rewritten(name, "")
		}
	}
	return Change{Kind: Same}, nil
}

func rewritten(name, reason string) error {
	if reason == "" {
		return &Refused{name, "was rewritten"}
	}
	return &Refused{name, "was rewritten: " + reason}
}

// readRecords reads both records, and the entries that the redactions added.
func (s *step) readRecords() error {
	data, err := s.old.Read(recordName)
	if err != nil {
		return err
	}
	next, err := s.now.Read(recordName)
	if err != nil {
		return err
	}
	if s.was, err = format.DecodeRun(recordName, data); err != nil {
		return rewritten(recordName, "the one before cannot be read: "+err.Error())
	}
	if s.is, err = format.DecodeRun(recordName, next); err != nil {
		return rewritten(recordName, err.Error())
	}
	if len(s.is.Redacted) <= len(s.was.Redacted) {
		return rewritten(recordName, firstDifference(s.was, s.is))
	}
	// A merge joins the entries of both sides: those of one side may come between those of the other one.
	rest := s.was.Redacted
	for _, r := range s.is.Redacted {
		if len(rest) > 0 && sameEntry(r, rest[0]) {
			rest = rest[1:]
			continue
		}
		s.entries = append(s.entries, r)
	}
	if len(rest) > 0 {
		return rewritten(recordName, "a former entry of [[redacted]] differs")
	}
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	names := func(r format.Redaction) bool { return r.Was == digest }
	// A rewritten history has the record before without its secret, which makes another digest.
	if !slices.ContainsFunc(s.entries, names) && !bytes.Contains(data, []byte(secret.Mark)) {
		return rewritten(recordName,
			fmt.Sprintf("[[redacted]] was names %.12s, the one before is %.12s", s.entries[0].Was, digest))
	}
	return nil
}

// firstDifference names what a change without a redaction did to a record.
func firstDifference(was, is *format.Run) string {
	if len(is.Redacted) < len(was.Redacted) {
		return "a redaction was taken back"
	}
	if reason := compareRecords(was.Table(), is.Table()); reason != "" {
		return reason
	}
	return "no entry of [[redacted]] was added"
}

func sameEntry(a, b format.Redaction) bool {
	return a.Time.Equal(b.Time) && a.What == b.What && a.Was == b.Was && slices.Equal(a.Files, b.Files)
}

// file decides about a file in the run's folder that differs, other than the record.
func (s *step) file(name string) error {
	if path.Ext(name) == ".parquet" && name != format.ArtifactsName && !strings.HasPrefix(name, artifacts+"/") {
		return rewritten(name, "")
	}
	if strings.HasPrefix(name, artifacts+"/") && s.sameArtifact(name) {
		return nil // to or from a pointer of Git LFS
	}
	was, err := s.old.Read(name)
	if err != nil {
		return err
	}
	is, err := s.now.Read(name)
	if err != nil {
		return err
	}
	s.files = append(s.files, name)
	switch {
	case name == format.ArtifactsName:
		return nil // see listed
	case path.Dir(name) == notes:
		return checkNote(name, was, is)
	case !secret.IsReplaced(was, is, secret.Plain):
		return rewritten(name, "more changed than text that became "+secret.Mark)
	}
	return nil
}

func checkNote(name string, was, is []byte) error {
	old, err := format.DecodeNote(name, was)
	if err != nil {
		return rewritten(name, "the one before cannot be read: "+err.Error())
	}
	now, err := format.DecodeNote(name, is)
	if err != nil {
		return rewritten(name, err.Error())
	}
	if reason := compareNotes(old.Table(), now.Table()); reason != "" {
		return rewritten(name, reason)
	}
	return nil
}

// sameArtifact reports whether both records have the same digest for an artifact.
func (s *step) sameArtifact(name string) bool {
	digest := func(run *format.Run) string {
		for _, a := range run.Artifacts {
			if path.Join(artifacts, a.Path) == name {
				return a.SHA256
			}
		}
		return ""
	}
	was, is := digest(s.was), digest(s.is)
	if was == "" && is == "" { // they are listed in a file of their own
		return !slices.Contains(s.changed, format.ArtifactsName)
	}
	return was == is
}

// digests compares the digests of the run's own files: they may differ only for files that were redacted.
func (s *step) digests(was, is map[string]any) error {
	old, _ := was["files"].(map[string]any)
	now, _ := is["files"].(map[string]any)
	for name, item := range now {
		f, before := s.was.Files[name]
		if !before || f.SHA256 == s.is.Files[name].SHA256 {
			continue
		}
		_, held := s.now.Files[name]
		stays := !held && s.old.Files[name] == "" && path.Ext(name) != ".parquet" && format.LocalFile(name, f.Bytes)
		if stays { // its bytes are on the machine that recorded it
			s.files = append(s.files, name)
		}
		if stays || slices.Contains(s.files, name) {
			take(item, old[name], "sha256", "bytes")
		}
	}
	before, _ := was["artifacts"].([]any)
	after, _ := is["artifacts"].([]any)
	for i := range min(len(before), len(after)) {
		if slices.Contains(s.files, path.Join(artifacts, s.is.Artifacts[i].Path)) {
			take(after[i], before[i], "sha256", "bytes")
		}
	}
	return nil
}

// take copies keys of a table to another table, so that they count as equal.
func take(to, from any, keys ...string) {
	a, _ := to.(map[string]any)
	b, _ := from.(map[string]any)
	for _, key := range keys {
		if v, ok := b[key]; ok && a != nil {
			a[key] = v
		}
	}
}

// listed compares artifacts.parquet: only digests and sizes of artifacts that were redacted may differ.
func (s *step) listed(_, _ map[string]any) error {
	if !slices.Contains(s.changed, format.ArtifactsName) {
		return nil
	}
	var lists [2][]format.Artifact
	for i, v := range []*Version{s.old, s.now} {
		data, err := v.Read(format.ArtifactsName)
		if err != nil {
			return err
		}
		if lists[i], err = format.DecodeArtifacts(data); err != nil {
			return rewritten(format.ArtifactsName, err.Error())
		}
	}
	was, is := lists[0], lists[1]
	same := len(was) == len(is)
	for i := 0; same && i < len(was); i++ {
		if slices.Contains(s.files, path.Join(artifacts, was[i].Path)) {
			is[i].SHA256, is[i].Bytes = was[i].SHA256, was[i].Bytes
		}
		a, b := was[i], is[i]
		same = (a.Step == nil) == (b.Step == nil) && (a.Step == nil || *a.Step == *b.Step)
		a.Step, b.Step = nil, nil
		same = same && a == b
	}
	if !same {
		return rewritten(format.ArtifactsName, "more changed than digests of redacted artifacts")
	}
	return nil
}

// patches compares the patches of the source. A patch that differs must be the former one, redacted.
func (s *step) patches(was, is map[string]any) error {
	if s.was.Source == nil || s.is.Source == nil {
		return nil
	}
	if err := s.partPatches(was, is); err != nil {
		return err
	}
	if slices.Equal(s.was.Source.Patches, s.is.Source.Patches) {
		return nil
	}
	if err := s.redactedPatches("source.patches", s.was.Source.Patches, s.is.Source.Patches); err != nil {
		return err
	}
	if !s.is.Source.Redacted {
		return rewritten(recordName, "source.patches changed and source.redacted is missing")
	}
	a, _ := was["source"].(map[string]any)
	b, _ := is["source"].(map[string]any)
	for _, key := range []string{"patches", "redacted", "redacted_tree"} {
		delete(a, key)
		delete(b, key)
	}
	return nil
}

// redactedPatches compares two lists of patches. One that differs must be the former one, redacted.
func (s *step) redactedPatches(key string, old, now []string) error {
	if len(old) != len(now) {
		return rewritten(recordName, key+" has another length")
	}
	for i := range old {
		if old[i] != now[i] {
			err := s.shared(path.Join("sources", old[i]+".patch"), path.Join("sources", now[i]+".patch"), secret.Patch)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// partPatches compares the patches of the submodules and packages, whose lists must otherwise be the same.
func (s *step) partPatches(was, is map[string]any) error {
	tables := func(record map[string]any) []any {
		source, _ := record["source"].(map[string]any)
		submodules, _ := source["submodules"].([]any)
		packages, _ := source["packages"].([]any)
		return slices.Concat(submodules, packages)
	}
	before, after := tables(was), tables(is)
	old, now := s.was.Source.Parts(), s.is.Source.Parts()
	if len(old) != len(now) || len(before) != len(old) || len(after) != len(now) ||
		len(s.was.Source.Submodules) != len(s.is.Source.Submodules) {
		return nil // the comparison of the records reports it
	}
	for i := range old {
		if slices.Equal(old[i].Patches, now[i].Patches) {
			continue
		}
		key := "source.submodules"
		if i >= len(s.was.Source.Submodules) {
			key = "source.packages"
		}
		if err := s.redactedPatches(key+".patches", old[i].Patches, now[i].Patches); err != nil {
			return err
		}
		if !now[i].Redacted {
			return rewritten(recordName, key+".patches changed and redacted is missing")
		}
		a, _ := before[i].(map[string]any)
		b, _ := after[i].(map[string]any)
		for _, key := range []string{"patches", "redacted"} {
			delete(a, key)
			delete(b, key)
		}
	}
	return nil
}

// environment compares the environment files.
func (s *step) environment(was, is map[string]any) error {
	if s.was.Environment == nil || s.is.Environment == nil || s.was.Environment.Digest == s.is.Environment.Digest {
		return nil
	}
	name := func(run *format.Run) string { return path.Join("environments", run.Environment.Digest+".toml") }
	if err := s.shared(name(s.was), name(s.is), secret.Plain); err != nil {
		return err
	}
	take(is["environment"], was["environment"], "digest")
	return nil
}

// shared decides about a shared file that a record names instead of another one.
func (s *step) shared(old, now string, kind secret.Kind) error {
	was, err := s.old.Shared(old)
	if err != nil {
		return fmt.Errorf("%s: %w", old, err)
	}
	is, err := s.now.Shared(now)
	if err != nil {
		return fmt.Errorf("%s: %w", now, err)
	}
	if !secret.IsReplaced(was, is, kind) {
		return rewritten(recordName, fmt.Sprintf("%s is not %s with text that became %s", now, old, secret.Mark))
	}
	if !slices.Contains(s.files, now) {
		s.files = append(s.files, now)
	}
	return nil
}
