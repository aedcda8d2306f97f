// Package pool runs work on many stacks side by side, so many at once and no
// more, and starts nothing new once its context has ended.
package pool
