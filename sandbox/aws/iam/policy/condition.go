package policy

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// qualifier says how an operator treats a key with several values.
type qualifier string

const (
	forAll qualifier = "ForAllValues:"
	forAny qualifier = "ForAnyValue:"
)

// operator is a condition operator, taken apart:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type operator struct {
	qualifier qualifier
	ifExists  bool
	comparison
}

// comparison is an operator without qualifier and suffix.
type comparison struct {
	// negated operators hold where no value matches.
	negated bool
	// null is the operator that asks whether the key is there.
	null bool
	// matches compares one value of the policy with one of the request.
	matches func(of pattern, value string) bool
	// check says what is wrong with a value of the policy without variables.
	check func(value string) string
}

var comparisons = map[string]comparison{
	"StringEquals":              {matches: equal},
	"StringNotEquals":           {matches: equal, negated: true},
	"StringEqualsIgnoreCase":    {matches: equalFold},
	"StringNotEqualsIgnoreCase": {matches: equalFold, negated: true},
	"StringLike":                {matches: pattern.matches},
	"StringNotLike":             {matches: pattern.matches, negated: true},
	"ArnEquals":                 {matches: pattern.matchesARN},
	"ArnLike":                   {matches: pattern.matchesARN},
	"ArnNotEquals":              {matches: pattern.matchesARN, negated: true},
	"ArnNotLike":                {matches: pattern.matchesARN, negated: true},
	"BinaryEquals":              {matches: equal},
	"Bool":                      {matches: equalFold, check: checkBool},
	"Null":                      {null: true, check: checkBool},
	"IpAddress":                 {matches: inNetwork, check: checkNetwork},
	"NotIpAddress":              {matches: inNetwork, check: checkNetwork, negated: true},
	"NumericEquals":             {matches: numeric(func(a, b float64) bool { return a == b }), check: checkNumber},
	"NumericNotEquals":          {matches: numeric(func(a, b float64) bool { return a == b }), check: checkNumber, negated: true},
	"NumericLessThan":           {matches: numeric(func(a, b float64) bool { return a < b }), check: checkNumber},
	"NumericLessThanEquals":     {matches: numeric(func(a, b float64) bool { return a <= b }), check: checkNumber},
	"NumericGreaterThan":        {matches: numeric(func(a, b float64) bool { return a > b }), check: checkNumber},
	"NumericGreaterThanEquals":  {matches: numeric(func(a, b float64) bool { return a >= b }), check: checkNumber},
	"DateEquals":                {matches: date(func(order int) bool { return order == 0 }), check: checkDate},
	"DateNotEquals":             {matches: date(func(order int) bool { return order == 0 }), check: checkDate, negated: true},
	"DateLessThan":              {matches: date(func(order int) bool { return order < 0 }), check: checkDate},
	"DateLessThanEquals":        {matches: date(func(order int) bool { return order <= 0 }), check: checkDate},
	"DateGreaterThan":           {matches: date(func(order int) bool { return order > 0 }), check: checkDate},
	"DateGreaterThanEquals":     {matches: date(func(order int) bool { return order >= 0 }), check: checkDate},
}

func parseOperator(text string) (operator, bool) {
	var parsed operator
	for _, prefix := range []qualifier{forAll, forAny} {
		if rest, found := strings.CutPrefix(text, string(prefix)); found {
			parsed.qualifier, text = prefix, rest
			break
		}
	}
	text, parsed.ifExists = strings.CutSuffix(text, "IfExists")
	known, ok := comparisons[text]
	parsed.comparison = known
	// Null asks for existence itself.
	return parsed, ok && (!known.null || parsed.qualifier == "" && !parsed.ifExists)
}

// keyForm is a condition key: the name of a service, or the issuer of an OIDC
// provider, before the last part.
var keyForm = regexp.MustCompile(`^[^\s:]+:\S(?:.*\S)?$`)

func (p *parser) conditions(at string, value any) []Condition {
	content, ok := value.(object)
	if !ok {
		p.report(syntaxErrors, "%s: want an object of operators, not %s", at, show(value))
		return nil
	}
	var all []Condition
	for _, member := range content {
		where := at + "." + member.key
		parsed, known := parseOperator(member.key)
		keys, ok := member.value.(object)
		if !known || !ok {
			p.report(syntaxErrors, "%s: want a condition operator with an object of keys", where)
			continue
		}
		for _, key := range keys {
			all = append(all, p.condition(where, member.key, parsed, key))
		}
	}
	return all
}

func (p *parser) condition(at, name string, parsed operator, key member) Condition {
	if !keyForm.MatchString(key.key) {
		p.report(noVendor, "%s %q: want a condition key, for example aws:PrincipalArn", at, key.key)
	}
	values, ok := scalars(key.value)
	if !ok {
		p.report(syntaxErrors, "%s.%s: want a value or a list of values, not %s", at, key.key, show(key.value))
	}
	for _, value := range values {
		if parsed.check == nil || strings.Contains(value, "${") {
			continue
		}
		if wish := parsed.check(value); wish != "" {
			p.report(legacyParsing, "%s.%s %q: %s", at, key.key, value, wish)
		}
	}
	return Condition{Operator: name, Key: key.key, Values: values, operator: parsed}
}

// holds evaluates a condition. Several values of the policy are alternatives;
// a negated operator wants none of them:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
func (c Condition) holds(version string, context Context) bool {
	o, values := c.operator, context.Values(c.Key)
	if o.null {
		missing := strconv.FormatBool(len(values) == 0)
		return slices.ContainsFunc(c.Values, func(wanted string) bool { return strings.EqualFold(wanted, missing) })
	}
	if len(values) == 0 {
		return o.withoutKey()
	}
	wanted := make([]pattern, 0, len(c.Values))
	for _, value := range c.Values {
		if expanded, known := expand(value, version, context); known {
			wanted = append(wanted, expanded)
		}
	}
	matches := func(value string) bool {
		return slices.ContainsFunc(wanted, func(of pattern) bool { return o.matches(of, value) }) != o.negated
	}
	// Without a qualifier a key should have one value; with more, each of them
	// would have to pass a negated operator.
	if o.qualifier == forAll || o.qualifier == "" && o.negated {
		return !slices.ContainsFunc(values, func(value string) bool { return !matches(value) })
	}
	return slices.ContainsFunc(values, matches)
}

// withoutKey is the result where the request does not have the key: positive
// operators fail, negated and IfExists ones hold (docs/facts.md §7); of the
// qualified ones ForAllValues holds and ForAnyValue fails:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
func (o operator) withoutKey() bool {
	switch {
	case o.ifExists, o.qualifier == forAll:
		return true
	case o.qualifier == forAny:
		return false
	}
	return o.negated
}

func equal(of pattern, value string) bool     { return of.text() == value }
func equalFold(of pattern, value string) bool { return strings.EqualFold(of.text(), value) }

func numeric(holds func(value, of float64) bool) func(pattern, string) bool {
	return func(of pattern, value string) bool {
		wanted, err := strconv.ParseFloat(of.text(), 64)
		if err != nil {
			return false
		}
		number, err := strconv.ParseFloat(value, 64)
		return err == nil && holds(number, wanted)
	}
}

func date(holds func(order int) bool) func(pattern, string) bool {
	return func(of pattern, value string) bool {
		wanted, ok := parseDate(of.text())
		if !ok {
			return false
		}
		at, ok := parseDate(value)
		return ok && holds(at.Compare(wanted))
	}
}

// dateForms are those of ISO 8601 that https://www.w3.org/TR/NOTE-datetime
// names; the offset defaults to UTC.
var dateForms = []string{
	time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02", "2006-01", "2006",
}

// parseDate reads a date, or seconds since 1970. Four digits are a year.
func parseDate(text string) (time.Time, bool) {
	for _, form := range dateForms {
		if at, err := time.Parse(form, text); err == nil {
			return at, true
		}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0), err == nil
}

func inNetwork(of pattern, value string) bool {
	network, ok := parseNetwork(of.text())
	if !ok {
		return false
	}
	address, err := netip.ParseAddr(value)
	return err == nil && network.Contains(address)
}

// parseNetwork reads a network in CIDR notation, or one address.
func parseNetwork(text string) (netip.Prefix, bool) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	network, err := netip.ParsePrefix(text)
	return network.Masked(), err == nil
}

func checkBool(value string) string {
	if strings.EqualFold(value, "true") || strings.EqualFold(value, "false") {
		return ""
	}
	return "want true or false"
}

func checkNumber(value string) string {
	if _, err := strconv.ParseFloat(value, 64); err != nil {
		return "want a number"
	}
	return ""
}

func checkDate(value string) string {
	if _, ok := parseDate(value); !ok {
		return fmt.Sprintf("want a date such as %s, or seconds since 1970", "2026-11-21T22:01:00Z")
	}
	return ""
}

func checkNetwork(value string) string {
	if _, ok := parseNetwork(value); !ok {
		return "want an IP address or a network in CIDR notation"
	}
	return ""
}
