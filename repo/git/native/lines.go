package native

import "bytes"

// hunk is a range of lines that differs: lines from[a:aEnd] are replaced by to[b:bEnd].
type hunk struct{ a, aEnd, b, bEnd int }

// splitLines divides data into lines, each with its line break.
func splitLines(data []byte) [][]byte {
	lines := make([][]byte, 0, bytes.Count(data, []byte("\n"))+1)
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 {
			end = len(data)
		}
		lines = append(lines, data[:end])
		data = data[end:]
	}
	return lines
}

// maxEdits bounds the work for two files that have little in common: what is more different than this is shown as
// removed and added as a whole.
const maxEdits = 1024

// compareLines returns how the lines of two files differ, with few changes. It is the algorithm of Myers in linear
// space.
func compareLines(from, to [][]byte) []hunk {
	numbers := map[string]int32{}
	number := func(lines [][]byte) []int32 {
		list := make([]int32, len(lines))
		for i, line := range lines {
			n, ok := numbers[string(line)]
			if !ok {
				n = int32(len(numbers))
				numbers[string(line)] = n
			}
			list[i] = n
		}
		return list
	}
	c := &comparison{a: number(from), b: number(to)}
	c.compare(0, len(from), 0, len(to))
	return c.hunks
}

type comparison struct {
	a, b              []int32
	forward, backward []int
	hunks             []hunk
}

// compare adds the differences of a part of both files.
func (c *comparison) compare(a, aEnd, b, bEnd int) {
	for {
		for a < aEnd && b < bEnd && c.a[a] == c.b[b] {
			a, b = a+1, b+1
		}
		for a < aEnd && b < bEnd && c.a[aEnd-1] == c.b[bEnd-1] {
			aEnd, bEnd = aEnd-1, bEnd-1
		}
		if a == aEnd || b == bEnd {
			break
		}
		x, y, ok := c.middle(a, aEnd, b, bEnd)
		if !ok || x == a && y == b || x == aEnd && y == bEnd {
			break
		}
		c.compare(a, x, b, y)
		a, b = x, y
	}
	if a == aEnd && b == bEnd {
		return
	}
	if n := len(c.hunks) - 1; n >= 0 && c.hunks[n].aEnd == a && c.hunks[n].bEnd == b {
		c.hunks[n].aEnd, c.hunks[n].bEnd = aEnd, bEnd
		return
	}
	c.hunks = append(c.hunks, hunk{a, aEnd, b, bEnd})
}

// middle returns a point on a shortest path from the beginning of both parts to their ends. ok is false if they have
// too little in common.
func (c *comparison) middle(a, aEnd, b, bEnd int) (x, y int, ok bool) {
	n, m := aEnd-a, bEnd-b
	limit := min((n+m+1)/2, maxEdits)
	size := 2*limit + 3
	if len(c.forward) < size {
		c.forward, c.backward = make([]int, size), make([]int, size)
	}
	forward, backward := c.forward, c.backward
	mid := limit + 1
	forward[mid+1], backward[mid+1] = 0, 0
	delta := n - m
	odd := delta%2 != 0
	for d := 0; d <= limit; d++ {
		for k := -d; k <= d; k += 2 {
			x := forward[mid+k-1] + 1
			if k == -d || k != d && forward[mid+k-1] < forward[mid+k+1] {
				x = forward[mid+k+1]
			}
			y := x - k
			if x > n || y > m { // beyond the edge
				forward[mid+k] = x
				continue
			}
			for x < n && y < m && c.a[a+x] == c.b[b+y] {
				x, y = x+1, y+1
			}
			forward[mid+k] = x
			if back := delta - k; odd && back >= -(d-1) && back <= d-1 && x+backward[mid+back] >= n {
				return a + x, b + y, true
			}
		}
		for k := -d; k <= d; k += 2 {
			x := backward[mid+k-1] + 1
			if k == -d || k != d && backward[mid+k-1] < backward[mid+k+1] {
				x = backward[mid+k+1]
			}
			y := x - k
			if x > n || y > m {
				backward[mid+k] = x
				continue
			}
			for x < n && y < m && c.a[aEnd-1-x] == c.b[bEnd-1-y] {
				x, y = x+1, y+1
			}
			backward[mid+k] = x
			if front := delta - k; !odd && front >= -d && front <= d && x+forward[mid+front] >= n {
				return aEnd - x, bEnd - y, true
			}
		}
	}
	return 0, 0, false
}
