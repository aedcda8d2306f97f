// Package progress shows the progress of many stacks on stderr: bars on a
// terminal, one per running stack and one for all of them, and otherwise plain
// lines for a log.
package progress
