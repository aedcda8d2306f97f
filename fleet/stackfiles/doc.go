// Package stackfiles finds the stack files at a project's root, Pulumi.<stack>.yaml.
// It reads the few values that a report shows, and selects stacks by pattern, and by
// shard if several runners share the work.
//
// It also returns a file that cannot be read, with its problem, so that one customer's
// broken file does not stop the others.
package stackfiles
