package policy

import "strings"

// Context are the condition keys of a request with their values. Keys are
// compared in any case (docs/facts.md §7): use the methods.
type Context map[string][]string

// Set gives a key its values; none removes it.
func (c Context) Set(key string, values ...string) {
	key = strings.ToLower(key)
	if len(values) == 0 {
		delete(c, key)
		return
	}
	c[key] = values
}

// Values are those of a key; none where it is missing.
func (c Context) Values(key string) []string { return c[strings.ToLower(key)] }

// Add sets every key of other.
func (c Context) Add(other Context) {
	for key, values := range other {
		c.Set(key, values...)
	}
}
