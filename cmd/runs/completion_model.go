package main

import (
	"maps"
	"slices"

	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/registry"
)

// modelWords completes the arguments of the commands of model.
func modelWords() map[string]words {
	return map[string]words{
		"ls":       nothing,
		"show":     inOrder(modelsOrVersions, nothing),
		"register": inOrder(selectors, modelNames, nothing),
		"promote":  inOrder(versions, stages, nothing),
		"alias":    inOrder(versions, aliasWords, nothing),
		"unalias":  inOrder(modelNames, aliasWords, nothing),
		"archive":  inOrder(versions, nothing),
		"load":     inOrder(versions, folders),
		"verify":   inOrder(modelNames, nothing),
		"watch":    inOrder(versions, folders),
		"note":     inOrder(modelsOrVersions, nothing),
		"tag":      inOrder(modelsOrVersions, nothing),
		"renumber": inOrder(modelNames, nothing),
		"rename":   inOrder(modelNames, nothing),
		"rm":       inOrder(modelsOrVersions, nothing),
	}
}

// models returns the models of the working tree. It reports no problems, because the user only pressed a key.
func (s *shellRequest) models() []*registry.Model {
	r, err := repo.Find(s.dir)
	if err != nil {
		return nil
	}
	models, _, _ := registry.Open(r).Models(s.cmd.Context())
	return models
}

func modelNames(s *shellRequest, _ []string, _ string) (found []string) {
	for _, m := range s.models() {
		found = append(found, m.Name)
	}
	return found
}

// versions offers the versions of all models, by number, alias and stage.
func versions(s *shellRequest, _ []string, _ string) (found []string) {
	for _, m := range s.models() {
		for _, label := range slices.Concat(slices.Collect(maps.Keys(m.Aliases)), slices.Collect(maps.Keys(m.Stages))) {
			found = append(found, m.Name+"@"+label)
		}
		for _, v := range m.Versions {
			found = append(found, v.String())
		}
	}
	return found
}

func modelsOrVersions(s *shellRequest, args []string, begun string) []string {
	return append(modelNames(s, args, begun), versions(s, args, begun)...)
}

// stages offers the stages that models have, and the usual ones.
func stages(s *shellRequest, _ []string, _ string) []string {
	found := []string{"staging", "production", "none"}
	for _, m := range s.models() {
		found = slices.AppendSeq(found, maps.Keys(m.Stages))
	}
	return found
}

func aliasWords(s *shellRequest, _ []string, _ string) (found []string) {
	for _, m := range s.models() {
		found = slices.AppendSeq(found, maps.Keys(m.Aliases))
	}
	return found
}
