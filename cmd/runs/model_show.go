package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/registry"
)

func (a *app) modelShowCommand() *cobra.Command {
	var rev string
	var history, asJSON bool
	cmd := &cobra.Command{
		Use:   "show MODEL[@VERSION] [flags]",
		Short: "Show a model, or a version of it",
		Long: `Show a model with its versions, or one version with its run. --history lists who
registered, promoted and archived what and when, as the commits say.

    runs model show taxi
    runs model show taxi@production
    runs model show taxi --history`,
		Args: arguments(1, 1, "MODEL[@VERSION]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if history && rev != "" {
				return usagef("model show: --history and --rev cannot be combined")
			}
			r, g, err := a.models(ctx, rev)
			if err != nil {
				return err
			}
			name, which := registry.Cut(args[0])
			var v *registry.Version
			var m *registry.Model
			if which != "" {
				v, m, err = g.Resolve(ctx, args[0])
			} else {
				m, err = g.Model(ctx, name)
			}
			if err != nil {
				return modelError(err)
			}
			switch {
			case history:
				return a.showHistory(ctx, g, m, v, asJSON)
			case v != nil && asJSON:
				return a.printJSON(newModelVersionJSON(m, v))
			case v != nil:
				return a.showVersion(ctx, r, m, v)
			case asJSON:
				return a.printJSON(newModelJSON(m))
			}
			return a.showModel(ctx, r, m)
		},
	}
	cmd.Flags().BoolVar(&history, "history", false, "list what was registered, promoted and archived")
	cmd.Flags().StringVar(&rev, "rev", "", "read the model of the Git revision `REV`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the model, the version or the history as JSON")
	return cmd
}

func (a *app) showModel(ctx context.Context, r *repo.Repository, m *registry.Model) error {
	config, err := r.Config()
	if err != nil {
		return err
	}
	tb := terminal.Table{Columns: []terminal.Column{
		{Title: "version"},
		{Title: "named by", Flexible: true},
		{Title: "run"},
		{Title: "size", Right: true},
		{Title: "created", Drop: true},
		{Title: "by", Flexible: true, Drop: true},
	}}
	find, metric := a.runOf(r), config.Primary
	if metric != "" {
		tb.Columns = slices.Insert(tb.Columns, 3, terminal.Column{Title: metric, Right: true, Key: true})
	}
	for _, v := range slices.Backward(m.Versions) {
		by := slices.DeleteFunc(append([]string{m.StageOf(v)}, m.AliasesOf(v)...), func(s string) bool { return s == "" })
		named := "-"
		if len(by) > 0 {
			named = strings.Join(by, ", ")
		}
		number := fmt.Sprint(v.Number)
		if slices.Contains(m.Doubled(), v.Number) {
			number = fmt.Sprintf("%d-%s", v.Number, v.Random)
		}
		row := []terminal.Cell{
			{Text: number},
			{Text: named},
			{Text: format.IDRandom(v.Run)},
			{Text: terminal.Bytes(v.Bytes)},
			{Text: terminal.Ago(time.Since(v.Created))},
			{Text: v.Author},
		}
		if metric != "" {
			value := "-"
			if e, err := find(ctx, v.Run); err == nil {
				if point, ok := e.Metrics[metric]; ok {
					value = terminal.Number(point.Last)
				}
			}
			row = slices.Insert(row, 3, terminal.Cell{Text: value})
		}
		tb.Rows = append(tb.Rows, row)
	}
	err = a.term.Page(ctx, func(w io.Writer) error {
		fmt.Fprintf(w, "model %s\n", terminal.Clean(m.Name))
		writeNote(w, m.Note, m.Tags)
		if len(tb.Rows) == 0 {
			fmt.Fprintln(w, "\nno versions")
			return nil
		}
		fmt.Fprintln(w)
		return tb.Write(w, a.term)
	})
	a.warnModel(m)
	return err
}

// writeNote writes the description and the tags of a model or version.
func writeNote(w io.Writer, note string, tags map[string]string) {
	for line := range strings.Lines(note) {
		fmt.Fprintf(w, "  %s\n", terminal.Clean(strings.TrimRight(line, "\n")))
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		fmt.Fprintf(w, "  %s = %s\n", terminal.Clean(key), terminal.Clean(tags[key]))
	}
}

func (a *app) showVersion(ctx context.Context, r *repo.Repository, m *registry.Model, v *registry.Version) error {
	e, runErr := a.runOf(r)(ctx, v.Run)
	return a.term.Page(ctx, func(w io.Writer) error {
		line := func(what, text string) {
			if text != "" {
				fmt.Fprintf(w, "%-9s %s\n", what, terminal.Clean(text))
			}
		}
		line("version", fmt.Sprintf("%s (%s)", v, v.Exact()))
		line("stage", m.StageOf(v))
		line("aliases", strings.Join(m.AliasesOf(v), ", "))
		line("created", v.Created.UTC().Format("2006-01-02 15:04:05Z"))
		line("by", v.Author)
		title := v.Run
		if runErr != nil {
			title += ", which is not in this clone"
		} else if e.Name != "" {
			title += " " + e.Name
		}
		line("run", title)
		at := v.Path
		if at == "" {
			at = "all artifacts"
		}
		line("files", fmt.Sprintf("%s: %s, %s", at, plural(int(v.Files), "file"), terminal.Bytes(v.Bytes)))
		line("digest", v.SHA256)
		line("flavors", strings.Join(v.Flavors, ", "))
		writeNote(w, v.Note, v.Tags)
		if runErr == nil && len(e.Metrics) > 0 {
			fmt.Fprintln(w)
			for i, key := range slices.Sorted(maps.Keys(e.Metrics)) {
				if i == maxVersionMetrics {
					fmt.Fprintf(w, "and %d more metrics: 'runs show %s'\n", len(e.Metrics)-i, format.IDRandom(v.Run))
					break
				}
				fmt.Fprintf(w, "%s = %s\n", terminal.Clean(key), terminal.Number(e.Metrics[key].Last))
			}
		}
		return nil
	})
}

// maxVersionMetrics is how many metrics of its run a version shows.
const maxVersionMetrics = 20

type eventJSON struct {
	By       *string    `json:"by"`
	Commit   *string    `json:"commit"` // null: not committed
	Event    string     `json:"event"`
	Name     *string    `json:"name"` // of the stage or alias
	Reason   *string    `json:"reason"`
	Removed  bool       `json:"removed"`
	Time     *time.Time `json:"time"`
	Versions []string   `json:"versions"`
	Was      []string   `json:"was"`
}

func (a *app) showHistory(ctx context.Context, g *registry.Registry, m *registry.Model, only *registry.Version,
	asJSON bool,
) error {
	events, err := g.History(ctx, m)
	if err != nil {
		return err
	}
	if only != nil {
		about := func(ids []format.ModelVersionID) bool {
			return slices.ContainsFunc(ids, func(id format.ModelVersionID) bool { return id.Random == only.Random })
		}
		events = slices.DeleteFunc(events, func(e registry.Event) bool { return !about(e.Versions) && !about(e.Was) })
	}
	if asJSON {
		list := make([]eventJSON, len(events))
		for i, e := range events {
			list[i] = eventJSON{
				By: orNull(e.By), Commit: orNull(e.Commit), Event: e.Kind, Name: orNull(e.Name), Reason: orNull(e.Reason),
				Removed: e.Removed, Versions: exactVersions(m, e.Versions), Was: exactVersions(m, e.Was),
			}
			if !e.Time.IsZero() {
				list[i].Time = &events[i].Time
			}
		}
		return a.printJSON(list)
	}
	tb := terminal.Table{Columns: []terminal.Column{
		{Title: "when"},
		{Title: "what", Flexible: true},
		{Title: "by", Flexible: true},
		{Title: "commit", Drop: true},
		{Title: "reason", Flexible: true},
	}}
	for _, e := range slices.Backward(events) {
		when := "-"
		if !e.Time.IsZero() {
			when = e.Time.UTC().Format("2006-01-02 15:04Z")
		}
		commit := "not committed"
		if e.Commit != "" {
			commit = fmt.Sprintf("%.10s", e.Commit)
		}
		reason, _, _ := strings.Cut(e.Reason, "\n")
		tb.Rows = append(tb.Rows, []terminal.Cell{
			{Text: when}, {Text: what(m, e)}, {Text: e.By}, {Text: commit}, {Text: reason},
		})
	}
	return a.term.Page(ctx, func(w io.Writer) error { return tb.Write(w, a.term) })
}

// what describes an event in a few words.
func what(m *registry.Model, e registry.Event) string {
	change := func() string {
		if len(e.Was) == 0 {
			return numbersOf(m, e.Versions)
		}
		return numbersOf(m, e.Was) + " -> " + numbersOf(m, e.Versions)
	}
	switch {
	case e.Kind == "version" && e.Removed:
		return "removed version " + numbersOf(m, e.Versions)
	case e.Kind == "version":
		return "version " + numbersOf(m, e.Versions)
	case e.Kind == "archived" && e.Removed:
		return "no longer archived: " + numbersOf(m, e.Versions)
	case e.Kind == "archived":
		return "archived " + numbersOf(m, e.Versions)
	case e.Kind == "note" && e.Note != nil && e.Note.Number > 0:
		return fmt.Sprintf("renumbered %s as %d", e.Note.Version, e.Note.Number)
	case e.Kind == "note" && len(e.Versions) > 0:
		return "note on " + numbersOf(m, e.Versions)
	case e.Kind == "note":
		return "note"
	case e.Removed:
		return "removed " + e.Kind + " " + e.Name
	}
	return e.Kind + " " + e.Name + ": " + change()
}

// numbersOf lists the numbers that versions have, or had.
func numbersOf(m *registry.Model, ids []format.ModelVersionID) string {
	return strings.ReplaceAll(numbers(m, ids), "?", "")
}
