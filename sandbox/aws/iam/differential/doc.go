// Package differential compares the evaluator of package policy with an
// independent one, on policies and requests made at random. It holds tests only,
// behind the build tag differential, because the other evaluator is a tool that
// the project does not ship: README.md says how to install and run it.
package differential
