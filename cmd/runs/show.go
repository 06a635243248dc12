package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/render"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/format"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/query"
)

func (a *app) showCommand() *cobra.Command {
	var asJSON, asTOML, log bool
	var experiment string
	cmd := &cobra.Command{
		Use:   "show [RUN] [flags]",
		Short: "Show a run",
		Long:  `Show a run: what it was, what came out, what it came from. Without RUN, the newest. --log is its console output.`,
		Args:  arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if b2i(asJSON)+b2i(asTOML)+b2i(log) > 1 {
				return usagef("show: --json, --toml and --log exclude one another")
			}
			selector := "last"
			if len(args) == 1 {
				selector = args[0]
			}
			ctx := cmd.Context()
			r, err := a.find()
			if err != nil {
				return err
			}
			e, err := a.oneRun(ctx, r, selector, experiment)
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				return a.printJSON(e.Run)
			case asTOML:
				data, err := format.EncodeRun(e.Run)
				if err != nil {
					return err
				}
				_, err = a.term.Out.Write(data)
				return err
			case log:
				return a.showLog(ctx, e)
			}
			config, err := r.Config()
			if err != nil {
				return err
			}
			view := render.Run{Context: query.Context{Goal: config.Goal, Now: time.Now()}, Goal: config.Goal, Curves: !asciiOnly()}
			return a.term.Page(ctx, func(w io.Writer) error { return view.Write(ctx, w, a.term, e) })
		},
		ValidArgsFunction: a.completeRun,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the record as JSON")
	cmd.Flags().BoolVar(&asTOML, "toml", false, "print the record as TOML, later notes merged in")
	cmd.Flags().BoolVar(&log, "log", false, "print the captured console output")
	cmd.Flags().StringVarP(&experiment, "experiment", "e", "", "look in `EXPERIMENT`")
	return cmd
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (a *app) showLog(ctx context.Context, e *repo.Entry) error {
	f, err := e.Output()
	if err != nil {
		return err
	}
	if f == nil {
		return fmt.Errorf("showing the output of run %s: none was captured; 'runs exec' captures it", e.ID)
	}
	defer func() { _ = f.Close() }()
	return a.term.Page(ctx, func(w io.Writer) error {
		in := bufio.NewReader(f)
		for {
			line, err := in.ReadString('\n')
			if _, err := io.WriteString(w, terminal.CleanLines(line)); err != nil {
				return err
			}
			if err != nil {
				return nil
			}
		}
	})
}
