package content

import (
	"maps"
	"slices"
)

// Tags are the tags below a name, sorted.
func (s *Store) Tags(name string) []string {
	var tags []string
	s.manifests.View(func(held map[string]map[string]manifest) {
		for _, reference := range slices.Sorted(maps.Keys(held[name])) {
			if tagForm.MatchString(reference) {
				tags = append(tags, reference)
			}
		}
	})
	return tags
}
