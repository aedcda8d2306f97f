package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"waybill.example/waybill/components/check"
)

// Problems are what is wrong with the configuration, a line each, by key. A key
// has one line: what is said first of it stays.
type Problems struct {
	lines []line
}

// line is what is said of a key; one without a key is said as it stands.
type line struct {
	key string
	err error
}

// Add notes one problem: a key of the configuration, and what is wrong with its
// value and what is wanted instead.
func (p *Problems) Add(key, format string, args ...any) {
	if !p.Has(key) {
		p.lines = append(p.lines, line{key, fmt.Errorf("  %s %s", key, fmt.Sprintf(format, args...))})
	}
}

// Refuse is Add for a key that must not be there: what is wrong inside is left out.
func (p *Problems) Refuse(key, format string, args ...any) {
	p.lines = slices.DeleteFunc(p.lines, func(l line) bool { return inside(l.key, key) })
	p.Add(key, format, args...)
}

// inside says whether a key lies in what another one holds.
func inside(key, holder string) bool {
	return strings.HasPrefix(key, holder+".") || strings.HasPrefix(key, holder+"[")
}

// Has says whether something was said of a key.
func (p *Problems) Has(key string) bool {
	return slices.ContainsFunc(p.lines, func(l line) bool { return l.key == key })
}

// cover says whether something was said of a key, or of what holds it.
func (p *Problems) cover(key string) bool {
	for end := len(key); end > 0; end = strings.LastIndexAny(key[:end], ".[") {
		if p.Has(key[:end]) {
			return true
		}
	}
	return false
}

// Merge adds what was found of single values in given, unless something was said of
// them, or of what holds them.
func (p *Problems) Merge(found Problems, given Given) {
	keys := slices.Collect(maps.Keys(given))
	for _, l := range found.lines {
		single := !slices.ContainsFunc(keys, func(key string) bool { return inside(key, l.key) })
		if given[l.key] && single && !p.cover(l.key) {
			p.lines = append(p.lines, l)
		}
	}
}

// Err joins what was noted; nil if nothing was.
func (p *Problems) Err() error {
	var all []error
	for _, l := range p.lines {
		all = append(all, l.err)
	}
	return errors.Join(all...)
}

// Component notes what a component found wrong with its arguments, under the keys
// of the configuration that they were made from. Other errors stay as they are.
func (p *Problems) Component(err error, keys Keys) {
	found := check.List(err)
	if err != nil && len(found) == 0 {
		p.lines = append(p.lines, line{err: err})
	}
	for _, problem := range found {
		p.Add(keys.of(problem), "%s", problem.Text)
	}
}

// Keys are the keys of the configuration by those of a component's arguments. The
// one that names the most of an argument's key decides; what is left of the key is
// added to it.
type Keys map[string]string

func (keys Keys) of(problem *check.Problem) string {
	for end := len(problem.Key); end > 0; end = strings.LastIndexAny(problem.Key[:end], ".[") {
		if key, found := keys[problem.Key[:end]]; found {
			return key + problem.Key[end:]
		}
	}
	return problem.Component + ": " + problem.Key
}

// Named gives the error of a component the keys of the configuration.
func Named(err error, keys Keys) error {
	if len(check.List(err)) == 0 {
		return err
	}
	var problems Problems
	problems.Component(err, keys)
	return problems.Err()
}
