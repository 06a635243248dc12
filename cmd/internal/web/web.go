// Package web shows runs as a page: it serves the embedded page and the answers of repo/view on this machine, and
// writes both into files.
//
// The page is TypeScript under src. 'go generate' bundles it into app, which is committed, so that building needs no
// other tool. What an answer contains is decided in repo/view. Start in answers.go to add an answer, and in
// handler.go for what a request must have.
package web

import _ "embed"

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
