package ecsagent

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/world"
)

// qualified ends the ARN of a secret with the JSON key, version stage and version ID
// that are meant.
var qualified = regexp.MustCompile(`^(arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:[^:]*):[^:]*:[^:]*:[^:]*$`)

// sixCharacters are what Secrets Manager adds to a name: an ARN may leave them out.
var sixCharacters = regexp.MustCompile(`^-[A-Za-z0-9]{6}$`)

// secretService is one that keeps secrets: what reads there, and how a task says that it
// could not (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html).
type secretService struct{ action, unable, missing string }

var secretServices = map[string]secretService{
	"secretsmanager": {
		"secretsmanager:GetSecretValue", "unable to retrieve secret from asm",
		"ResourceNotFoundException: Secrets Manager can't find the specified secret.",
	},
	"ssm": {"ssm:GetParameters", "unable to retrieve secrets from ssm", "invalid parameters: the parameter does not exist"},
}

// readSecrets reads the values of the variables that the definition has from Secrets
// Manager and Systems Manager: the execution role needs the right to read each, and to
// decrypt with a key that the customer manages
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html).
// A secret of another account, and its key, are taken to have policies that let the whole
// account of the task read it.
func (t *task) readSecrets(context.Context) error {
	for _, container := range t.definition.Containers {
		for _, variable := range container.Secrets {
			name, _ := arn.Parse(variable.ValueFrom)
			service := secretServices[cmp.Or(name.Service, "ssm")] // a parameter's name alone is one of the task's Region
			unable := &stop{HopSecrets, "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: " +
				service.unable + ": service call has been retried 1 time(s): "}
			secret, exists := t.secret(variable.ValueFrom)
			if !exists {
				unable.reason += service.missing
				return unable
			}
			needs := []iam.Access{{Action: service.action, Resource: secret.ARN}}
			if secret.Key != "" {
				needs = append(needs, iam.Access{Action: "kms:Decrypt", Resource: secret.Key})
			}
			for _, access := range needs {
				decision, err := t.Gate.IAM.Authorize(t.role.Session, access)
				if err != nil {
					return fmt.Errorf("ecsagent: %w", err)
				}
				if !decision.Allowed {
					unable.reason += access.Action + ": AccessDeniedException: " + decision.Reason()
					return unable
				}
			}
			t.done(HopSecrets, "%s from %s", variable.Name, secret.ARN)
		}
	}
	return nil
}

// secret finds a secret by what a task definition says of it.
func (t *task) secret(from string) (world.AWSSecret, bool) {
	if parts := qualified.FindStringSubmatch(from); parts != nil {
		from = parts[1]
	}
	if !strings.HasPrefix(from, "arn:") {
		from = t.service.Place.ARN("ssm", "parameter/"+strings.TrimPrefix(from, "/"))
	}
	at := slices.IndexFunc(t.Secrets, func(secret world.AWSSecret) bool {
		rest, begins := strings.CutPrefix(secret.ARN, from)
		return begins && (rest == "" || strings.Contains(from, ":secretsmanager:") && sixCharacters.MatchString(rest))
	})
	if at < 0 {
		return world.AWSSecret{}, false
	}
	return t.Secrets[at], true
}
