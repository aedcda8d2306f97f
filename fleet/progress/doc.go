// Package progress shows on stderr how work on many stacks goes: bars on a
// terminal, one for each stack that is running and one for all of them, and
// plain lines elsewhere, which a log keeps.
package progress
