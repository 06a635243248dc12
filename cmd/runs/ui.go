package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gitruns/runs/cmd/internal/browser"
	"github.com/gitruns/runs/cmd/internal/terminal"
	"github.com/gitruns/runs/cmd/internal/web"
	"github.com/gitruns/runs/repo"
	"github.com/gitruns/runs/repo/view"
)

type uiFlags struct {
	where, rev, host string
	port             int
	noBrowser        bool
	allowHosts       []string
}

func (a *app) uiCommand() *cobra.Command {
	var f uiFlags
	cmd := &cobra.Command{
		Use:   "ui [RUN…] [flags]",
		Short: "Show runs in a browser",
		Long: `Show runs in a browser, also while they train: tables, curves, comparisons.
Without RUN, all runs are shown.

    runs ui
    runs ui -w "params.lr < 0.01" --rev main
    runs ui --no-browser --port 8080

The page is served to this machine until you press Ctrl-C. It changes nothing.
The address that is printed contains a token: whoever has it can read the runs.
Over SSH, the command prints how to open the page on your own machine.`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.ui(cmd.Context(), &f, args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.where, "where", "w", "", "show only runs that match `EXPRESSION`")
	flags.StringVar(&f.rev, "rev", "", "show the runs of the Git revision `REV`, without checking it out")
	flags.IntVar(&f.port, "port", 0, "listen on `PORT` (default: a free one)")
	flags.BoolVar(&f.noBrowser, "no-browser", false, "only print the address, and do not open it")
	flags.StringVar(&f.host, "host", "127.0.0.1", "listen on the address `ADDR`, also for other machines")
	flags.StringArrayVar(&f.allowHosts, "allow-host", nil,
		"answer requests for the host `NAME`, such as that of a proxy (repeatable)")
	return cmd
}

func (f *uiFlags) check() error {
	if f.port < 0 || f.port > 65535 {
		return usagef("ui: --port must be a port from 1 to 65535, got %d", f.port)
	}
	for _, name := range f.allowHosts {
		if !isHost(name) {
			return usagef("ui: --allow-host must be the name of a host, got %q", name)
		}
	}
	if !isHost(f.host) {
		return usagef("ui: --host must be an address of this machine, got %q", f.host)
	}
	return nil
}

// isHost reports whether s is a name or an address without a port.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

func (a *app) ui(ctx context.Context, f *uiFlags, selectors []string) error {
	if err := f.check(); err != nil {
		return err
	}
	r, err := a.find(ctx)
	if err != nil {
		return err
	}
	ctx, ended := a.untilSignal(ctx)
	calmServer()
	v, err := a.openView(ctx, r, f, selectors)
	if err != nil {
		return ended(err)
	}
	defer v.Close()
	listener, err := f.listen()
	if err != nil {
		return ended(err)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	token := base64.RawURLEncoding.EncodeToString(secret)
	address := "http://" + f.authority(listener.Addr()) + "/#token=" + token
	fmt.Fprintln(a.term.Out, address)
	used := a.showPage(ctx, f, listener.Addr(), address)
	defer holdLess()()
	err = web.Serve(ctx, listener, v, web.Options{
		Token: token, Hosts: f.allowHosts, Used: used, Failed: func(err error) { a.progress("runs: %v", err) },
	})
	used()
	if err == nil {
		err = ctx.Err()
	}
	return ended(err)
}

// openView reads the runs that are shown, and reports what is wrong with them.
func (a *app) openView(ctx context.Context, r *repo.Repository, f *uiFlags, selectors []string) (*view.View, error) {
	defer collectLess()()
	v, err := view.Open(ctx, r, view.Options{
		Selectors: selectors, Where: f.where, Revision: f.rev, Experiment: orEnv("", "RUNS_EXPERIMENT"),
		Version: version,
	})
	if err != nil {
		return nil, err
	}
	a.warnSettings(r)
	a.warnMissing(v.Missing()...)
	project, err := v.Project(ctx)
	if err != nil {
		v.Close()
		return nil, err
	}
	a.reportDamagedOf(project)
	return v, nil
}

// untilSignal returns a context that also ends when the process is asked to end by another signal than Ctrl-C: files
// that the command has made must not stay. ended gives the error of the command the exit status of the signal.
func (a *app) untilSignal(ctx context.Context) (_ context.Context, ended func(error) error) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	var received syscall.Signal
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case s := <-signals:
			received, _ = s.(syscall.Signal)
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func(err error) error {
		cancel()
		waiting.Wait()
		signal.Stop(signals)
		if received != 0 && errors.Is(err, context.Canceled) {
			return interruptedError{err, 128 + int(received)}
		}
		return err
	}
}

// listen opens the port.
func (f *uiFlags) listen() (net.Listener, error) {
	at := net.JoinHostPort(f.host, strconv.Itoa(f.port))
	listener, err := net.Listen("tcp", at)
	if err == nil {
		return listener, nil
	}
	hint := "leave out --port to take a free one"
	if f.port == 0 {
		hint = "name an address of this machine with --host, or leave it out"
	}
	var system *os.SyscallError
	if errors.As(err, &system) {
		err = system.Err
	}
	return nil, &repo.HintError{Err: fmt.Errorf("listening on %s: %w", at, err), Hint: hint}
}

// authority returns the host and the port of the address that is printed.
func (f *uiFlags) authority(at net.Addr) string {
	host, port, _ := net.SplitHostPort(at.String()) // a TCP address has both
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		if host = "127.0.0.1"; len(f.allowHosts) > 0 {
			host = f.allowHosts[0]
		}
	}
	return net.JoinHostPort(host, port)
}

// showPage opens the browser, or says how to open the page. The returned function must be called when the browser has
// shown it, and at the end; it may be called several times.
func (a *app) showPage(ctx context.Context, f *uiFlags, at net.Addr, address string) (used func()) {
	_, port, _ := net.SplitHostPort(at.String())
	if local, err := netip.ParseAddrPort(at.String()); err != nil || !local.Addr().IsLoopback() {
		a.warn("other machines can reach the page; whoever reads the traffic can read the token and the runs, " +
			"so use --host only in a network that you trust")
	}
	nothing := func() {}
	if connection, over := os.LookupEnv("SSH_CONNECTION"); over {
		a.progress("runs: on your own machine, run '%s' and open the address there; Ctrl-C ends the page",
			forwarding(connection, os.Getenv("USER"), port))
		return nothing
	}
	if f.noBrowser {
		a.progress("runs: open the address in a browser; Ctrl-C ends the page")
		return nothing
	}
	opened, err := browser.Open(ctx, address)
	if err != nil {
		a.progress("runs: %v; open the address yourself; Ctrl-C ends the page", err)
		return nothing
	}
	a.progress("runs: opening the address in the browser; Ctrl-C ends the page")
	seen, see := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { a.watchBrowser(seen, opened) })
	return func() {
		see()
		watching.Wait()
	}
}

// patience is how long a browser may take to show the page.
const patience = time.Minute

// watchBrowser waits until the page was seen, and says if the browser cannot show it.
func (a *app) watchBrowser(seen context.Context, opened *browser.Opened) {
	defer opened.Done()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case err := <-opened.Failed:
			if err == nil {
				continue // it has handed the page over
			}
			a.progress("runs: the browser was not opened: %v; open the address yourself", err)
		case <-late.C:
			a.progress("runs: the browser has not shown the page; open the address yourself")
		case <-seen.Done():
		}
		return
	}
}

// forwarding returns the command that makes a port of this machine, which the user has reached by SSH, one of theirs.
// connection is the value of SSH_CONNECTION: the address and port of the client, then those of this machine.
func forwarding(connection, user, port string) string {
	to, sshPort := "HOST", ""
	if words := strings.Fields(connection); len(words) == 4 {
		if ip, err := netip.ParseAddr(words[2]); err == nil {
			to = ip.String()
		}
		if n, err := strconv.ParseUint(words[3], 10, 16); err == nil && n != 22 {
			sshPort = fmt.Sprintf("-p %d ", n)
		}
	}
	if user != "" && isHost(user) {
		to = user + "@" + to
	}
	return terminal.Clean(fmt.Sprintf("ssh -N -L %s:127.0.0.1:%[1]s %s%s", port, sshPort, to))
}
