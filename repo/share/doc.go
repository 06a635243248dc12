// Package share moves runs between clones through Git: it commits them without touching the user's own work, replays
// them on what others pushed, imports what was pulled or copied, restores what a branch has lost, verifies a history,
// and removes shared files that no run needs.
//
// It knows the layout of .runs in a commit and the changes that a commit may make there. It does not know the command
// line: it returns values and errors with hints, and reports progress by calling functions that the caller passes. It
// starts Git only through repo/git, and reads and writes the working tree only through repo.
//
// To change what is committed, start with plan (commit_plan.go). The type replayer (replay.go) makes our commits again
// on top of what others pushed first. The type checker (verify_run.go) decides whether a run is accepted. The file
// layout.go decides which files may be in .runs. How a committed run may change is decided in package transition.
package share
