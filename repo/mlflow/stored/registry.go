package stored

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/registry"
	"github.com/gitruns/runs/repo/sqlite"
)

// Bounds of the registry of a store.
const (
	maxRegistered   = 10_000
	maxVersions     = 100_000 // of all models
	maxRegistryTags = 1000    // of a model or of a version
	maxReferences   = 10      // from a version to the version that it copies
)

// What MLflow's registry calls the stages and states of versions.
const (
	versionNone     = "None"
	versionArchived = "Archived"
	versionDeleted  = "Deleted_Internal"
	versionReady    = "READY"
)

// takenReason is the reason of stages and aliases that are imported.
const takenReason = "imported from MLflow"

// registered is a model of the registry of a store.
type registered struct {
	name     string
	note     string
	created  int64 // ms since 1970, or 0
	tags     map[string]string
	aliases  map[string]int64 // the numbers of versions
	versions []*modelVersion
	numbers  map[int64]*modelVersion
}

func newRegistered(name, note string, created int64) *registered {
	return &registered{
		name: name, note: note, created: created, tags: map[string]string{}, aliases: map[string]int64{},
		numbers: map[int64]*modelVersion{},
	}
}

// add adds a version, unless the model has one with its number.
func (m *registered) add(v *modelVersion) {
	if m.numbers[v.number] == nil {
		m.numbers[v.number] = v
		m.versions = append(m.versions, v)
	}
}

// modelVersion is a version of a model of the registry of a store.
type modelVersion struct {
	number           int64
	source, location string // where its files are: as the user said, and as the store found them
	run              string // MLflow's id
	user, note       string
	stage, status    string
	created, updated int64 // ms since 1970, or 0
	tags             map[string]string
}

// id identifies the version, whatever store it comes from.
func (v *modelVersion) id(model string) format.ModelVersionID {
	sum := sha256.Sum256(fmt.Appendf(nil, "mlflow\x00%s\x00%d\x00%d\x00%s", model, v.number, v.created, v.run))
	return format.ModelVersionIDOf(v.number, sum[:])
}

func addTag(tags map[string]string, name, value string) {
	if len(tags) < maxRegistryTags {
		tags[name] = value
	}
}

// registeredKey identifies a model of a database, which may have workspaces.
type registeredKey struct{ workspace, name string }

// readRegistry reads the registry of a database.
func (d *database) readRegistry(ctx context.Context, left *leftOut) error {
	found := map[registeredKey]*registered{}
	var order []registeredKey
	columns := []string{"workspace", "name", "creation_time", "description"}
	err := d.rows(ctx, "registered_models", columns, func(r []sqlite.Value) error {
		at := registeredKey{r[0].String(), r[1].String()}
		if found[at] != nil {
			return nil
		}
		if len(found) >= maxRegistered {
			left.add("over-limit registered model", 1)
			return nil
		}
		created, _ := r[2].Number()
		found[at] = newRegistered(at.name, r[3].String(), created)
		order = append(order, at)
		return nil
	})
	if err != nil {
		return err
	}
	columns = []string{"workspace", "name", "key", "value"}
	err = d.rows(ctx, "registered_model_tags", columns, func(r []sqlite.Value) error {
		if m := found[registeredKey{r[0].String(), r[1].String()}]; m != nil {
			addTag(m.tags, r[2].String(), r[3].String())
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := d.readVersions(ctx, found, left); err != nil {
		return err
	}
	columns = []string{"workspace", "name", "alias", "version"}
	err = d.rows(ctx, "registered_model_aliases", columns, func(r []sqlite.Value) error {
		m := found[registeredKey{r[0].String(), r[1].String()}]
		number, _ := r[3].Number()
		if m != nil {
			addAlias(m, r[2].String(), number, left)
		}
		return nil
	})
	for _, at := range order {
		d.registered = append(d.registered, found[at])
	}
	return err
}

func (d *database) readVersions(ctx context.Context, found map[registeredKey]*registered, left *leftOut) error {
	n := 0
	columns := []string{
		"workspace", "name", "version", "creation_time", "last_updated_time", "description", "user_id", "current_stage",
		"source", "storage_location", "run_id", "status",
	}
	err := d.rows(ctx, "model_versions", columns, func(r []sqlite.Value) error {
		at := registeredKey{r[0].String(), r[1].String()}
		m := found[at]
		stage := r[7].String()
		switch {
		case stage == versionDeleted:
			left.add("deleted model version", 1)
			return nil
		case m == nil:
			left.add("orphaned model version", 1)
			return nil
		case n >= maxVersions:
			left.add("over-limit model version", 1)
			return nil
		}
		v := &modelVersion{
			note: r[5].String(), user: r[6].String(), stage: stage, source: r[8].String(), location: r[9].String(),
			run: r[10].String(), status: r[11].String(), tags: map[string]string{},
		}
		v.number, _ = r[2].Number()
		v.created, _ = r[3].Number()
		v.updated, _ = r[4].Number()
		n++
		m.add(v)
		return nil
	})
	if err != nil {
		return err
	}
	columns = []string{"workspace", "name", "version", "key", "value"}
	return d.rows(ctx, "model_version_tags", columns, func(r []sqlite.Value) error {
		number, _ := r[2].Number()
		if m := found[registeredKey{r[0].String(), r[1].String()}]; m != nil && m.numbers[number] != nil {
			addTag(m.numbers[number].tags, r[3].String(), r[4].String())
		}
		return nil
	})
}

func addAlias(m *registered, alias string, number int64, left *leftOut) {
	if len(m.aliases) >= maxRegistryTags {
		left.add("over-limit model alias", 1)
		return
	}
	m.aliases[alias] = number
}

// readRegistry reads the registry of a store of files.
func (s *fileStore) readRegistry(ctx context.Context, dir string, left *leftOut) error {
	list, err := folders(dir)
	if err != nil {
		return err
	}
	n := 0
	for _, name := range list {
		at := filepath.Join(dir, name)
		if !hasMeta(at) {
			continue
		}
		if len(s.registered) >= maxRegistered {
			left.add("over-limit registered model", 1)
			continue
		}
		meta, err := readMeta(at)
		if err != nil {
			s.refused = append(s.refused, refusal{path.Join("models", name), err})
			continue
		}
		m := newRegistered(cmp.Or(meta["name"].Text, name), meta["description"].Text,
			milliseconds(meta["creation_timestamp"].Text))
		if err := readTags(ctx, filepath.Join(at, "tags"), m.tags); err != nil {
			return err
		}
		err = keyFiles(ctx, filepath.Join(at, "aliases"), func(alias, name string) error {
			if data, err := readText(name, maxTextBytes); err == nil {
				number, _ := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
				addAlias(m, alias, number, left)
			}
			return nil
		})
		if err != nil {
			return err
		}
		versions, _ := folders(at)
		for _, folder := range versions {
			if !strings.HasPrefix(folder, "version-") {
				continue
			}
			if n++; n > maxVersions {
				left.add("over-limit model version", 1)
				continue
			}
			v, err := readVersion(ctx, filepath.Join(at, folder))
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				s.refused = append(s.refused, refusal{path.Join("models", name, folder), err})
			case v.stage == versionDeleted:
				left.add("deleted model version", 1)
			default:
				m.add(v)
			}
		}
		s.registered = append(s.registered, m)
	}
	return nil
}

func readTags(ctx context.Context, dir string, tags map[string]string) error {
	return keyFiles(ctx, dir, func(key, name string) error {
		if data, err := readText(name, maxTextBytes); err == nil {
			addTag(tags, key, lineOf(data))
		}
		return nil
	})
}

func readVersion(ctx context.Context, dir string) (*modelVersion, error) {
	meta, err := readMeta(dir)
	if err != nil {
		return nil, err
	}
	v := &modelVersion{
		source: meta["source"].Text, location: meta["storage_location"].Text, run: meta["run_id"].Text,
		user: meta["user_id"].Text, note: meta["description"].Text, stage: meta["current_stage"].Text,
		status: meta["status"].Text, created: milliseconds(meta["creation_timestamp"].Text),
		updated: milliseconds(meta["last_updated_timestamp"].Text), tags: map[string]string{},
	}
	if v.number, err = strconv.ParseInt(meta["version"].Text, 10, 64); err != nil {
		return nil, fmt.Errorf("%s has no version", metaName)
	}
	return v, readTags(ctx, filepath.Join(dir, "tags"), v.tags)
}

// found is where the files of a version are, among the artifacts of a run that is imported.
type found struct{ run, path string } // run is the id here

// sought is what the registry of a store needs of the runs while they are read.
type sought struct {
	paths  map[found]bool   // whether the run has artifacts there
	models map[string]found // the logged models with files, by their ids
}

// seek remembers which artifacts the versions name.
func (s *source) seek() {
	s.sought = sought{paths: map[found]bool{}, models: map[string]found{}}
	for _, m := range s.registered {
		for _, v := range m.versions {
			if at, ok := s.inRun(v); ok {
				s.sought.paths[at] = false
			}
		}
	}
}

// has notes an artifact of a run, and the folders that it is in.
func (s *sought) has(run, artifact string) {
	if len(s.paths) == 0 {
		return
	}
	for at := artifact; at != "."; at = path.Dir(at) {
		if _, wanted := s.paths[found{run, at}]; wanted {
			s.paths[found{run, at}] = true
		}
	}
}

// inRun returns the artifacts of a run that the source of a version names.
func (s *source) inRun(v *modelVersion) (found, bool) {
	for _, address := range []string{v.location, v.source} {
		if rest, ok := strings.CutPrefix(address, "runs:/"); ok {
			id, below, _ := strings.Cut(strings.Trim(rest, "/"), "/")
			if at, ok := s.artifactsAt(id, below); ok {
				return at, true
			}
			continue
		}
		at, _ := absolute(address)
		parts := strings.Split(strings.ReplaceAll(at, `\`, "/"), "/")
		for i := len(parts) - 3; i >= 0 && len(parts) <= maxAddressParts; i-- {
			if parts[i+1] != "artifacts" {
				continue
			}
			if at, ok := s.artifactsAt(parts[i], strings.Join(parts[i+2:], "/")); ok {
				return at, true
			}
		}
	}
	return found{}, false
}

func (s *source) artifactsAt(id, below string) (found, bool) {
	run, ok := s.parents[id]
	below = strings.Trim(below, "/")
	return found{run, below}, ok && format.CheckPath(below) == nil
}

// files returns where the files of a version are.
func (s *source) files(v *modelVersion, byName map[string]*registered, depth int) (found, bool) {
	if at, ok := s.inRun(v); ok && s.sought.paths[at] {
		return at, true
	}
	for _, address := range []string{v.source, v.location} {
		rest, is := strings.CutPrefix(address, "models:/")
		if is && !strings.ContainsAny(rest, "/@") {
			if at, ok := s.sought.models[rest]; ok {
				return at, true
			}
		}
		if name, number, ok := strings.Cut(rest, "/"); is && ok && depth < maxReferences {
			n, err := strconv.ParseInt(number, 10, 64)
			if m := byName[name]; err == nil && m != nil && m.numbers[n] != nil {
				return s.files(m.numbers[n], byName, depth+1)
			}
		}
		parts := strings.Split(strings.ReplaceAll(address, `\`, "/"), "/")
		for _, part := range parts[:min(len(parts), maxAddressParts)] {
			if at, ok := s.sought.models[part]; ok {
				return at, true
			}
		}
	}
	return found{}, false
}

// keepModels brings the registry of the stores over. Versions whose files no imported run has are left out.
func (s *source) keepModels(
	ctx context.Context, r *repo.Repository, q importer.Request, done *importer.Imported,
) error {
	byName := map[string]*registered{}
	for _, m := range s.registered {
		if byName[m.name] == nil {
			byName[m.name] = m
		}
	}
	taking := &takenRuns{source: s, repo: r, here: map[string]bool{}, entries: map[string]*repo.Entry{}}
	for _, id := range slices.Concat(done.Runs, done.Present) {
		taking.here[id] = true
	}
	var models []registry.Foreign
	at := map[string]int{}
	for _, m := range s.registered {
		if m.tags[tagPrompt] == "true" {
			s.left.add("prompt", 1)
			s.left.add("prompt version", len(m.versions))
			continue
		}
		f := taking.foreign(m, byName, len(q.IDs) > 0)
		if i, twice := at[m.name]; twice { // in two stores, or in two workspaces
			models[i].Versions = append(models[i].Versions, f.Versions...)
			continue
		}
		at[m.name] = len(models)
		models = append(models, f)
	}
	if taking.fileless > 0 {
		what := "model version"
		if taking.fileless > 1 {
			what += "s"
		}
		done.Warnings = append(done.Warnings, fmt.Sprintf("skipped %d %s whose files no imported run has, such as %s",
			taking.fileless, what, oneLine(taking.example)))
	}
	if len(models) == 0 {
		return nil
	}
	taken, err := registry.Open(r).Take(ctx, models, takenReason, q.DryRun)
	if err != nil {
		return err
	}
	done.Models, done.Versions = taken.Models, taken.Versions
	s.left.add("already removed model version", taken.Gone)
	s.left.add("already decided model stage", taken.Stages)
	s.left.add("already set model alias", taken.Aliases)
	for _, problem := range taken.Problems {
		done.Warnings = append(done.Warnings, oneLine(problem.Error()))
	}
	return nil
}

// takenRuns are the runs whose artifacts become versions.
type takenRuns struct {
	*source
	repo    *repo.Repository
	here    map[string]bool
	entries map[string]*repo.Entry

	fileless int    // versions whose files no imported run has
	example  string // one of them
}

// foreign returns what is imported of a model. If part is set, only versions of the runs that were asked for are.
func (t *takenRuns) foreign(m *registered, byName map[string]*registered, part bool) registry.Foreign {
	f := registry.Foreign{Name: m.name, Note: multiLine(m.note), Tags: t.tags(m.tags), Part: part}
	if validTime(m.created) {
		f.Created = time.UnixMilli(m.created).UTC()
	}
	aliases := map[int64][]string{}
	for alias, number := range m.aliases {
		aliases[number] = append(aliases[number], alias)
	}
	for _, v := range m.versions {
		at, ok := t.files(v, byName, 0)
		switch {
		case part && !(ok && t.here[at.run]): // not asked for
			continue
		case !ok || !t.here[at.run]:
			t.left.add("model version", 1)
			if t.fileless++; t.fileless == 1 {
				t.example = fmt.Sprintf("%s@%d", m.name, v.number)
			}
			continue
		case v.status != "" && v.status != versionReady:
			t.left.add("unready model version", 1)
			continue
		}
		f.Versions = append(f.Versions, t.version(m, v, at, aliases[v.number]))
	}
	return f
}

func (t *takenRuns) version(m *registered, v *modelVersion, at found, aliases []string) registry.ForeignVersion {
	slices.Sort(aliases)
	created := time.UnixMilli(v.created).UTC()
	if !validTime(v.created) {
		created = format.IDTime(at.run)
	}
	f := registry.ForeignVersion{
		ID: v.id(m.name), Created: created, Updated: created, Author: oneLine(v.user), Note: multiLine(v.note),
		Tags: t.tags(v.tags), Aliases: aliases,
		Content: func(context.Context) (*registry.Content, error) { return t.content(at) },
	}
	if validTime(v.updated) && v.updated > created.UnixMilli() {
		f.Updated = time.UnixMilli(v.updated).UTC()
	}
	switch v.stage {
	case "", versionNone:
	case versionArchived:
		f.Stage = registry.ArchivedStage
	default:
		f.Stage = strings.ToLower(v.stage)
	}
	return f
}

// tags returns tags as the registry holds them.
func (t *takenRuns) tags(tags map[string]string) map[string]string {
	kept := map[string]string{}
	for name, value := range tags {
		kept[key(name)] = multiLine(t.places.clean(name, value))
	}
	return kept
}

func (t *takenRuns) content(at found) (*registry.Content, error) {
	e := t.entries[at.run]
	if e == nil {
		var err error
		if e, err = t.repo.ReadFinished(at.run); err != nil {
			return nil, err
		}
		clear(t.entries) // versions of one run follow each other
		t.entries[at.run] = e
	}
	return registry.ContentOf(e, at.path)
}
