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
// ARN without JSON key and version, and for a partial one with any six characters
// at its end. Empty means that it is no such source.
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

// fullSecret ends the full ARN of a secret: Secrets Manager adds a hyphen and six
// characters to the name. A partial ARN is without them. A name may end in a word of six
// letters by itself, db-secret, which then looks full.
var (
	fullSecret = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)
	sixLetters = regexp.MustCompile(`-[a-z]{6}$`)
)

func checkSecrets(p *check.Problems, secrets map[string]string, s site) {
	if !s.sound() {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		key, a := fmt.Sprintf("secrets[%q]", name), parseARN(secrets[name])
		service, resource := secretResource(secrets[name])
		switch home := a.within(s, service) && a.account == s.account; {
		case a.service == "ssm" && strings.Contains(a.resource, ":"):
			p.Add(key, "is a parameter with something after its name: want its ARN alone; only secrets of Secrets Manager have JSON keys, stages and versions")
		case service == "" || !a.abroad(s, service):
			// What stands here by mistake may be the secret itself: it is not repeated.
			p.Add(key, "is no source: want the ARN of a secret or a parameter of the partition %s, such as %s or %s",
				s.partition.Name, s.arn("secretsmanager", "secret:NAME"), s.arn("ssm", "parameter/NAME"))
		case !home && service == "secretsmanager" && !fullSecret.MatchString(resource):
			p.Add(key, "is of another account or Region, and partial: want the secret's full ARN, with the hyphen and six characters at its end")
		}
	}
}

// checkSecretKeys refuses what is no KMS key of the site's partition: a secret of
// another Region has its key there.
func checkSecretKeys(p *check.Problems, keys []string, s site) {
	for i, key := range keys {
		if a := parseARN(key); s.sound() && (!a.abroad(s, "kms") || !keyPattern.MatchString(a.resource)) {
			p.Add(fmt.Sprintf("secretKeys[%d]", i), "%q: want a KMS key's ARN, arn:%s:kms:REGION:ACCOUNT:key/ID", key, s.partition.Name)
		}
	}
}

// secretStatements let the execution role read these secrets, and nothing
// where there are none.
func secretStatements(secrets map[string]string, keys []string) []policy.Statement {
	resources := map[string]policy.Set{}
	for _, source := range secrets {
		service, resource := secretResource(source)
		partial := service == "secretsmanager" && (!fullSecret.MatchString(resource) || sixLetters.MatchString(resource))
		if partial {
			resources[service] = append(resources[service], resource+"-??????")
		}
		if !partial || fullSecret.MatchString(resource) {
			resources[service] = append(resources[service], resource)
		}
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
