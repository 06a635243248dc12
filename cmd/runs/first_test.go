package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestEachFirst(t *testing.T) {
	for n, want := range []string{"", "0", "0 1", "0 1 2", "0 1 and 2", "0 1 and 3"} {
		var got []string
		list := make([]int, n)
		for i := range list {
			list[i] = i
		}
		eachFirst(list, 2, func(i int) { got = append(got, fmt.Sprint(i)) }, func(n int) {
			got = append(got, fmt.Sprint("and ", n))
		})
		if strings.Join(got, " ") != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
