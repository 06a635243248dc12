package web

import (
	"context"
	"crypto/subtle"
	"net/http"

	"github.com/gitruns/runs/repo/view"
)

// TokenHeader is the header with which the page sends its token.
const TokenHeader = "Runs-Token"

const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src blob: data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'"

// Handler answers the requests of the page about v. Data needs the token.
func Handler(v *view.View, token string) http.Handler {
	mux := http.NewServeMux()
	static := func(path, kind string, body []byte) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { write(w, &Answer{kind, body}) })
	}
	static("/{$}", "text/html; charset=utf-8", page)
	static("/app.js", "text/javascript; charset=utf-8", script)
	static("/app.css", "text/css; charset=utf-8", style)
	for path, answer := range answers {
		mux.HandleFunc("GET /data/"+path, func(w http.ResponseWriter, r *http.Request) {
			if subtle.ConstantTimeCompare([]byte(r.Header.Get(TokenHeader)), []byte(token)) != 1 {
				http.Error(w, "the token is missing or wrong: open the address that 'runs ui' printed", http.StatusUnauthorized)
				return
			}
			serve(r.Context(), w, v, question{r.PathValue, r.URL.Query()}, answer)
		})
	}
	return mux
}

func serve(ctx context.Context, w http.ResponseWriter, v *view.View, q question,
	answer func(context.Context, *view.View, question) (*Answer, error),
) {
	a, err := answer(ctx, v, q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	write(w, a)
}

func write(w http.ResponseWriter, a *Answer) {
	h := w.Header()
	h.Set("Content-Type", a.Type)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(a.Body) // the reader has gone: nobody is left to tell
}
