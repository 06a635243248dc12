// Package listsort sorts lists of records. It does what the package slices does, and compiles to one piece of code for
// all types: slices would add 20 kB to the program for each type of record that it sorts. For numbers, texts, pointers
// and long lists of points, slices is smaller or faster.
package listsort

import "sort"

// Sort sorts a list. Equal records may change places.
func Sort[T any](list []T, compare func(a, b T) int) {
	sort.Slice(list, func(i, j int) bool { return compare(list[i], list[j]) < 0 })
}

// Stable sorts a list and keeps the order of equal records.
func Stable[T any](list []T, compare func(a, b T) int) {
	sort.SliceStable(list, func(i, j int) bool { return compare(list[i], list[j]) < 0 })
}
