package main

import (
	"fmt"
	"io"
	"regexp"
)

// maxSame is the maximum number of problems of one kind to print by themselves.
const maxSame = 5

// problemList prints problems, and counts those of a kind that follow its first ones: a commit that rewrites all runs
// of a project makes one problem a run.
type problemList struct {
	app   *app
	w     io.Writer
	kinds []problemKind
	count map[problemKind]int
	mask  *regexp.Regexp
}

type problemKind struct{ word, noun, where, reason string }

func (a *app) newProblemList(w io.Writer) *problemList {
	// What tells problems of a kind apart: ids, digests, the names of batches, numbers.
	mask := regexp.MustCompile(`\b([0-9]{8}-[0-9]{6}-[0-9a-z]{8}|batch-[0-9a-z]{8}|[0-9a-f]{10,64}|[0-9]+)\b`)
	return &problemList{app: a, w: w, mask: mask, count: map[problemKind]int{}}
}

// add prints a problem, or counts it. noun is what is damaged: a run or a file; where is empty or begins with a comma.
func (l *problemList) add(word, noun, what, where, reason string) {
	kind := problemKind{word, noun, where, l.mask.ReplaceAllString(reason, "…")}
	n := l.count[kind]
	if l.count[kind] = n + 1; n == 0 {
		l.kinds = append(l.kinds, kind)
	}
	if n < maxSame {
		l.app.writeProblem(l.w, word, what+where, reason)
	}
}

// rest prints how many problems of each kind were only counted.
func (l *problemList) rest() {
	more := false
	for _, k := range l.kinds {
		if n := l.count[k] - maxSame; n > 0 {
			more = true
			noun := k.noun
			if n > 1 {
				noun += "s"
			}
			l.app.writeProblem(l.w, k.word, fmt.Sprintf("%d more %s%s", n, noun, k.where), k.reason)
		}
	}
	if more {
		fmt.Fprintln(l.w, "use --json to list all")
	}
}
