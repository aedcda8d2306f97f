package amazon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/subject"
	"waybill.example/waybill/refresher/internal/wire"
)

// sessionName names the role's sessions in both accounts' CloudTrail. With the Pod Identity agent, EKS names them.
const sessionName = "waybill-refresher"

// session is the role, for an hour or so.
type session struct {
	credentials aws.Credentials // secret
	caller      string          // the session's ARN, as STS knows it
}

// becomeRole is the hop sts: the role's credentials, and the proof that they are the role's.
func (s *Source) becomeRole(ctx context.Context, report chain.Report) (session, *fault.Fault) {
	begin := time.Now()
	var got session
	attempts, f := s.Retry.Do(ctx, func(ctx context.Context) (f *fault.Fault) {
		got, f = s.tryRole(ctx)
		return f
	})
	step := chain.Step{Hop: fault.HopSTS, Attempts: attempts, Took: time.Since(begin), Fault: f}
	if f == nil {
		// Credentials name no audience: they sign requests to any service.
		step.Issuer, step.Subject, step.Expires = s.issuer(), got.caller, got.credentials.Expires.UTC()
	}
	report(step)
	return got, f
}

// issuer is who turns the ServiceAccount token into credentials.
func (s *Source) issuer() string {
	if s.Identifiers.AgentURL != "" {
		return s.Identifiers.AgentURL
	}
	return "https://" + s.Identifiers.Region.STSHost()
}

// tryRole makes one attempt.
func (s *Source) tryRole(ctx context.Context) (session, *fault.Fault) {
	recorder := wire.New(s.Transport, s.Secrets, s.Identifiers.Region.STSHost())
	token := &tokenReader{file: s.Subject}
	temporary, err := s.provider(token, recorder).Retrieve(ctx)
	if token.unread != nil {
		return session{}, token.unread
	}
	if err == nil {
		err = s.check(temporary)
	}
	if err != nil {
		return session{}, refused(fault.HopSTS, recorder, err, s.Secrets, token.claims)
	}
	caller, err := s.caller(ctx, temporary, recorder)
	if err != nil {
		return session{}, refused(fault.HopSTS, recorder, err, s.Secrets, token.claims)
	}
	if !s.Identifiers.Role.IsSession(caller) {
		// An association's change takes seconds to reach the agent, hence the window; nothing is done with
		// what came meanwhile.
		f := fault.New(fault.HopSTS,
			fmt.Sprintf("the credentials are those of %q: want a session of %q", s.Secrets.Text(caller), s.Identifiers.Role),
			"AWS_ROLE_ARN and the cluster's Pod Identity association name different roles, or something on the way "+
				"answers in the cloud's place")
		f.Kind, f.Claims = fault.Settling, &token.claims
		return session{}, f
	}
	return session{temporary, caller}, nil
}

// provider is the one way to credentials that the trust allows.
func (s *Source) provider(token *tokenReader, recorder *wire.Recorder) aws.CredentialsProvider {
	if url := s.Identifiers.AgentURL; url != "" {
		recorder.AllowPlain(url, s.Agent)
		return endpointcreds.New(url, func(o *endpointcreds.Options) {
			o.HTTPClient, o.Retryer, o.AuthorizationTokenProvider = recorder.Client(), retryer, token
		})
	}
	anonymous := s.sts(aws.AnonymousCredentials{}, recorder)
	named := func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = sessionName }
	return stscreds.NewWebIdentityRoleProvider(anonymous, s.Identifiers.Role.String(), token, named)
}

// sts is a client of the cluster's Region. An empty Region would give no error, only another host, which the
// recorder refuses.
func (s *Source) sts(provider aws.CredentialsProvider, recorder *wire.Recorder) *sts.Client {
	return sts.New(sts.Options{
		Region: s.Identifiers.Region.Name, Credentials: provider, HTTPClient: recorder.Client(), Retryer: retryer,
	})
}

// check refuses what is no role's temporary credentials: the SDK takes an answer without an end or a session
// token for a permanent key.
func (s *Source) check(temporary aws.Credentials) error {
	s.Secrets.Add(temporary.SecretAccessKey)
	s.Secrets.Add(temporary.SessionToken)
	if temporary.AccessKeyID == "" || temporary.SecretAccessKey == "" || temporary.SessionToken == "" ||
		temporary.Expires.IsZero() {
		return errors.New("the answer holds no temporary credentials: want a key, its secret, a session token and " +
			"when they end")
	}
	return nil
}

// caller asks STS whose the credentials are. That needs no permission.
func (s *Source) caller(ctx context.Context, temporary aws.Credentials, recorder *wire.Recorder) (string, error) {
	client := s.sts(credentials.StaticCredentialsProvider{Value: temporary}, recorder)
	identity, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	if aws.ToString(identity.Arn) == "" {
		return "", errors.New("the answer names no caller")
	}
	return *identity.Arn, nil
}

// tokenReader hands the ServiceAccount token to Amazon's providers, and remembers what it handed out. The
// file is read anew each time.
type tokenReader struct {
	file   subject.File
	claims fault.Claims
	unread *fault.Fault
}

// GetIdentityToken implements stscreds.IdentityTokenRetriever.
func (t *tokenReader) GetIdentityToken() ([]byte, error) {
	text, err := t.GetToken()
	return []byte(text), err
}

// GetToken implements endpointcreds.AuthTokenProvider.
func (t *tokenReader) GetToken() (string, error) {
	var text string
	text, t.claims, t.unread = t.file.Read()
	if t.unread != nil {
		return "", t.unread
	}
	return text, nil
}
