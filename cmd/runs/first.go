package main

// eachFirst calls each with the first of a list, at most with so many, and then rest with the number of the others. It
// leaves out no single one: a line about it is as long.
func eachFirst[T any](list []T, most int, each func(T), rest func(n int)) {
	if len(list) <= most+1 {
		most = len(list)
	}
	for _, e := range list[:most] {
		each(e)
	}
	if n := len(list) - most; n > 0 {
		rest(n)
	}
}
