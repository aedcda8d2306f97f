// Package check collects what is wrong with a component's arguments, so that
// every problem is reported at once and each line says whose it is.
package check

import (
	"errors"
	"fmt"
	"regexp"
)

var (
	guid   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	issuer = regexp.MustCompile(`^https://[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/-]*)?$`)
)

// Problems are what Validate found, in the order in which it looked.
type Problems struct {
	subject string
	errs    []error
}

// Of starts an empty collection for the thing that is checked; its name is
// the prefix of every line.
func Of(subject string) *Problems { return &Problems{subject: subject} }

// Add notes one problem: a key, and what is wrong with it or what is wanted.
func (p *Problems) Add(key, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s: %s %s", p.subject, key, fmt.Sprintf(format, args...)))
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

// Issuer notes a value that is no plain https URL: user information, queries
// and fragments are refused.
func (p *Problems) Issuer(key, value string) {
	if !issuer.MatchString(value) {
		p.Add(key, "%q: want an https issuer URL without query, fragment or user", value)
	}
}

// Range notes a number outside its limits.
func (p *Problems) Range(key string, value, least, most int) {
	if value < least || value > most {
		p.Add(key, "%d: want %d to %d", value, least, most)
	}
}

// Err joins what was noted; nil if nothing was.
func (p *Problems) Err() error { return errors.Join(p.errs...) }
