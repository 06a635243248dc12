package githttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gitruns/runs/repo/git/gitconfig"
	"github.com/gitruns/runs/repo/git/smarthttp"
)

// client talks to one server. If the server's first answer sends it to another one, it goes on with that.
type client struct {
	config     *gitconfig.Config
	remote     string
	base       *url.URL // of the repository, without credentials
	given      credential
	settings   *settings
	http       *http.Client
	known      credential // that the server asked for
	redirected bool
}

func newClient(hello smarthttp.Hello) (*client, error) {
	config, err := gitconfig.Load(gitconfig.Sources{GitDir: hello.GitDir, CommonDir: hello.CommonDir})
	if err != nil {
		return nil, settingError(err)
	}
	c := &client{config: config, remote: hello.Remote}
	u, err := url.Parse(hello.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" { // the error would show the password
		return nil, &smarthttp.Error{Kind: smarthttp.Setting, Message: "the URL of the remote is not a URL of http or https"}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		c.given = credential{u.User.Username(), password}
	}
	return c, c.setBase(u)
}

// setBase makes the client talk to a URL from now on.
func (c *client) setBase(u *url.URL) error {
	var err error
	if c.settings, err = newSettings(c.config, u, c.remote, c.redirected); err != nil {
		return err
	}
	base := *u
	base.User, base.RawQuery, base.Fragment = nil, "", ""
	base.Path, base.RawPath = strings.TrimSuffix(base.Path, "/"), ""
	c.base = &base
	dialer := &net.Dialer{Timeout: 30 * time.Second}
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &watched{conn, c.settings.idle}, nil
		},
		TLSClientConfig: c.settings.tls, TLSHandshakeTimeout: 30 * time.Second, ForceAttemptHTTP2: !c.settings.http1,
		MaxResponseHeaderBytes: 1 << 20, MaxIdleConns: 2, IdleConnTimeout: time.Minute,
	}
	if c.settings.http1 {
		t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	if proxy := c.settings.proxy; proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
	}
	c.http = &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return nil
}

// watched is a connection that fails if nothing happens for a long time.
type watched struct {
	net.Conn
	idle time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	if err := w.SetReadDeadline(time.Now().Add(w.idle)); err != nil {
		return 0, err
	}
	return w.Conn.Read(p)
}

func (w *watched) Write(p []byte) (int, error) {
	now := time.Now()
	// While something is sent, no answer is expected.
	if err := errors.Join(w.SetWriteDeadline(now.Add(w.idle)), w.SetReadDeadline(now.Add(w.idle))); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

// maxRedirects is how often a server may send us to another address.
const maxRedirects = 10

// discover asks a service which refs it has.
func (c *client) discover(ctx context.Context, service string) (io.ReadCloser, error) {
	asked := false
	for range maxRedirects + 2 {
		r, err := c.request(ctx, http.MethodGet, "/info/refs?service="+service, nil)
		if err != nil {
			return nil, err
		}
		answer, err := c.http.Do(r)
		if err != nil {
			return nil, c.failed(err)
		}
		switch {
		case isRedirect(answer.StatusCode):
			err := c.follow(answer, service)
			_ = answer.Body.Close()
			if err != nil {
				return nil, err
			}
			asked = false
			continue
		case answer.StatusCode == http.StatusUnauthorized && !asked:
			asked = true
			err := c.signIn(ctx, answer)
			_ = answer.Body.Close()
			if err != nil {
				return nil, err
			}
			continue
		}
		return c.accept(answer, "application/x-"+service+"-advertisement")
	}
	return nil, &smarthttp.Error{
		Kind: smarthttp.Answer, Message: fmt.Sprintf("the server redirects more than %d times", maxRedirects),
	}
}

// request prepares a request to the server, and to no other one.
func (c *client) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, body)
	if err != nil {
		return nil, &smarthttp.Error{Kind: smarthttp.Setting, Message: "the URL of the remote is not valid"}
	}
	for name, values := range c.settings.headers {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", c.settings.agent)
	if c.known.whole() {
		r.SetBasicAuth(c.known.user, c.known.password)
	}
	return r, nil
}

// call sends a body to a service and returns its answer.
func (c *client) call(ctx context.Context, service string, body io.Reader) (io.ReadCloser, error) {
	first := new(bytes.Buffer)
	_, err := io.CopyN(first, body, c.settings.buffer)
	whole := errors.Is(err, io.EOF)
	if err != nil && !whole {
		return nil, err
	}
	if !whole {
		// What cannot be sent twice is sent only after the server has taken a request without a content.
		answer, err := c.post(ctx, service, func() io.Reader { return strings.NewReader("0000") })
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(answer, 64<<10))
		_ = answer.Close()
	}
	used := false
	return c.post(ctx, service, func() io.Reader {
		if whole {
			return bytes.NewReader(first.Bytes())
		}
		if used {
			return nil
		}
		used = true
		return io.MultiReader(first, body)
	})
}

// post sends a body, which again returns anew, or nil if it cannot be sent again.
func (c *client) post(ctx context.Context, service string, again func() io.Reader) (io.ReadCloser, error) {
	for asked := false; ; asked = true {
		body := again()
		if body == nil {
			return nil, &smarthttp.Error{
				Kind: smarthttp.Unauthorized, Message: "the server " + c.base.Host + " asked for a password too late",
				Hint: "raise http.postBuffer above the size of what is sent",
			}
		}
		r, err := c.request(ctx, http.MethodPost, "/"+service, body)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/x-"+service+"-request")
		r.Header.Set("Accept", "application/x-"+service+"-result")
		answer, err := c.http.Do(r)
		if err != nil {
			return nil, c.failed(err)
		}
		if isRedirect(answer.StatusCode) {
			_ = answer.Body.Close()
			return nil, &smarthttp.Error{
				Kind: smarthttp.Answer, Message: "the server redirects a request that has a content",
				Hint: "set the URL that it redirects to with 'git remote set-url'",
			}
		}
		if answer.StatusCode == http.StatusUnauthorized && !asked {
			err := c.signIn(ctx, answer)
			_ = answer.Body.Close()
			if err != nil {
				return nil, err
			}
			continue
		}
		return c.accept(answer, "application/x-"+service+"-result")
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect:
		return true
	}
	return false
}

// follow makes the client talk to the server that the first answer names. Credentials and headers stay behind if it is
// another one.
func (c *client) follow(answer *http.Response, service string) error {
	refuse := func(why string) error {
		return &smarthttp.Error{
			Kind: smarthttp.Answer, Message: "the server redirects " + why,
			Hint: "set the right URL with 'git remote set-url'",
		}
	}
	if c.settings.noFollow {
		return refuse("the request, and http.followRedirects is false")
	}
	to, err := answer.Location()
	if err != nil {
		return refuse("to an address that is not valid")
	}
	path, ok := strings.CutSuffix(to.Path, "/info/refs")
	if !ok || to.Query().Get("service") != service {
		return refuse("to an address that is not one of Git")
	}
	switch {
	case to.Host == "" || to.Scheme != "http" && to.Scheme != "https":
		return refuse("to another protocol")
	case to.Scheme == "http" && c.base.Scheme == "https":
		return refuse("to an address without encryption")
	}
	to.Path, to.RawPath, to.User = path, "", nil
	if origin(to) != origin(c.base) {
		c.given, c.known, c.redirected = credential{}, credential{}, true
	}
	return c.setBase(to)
}

// signIn finds the credentials that a server asks for.
func (c *client) signIn(ctx context.Context, answer *http.Response) error {
	basic, schemes := false, []string{}
	for _, header := range answer.Header.Values("WWW-Authenticate") {
		scheme, _, _ := strings.Cut(strings.TrimSpace(header), " ")
		basic = basic || strings.EqualFold(scheme, "Basic")
		schemes = append(schemes, scheme)
	}
	if !basic && len(schemes) > 0 {
		return &smarthttp.Error{
			Kind: smarthttp.Unauthorized,
			Message: fmt.Sprintf("the server %s asks for a way to sign in that runs does not have: %.40s", c.base.Host,
				strings.Join(schemes, ", ")),
			Hint: "run the command where git is installed",
		}
	}
	if c.known.whole() {
		return c.denied(answer)
	}
	found, others, ok := c.settings.find(ctx, c.base, c.given)
	if ok {
		c.known = found
		return nil
	}
	e := &smarthttp.Error{
		Kind: smarthttp.Unauthorized, Message: "the server " + c.base.Host + " asks for a password, and none is configured",
		Hint: "add the server to ~/.netrc, or to ~/.git-credentials with 'credential.helper = store'",
	}
	if len(others) > 0 {
		e.Hint += "; only git runs the credential helper " + fmt.Sprintf("%.60q", others[0])
	}
	return e
}

// denied returns the error for credentials that a server does not accept.
func (c *client) denied(answer *http.Response) error {
	return &smarthttp.Error{
		Kind: smarthttp.Unauthorized, Message: "the server " + c.base.Host + " does not accept the password of " + c.user(),
		Hint:   "check it in the URL, ~/.netrc or ~/.git-credentials, and that it may read and write the repository",
		Output: said(answer),
	}
}

func (c *client) user() string {
	if c.known.user == "" {
		return "http.extraHeader"
	}
	return fmt.Sprintf("%.60q", c.known.user)
}

// accept checks an answer and returns its body.
func (c *client) accept(answer *http.Response, kind string) (io.ReadCloser, error) {
	if answer.StatusCode == http.StatusOK {
		got, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
		if err == nil && got == kind {
			return answer.Body, nil
		}
		_ = answer.Body.Close()
		return nil, &smarthttp.Error{
			Kind: smarthttp.Answer, Message: fmt.Sprintf("%s does not answer as a Git server (its content type is %.60q)",
				c.place(), answer.Header.Get("Content-Type")),
			Hint: "check the URL ('git remote -v')",
		}
	}
	defer func() { _ = answer.Body.Close() }()
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		return nil, c.denied(answer)
	case http.StatusForbidden:
		return nil, &smarthttp.Error{
			Kind: smarthttp.Unauthorized, Message: "the server " + c.base.Host + " does not allow it (403 Forbidden)",
			Hint:   "check that your account may read and write the repository",
			Output: said(answer),
		}
	case http.StatusNotFound, http.StatusGone:
		return nil, &smarthttp.Error{
			Kind: smarthttp.NotFound, Message: c.place() + " does not exist, or you may not read it",
			Hint: "check the URL ('git remote -v') and your credentials", Output: said(answer),
		}
	case http.StatusProxyAuthRequired:
		return nil, &smarthttp.Error{
			Kind: smarthttp.Unauthorized, Message: "the proxy asks for a password",
			Hint: "put it into the URL of http.proxy or https_proxy",
		}
	}
	return nil, &smarthttp.Error{
		Kind: smarthttp.Answer, Message: fmt.Sprintf("%s answers with the status %d %s", c.place(), answer.StatusCode,
			http.StatusText(answer.StatusCode)),
		Hint: "repeat the command later", Output: said(answer),
	}
}

// place is the repository as messages name it.
func (c *client) place() string { return c.base.String() }

// maxSaid is how much of a refusal is shown.
const maxSaid = 2000

// said returns the text with which a server explains a refusal, in lines that begin with "remote: ".
func said(answer *http.Response) string {
	kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil || kind != "text/plain" {
		return ""
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxSaid))
	if err != nil {
		return ""
	}
	var b strings.Builder
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		line = strings.TrimSpace(strings.Map(func(r rune) rune {
			if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
				return -1
			}
			return r
		}, line))
		if line != "" {
			b.WriteString("remote: " + line + "\n")
		}
	}
	return b.String()
}

// failed returns the error of a request that got no answer, or not all of it.
func (c *client) failed(err error) error {
	var e *smarthttp.Error
	if errors.As(err, &e) {
		return e
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	hint := "check the network and the URL ('git remote -v')"
	var timeout net.Error
	switch {
	case errors.As(err, new(*tls.CertificateVerificationError)):
		hint = "set the certificate with 'git config http.sslCAInfo FILE'"
	case errors.As(err, &timeout) && timeout.Timeout():
		hint = "check the network, and whether a proxy is needed (http.proxy)"
	}
	return &smarthttp.Error{Kind: smarthttp.Network, Message: "talking to " + c.base.Host + ": " + err.Error(), Hint: hint}
}
