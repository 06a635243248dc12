package browser

import (
	"context"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Request is a request that a page made.
type Request struct {
	Method, URL string
	Status      int64   // 0 while there is no answer
	Bytes       float64 // received, as they were sent over the network
	Done        bool
}

// listen records what the page asks for, and what it reports. It runs while the browser waits, so it must be quick.
func (p *Page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Type == network.ResourceTypeDocument { // nobody waits for what the page before asked
			for _, before := range p.requests {
				before.Done = true
			}
		}
		r := &Request{Method: e.Request.Method, URL: e.Request.URL}
		p.requests = append(p.requests, r)
		p.byID[e.RequestID] = r
	case *network.EventResponseReceived:
		if r := p.byID[e.RequestID]; r != nil {
			r.Status = e.Response.Status
		}
	case *network.EventLoadingFinished:
		if r := p.byID[e.RequestID]; r != nil {
			r.Bytes, r.Done = e.EncodedDataLength, true
		}
	case *network.EventLoadingFailed:
		if r := p.byID[e.RequestID]; r != nil {
			r.Done = true
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		p.problems = append(p.problems, "exception: "+text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			p.problems = append(p.problems, "console: "+arguments(e.Args))
		}
	case *log.EventEntryAdded:
		ours := strings.Contains(e.Entry.Text, "willReadFrequently") // a test has looked at a canvas
		if !ours && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			text := fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
			p.problems = append(p.problems, strings.TrimSpace(text))
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details; d != nil && d.ContentSecurityPolicyIssueDetails != nil {
			p.problems = append(p.problems, "policy: "+d.ContentSecurityPolicyIssueDetails.ViolatedDirective)
		}
	case *page.EventJavascriptDialogOpening:
		p.problems = append(p.problems, "dialog: "+e.Message)
		go p.dismiss() // a command must not wait in a listener
	}
}

// dismiss closes a dialog, which would otherwise stop the page.
func (p *Page) dismiss() {
	_, _ = chromedp.Call(p.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
}

func arguments(args []*runtime.RemoteObject) string {
	texts := make([]string, len(args))
	for i, a := range args {
		texts[i] = a.Description
		if a.Value != nil {
			texts[i] = string(a.Value)
		}
	}
	return strings.Join(texts, " ")
}

// Problems returns what went wrong in the page since the last call: exceptions, errors and warnings in the console,
// violations of the content security policy, and dialogs.
func (p *Page) Problems() []string {
	_ = chromedp.Do(p.ctx, chromedp.Func(func(context.Context, *chromedp.Target) error { return nil }))
	p.mu.Lock()
	defer p.mu.Unlock()
	found := p.problems
	p.problems = nil
	return found
}

// NoProblems fails the test if something went wrong in the page. A problem that contains one of the expected texts
// is none.
func (p *Page) NoProblems(expected ...string) {
	p.t.Helper()
problems:
	for _, problem := range p.Problems() {
		for _, e := range expected {
			if strings.Contains(problem, e) {
				continue problems
			}
		}
		p.t.Fatalf("the page reported: %s", problem)
	}
}

// Requests returns the requests of the page so far.
func (p *Page) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Request, len(p.requests))
	for i, r := range p.requests {
		all[i] = *r
	}
	return all
}

// IsPoll reports whether a request waits for news, so that it is open as long as there are none.
func IsPoll(address string) bool { return strings.Contains(address, "/data/changes.json") }
