package aws

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/policy"
)

// Where the values of secret variables come from
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html):
// a secret of Secrets Manager, with JSON key, version stage and version ID or
// without, or a parameter of Systems Manager. Neither form allows a wildcard.
var (
	secretPattern    = regexp.MustCompile(`^(secret:[A-Za-z0-9/_+=.@-]+)(:[A-Za-z0-9/_+=.@-]*:[A-Za-z0-9/_+=.@-]*:[A-Za-z0-9-]*)?$`)
	parameterPattern = regexp.MustCompile(`^parameter/[A-Za-z0-9._/-]+$`)
)

// secretsSource is one service that holds secrets.
type secretsSource struct {
	sid, service, action string
}

var secretsSources = []secretsSource{
	{"Secrets", "secretsmanager", "secretsmanager:GetSecretValue"},
	{"Parameters", "ssm", "ssm:GetParameters"},
}

// secretResource is what a policy names for a secret variable's source: the
// ARN without JSON key and version. Empty means that it is no such source.
func secretResource(text string) (service, resource string) {
	a := parseARN(text)
	switch a.service {
	case "secretsmanager":
		if parts := secretPattern.FindStringSubmatch(a.resource); parts != nil {
			return a.service, strings.TrimSuffix(text, parts[2])
		}
	case "ssm":
		if parameterPattern.MatchString(a.resource) {
			return a.service, text
		}
	}
	return "", ""
}

func checkSecrets(p *check.Problems, secrets map[string]string, s site) {
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		a := parseARN(secrets[name])
		service, _ := secretResource(secrets[name])
		if s.sound() && (service == "" || !a.within(s, service) || !accountPattern.MatchString(a.account)) {
			// What stands here by mistake may be the secret itself: it is not repeated.
			p.Add(fmt.Sprintf("secrets[%q]", name), "is no source: want the ARN of a secret or a parameter in the service's Region, %s or %s",
				s.arn("secretsmanager", "secret:NAME"), s.arn("ssm", "parameter/NAME"))
		}
	}
}

// secretStatements let the execution role read these secrets, and nothing
// where there are none.
func secretStatements(secrets map[string]string, keys []string) []policy.Statement {
	resources := map[string]policy.Set{}
	for _, source := range secrets {
		service, resource := secretResource(source)
		resources[service] = append(resources[service], resource)
	}
	var statements []policy.Statement
	for _, source := range secretsSources {
		if named := resources[source.service]; len(named) > 0 {
			statements = append(statements, policy.Statement{Sid: source.sid, Action: policy.Set{source.action}, Resource: named})
		}
	}
	if len(keys) > 0 {
		statements = append(statements, policy.Statement{Sid: "SecretKeys", Action: policy.Set{"kms:Decrypt"}, Resource: keys})
	}
	return statements
}
