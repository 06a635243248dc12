// Package capture finds out what a run came from: its source, its datasets, its environment and its machine.
//
// It reads the working tree, the file system and, through repo/git, the Git repository; it never changes them and
// never uses the network. It imports format and repo/git. It knows neither the runs on disk nor the command line;
// package repo stores what it returns. To change how the source is captured, start in source.go; for datasets, in
// dataset.go; for packages, in environment.go.
package capture
