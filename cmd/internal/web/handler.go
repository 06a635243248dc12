package web

import (
	"context"
	"crypto/subtle"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/gitruns/runs/cmd/internal/http1"
	"github.com/gitruns/runs/repo/view"
)

// Options say who may ask the server.
type Options struct {
	Token string   // which every request for data must send
	Hosts []string // names besides those of this machine's loopback by which a browser may reach the server
	// Used is called when the page has shown the token for the first time. It may be nil.
	Used func()
	// Failed is told of internal errors. It may be nil.
	Failed func(err error)
}

// Serve answers requests for the page about v, and for its data, until ctx ends. It closes the listener.
func Serve(ctx context.Context, l net.Listener, v *view.View, o Options) error {
	s := &site{options: o, views: newViews(ctx, v), tickets: newTickets()}
	defer s.views.close()
	server := &http1.Server{Handler: s.handle, Failed: o.Failed}
	return server.Serve(ctx, l)
}

// site answers the requests of a server. What a request must have is decided in handle, in this order: its host, its
// method, and for data where it comes from and its token.
type site struct {
	options Options
	views   *views
	tickets *tickets
	once    sync.Once // calls options.Used
}

// tokenHeader is the header field with which the page sends its token.
const tokenHeader = "runs-token"

const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src blob: data:; " +
	"media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'"

// downloadPolicy keeps a browser that shows a download from running anything of it.
const downloadPolicy = "sandbox; default-src 'none'; frame-ancestors 'none'"

func (s *site) handle(ctx context.Context, r *http1.Request) *http1.Response {
	if !s.mayReach(r) {
		return refuse(421, "this server does not answer to the name of the host in the address",
			"open the address that 'runs ui' printed, or start it with --allow-host NAME")
	}
	if r.Method != "GET" && r.Method != "HEAD" {
		response := refuse(405, "the page only reads: the method must be GET or HEAD", "")
		response.Set("Allow", "GET, HEAD")
		return response
	}
	if r.HasBody {
		return refuse(400, "a request must not have a body", "")
	}
	parts, ok := r.Path()
	switch {
	case !ok:
		return notFound()
	case len(parts) > 1 && parts[0] == "data":
		return s.data(ctx, r, parts[1:])
	case len(parts) == 2 && parts[0] == "ticket":
		return s.download(ctx, r, parts[1])
	}
	return s.static(parts)
}

func notFound() *http1.Response { return refuse(404, "there is nothing at this address", "") }

// static answers with a part of the page, which is the same for everybody.
func (s *site) static(parts []string) *http1.Response {
	name := strings.Join(parts, "/")
	for _, f := range assets() {
		if f.name == name {
			response := respond(200, f.kind, f.body)
			response.Packed = f.packed()
			response.Set("Content-Security-Policy", policy)
			return response
		}
	}
	return notFound()
}

// data answers a question of the page.
func (s *site) data(ctx context.Context, r *http1.Request, parts []string) *http1.Response {
	if crossSite(r) {
		return refuse(403, "another site asked for data", "")
	}
	if subtle.ConstantTimeCompare([]byte(r.Header(tokenHeader)), []byte(s.options.Token)) != 1 {
		return refuse(401, "the token is missing or wrong", "open the address that 'runs ui' printed last")
	}
	if s.options.Used != nil {
		s.once.Do(s.options.Used)
	}
	params, err := r.Params()
	if err != nil {
		return refuse(400, "the parameters of the address are not valid", "")
	}
	if parts[0] == "ticket" {
		answer, err := s.ticket(parts[1:], params)
		return reply(answer, err)
	}
	return reply(s.ask(ctx, parts, params))
}

// crossSite reports whether a browser says that a page of another origin made the request. Programs say nothing.
func crossSite(r *http1.Request) bool {
	from := r.Header("sec-fetch-site")
	return from != "" && from != "same-origin" && from != "none"
}

// maxBody is the largest answer that is not a file, in bytes.
const maxBody = 32 << 20

// reply turns an answer into a response.
func reply(a *Answer, err error) *http1.Response {
	if err != nil {
		return failure(err)
	}
	if len(a.Body) > maxBody {
		return refuse(413, "the answer is larger than 32 MiB", "ask for fewer runs, or for one metric")
	}
	response := respond(200, a.kind(), a.Body)
	response.File, response.Size = a.File, a.Size
	response.Raw = strings.HasPrefix(a.Type, "image/")
	response.Set("Content-Security-Policy", policy)
	return response
}

// respond makes a response with the header fields that all have.
func respond(status int, kind string, body []byte) *http1.Response {
	r := &http1.Response{Status: status, Body: body}
	r.Set("Content-Type", kind)
	r.Set("X-Content-Type-Options", "nosniff")
	r.Set("Referrer-Policy", "no-referrer")
	r.Set("Cross-Origin-Opener-Policy", "same-origin")
	r.Set("Cross-Origin-Resource-Policy", "same-origin")
	r.Set("Cache-Control", "no-store")
	r.Set("Vary", "Accept-Encoding")
	return r
}

// mayReach reports whether the request names a host by which the server may be reached. A site whose name was made to
// point here, to read what only this machine may read, sends its own name.
func (s *site) mayReach(r *http1.Request) bool {
	host := hostOf(r.Header("host"))
	if strings.EqualFold(host, "localhost") {
		return true
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		// The address that the client has connected to was chosen with --host if it is not one of loopback.
		local, err := netip.ParseAddrPort(r.Local.String())
		if ip.IsLoopback() || err == nil && ip.Unmap() == local.Addr().Unmap() {
			return true
		}
	}
	return host != "" && slices.ContainsFunc(s.options.Hosts, func(name string) bool {
		return strings.EqualFold(hostOf(name), host)
	})
}

// hostOf returns a host without its port and without the brackets of IPv6.
func hostOf(host string) string {
	if name, port, err := net.SplitHostPort(host); err == nil && isPort(port) {
		return name
	}
	if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") {
		return inner[:len(inner)-1]
	}
	return host
}

func isPort(s string) bool {
	return len(s) <= 5 && !strings.ContainsFunc(s, func(c rune) bool { return c < '0' || c > '9' })
}

// ask answers a question about the runs of the working tree, or of the revision in the parameter rev.
func (s *site) ask(ctx context.Context, parts []string, params map[string][]string) (*Answer, error) {
	pattern, values := find(parts)
	if values == nil {
		return nil, &view.NotFoundError{What: "there is nothing at this address"}
	}
	rev := ""
	if len(params["rev"]) > 0 {
		rev = params["rev"][0]
	}
	v, done, err := s.views.take(ctx, rev)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := v.Refresh(ctx); err != nil {
		return nil, err
	}
	return answers[pattern](ctx, v, question{func(name string) string { return values[name] }, params})
}

// refuse makes the response to a request that is not answered.
func refuse(status int, message, hint string) *http1.Response {
	body, _ := asJSON(struct { // strings are always JSON
		Error string `json:"error"`
		Hint  string `json:"hint,omitempty"`
	}{message, hint}, nil)
	response := respond(status, body.Type, body.Body)
	response.Set("Content-Security-Policy", downloadPolicy)
	if status == 503 {
		response.Set("Retry-After", "1")
	}
	return response
}
