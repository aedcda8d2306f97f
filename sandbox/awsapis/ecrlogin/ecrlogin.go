// Package ecrlogin logs in to private registries of Amazon ECR as AWS's own
// agents do: with an authorization token of the registry's Region, for whoever
// the credentials are.
package ecrlogin

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
)

// Login is what a registry asks for.
type Login struct {
	User, Password string
	Expires        time.Time
}

// hostForm has the Region of a private registry's host.
var hostForm = regexp.MustCompile(`^[0-9]{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.(?:com(?:\.cn)?|eu)$`)

// Region is that of the private registry that an image lies in; ok is false for
// an image of another registry.
func Region(image string) (region string, ok bool) {
	host, _, _ := strings.Cut(image, "/")
	parts := hostForm.FindStringSubmatch(host)
	if parts == nil {
		return "", false
	}
	return parts[1], true
}

// Get asks the ECR API of a Region for an authorization token. A refusal is a
// smithy.APIError.
func Get(ctx context.Context, client *http.Client, credentials aws.CredentialsProvider, region string) (Login, error) {
	api := ecr.New(ecr.Options{Region: region, HTTPClient: client, Credentials: credentials, Retryer: aws.NopRetryer{}})
	answer, err := api.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return Login{}, err
	}
	if len(answer.AuthorizationData) != 1 {
		return Login{}, fmt.Errorf("ecrlogin: ECR answered with %d tokens: want 1", len(answer.AuthorizationData))
	}
	data := answer.AuthorizationData[0]
	text, err := base64.StdEncoding.DecodeString(aws.ToString(data.AuthorizationToken))
	if err != nil {
		return Login{}, fmt.Errorf("ecrlogin: authorization token: %w", err)
	}
	user, password, _ := strings.Cut(string(text), ":")
	return Login{User: user, Password: password, Expires: aws.ToTime(data.ExpiresAt)}, nil
}
