// Package closest finds the word that somebody probably meant.
package closest

import (
	"fmt"
	"strings"
)

// Words are those of the known words that are nearest, at most limit away, in their
// order.
func Words(known []string, limit int, distance func(word string) int) []string {
	var near []string
	for _, word := range known {
		d := distance(word)
		if d < limit {
			near, limit = nil, d
		}
		if d == limit {
			near = append(near, word)
		}
	}
	return near
}

// Meant names the words after a text that leads to them; empty without any.
func Meant(before string, words []string) string {
	if len(words) == 0 {
		return ""
	}
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = fmt.Sprintf("%q", word)
	}
	return before + strings.Join(quoted, ", or ") + ", if that was meant"
}

// Edits is Levenshtein's distance between two texts of ASCII.
func Edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(above+1, row[j]+1, change)
			diagonal = above
		}
	}
	return row[len(b)]
}
