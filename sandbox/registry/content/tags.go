package content

import (
	"maps"
	"slices"
)

// Tags are the tags below a name, sorted.
func (s *Store) Tags(name string) []string {
	var tags []string
	for _, reference := range slices.Sorted(maps.Keys(s.manifests.Read()[name])) {
		if tagForm.MatchString(reference) {
			tags = append(tags, reference)
		}
	}
	return tags
}
