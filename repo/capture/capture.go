// Package capture finds out what a run came from: its source, its datasets, its environment and its machine.
//
// It reads the working tree, the file system and, through repo/git, the Git repository; it never changes them and never
// uses the network. It stands on format and repo/git, and knows neither runs on disk nor the command line: package repo
// stores what it returns. A change to the source begins in source.go, to datasets in dataset.go, and to packages in
// environment.go.
package capture
