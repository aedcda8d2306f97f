// Package report shows what a command found about many stacks: as a table, as
// Markdown for a comment on a pull request, as JSON, and as an exit status.
//
// It shows names of resources and of properties, and what the engine said where
// it failed, which the engine has cleared of secrets; it never has a value.
package report
