package ecsagent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/world"
)

// qualified ends the ARN of a secret with the JSON key, version stage and version ID
// that are meant.
var qualified = regexp.MustCompile(`^(arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:[^:]*):[^:]*:[^:]*:[^:]*$`)

// sixCharacters are what Secrets Manager adds to a name: an ARN may leave them out.
var sixCharacters = regexp.MustCompile(`^-[A-Za-z0-9]{6}$`)

// secrets reads the values of the variables that the definition has from Secrets Manager
// and Systems Manager: the execution role needs the right to read each, and to decrypt
// with a key that the customer manages
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html).
func (t *task) secrets(context.Context) error {
	for _, container := range t.definition.Containers {
		for _, variable := range container.Secrets {
			kept, err := t.kept(variable.ValueFrom)
			if err == nil {
				err = t.read(kept)
			}
			var refusal *fault.Error
			if errors.As(err, &refusal) {
				return &stop{HopSecrets, "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: " +
					"unable to retrieve secret from asm: service call has been retried 1 time(s): " + refusal.Code + ": " + refusal.Message}
			}
			if err != nil {
				return fmt.Errorf("ecsagent: %w", err)
			}
			t.done(HopSecrets, "%s from %s", variable.Name, kept.ARN)
		}
	}
	return nil
}

// kept finds a secret by what a task definition says of it.
func (t *task) kept(from string) (world.AWSSecret, error) {
	if parts := qualified.FindStringSubmatch(from); parts != nil {
		from = parts[1]
	}
	for _, secret := range t.Secrets {
		if rest, begins := strings.CutPrefix(secret.ARN, from); begins && (rest == "" || sixCharacters.MatchString(rest)) {
			return secret, nil
		}
	}
	return world.AWSSecret{}, fault.Refuse(http.StatusBadRequest, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

// read asks for the rights that reading a secret takes. One of another account has a
// policy, and its key too, that lets the whole account of the task read it.
func (t *task) read(secret world.AWSSecret) error {
	needs := []iam.Access{{Action: "secretsmanager:GetSecretValue", Resource: secret.ARN}}
	if name, _ := arn.Parse(secret.ARN); name.Service == "ssm" {
		needs[0].Action = "ssm:GetParameters"
	}
	if secret.Key != "" {
		needs = append(needs, iam.Access{Action: "kms:Decrypt", Resource: secret.Key})
	}
	for _, access := range needs {
		if err := t.Gate.Authorize(t.role.Session, access); err != nil {
			return err
		}
	}
	return nil
}
