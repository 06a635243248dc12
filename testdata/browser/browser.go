// Package browser drives a headless Chromium over the page of runs. Its tests are journeys through the page, and
// tables over the parts of the page that need no document.
//
// It is a module of its own, so that building runs needs none of its libraries. Start in page.go for what a journey
// can do, in server.go for what it looks at, and in functions.go for tests of single functions of the page.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// TB is what the package needs of a test. A benchmark has one too.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Cleanup(func())
	TempDir() string
}

// Browser is a running Chromium.
type Browser struct {
	ctx  context.Context
	stop context.CancelFunc
}

// ErrNoBrowser is the error of Installed if there is no browser.
var ErrNoBrowser = errors.New(
	"no Chromium is installed (on Debian: apt-get install chromium-headless-shell; or set RUNS_TEST_BROWSER to its path)",
)

// Installed returns the path of a Chromium: the one that RUNS_TEST_BROWSER names, or the first on PATH.
func Installed() (string, error) {
	if named := os.Getenv("RUNS_TEST_BROWSER"); named != "" {
		return named, nil
	}
	for _, name := range []string{
		"chromium-headless-shell", "headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoBrowser
}

// Start starts the browser at path. The caller stops it.
func Start(path string) (*Browser, error) {
	// A hidden tab must be as slow as it is for a reader, but the tests do not wait for it.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1280, 800))
	if os.Geteuid() == 0 { // Chromium's sandbox does not work for root
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	b := &Browser{ctx: ctx, stop: func() { stop(); stopAllocator() }}
	if err := chromedp.Do(ctx); err != nil {
		b.stop()
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return b, nil
}

// Stop ends the browser.
func (b *Browser) Stop() { b.stop() }

// NewPage opens an empty tab in a profile of its own, so that it shares neither storage nor tokens with other pages.
func (b *Browser) NewPage(t TB) *Page {
	t.Helper()
	return open(t, b.ctx, chromedp.WithNewBrowserContext())
}

// NewTab opens another tab in the profile of p.
func (p *Page) NewTab(t TB) *Page {
	t.Helper()
	id := chromedp.FromContext(p.ctx).BrowserContextID
	return open(t, p.ctx, chromedp.WithExistingBrowserContext(id))
}

func open(t TB, parent context.Context, option chromedp.ContextOption) *Page {
	t.Helper()
	p := &Page{t: t, byID: map[network.RequestID]*Request{}}
	var stop context.CancelFunc
	p.ctx, stop = chromedp.NewContext(parent, option, chromedp.WithListener(p.listen))
	t.Cleanup(stop)
	err := chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, runtime.Enable, cdp.Empty{}); err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, target, log.Enable, cdp.Empty{}); err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		if _, err := cdp.Call(ctx, target, audits.Enable, cdp.Empty{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument,
			page.AddScriptToEvaluateOnNewDocumentParams{Source: finders})
		return err
	}))
	if err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	return p
}

// patience is how long a page may take for what a test waits for. It is long because the machine may be busy.
const patience = 30 * time.Second
