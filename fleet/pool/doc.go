// Package pool runs work on many stacks, a limited number at a time, and starts
// nothing new after its context has ended.
package pool
