// Package engine runs the project's program, which is built into this process,
// with the real Pulumi engine on one stack after another or on many at once.
//
// Nothing is written to the project's folder: each stack works with a copy of
// its stack file, in a folder of its own, so that a preview never changes
// Pulumi.<stack>.yaml (the CLI adds a salt to a file that has none) and stacks
// side by side never share a file. Nor is a stack selected, which is a setting
// of the whole machine.
//
// Backend, secrets provider and credentials are those of the environment.
package engine
