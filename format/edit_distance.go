package format

// EditDistance returns how many bytes must be inserted, removed, replaced or exchanged with their neighbor to turn a
// into b (Levenshtein, 1966, with the exchange of Damerau, 1964, of bytes that no other edit touches).
func EditDistance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1) // the rows i-2 and i-1 of the table, then i
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := row[j]
			if a[i] != b[j] {
				cost = 1 + min(row[j], row[j+1], next[j])
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				cost = min(cost, 1+before[j-1])
			}
			next[j+1] = cost
		}
		before, row = row, next
	}
	return row[len(b)]
}
