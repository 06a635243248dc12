package browser

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// finders is a script that runs in each page before the page's own. It defines __find, by which these tests find
// elements as a person does: by their role and name.
//
//go:embed finders.js
var finders string

// Page is one tab. Its methods fail the test if the page does not do what they say within a generous time.
type Page struct {
	ctx context.Context
	t   TB

	mu       sync.Mutex // guards what listen records
	problems []string
	requests []*Request
	byID     map[network.RequestID]*Request
}

// Open loads an address and waits until the page has shown something.
func (p *Page) Open(address string) {
	p.t.Helper()
	p.Go(address)
	p.Wait(`document.body && document.body.innerText.trim() !== ""`)
}

// Go loads an address.
func (p *Page) Go(address string) {
	p.t.Helper()
	// A change of the fragment alone loads nothing, and the page would keep what it knows.
	if err := chromedp.Do(p.ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(address)); err != nil {
		p.t.Fatalf("opening %s: %v", address, err)
	}
}

// Reload loads the page again.
func (p *Page) Reload() {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.Reload()); err != nil {
		p.t.Fatalf("reloading: %v", err)
	}
	p.Wait(`document.body && document.body.innerText.trim() !== ""`)
}

// Run runs JavaScript in the page. If it is a promise, Run waits for it.
func (p *Page) Run(script string) { Value[any](p, script) }

// Value returns what a JavaScript expression is in the page. If it is a promise, Value waits for it.
func Value[T any](p *Page, expression string) T {
	p.t.Helper()
	v, err := try[T](p, expression)
	if err != nil {
		p.t.Fatalf("%s: %v", short(expression), err)
	}
	return v
}

func try[T any](p *Page, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, 4*patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

func short(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return text
}

// Wait waits until an expression is true in the page.
func (p *Page) Wait(expression string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ok, err := try[bool](p, "(async () => !!(await ("+expression+")))()")
		if ok {
			return
		}
		if time.Now().After(deadline) {
			p.fail(fmt.Sprintf("waiting for %s (%v)", short(expression), err))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// fail ends the test with what the page shows.
func (p *Page) fail(doing string) {
	p.t.Helper()
	text, _ := try[string](p, `location.href.replace(/token=[^&]*/, "") + "\n" + document.body?.innerText.slice(0, 4000)`)
	picture := ""
	if folder := os.Getenv("RUNS_TEST_PICTURES"); folder != "" {
		picture = filepath.Join(folder, fmt.Sprintf("failed-%d.png", time.Now().UnixNano()))
		if image, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot()); err == nil {
			_ = os.WriteFile(picture, image, 0o644)
		}
	}
	p.t.Fatalf("%s\nproblems: %q\n%s\n%s", doing, p.Problems(), picture, text)
}

// Text returns the visible text of the first element that the CSS selector names.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	return Value[string](p, fmt.Sprintf(`(document.querySelector(%q)?.innerText ?? "").trim()`, selector))
}

// WaitText waits until the page shows a text.
func (p *Page) WaitText(text string) {
	p.t.Helper()
	p.Wait(fmt.Sprintf(`document.body.innerText.includes(%s)`, Literal(text)))
}

// WaitNoText waits until the page does not show a text.
func (p *Page) WaitNoText(text string) {
	p.t.Helper()
	p.Wait(fmt.Sprintf(`!document.body.innerText.includes(%s)`, Literal(text)))
}

// Find is a JavaScript expression for the first visible element of a role ("button", "link", "checkbox", "textbox",
// "row", …) whose name is or contains name.
func Find(role, name string) string {
	return fmt.Sprintf("__find(%s, %s)", Literal(role), Literal(name))
}

// Click clicks the element that a JavaScript expression names, as a mouse does: it waits until the element is there
// and does not move, scrolls it into view, and fails if something covers it.
func (p *Page) Click(expression string) {
	p.t.Helper()
	x, y := p.point(expression)
	if err := chromedp.Do(p.ctx, chromedp.MouseClickXY(x, y)); err != nil {
		p.t.Fatalf("clicking %s: %v", short(expression), err)
	}
}

// Move moves the mouse to a place in the element that a JavaScript expression names: 0, 0 is its top left corner, and
// 1, 1 its bottom right one.
func (p *Page) Move(expression string, x, y float64) {
	p.t.Helper()
	px, py := p.at(expression, x, y)
	if err := chromedp.Do(p.ctx, chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, px, py)); err != nil {
		p.t.Fatalf("moving the mouse to %s: %v", short(expression), err)
	}
}

// Drag draws with the mouse from one place in an element to another, as in Move.
func (p *Page) Drag(expression string, x0, y0, x1, y1 float64) {
	p.t.Helper()
	px0, py0 := p.at(expression, x0, y0)
	px1, py1 := p.at(expression, x1, y1)
	button := chromedp.ButtonType(input.MouseButtonLeft)
	err := chromedp.Do(p.ctx,
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, px0, py0),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, px0, py0, button, chromedp.ClickCount(1)),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, (px0+px1)/2, (py0+py1)/2, button),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, px1, py1, button),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, px1, py1, button, chromedp.ClickCount(1)),
	)
	if err != nil {
		p.t.Fatalf("dragging in %s: %v", short(expression), err)
	}
}

// DoubleClick clicks the element twice.
func (p *Page) DoubleClick(expression string) {
	p.t.Helper()
	x, y := p.point(expression)
	err := chromedp.Do(p.ctx, chromedp.MouseClickXY(x, y), chromedp.MouseClickXY(x, y, chromedp.ClickCount(2)))
	if err != nil {
		p.t.Fatalf("double-clicking %s: %v", short(expression), err)
	}
}

func (p *Page) point(expression string) (x, y float64) {
	p.t.Helper()
	p.Wait("(" + expression + ")?.isConnected")
	p.Wait("__still(" + expression + ")")
	return p.at(expression, 0.5, 0.5)
}

func (p *Page) at(expression string, x, y float64) (px, py float64) {
	p.t.Helper()
	p.Wait("(" + expression + ")?.isConnected")
	place := Value[[]float64](p, fmt.Sprintf("__place(%s, %v, %v)", expression, x, y))
	return place[0], place[1]
}

// Press presses keys: each rune of keys is one, and package kb of chromedp names those that write nothing. A key that
// the page takes for itself writes nothing, as in a browser that a person uses.
func (p *Page) Press(keys string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	held := int64(0)
	for _, m := range modifiers {
		held |= int64(m)
	}
	for _, r := range keys {
		events := kb.Encode(r)
		down, up := *events[0], *events[len(events)-1]
		down.Modifiers, up.Modifiers = down.Modifiers|held, up.Modifiers|held
		if len(events) == 3 && held&^int64(chromedp.ModifierShift) == 0 {
			down.Text, down.UnmodifiedText = events[1].Text, events[1].UnmodifiedText
		}
		for _, event := range []input.DispatchKeyEventParams{down, up} {
			if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, event); err != nil {
				p.t.Fatalf("pressing %q: %v", keys, err)
			}
		}
	}
}

// Type replaces the text of the field that a JavaScript expression names, by typing.
func (p *Page) Type(expression, text string) {
	p.t.Helper()
	p.Wait("(" + expression + ")?.isConnected")
	p.Run("(e => { e.focus(); e.select(); })(" + expression + ")")
	if text == "" {
		p.Press("\b")
		return
	}
	p.Press(text)
}

// Size makes the window so large, in CSS pixels.
func (p *Page) Size(width, height int64) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.EmulateViewport(width, height)); err != nil {
		p.t.Fatalf("resizing: %v", err)
	}
}

// Scheme sets whether the reader prefers "light" or "dark".
func (p *Page) Scheme(scheme string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		p.t.Fatalf("setting the color scheme: %v", err)
	}
}

// Picture returns what the window shows, as PNG.
func (p *Page) Picture() []byte {
	p.t.Helper()
	image, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatalf("taking a picture: %v", err)
	}
	return image
}

// Back goes back in the history.
func (p *Page) Back() { p.t.Helper(); p.Run("history.back()") }

// Place returns the fragment of the page's address, which is its state.
func (p *Page) Place() string { p.t.Helper(); return Value[string](p, "location.hash") }

// Settle waits until the page has no request under way and its document has been still for a moment. A request that
// waits for news is not counted.
func (p *Page) Settle() {
	p.t.Helper()
	p.Wait(`!/^Reading .*…/m.test(document.body.innerText)`)
	deadline := time.Now().Add(patience)
	for still := 0; still < 8; time.Sleep(25 * time.Millisecond) {
		p.Run(`new Promise(requestAnimationFrame)`)
		open := slices.ContainsFunc(p.Requests(), func(r Request) bool {
			return !r.Done && !IsPoll(r.URL) && strings.HasPrefix(r.URL, "http")
		})
		if open || Value[bool](p, `__moved(150)`) {
			still = 0
		}
		still++
		if time.Now().After(deadline) {
			p.fail("waiting for the page to settle")
		}
	}
}

// Until waits until a condition outside of the page holds.
func (p *Page) Until(what string, holds func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.fail("waiting for " + what)
		}
	}
}
