// Package stackfiles finds the stack files at a project's root,
// Pulumi.<stack>.yaml, reads from each the few words that a report shows, and picks those that a
// command is about: by pattern, and by shard where several runners share the
// work.
//
// A file that cannot be read is found all the same, with its problem: one
// customer's broken file must not keep the others from being looked at.
package stackfiles
