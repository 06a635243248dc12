package stored

import (
	"path"
	"strings"
	"time"

	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo/git"
	"github.com/gitruns/runs/repo/importer"
	"github.com/gitruns/runs/repo/mlflow"
)

// Further tags of MLflow's that have a place of their own in a record.
const (
	tagUser   = "mlflow.user"
	tagSource = "mlflow.source.name"
	tagType   = "mlflow.source.type"
	tagCommit = "mlflow.source.git.commit"
	tagBranch = "mlflow.source.git.branch"
	tagRemote = "mlflow.source.git.repoURL"
	tagDirty  = "mlflow.source.git.dirty"

	// tagModels lists the models that versions 1 and 2 logged. The artifacts say the same.
	tagModels = "mlflow.log-model.history"
)

// placed reports whether a tag is in the record elsewhere, or says what the record cannot hold truly.
func placed(tag string) bool {
	switch tag {
	case mlflow.TagName, mlflow.TagNote, tagUser, tagSource, tagType, tagCommit, tagBranch, tagRemote, tagDirty, tagModels:
		return true
	}
	return false
}

// oneLine returns a text as one line that every record can hold.
func oneLine(text string) string {
	return importer.Cut([]byte(importer.Clean([]byte(text))), format.MaxTextBytes)
}

// multiLine returns a text that every record can hold, with its line breaks.
func multiLine(text string) string {
	return importer.Cut([]byte(strings.ToValidUTF8(text, "_")), format.MaxTextBytes)
}

// key returns the key of a param, a tag or a metric.
func key(text string) string { return importer.Key(importer.Clean([]byte(text))) }

// record returns the record of a run. parents are the ids of the runs of the store here, by their ids in MLflow.
func (s *storedRun) record(d *details, p *places, parents map[string]string) *format.Run {
	run := &format.Run{
		ID: s.runID(), Name: oneLine(s.name), Key: key(s.id), Started: time.UnixMilli(s.start).UTC(),
		Note: multiLine(d.tags[mlflow.TagNote]), Tags: map[string]string{"imported": "mlflow"},
		Parent: parents[d.tags[mlflow.TagParent]],
	}
	if run.Name == "" {
		run.Name = oneLine(d.tags[mlflow.TagName])
	}
	if s.experiment.name != "" && s.experiment.name != mlflow.DefaultExperiment {
		run.Experiment = key(s.experiment.name)
	}
	for _, user := range []string{s.user, d.tags[tagUser]} {
		if run.Author == "" && user != "unknown" {
			run.Author = oneLine(user)
		}
	}
	s.addSource(run, d, p)
	for _, set := range d.recordDatasets(p) {
		if set.SourceType != format.SourceModel {
			set.Details = mlflow.DatasetDetails(run, &set.Dataset, set.of.text, set.of.tags)
		}
		run.Datasets = append(run.Datasets, set.Dataset)
	}
	return run
}

// addSource adds the program and the commit that a run was made with, as far as MLflow saw them.
func (s *storedRun) addSource(run *format.Run, d *details, p *places) {
	commit := d.tags[tagCommit]
	if commit == "" {
		commit = s.commit
	}
	source := &format.Source{Branch: oneLine(d.tags[tagBranch]), Dirty: strings.EqualFold(d.tags[tagDirty], "true")}
	if remote := d.tags[tagRemote]; remote != "" {
		if _, local := absolute(remote); !local {
			source.Remote = oneLine(git.RemoteWithoutCredentials(remote))
		}
	}
	if format.IsObjectID(commit) {
		source.Commit = commit
	}
	program := d.tags[tagSource]
	if program == "" {
		program = s.source
	}
	if program != "" {
		if entry := p.portable(program); entry != "" {
			run.Command = []string{oneLine(entry)}
			if _, known := absolute(program); format.CheckPath(entry) == nil && (!known || path.Base(entry) != entry) {
				source.Entry = entry
			}
		}
	}
	if source.Commit != "" || source.Entry != "" {
		run.Source = source
	}
}

// tags returns the tags of a run that have no other place. A parent that is not imported stays a tag.
func (s *storedRun) tags(d *details, p *places, parents map[string]string) map[string]string {
	kept := map[string]string{}
	for name, value := range d.tags {
		if placed(name) || name == mlflow.TagParent && parents[value] != "" {
			continue
		}
		kept[key(name)] = multiLine(p.clean(name, value))
	}
	if kind := d.tags[tagType]; kind != "" && kind != "LOCAL" {
		kept[tagType] = oneLine(kind)
	}
	return kept
}
