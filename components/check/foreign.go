package check

import (
	"fmt"
	"strings"
	"unicode"
)

// Foreign names the first character of a text that no keyboard for English has: it may
// look like another, or like nothing. Plain is the text with a plain letter for each that
// is to be seen, and without the others. Both are empty where there is none.
func Foreign(text string) (words, plain string) {
	plain = strings.Map(func(r rune) rune {
		seen := unicode.IsGraphic(r) && !unicode.IsSpace(r)
		switch {
		case r >= ' ' && r <= unicode.MaxASCII:
			return r
		case words != "":
		case seen:
			words = fmt.Sprintf("%q in it is U+%04X, which may look like another letter", r, r)
		default:
			words = fmt.Sprintf("it holds U+%04X, which is not to be seen", r)
		}
		if seen {
			return 'a'
		}
		return -1
	}, text)
	if words == "" {
		return "", ""
	}
	return words, plain
}
