// Package share moves runs between clones through Git: it commits them without touching the user's own work, replays
// them on what others pushed, imports what was pulled or copied, restores what a branch has lost, verifies a
// history, and collects what no run needs.
//
// It knows the layout of .runs in a commit and the rules of what a commit may change there. It does not know the
// command line: it returns values and errors with hints, and reports progress through functions of the caller. It
// starts Git only through repo/git, and reads and writes the working tree only through repo.
//
// A change of what is committed begins in plan (commit_plan.go); of what a pull or push does with commits that others
// overtook, in replayer (replay.go); of what a run must be to be accepted, in checker (verify_run.go); of what may
// lie in .runs at all, in layout.go.
package share
