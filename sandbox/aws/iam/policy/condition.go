package policy

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"waybill.example/waybill/sandbox/provider"
)

// operator is a condition operator, taken apart:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type operator struct {
	ifExists bool
	// negated operators hold where no value matches.
	negated bool
	// matches compares one value of the policy with one of the request.
	matches func(of, value string) bool
}

// operators by name, without the suffix IfExists.
var operators = map[string]operator{
	"StringEquals":    {matches: equal},
	"StringNotEquals": {matches: equal, negated: true},
	"StringLike":      {matches: matchesText},
	"StringNotLike":   {matches: matchesText, negated: true},
	"ArnEquals":       {matches: matchesARN},
	"ArnLike":         {matches: matchesARN},
	"ArnNotEquals":    {matches: matchesARN, negated: true},
	"ArnNotLike":      {matches: matchesARN, negated: true},
}

func parseOperator(text string) (operator, bool) {
	name, ifExists := strings.CutSuffix(text, "IfExists")
	parsed, known := operators[name]
	parsed.ifExists = ifExists
	return parsed, known
}

// keyForm is a condition key: the name of a service, or the issuer of an OIDC
// provider, before the last part.
var keyForm = regexp.MustCompile(`^[^\s:]+:\S(?:.*\S)?$`)

func (p *parser) conditions(at string, conditions map[string]map[string]oneOrMore[string]) {
	for _, name := range slices.Sorted(maps.Keys(conditions)) {
		if _, known := parseOperator(name); !known {
			p.report(syntaxErrors, "%s: %v", at, provider.NotModelled("the condition operator "+name))
		}
		for _, key := range slices.Sorted(maps.Keys(conditions[name])) {
			if !keyForm.MatchString(key) {
				p.report(noVendor, "%s.%s %q: want a condition key, for example aws:PrincipalArn", at, name, key)
			}
			for _, value := range conditions[name][key] {
				p.variable(at+"."+name+"."+key, value)
			}
		}
	}
}

// holds evaluates the operator for a key with these values in the request. Several
// values of the policy are alternatives; a negated operator wants none of them:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
func (o operator) holds(wanted, values []string) bool {
	// Without the key, positive operators fail, negated and IfExists ones hold
	// (docs/facts.md §7).
	if len(values) == 0 {
		return o.ifExists || o.negated
	}
	// A key should have one value; with more, each of them would have to pass a
	// negated operator.
	return slices.ContainsFunc(values, func(value string) bool {
		return slices.ContainsFunc(wanted, func(of string) bool { return o.matches(of, value) })
	}) != o.negated
}

func equal(of, value string) bool { return of == value }

// Context are the condition keys of a request with their values. Keys are
// compared in any case (docs/facts.md §7): use the methods.
type Context map[string][]string

// Set gives a key its values; none removes it.
func (c Context) Set(key string, values ...string) {
	key = strings.ToLower(key)
	if len(values) == 0 {
		delete(c, key)
		return
	}
	c[key] = values
}

// Values are those of a key; none where it is missing.
func (c Context) Values(key string) []string { return c[strings.ToLower(key)] }

// Add sets every key of other.
func (c Context) Add(other Context) {
	for key, values := range other {
		c.Set(key, values...)
	}
}

// matchesText compares the whole text with one in which * stands for any
// characters and ? for one.
func matchesText(of, text string) bool {
	form := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(of))
	return regexp.MustCompile(`(?s)^` + form + `$`).MatchString(text)
}

// matchesARN compares the six fields of ARNs one by one: a wildcard stands for
// nothing beyond its own field
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN).
// A lone * stands for every ARN.
func matchesARN(of, text string) bool {
	fields, parts := strings.SplitN(of, ":", 6), strings.SplitN(text, ":", 6)
	if of == "*" {
		return len(parts) == 6
	}
	if len(fields) != 6 || len(parts) != 6 {
		return false
	}
	for i, field := range fields {
		if !matchesText(field, parts[i]) {
			return false
		}
	}
	return true
}

// matchesAction compares an action of a policy with that of a request, in any case.
func matchesAction(of, action string) bool {
	return matchesText(strings.ToLower(of), strings.ToLower(action))
}

// matchesResource compares an ARN of a Resource element with that of a request,
// which is "*" for an action without resources: only "*" matches that.
func matchesResource(of, resource string) bool {
	return of == "*" || matchesARN(strings.Join(complete(strings.SplitN(of, ":", 6)), ":"), resource)
}
