package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/repo"
)

// storeFlags adds the flags of all commands that use the artifact store.
func (a *app) storeFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.allowStore, "allow-store", "", "use the artifact store `URL`, and remember it in this clone")
}

// storeGate returns how this process lets the user allow a store that the clone has not used before.
func (a *app) storeGate() repo.StoreGate {
	gate := repo.StoreGate{Named: a.allowStore}
	if a.term.CanAsk() {
		gate.Ask = a.askForStore
	}
	return gate
}

// askForStore asks the user about a store. Anything but yes is a no.
func (a *app) askForStore(ctx context.Context, q repo.StoreQuestion) (bool, error) {
	fmt.Fprintf(a.term.Err, "\r\x1b[Kruns: this clone has not used the artifact store %s before:\n      %s.\n",
		terminal.Clean(q.URL), terminal.Clean(q.Means))
	return a.term.Confirm(ctx, "Use it from now on?")
}
