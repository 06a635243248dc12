// Package python holds the Python client gitruns, for programs that record without an installation of it.
package python

import "embed"

// Source is the client: below src, the folder gitruns as an installation lays it, with gitruns/_shim, the folder that makes it wandb.
//
//go:embed src/gitruns/*.py src/gitruns/py.typed src/gitruns/integrations/*.py src/gitruns/_shim/wandb/*.py src/gitruns/_shim/*.dist-info/*
var Source embed.FS
