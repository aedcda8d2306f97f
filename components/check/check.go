// Package check collects the problems of a component's arguments, so that it can
// report all of them at once, each line with the component's name. A program that
// has other names for the arguments calls List to get the keys.
package check

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var guid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// Problem is one thing that is wrong with a component's arguments.
type Problem struct {
	// Component is the component's name, for example gcp.ImageGrant.
	Component string
	// Key is the argument, from the top: readers[0].trust.issuer.
	Key string
	// Text says the value and the wish.
	Text string
}

func (p *Problem) Error() string { return fmt.Sprintf("%s: %s %s", p.Component, p.Key, p.Text) }

// List gives the problems that an error joins, in their order; none for nil.
func List(err error) []*Problem {
	switch e := err.(type) { //nolint:errorlint // the tree is walked by hand, all of it
	case *Problem:
		return []*Problem{e}
	case interface{ Unwrap() error }:
		return List(e.Unwrap())
	case interface{ Unwrap() []error }:
		var all []*Problem
		for _, joined := range e.Unwrap() {
			all = append(all, List(joined)...)
		}
		return all
	}
	return nil
}

// Problems are what Validate found, in the order in which it looked.
type Problems struct {
	component string
	later     []string
	found     []error
}

// Of starts an empty collection for a component. Problems under the keys in
// later, and under keys below them, are not noted: another resource or a
// look-up gives these arguments after the check.
func Of(component string, later ...string) *Problems {
	return &Problems{component: component, later: later}
}

// Add notes one problem: a key, and what is wrong with it or what is wanted.
func (p *Problems) Add(key, format string, args ...any) {
	if slices.ContainsFunc(p.later, func(later string) bool { return within(key, later) }) {
		return
	}
	p.found = append(p.found, &Problem{Component: p.component, Key: key, Text: fmt.Sprintf(format, args...)})
}

// within says whether key is the argument or a part of it.
func within(key, argument string) bool {
	rest, found := strings.CutPrefix(key, argument)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// Error notes err under key unless it is nil.
func (p *Problems) Error(key string, err error) {
	if err != nil {
		p.Add(key, "%s", err)
	}
}

// Required notes an empty value.
func (p *Problems) Required(key, value, wish string) {
	if value == "" {
		p.Add(key, `"": want %s`, wish)
	}
}

// GUID notes a value that is no lower-case GUID.
func (p *Problems) GUID(key, value, wish string) {
	if !guid.MatchString(value) {
		p.Add(key, "%q: want %s, a lower-case GUID", value, wish)
	}
}

// Range notes a number outside its limits.
func (p *Problems) Range(key string, value, least, most int) {
	if value < least || value > most {
		p.Add(key, "%d: want %d to %d", value, least, most)
	}
}

// Err joins what was noted; nil if nothing was.
func (p *Problems) Err() error { return errors.Join(p.found...) }
