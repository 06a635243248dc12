package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

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
	v, err := view.Open(ctx, r, view.Options{Selectors: selectors, Where: f.where, Revision: f.rev})
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
	server := &http.Server{Handler: web.Handler(v, token), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	fmt.Fprintf(a.term.Out, "http://%s/#token=%s\n", listener.Addr(), token)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the page: %w", err)
	}
	return nil
}
