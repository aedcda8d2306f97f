package policy

import "strings"

// matchesText compares the whole text with one in which * stands for any
// characters and ? for one.
func matchesText(of, text string) bool {
	p, chars := []rune(of), []rune(text)
	at, in := 0, 0
	// star and resume are where to go on after the last * took one more.
	star, resume := -1, 0
	for in < len(chars) {
		switch {
		case at < len(p) && p[at] == '*':
			star, resume = at, in
			at++
		case at < len(p) && (p[at] == '?' || p[at] == chars[in]):
			at++
			in++
		case star >= 0:
			resume++
			at, in = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(string(p[at:]), "*") == ""
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
