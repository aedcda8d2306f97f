package config

import (
	"strings"

	"waybill.example/waybill/stacks/schema"
)

// Reads is what somebody reads of the configuration: a chain, or one half of it.
type Reads struct {
	// Needs are keys that must be there; Uses are keys that may be there. A *
	// stands for any name or number, and KEY... for the key and everything below.
	Needs, Uses []string
}

// And is what both read.
func (r Reads) And(other Reads) Reads {
	return Reads{
		Needs: append(append([]string{}, r.Needs...), other.Needs...),
		Uses:  append(append([]string{}, r.Uses...), other.Uses...),
	}
}

// everybody's keys.
var common = Reads{
	Uses: []string{"version", "slug", "side", "platform", "product.name", "tags...", "adopt..."},
}

// Check reports keys that are given and not read, which would mislead, and keys
// that are needed and not given. Elsewhere says who would read a key that is not read here.
func (s *Settings) Check(r Reads, elsewhere func(key string) string, problems *Problems) {
	r = common.And(r)
	for _, key := range s.Given.sorted() {
		if r.reads(key) || problems.cover(key) {
			continue
		}
		problems.Refuse(key, "belongs to another platform, chain or side: want none here; %s", elsewhere(key))
	}
	for _, pattern := range r.Needs {
		for _, key := range s.expand(pattern) {
			s.Need(problems, key)
		}
	}
}

// Need reports a key that is needed and not given.
func (s *Settings) Need(problems *Problems, key string) {
	if missing := s.firstMissing(key); missing != "" && !problems.cover(missing) {
		problems.Add(missing, "is missing: want %s", schema.Wish(schema.Customer, strings.Split(missing, ".")))
	}
}

// firstMissing is the outermost part of a key that is not given; empty where all is.
func (s *Settings) firstMissing(key string) string {
	parts := strings.Split(key, ".")
	for i := range parts {
		if outer := strings.Join(parts[:i+1], "."); !s.Given[outer] {
			return outer
		}
	}
	return ""
}

// expand gives a pattern with every environment in place of its *.
func (s *Settings) expand(pattern string) []string {
	if !strings.HasPrefix(pattern, "environments.*") {
		return []string{pattern}
	}
	var keys []string
	for _, e := range s.Sorted() {
		keys = append(keys, strings.Replace(pattern, "*", e.Name, 1))
	}
	return keys
}

// Has says whether a key is read, everybody's keys included.
func (r Reads) Has(key string) bool { return common.And(r).reads(key) }

// beside are keys that are read wherever the key is read of which they say that it may
// be newer than the lists of places.
var beside = strings.NewReplacer(".newRegion", ".region", ".newLocation", ".location")

func (r Reads) reads(key string) bool {
	parts := segments(beside.Replace(key))
	for _, patterns := range [][]string{r.Needs, r.Uses} {
		for _, pattern := range patterns {
			text, deep := strings.CutSuffix(pattern, "...")
			if covers(segments(text), parts, deep) {
				return true
			}
		}
	}
	return false
}

// covers says whether a pattern speaks of a key: the same, one that holds it, or
// with deep one that is below.
func covers(pattern, key []string, deep bool) bool {
	if len(key) > len(pattern) && !deep {
		return false
	}
	for i := range min(len(pattern), len(key)) {
		if pattern[i] != "*" && pattern[i] != key[i] {
			return false
		}
	}
	return true
}

// segments are a dotted key's parts; an item's number is one.
func segments(key string) []string {
	return strings.Split(strings.ReplaceAll(strings.ReplaceAll(key, "[", "."), "]", ""), ".")
}
