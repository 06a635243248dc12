// Package web shows runs as a page: it serves the embedded page and the answers of repo/view on this machine, and
// writes both into files.
//
// The page is TypeScript under src. 'go generate' bundles it into app, which is committed, so that building needs no
// other tool. What an answer contains is decided in repo/view. Start in answers.go to add an answer, and in
// handler.go for what a request must have.
package web

import (
	_ "embed"
	"sync"

	"github.com/gitruns/runs/cmd/internal/http1"
)

//go:generate go run -modfile=../../../tools.mod bundle.go

// The page and what it loads.
var (
	//go:embed app/index.html
	page []byte
	//go:embed app/app.js
	script []byte
	//go:embed app/app.css
	style []byte
)

// asset is a part of the page. It is the same for everybody and contains nothing of a project.
type asset struct {
	name, kind string // the name is empty for the page itself
	body       []byte
	packed     func() []byte // the body compressed by gzip
}

var assets = sync.OnceValue(func() []asset {
	list := []asset{
		{name: "", kind: "text/html; charset=utf-8", body: page},
		{name: "app.js", kind: "text/javascript; charset=utf-8", body: script},
		{name: "app.css", kind: "text/css; charset=utf-8", body: style},
	}
	for i, a := range list {
		list[i].packed = sync.OnceValue(func() []byte { return http1.Pack(a.body) })
	}
	return list
})
