package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/web"
	"github.com/gitruns/runs/repo/view"
)

type uiFlags struct {
	where, rev string
	port       int
}

func (a *app) uiCommand() *cobra.Command {
	var f uiFlags
	cmd := &cobra.Command{
		Use:   "ui [SELECTOR…] [flags]",
		Short: "Show runs in a browser",
		Long: `Show runs in a browser: tables, curves, comparisons. The page is served on this
machine until you press Ctrl-C. It changes nothing.

    runs ui
    runs ui -w "params.lr < 0.01" --port 8080`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.ui(cmd.Context(), &f, args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.where, "where", "w", "", "show only runs that match `EXPRESSION`")
	flags.StringVar(&f.rev, "rev", "", "show the runs of the Git revision `REV`, without checking it out")
	flags.IntVar(&f.port, "port", 0, "listen on `PORT` (default: a free one)")
	return cmd
}

func (a *app) ui(ctx context.Context, f *uiFlags, selectors []string) error {
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	v, err := view.Open(ctx, r, view.Options{
		Selectors: selectors, Where: f.where, Revision: f.rev, Experiment: orEnv("", "RUNS_EXPERIMENT"),
		Version: version,
	})
	if err != nil {
		return err
	}
	defer v.Close()
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(f.port)))
	if err != nil {
		return fmt.Errorf("listening for the browser: %w", err)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	token := base64.RawURLEncoding.EncodeToString(secret)
	fmt.Fprintf(a.term.Out, "http://%s/#token=%s\n", listener.Addr(), token)
	if err := web.Serve(ctx, listener, v, web.Options{
		Token: token, Failed: func(err error) { fmt.Fprintf(a.term.Err, "runs: %v\n", err) },
	}); err != nil {
		return fmt.Errorf("serving the page: %w", err)
	}
	return ctx.Err()
}
