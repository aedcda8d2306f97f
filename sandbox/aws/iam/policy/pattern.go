package policy

import (
	"strings"
)

// symbol is one element of a pattern.
type symbol struct {
	char rune
	// wild is a * or ? that stands for other characters.
	wild bool
}

// pattern is text in which wildcards may stand for characters, after variables
// were replaced. What came from a variable is never a wildcard.
type pattern []symbol

// expand replaces the policy variables of a text. known is false if one has no
// value in the context; such a text matches nothing:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func expand(text, version string, context Context) (expanded pattern, known bool) {
	for text != "" {
		start := strings.Index(text, "${")
		if version != Version2012 || start < 0 {
			return append(expanded, wildcards(text)...), true
		}
		expanded = append(expanded, wildcards(text[:start])...)
		name, rest, closed := strings.Cut(text[start+2:], "}")
		if !closed {
			return append(expanded, wildcards(text[start:])...), true
		}
		value, known := variable(name, context)
		if !known {
			return nil, false
		}
		expanded = append(expanded, literally(value)...)
		text = rest
	}
	return expanded, true
}

// variable is the value of what stands between ${ and }: one of the escaped
// characters, or the key of a single value, with a default in quotes behind it.
func variable(name string, context Context) (value string, known bool) {
	switch name {
	case "*", "?", "$":
		return name, true
	}
	key, fallback, hasFallback := strings.Cut(name, ",")
	if values := context.Values(strings.TrimSpace(key)); len(values) == 1 {
		return values[0], true
	}
	fallback = strings.TrimSpace(fallback)
	if !hasFallback || len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\'' {
		return "", false
	}
	return fallback[1 : len(fallback)-1], true
}

func wildcards(text string) pattern {
	all := make(pattern, 0, len(text))
	for _, char := range text {
		all = append(all, symbol{char: char, wild: char == '*' || char == '?'})
	}
	return all
}

func literally(text string) pattern {
	all := make(pattern, 0, len(text))
	for _, char := range text {
		all = append(all, symbol{char: char})
	}
	return all
}

// text is the pattern as plain text, for operators without wildcards.
func (p pattern) text() string {
	var all strings.Builder
	for _, symbol := range p {
		all.WriteRune(symbol.char)
	}
	return all.String()
}

// matches compares the whole text: * stands for any characters, ? for one.
func (p pattern) matches(text string) bool {
	chars := []rune(text)
	at, in := 0, 0
	// star and resume are where to go on after the last * took one more.
	star, resume := -1, 0
	for in < len(chars) {
		switch {
		case at < len(p) && p[at].wild && p[at].char == '*':
			star, resume = at, in
			at++
		case at < len(p) && (p[at].wild || p[at].char == chars[in]):
			at++
			in++
		case star >= 0:
			resume++
			at, in = star+1, resume
		default:
			return false
		}
	}
	for at < len(p) && p[at].wild && p[at].char == '*' {
		at++
	}
	return at == len(p)
}

// fields splits at the first five colons, as an ARN is.
func (p pattern) fields() []pattern {
	var all []pattern
	start := 0
	for i, symbol := range p {
		if symbol.char == ':' && len(all) < 5 {
			all = append(all, p[start:i])
			start = i + 1
		}
	}
	return append(all, p[start:])
}

// matchesARN compares the six fields of ARNs one by one: a wildcard stands for
// nothing beyond its own field
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN).
// A lone * stands for every ARN.
func (p pattern) matchesARN(text string) bool {
	fields, parts := p.fields(), strings.SplitN(text, ":", 6)
	if len(p) == 1 && p[0].wild && p[0].char == '*' {
		return len(parts) == 6
	}
	if len(fields) != 6 || len(parts) != 6 {
		return false
	}
	for i, field := range fields {
		if !field.matches(parts[i]) {
			return false
		}
	}
	return true
}

// matchesAction compares an action of a policy with that of a request, in any case.
func matchesAction(of, action string) bool {
	return wildcards(strings.ToLower(of)).matches(strings.ToLower(action))
}

// matchesResource compares an ARN of a Resource element with that of a request,
// which is "*" for an action without resources: only "*" matches that. Variables
// count behind the fifth colon only:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-using-variables
func matchesResource(of, resource, version string, context Context) bool {
	if of == "*" {
		return true
	}
	fields, parts := complete(strings.SplitN(of, ":", 6)), strings.SplitN(resource, ":", 6)
	if len(parts) != 6 {
		return false
	}
	for i, field := range fields[:5] {
		if !wildcards(field).matches(parts[i]) {
			return false
		}
	}
	last, known := expand(fields[5], version, context)
	return known && last.matches(parts[5])
}
