package policy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"waybill.example/waybill/sandbox/provider"
)

// Parse reads a document of a kind for an account of a partition (aws,
// aws-us-gov or aws-cn): ARNs of another partition are refused. Its errors are
// *Malformed.
func Parse(kind Kind, partition, text string) (*Document, error) {
	p := &parser{kind: kind, partition: partition}
	document := &Document{Kind: kind}
	err := strictly([]byte(text), document)
	switch {
	case err != nil && kind == Trust && !json.Valid([]byte(text)):
		p.report(invalidJSON, "%v", err)
	case err != nil:
		p.report(syntaxErrors, "%v", err)
	case hasNull(text):
		p.report(syntaxErrors, "want no null")
	default:
		p.check(document)
	}
	if len(p.details) > 0 {
		return nil, &Malformed{Message: p.message, Details: p.details}
	}
	return document, nil
}

type parser struct {
	kind      Kind
	partition string
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

func (p *parser) check(document *Document) {
	// The old version is IAM's default, which it then refuses for new identity-based
	// policies.
	version := Version2008
	if document.Version != nil {
		version = *document.Version
	}
	switch {
	case version != Version2008 && version != Version2012:
		p.report(syntaxErrors, "Version %q: want %q", version, Version2012)
	case version == Version2008 && p.kind == Identity:
		p.report(oldVersion, "Version %q: want %q", version, Version2012)
	}
	if len(document.Statements) == 0 {
		p.report(syntaxErrors, "Statement: want a statement or a list of at least one")
	}
	ids := map[string]bool{}
	for i, statement := range document.Statements {
		at := fmt.Sprintf("Statement[%d]", i)
		p.statement(at, statement)
		if statement.ID != "" && ids[statement.ID] {
			p.report(repeatedID, "%s.Sid %q: another statement has it already", at, statement.ID)
		}
		ids[statement.ID] = true
	}
}

// idForm is the rule for IAM's own documents:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
// Other services may allow more, as ECR does.
var idForm = regexp.MustCompile(`^[0-9A-Za-z]*$`)

func (p *parser) statement(at string, s Statement) {
	if p.kind != Repository && !idForm.MatchString(s.ID) {
		p.report(invalidID, "%s.Sid %q: want letters and digits only", at, s.ID)
	}
	if s.Effect != Allow && s.Effect != Deny {
		p.report(syntaxErrors, "%s.Effect %q: want %q or %q", at, s.Effect, Allow, Deny)
	}
	if s.NotPrincipal != nil || s.NotAction != nil || s.NotResource != nil {
		p.report(syntaxErrors, "%s: %v", at, provider.NotModelled("NotPrincipal, NotAction, NotResource"))
	}
	if len(s.Actions) == 0 {
		p.report(noActions, "%s: want Action", at)
	}
	p.actions(at+".Action", s.Actions)
	switch {
	case p.kind == Identity && s.Principals != nil:
		p.report(principalGiven, "%s: want no principal in the %s", at, p.kind)
	case p.kind != Identity && s.Principals == nil:
		p.report(missingField+"Principal", "%s: want Principal in a %s", at, p.kind)
	case s.Principals != nil:
		p.principals(at+".Principal", s.Principals)
	}
	switch {
	case p.kind == Identity && len(s.Resources) == 0:
		p.report(noResources, "%s: want Resource", at)
	case p.kind != Identity && s.Resources != nil:
		p.report(prohibitedField+"Resource", "%s: want no Resource in a %s", at, p.kind)
	}
	p.resources(at+".Resource", s.Resources)
	p.conditions(at+".Condition", s.Conditions)
}

// vendorForm is the part of an action before the colon.
var vendorForm = regexp.MustCompile(`^[a-zA-Z0-9.-]+$`)

// sessionActions begin a session; a trust policy may name no others:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html
var sessionActions = []string{
	"sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity",
	"sts:SetContext", "sts:SetSourceIdentity", "sts:TagSession",
}

func (p *parser) actions(at string, list []string) {
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
}

func (p *parser) resources(at string, list []string) {
	for _, resource := range list {
		if resource == "*" {
			continue
		}
		p.variable(at, resource)
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
}

func (p *parser) variable(at, text string) {
	if strings.Contains(text, "${") {
		p.report(syntaxErrors, "%s %q: %v", at, text, provider.NotModelled("a policy variable"))
	}
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
	vendorIsNotPlain = "Resource vendor must be fully qualified and cannot contain regexes."
	prohibitedField  = "Has prohibited field "
	missingField     = "Missing required field "
	invalidPrincipal = "Invalid principal in policy: "
)
