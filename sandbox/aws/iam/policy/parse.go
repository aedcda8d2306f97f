package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Parse reads a document of a kind for an account of a partition (aws,
// aws-us-gov or aws-cn): ARNs of another partition are refused. Its errors are
// *Malformed.
func Parse(kind Kind, partition, text string) (*Document, error) {
	p := &parser{kind: kind, partition: partition, document: &Document{Kind: kind, Version: Version2008}}
	p.read(text)
	if len(p.details) > 0 {
		return nil, &Malformed{Message: p.message, Details: p.details}
	}
	return p.document, nil
}

type parser struct {
	kind      Kind
	partition string
	document  *Document
	// message is that of the first problem: IAM stops there.
	message string
	details []string
}

func (p *parser) report(message, format string, args ...any) {
	if p.message == "" {
		p.message = message
	}
	p.details = append(p.details, fmt.Sprintf(format, args...))
}

func (p *parser) read(text string) {
	value, err := decode(text)
	if err != nil {
		message := syntaxErrors
		if p.kind == Trust {
			message = invalidJSON
		}
		p.report(message, "want a JSON object: %v", err)
		return
	}
	content, ok := value.(object)
	if !ok {
		p.report(syntaxErrors, "want a JSON object, not %s", show(value))
		return
	}
	var statements any
	versioned := false
	for _, member := range content {
		switch member.key {
		case "Version":
			versioned = true
			p.version(member.value)
		case "Id":
			if _, ok := member.value.(string); !ok {
				p.report(syntaxErrors, "Id %s: want text", show(member.value))
			}
		case "Statement":
			statements = member.value
		default:
			p.report(syntaxErrors, "%s: want only Version, Id and Statement", member.key)
		}
	}
	// IAM's default is the old version, which it then refuses for new
	// identity-based policies.
	if !versioned && p.kind == Identity {
		p.report(oldVersion, "Version is missing: want %q", Version2012)
	}
	p.statements(statements)
}

func (p *parser) version(value any) {
	text, _ := value.(string)
	switch {
	case text != Version2008 && text != Version2012:
		p.report(syntaxErrors, "Version %s: want %q", show(value), Version2012)
	case text == Version2008 && p.kind == Identity:
		p.report(oldVersion, "Version %q: want %q", text, Version2012)
	}
	p.document.Version = text
}

func (p *parser) statements(value any) {
	list, isList := value.([]any)
	if one, isObject := value.(object); isObject {
		list, isList = []any{one}, true
	}
	if !isList || len(list) == 0 {
		p.report(syntaxErrors, "Statement: want a statement or a list of at least one")
		return
	}
	ids := map[string]bool{}
	for i, element := range list {
		at := fmt.Sprintf("Statement[%d]", i)
		content, ok := element.(object)
		if !ok {
			p.report(syntaxErrors, "%s: want an object, not %s", at, show(element))
			continue
		}
		statement := p.statement(at, content)
		if statement.ID != "" && ids[statement.ID] {
			p.report(repeatedID, "%s.Sid %q: another statement has it already", at, statement.ID)
		}
		ids[statement.ID] = true
		p.document.Statements = append(p.document.Statements, statement)
	}
}

// idForm is the rule for IAM's own documents:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
// Other services may allow more, as ECR does.
var idForm = regexp.MustCompile(`^[0-9A-Za-z]*$`)

func (p *parser) statement(at string, content object) Statement {
	var s Statement
	given := map[string]bool{}
	for _, member := range content {
		key, where := member.key, at+"."+member.key
		given[key] = true
		switch key {
		case "Sid":
			text, ok := member.value.(string)
			if !ok {
				p.report(syntaxErrors, "%s %s: want text", where, show(member.value))
			} else if p.kind != Repository && !idForm.MatchString(text) {
				p.report(invalidID, "%s %q: want letters and digits only", where, text)
			}
			s.ID = text
		case "Effect":
			text, _ := member.value.(string)
			s.Effect = Effect(text)
			if s.Effect != Allow && s.Effect != Deny {
				p.report(syntaxErrors, "%s %s: want %q or %q", where, show(member.value), Allow, Deny)
			}
		case "Principal":
			s.Principals = p.principals(where, member.value)
		case "Action":
			s.Actions = p.actions(where, member.value)
		case "Resource":
			s.Resources = p.resources(where, member.value)
		case "NotPrincipal", "NotAction", "NotResource":
			p.report(syntaxErrors, "%s: the sandbox does not model it", where)
		case "Condition":
			s.Conditions = p.conditions(where, member.value)
		default:
			p.report(syntaxErrors, "%s: there is no such element of a statement", where)
		}
	}
	p.required(at, given)
	return s
}

// required checks which elements a statement of the kind has and lacks.
func (p *parser) required(at string, given map[string]bool) {
	if !given["Effect"] {
		p.report(syntaxErrors, "%s.Effect is missing: want %q or %q", at, Allow, Deny)
	}
	if !given["Action"] && !given["NotAction"] {
		p.report(noActions, "%s: want Action", at)
	}
	if p.kind == Identity {
		if given["Principal"] {
			p.report(principalGiven, "%s: want no principal in the %s", at, p.kind)
		}
		if !given["Resource"] && !given["NotResource"] {
			p.report(noResources, "%s: want Resource", at)
		}
		return
	}
	if given["Resource"] {
		p.report(prohibitedField+"Resource", "%s: want no Resource in a %s", at, p.kind)
	}
	if !given["Principal"] && !given["NotPrincipal"] {
		p.report(missingField+"Principal", "%s: want Principal in a %s", at, p.kind)
	}
}

// vendorForm is the part of an action before the colon.
var vendorForm = regexp.MustCompile(`^[a-zA-Z0-9.-]+$`)

// sessionActions begin a session; a trust policy may name no others:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
var sessionActions = []string{
	"sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity",
	"sts:SetContext", "sts:SetSourceIdentity", "sts:TagSession",
}

func (p *parser) actions(at string, value any) []string {
	list, ok := texts(value)
	if !ok {
		p.report(syntaxErrors, "%s: want an action or a list of them, not %s", at, show(value))
		return nil
	}
	if len(list) == 0 {
		p.report(noActions, "%s: want at least one action", at)
	}
	for _, action := range list {
		vendor, name, found := strings.Cut(action, ":")
		switch {
		case action == "*" && p.kind != Trust:
		case !found && action != "*":
			p.report(noVendor, "%s %q: want SERVICE:ACTION", at, action)
		case strings.Contains(name, ":"):
			p.report(manyColons, "%s %q: want SERVICE:ACTION", at, action)
		case found && !vendorForm.MatchString(vendor):
			p.report("Vendor "+vendor+" is not valid", "%s %q: want the name of a service before the colon", at, action)
		case p.kind == Trust && (!found || !slices.ContainsFunc(sessionActions, func(known string) bool { return matchesAction(action, known) })):
			p.report(onlyAssumeRole, "%s %q: want one of %q", at, action, sessionActions)
		}
	}
	return list
}

func (p *parser) resources(at string, value any) []string {
	list, ok := texts(value)
	if !ok {
		p.report(syntaxErrors, "%s: want an ARN or a list of them, not %s", at, show(value))
		return nil
	}
	if len(list) == 0 && p.kind == Identity {
		p.report(noResources, "%s: want at least one ARN", at)
	}
	for _, resource := range list {
		if resource == "*" {
			continue
		}
		if strings.Contains(resource, "${") {
			p.report(syntaxErrors, "%s %q: the sandbox does not model policy variables", at, resource)
		}
		segments := strings.SplitN(resource, ":", 6)
		switch {
		case segments[0] != "arn" || len(segments) == 1:
			p.report(fmt.Sprintf(`Resource %s must be in ARN format or "*".`, resource), `%s %q: want an ARN or "*"`, at, resource)
		case segments[1] != p.partition && segments[1] != "*":
			p.report(fmt.Sprintf("Partition %q is not valid for resource %q.", segments[1], strings.Join(complete(segments), ":")),
				"%s %q: want the partition %q", at, resource, p.partition)
		case len(segments) < 3 || strings.ContainsAny(segments[2], "*?"):
			p.report(vendorIsNotPlain, "%s %q: want the name of a service after the partition", at, resource)
		}
	}
	return list
}

// complete adds what an ARN with fewer than six fields lacks:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
func complete(segments []string) []string {
	for len(segments) < 6 {
		segments = append(segments, "*")
	}
	return segments
}

// Malformed is why a document is refused.
type Malformed struct {
	// Message is what IAM says: it names the first problem and often not where
	// it is.
	Message string
	// Details name every problem, with element, value and wish.
	Details []string
}

// Error is IAM's message with every problem behind it.
func (m *Malformed) Error() string {
	return "MalformedPolicyDocument: " + m.Text()
}

// Text is Error without the code.
func (m *Malformed) Text() string {
	return m.Message + " (" + strings.Join(m.Details, "; ") + ")"
}

// The messages that IAM gives, as https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
// names the error and not its texts, from published reports of them.
const (
	syntaxErrors     = "Syntax errors in policy."
	invalidJSON      = "This policy contains invalid Json"
	oldVersion       = "Policy document must be version 2012-10-17 or greater."
	repeatedID       = "Statement IDs (SID) in a single policy must be unique."
	invalidID        = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	noActions        = "Policy statement must contain actions."
	noResources      = "Policy statement must contain resources."
	principalGiven   = "Policy document should not specify a principal."
	noVendor         = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	manyColons       = "Actions/Condition can contain only one colon."
	onlyAssumeRole   = "AssumeRole policy may only specify STS AssumeRole actions."
	legacyParsing    = "The policy failed legacy parsing"
	vendorIsNotPlain = "Resource vendor must be fully qualified and cannot contain regexes."
	prohibitedField  = "Has prohibited field "
	missingField     = "Missing required field "
	invalidPrincipal = "Invalid principal in policy: "
)
