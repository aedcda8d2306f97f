// Package optional reads optional arguments.
package optional

// Or is what value points to, or fallback where it is nil.
func Or[T any](value *T, fallback T) T {
	if value == nil {
		return fallback
	}
	return *value
}
