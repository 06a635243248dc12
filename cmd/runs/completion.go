package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
)

// completeRun completes names and ids of runs.
func (a *app) completeRun(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	var words []string
	for _, r := range a.completionRuns(cmd) {
		words = append(words, r.Title()+"\t"+string(r.Status))
	}
	return offer(words, begun)
}

// completeRunThenMetric completes a run as the first argument and metrics as the others.
func (a *app) completeRunThenMetric(cmd *cobra.Command, args []string, begun string) ([]string,
	cobra.ShellCompDirective,
) {
	if len(args) == 0 {
		return a.completeRun(cmd, args, begun)
	}
	return offer(a.completionKeys(cmd, false), begun)
}

func (a *app) completeExperiment(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	var words []string
	for _, r := range a.completionRuns(cmd) {
		words = append(words, r.Experiment)
	}
	return offer(words, begun)
}

// completeKey completes the metrics, params and summary keys by which runs can be sorted, listed and grouped.
func (a *app) completeKey(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	return offer(a.completionKeys(cmd, true), begun)
}

func (a *app) completionKeys(cmd *cobra.Command, params bool) []string {
	var words []string
	for _, r := range a.completionRuns(cmd) {
		for key := range r.AllMetrics() {
			words = append(words, key)
		}
		if params {
			for key := range r.Summary {
				words = append(words, "summary."+key)
			}
			for key := range r.Params.Flatten() {
				words = append(words, "params."+key)
			}
		}
	}
	return words
}

// completionRuns reads the runs. It reports no problems, because the shell uses the output.
func (a *app) completionRuns(cmd *cobra.Command) []*format.Run {
	if a.prepare(cmd) != nil {
		return nil
	}
	r, err := a.find(cmd.Context())
	if err != nil {
		return nil
	}
	entries, _, err := r.List(cmd.Context())
	if err != nil {
		return nil
	}
	runs := make([]*format.Run, len(entries))
	for i, e := range entries {
		runs[i] = e.Run
	}
	return runs
}

func offer(words []string, begun string) ([]string, cobra.ShellCompDirective) {
	words = slices.DeleteFunc(words, func(w string) bool {
		return w == "" || !strings.HasPrefix(w, begun) || terminal.Clean(strings.ReplaceAll(w, "\t",
			"")) != strings.ReplaceAll(w, "\t", "")
	})
	slices.Sort(words)
	return slices.Compact(words), cobra.ShellCompDirectiveNoFileComp
}
