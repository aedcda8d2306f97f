// Package mutants tests the tests: it breaks the program one line at a time and
// reports what notices. Each fault of the table is built into a program, or a
// refresher, of its own, and deployed to a fresh sandbox as `make up` does it; the
// sandbox has to refuse it. What the component tests and the goldens say of the
// fault is shown beside it.
//
// The tree is never touched: changed files reach the compiler as an overlay. What a
// run leaves behind is deleted, whatever ends it.
package mutants
