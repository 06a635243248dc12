package repo

import (
	"strconv"
	"strings"
)

// artifactNames are the names of a run's artifacts. No name is used twice, or as a file and as a folder.
type artifactNames struct{ files, folders map[string]bool }

func newArtifactNames() *artifactNames {
	return &artifactNames{map[string]bool{}, map[string]bool{}}
}

// above visits the folders of a path from the top down until visit returns true.
func above(path string, visit func(folder string) bool) {
	for at := 0; ; at++ {
		n := strings.IndexByte(path[at:], '/')
		if n < 0 || visit(path[:at+n]) {
			return
		}
		at += n
	}
}

// clash returns the part of a name that is in use: its first folder that is a file, or the whole name. It is empty if
// the name is free.
func (n *artifactNames) clash(name string) (part string) {
	if n.files[name] || n.folders[name] {
		part = name
	}
	above(name, func(folder string) bool {
		if n.files[folder] {
			part = folder
		}
		return n.files[folder]
	})
	return part
}

// take reserves a name, or the next free one: with "-2" and so on after the part that is in use.
func (n *artifactNames) take(name string) string {
	for part := n.clash(name); part != ""; part = n.clash(name) {
		other := part
		for i := 2; n.files[other] || n.folders[other] && part == name; i++ {
			other = part + "-" + strconv.Itoa(i)
		}
		name = other + name[len(part):]
	}
	n.files[name] = true
	above(name, func(folder string) bool {
		n.folders[folder] = true
		return false
	})
	return name
}
