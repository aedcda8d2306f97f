package aws

// anyList is a list as an output holds it.
func anyList(texts []string) []any {
	list := make([]any, 0, len(texts))
	for _, text := range texts {
		list = append(list, text)
	}
	return list
}

// anyMap is a map as an output holds it.
func anyMap(texts map[string]string) map[string]any {
	object := make(map[string]any, len(texts))
	for key, text := range texts {
		object[key] = text
	}
	return object
}

// withoutEmpty leaves out empty texts: what is empty is absent for Pulumi.
func withoutEmpty(object map[string]any) map[string]any {
	for key, value := range object {
		if value == "" {
			delete(object, key)
		}
	}
	return object
}
