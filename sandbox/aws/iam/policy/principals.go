package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

var (
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	// idOfPrincipal is a unique ID of a role or user:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
	idOfPrincipal = regexp.MustCompile(`^A(?:ROA|IDA)[A-Z0-9]{12,}$`)
	serviceForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*\.amazonaws\.com(?:\.cn)?$`)
	// entityForm is the resource of an ARN of IAM or AWS STS that may be a principal.
	entityForm = map[string]*regexp.Regexp{
		"iam": regexp.MustCompile(`^(?:root|(?:role|user)/[\x21-\x7e]*[\w+=,.@-]+)$`),
		"sts": regexp.MustCompile(`^(?:assumed-role/[\w+=,.@-]+/[\w+=,.@-]+|federated-user/[\w+=,.@-]+)$`),
	}
	providerForm = regexp.MustCompile(`^oidc-provider/[\x21-\x7e]+$`)
)

// principals checks the element, and moves * to Everyone.
func (p *parser) principals(at string, given *Principals) {
	if slices.Contains(given.AWS, "*") {
		given.Everyone = true
		given.AWS = slices.DeleteFunc(given.AWS, func(name string) bool { return name == "*" })
	}
	if !given.Everyone && len(given.AWS)+len(given.Federated)+len(given.Service) == 0 {
		p.report(syntaxErrors, `%s: want "*" or an object with AWS, Federated or Service`, at)
	}
	for _, each := range []struct {
		of    string
		names []string
		check func(string) string
	}{{"AWS", given.AWS, p.checkAWS}, {"Federated", given.Federated, p.checkFederated}, {"Service", given.Service, checkService}} {
		for _, name := range each.names {
			if wish := each.check(name); wish != "" {
				p.report(InvalidPrincipal(each.of, name), "%s.%s %q: %s", at, each.of, name, wish)
			}
		}
	}
}

// InvalidPrincipal is IAM's message for a principal that cannot be one, of the
// type AWS, Federated or Service.
func InvalidPrincipal(of, name string) string {
	return fmt.Sprintf("%s%q:%q", invalidPrincipal, strings.ToUpper(of), name)
}

// checkAWS says what is wrong with a principal of the type AWS, or "".
func (p *parser) checkAWS(name string) string {
	if accountForm.MatchString(name) || idOfPrincipal.MatchString(name) {
		return ""
	}
	// No part of a principal may be a wildcard:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
	if strings.ContainsAny(name, "*?") {
		return "want no wildcards: a condition on aws:PrincipalArn may have them"
	}
	parsed, err := arn.Parse(name)
	if err != nil {
		return "want an account ID or an ARN"
	}
	form := entityForm[parsed.Service]
	switch {
	case parsed.Partition != p.partition:
		return fmt.Sprintf("want the partition %q", p.partition)
	case form == nil || parsed.Region != "" || !accountForm.MatchString(parsed.AccountID) || !form.MatchString(parsed.Resource):
		return "want the ARN of an account's root, a role, a user or a role session"
	}
	return ""
}

func (p *parser) checkFederated(name string) string {
	parsed, err := arn.Parse(name)
	if err != nil || parsed.Service != "iam" || parsed.Region != "" ||
		!accountForm.MatchString(parsed.AccountID) || !providerForm.MatchString(parsed.Resource) {
		return "want the ARN of an OIDC provider: the sandbox models no other identity providers"
	}
	if parsed.Partition != p.partition {
		return fmt.Sprintf("want the partition %q", p.partition)
	}
	return ""
}

func checkService(name string) string {
	if serviceForm.MatchString(name) {
		return ""
	}
	return "want the name of a service, for example ecs-tasks.amazonaws.com"
}

// accountOf returns the account that a principal names as a whole, by its ID or
// the ARN of its root.
func accountOf(name string) (account string, ok bool) {
	if accountForm.MatchString(name) {
		return name, true
	}
	parsed, err := arn.Parse(name)
	if err != nil || parsed.Service != "iam" || parsed.Resource != "root" {
		return "", false
	}
	return parsed.AccountID, true
}
