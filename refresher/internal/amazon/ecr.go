package amazon

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/wire"
)

// username goes with ECR's tokens, https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html.
const username = "AWS"

// authorize is the hop ecr: a registry credential for the role, from the vendor registry's Region.
func (s *Source) authorize(ctx context.Context, role session, report chain.Report) (chain.Credential, *fault.Fault) {
	begin := time.Now()
	var got chain.Credential
	attempts, f := s.Retry.Do(ctx, func(ctx context.Context) *fault.Fault {
		recorder := wire.New(s.Transport, s.Secrets, s.Identifiers.Registry.Region.ECRHost())
		var err error
		if got, err = s.token(ctx, role, recorder); err != nil {
			return refused(fault.HopECR, recorder, err, s.Secrets, fault.Claims{})
		}
		return nil
	})
	step := chain.Step{Hop: fault.HopECR, Attempts: attempts, Took: time.Since(begin), Fault: f}
	if f == nil {
		step.Issuer = "https://" + s.Identifiers.Registry.Region.ECRHost()
		step.Subject, step.Audience, step.Expires = role.caller, s.Identifiers.Registry.Host(), got.Expires
	}
	report(step)
	return got, f
}

// token makes one attempt. It names no registry: a token works on every registry that the role may read, and
// what the answer calls the proxy endpoint is the caller's own registry, never the vendor's, so it is not
// looked at (docs/facts.md §4).
func (s *Source) token(ctx context.Context, role session, recorder *wire.Recorder) (chain.Credential, error) {
	client := ecr.New(ecr.Options{
		Region:      s.Identifiers.Registry.Region.Name,
		Credentials: credentials.StaticCredentialsProvider{Value: role.credentials},
		HTTPClient:  recorder.Client(),
		Retryer:     retryer,
	})
	answer, err := client.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return chain.Credential{}, err
	}
	if len(answer.AuthorizationData) != 1 {
		return chain.Credential{}, errors.New("the answer holds no authorization token")
	}
	data := answer.AuthorizationData[0]
	password, err := s.password(aws.ToString(data.AuthorizationToken))
	if err != nil {
		return chain.Credential{}, err
	}
	if data.ExpiresAt == nil {
		return chain.Credential{}, errors.New("the answer does not say when the token ends")
	}
	if err := chain.CheckLife(*data.ExpiresAt); err != nil {
		return chain.Credential{}, err
	}
	return chain.Credential{Username: username, Password: password, Expires: data.ExpiresAt.UTC()}, nil
}

// password takes the token apart, which is the base64 of USER:PASSWORD. Its errors quote nothing of it.
func (s *Source) password(token string) (string, error) {
	s.Secrets.Add(token)
	plain, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return "", errors.New("the answer's authorization token is no base64")
	}
	user, password, found := strings.Cut(string(plain), ":")
	s.Secrets.Add(password)
	if user != username || !found || password == "" {
		return "", errors.New("the answer's authorization token is not AWS:PASSWORD")
	}
	return password, nil
}
