// Package report shows a command's result for many stacks: as a table, as
// Markdown for a comment on a pull request, as JSON, and as an exit status.
//
// It shows names of resources and properties, and the engine's errors, from which
// the engine has removed secrets. It never shows a property's value.
package report
