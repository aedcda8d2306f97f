// Package engine runs the program, as it was built, with the real Pulumi engine
// against providers that are attached and not installed.
//
// It works on a copy of the project: Pulumi.yaml and the stack's file, whose
// secrets provider is taken out and whose secrets are placeholders, so that
// nobody's passphrase or key management service is needed. The engine's state,
// its own home and the copy live in the stack's state directory.
package engine
