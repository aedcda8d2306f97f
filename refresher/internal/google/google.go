// Package google is the token source of chains that end at Google's Artifact Registry: a workload identity
// pool trusts either the customer's Entra tenant, or the cluster's own issuer, and lets one subject become
// the vendor's service account.
package google

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google/externalaccount"

	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/credconfig"
	"waybill.example/waybill/refresher/internal/entra"
	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/redact"
	"waybill.example/waybill/refresher/internal/retry"
	"waybill.example/waybill/refresher/internal/subject"
	"waybill.example/waybill/refresher/internal/wire"
)

const (
	// username goes with an access token at Artifact Registry,
	// https://cloud.google.com/artifact-registry/docs/docker/authentication#token.
	username = "oauth2accesstoken"
	// scope is what Google's own clients ask for with impersonation. It widens nothing: the account's one
	// binding is the limit.
	scope = "https://www.googleapis.com/auth/cloud-platform"
)

// Source obtains the service account's access token. It implements chain.Source.
type Source struct {
	Identifiers credconfig.Identifiers
	Subject     subject.File
	Entra       *entra.Settings // nil where the pool trusts the cluster's issuer
	Retry       retry.Policy
	Transport   http.RoundTripper // under the recorders; http.DefaultTransport's behaviour towards proxies is expected
	Secrets     *redact.Set
}

var _ chain.Source = (*Source)(nil)

// Hops lists the hops of the trust.
func (s *Source) Hops() []fault.Hop {
	if s.Entra == nil {
		return []fault.Hop{fault.HopKubernetes, fault.HopSTS, fault.HopIAM}
	}
	return []fault.Hop{fault.HopKubernetes, fault.HopEntra, fault.HopSTS, fault.HopIAM}
}

// Obtain walks from the token file to the service account's access token.
func (s *Source) Obtain(ctx context.Context, report chain.Report) (chain.Credential, *fault.Fault) {
	next, f := s.start(ctx, report)
	if f != nil {
		return chain.Credential{}, f
	}
	return s.impersonate(ctx, next, report)
}

// SubjectToken walks to the token that Google's token service takes, and no further. expires is zero where
// the token does not say.
func (s *Source) SubjectToken(ctx context.Context, report chain.Report) (token string, expires time.Time, f *fault.Fault) {
	next, f := s.start(ctx, report)
	if f != nil {
		return "", time.Time{}, f
	}
	t, f := next(ctx)
	if f != nil {
		return "", time.Time{}, f
	}
	return t.text, t.claims.Expires, nil
}

// subjectToken is a token on its way to Google's token service.
type subjectToken struct {
	text   string
	claims fault.Claims
}

// supply returns the token to exchange, read or remembered.
type supply func(context.Context) (subjectToken, *fault.Fault)

// start walks the hops before Google's own: kubernetes, and entra where the pool trusts a tenant.
func (s *Source) start(ctx context.Context, report chain.Report) (supply, *fault.Fault) {
	if f := s.Subject.Begin(report); f != nil {
		return nil, f
	}
	if s.Entra == nil {
		return s.readSubject, nil
	}
	return s.exchangeWithEntra(ctx, report)
}

func (s *Source) readSubject(context.Context) (subjectToken, *fault.Fault) {
	text, c, f := s.Subject.Read()
	return subjectToken{text, c}, f
}

// exchangeWithEntra is the hop entra.
func (s *Source) exchangeWithEntra(ctx context.Context, report chain.Report) (supply, *fault.Fault) {
	begin := time.Now()
	var got subjectToken
	attempts, f := s.Retry.Do(ctx, func(ctx context.Context) *fault.Fault {
		recorder := wire.New(s.Transport, s.Secrets, s.Entra.Hosts()...)
		var shown fault.Claims
		var unread *fault.Fault
		token, expires, err := entra.Token(ctx, *s.Entra, recorder.Client(), func(context.Context) (string, error) {
			var text string
			if text, shown, unread = s.Subject.Read(); unread != nil {
				return "", unread
			}
			return text, nil
		})
		if unread != nil {
			return unread
		}
		if err != nil {
			return refused(fault.HopEntra, recorder, err, s.Secrets, shown)
		}
		s.Secrets.Add(token)
		// A token that is no JWT goes on: what it is worth is for Google's token service to say.
		c, _ := fault.ParseClaims(token)
		if c.Expires.IsZero() {
			c.Expires = expires
		}
		got = subjectToken{token, c}
		return nil
	})
	step := chain.Step{Hop: fault.HopEntra, Attempts: attempts, Took: time.Since(begin), Fault: f}
	if f == nil {
		step.Issuer, step.Subject, step.Expires = got.claims.Issuer, got.claims.Subject, got.claims.Expires
		step.Audience = strings.Join(got.claims.Audience, " ")
	}
	report(step)
	return func(context.Context) (subjectToken, *fault.Fault) { return got, nil }, f
}

// supplier hands the subject token to Google's client, and remembers what it handed out.
type supplier struct {
	next  supply
	token subjectToken
	fault *fault.Fault
}

// SubjectToken implements externalaccount.SubjectTokenSupplier.
func (s *supplier) SubjectToken(ctx context.Context, _ externalaccount.SupplierOptions) (string, error) {
	s.token, s.fault = s.next(ctx)
	if s.fault != nil {
		return "", s.fault
	}
	return s.token.text, nil
}

// tally adds up what the attempts at one host took.
type tally struct {
	count int
	took  time.Duration
}

func (t *tally) add(recorder *wire.Recorder, host string) {
	count, took := recorder.With(host)
	t.count += count
	t.took += took
}

// impersonate is the hops sts and iam: one call of Google's client, told apart by the requests it made.
func (s *Source) impersonate(ctx context.Context, next supply, report chain.Report) (chain.Credential, *fault.Fault) {
	begin := time.Now()
	from := &supplier{next: next}
	var credential chain.Credential
	var toSTS, toIAM tally
	var federated time.Time
	_, f := s.Retry.Do(ctx, func(ctx context.Context) *fault.Fault {
		recorder := wire.New(s.Transport, s.Secrets, credconfig.STSHost, credconfig.IAMHost)
		token, err := s.accessToken(ctx, from, recorder)
		toSTS.add(recorder, credconfig.STSHost)
		toIAM.add(recorder, credconfig.IAMHost)
		federated = federatedExpiry(recorder)
		switch {
		case from.fault != nil:
			return from.fault
		case err != nil:
			name := fault.HopSTS
			if last, _ := recorder.Last(); last.Host == credconfig.IAMHost {
				name = fault.HopIAM
			}
			return refused(name, recorder, err, s.Secrets, from.token.claims)
		}
		credential = chain.Credential{Username: username, Password: token.AccessToken, Expires: token.Expiry.UTC()}
		return nil
	})
	whole := time.Since(begin)
	if f != nil && f.Hop != fault.HopIAM {
		report(chain.Step{Hop: f.Hop, Attempts: max(1, toSTS.count), Took: whole, Fault: f})
		return chain.Credential{}, f
	}
	report(chain.Step{
		Hop:      fault.HopSTS,
		Attempts: toSTS.count,
		Took:     toSTS.took,
		Issuer:   "https://" + credconfig.STSHost,
		Subject:  from.token.claims.Subject,
		Audience: s.Identifiers.Audience(),
		Expires:  federated,
	})
	step := chain.Step{Hop: fault.HopIAM, Attempts: toIAM.count, Took: whole - toSTS.took, Fault: f}
	if f == nil {
		step.Issuer = "https://" + credconfig.IAMHost
		step.Subject = s.Identifiers.ServiceAccount
		step.Audience = scope
		step.Expires = credential.Expires
	}
	report(step)
	return credential, f
}

// accessToken makes one attempt. Google's client keeps the context of its constructor, so each attempt has a
// client of its own.
func (s *Source) accessToken(ctx context.Context, from *supplier, recorder *wire.Recorder) (*oauth2.Token, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, recorder.Client())
	source, err := externalaccount.NewTokenSource(ctx, externalaccount.Config{
		Audience:                       s.Identifiers.Audience(),
		SubjectTokenType:               credconfig.SubjectTokenType,
		TokenURL:                       credconfig.TokenURL,
		ServiceAccountImpersonationURL: s.Identifiers.ImpersonationURL(),
		SubjectTokenSupplier:           from,
		Scopes:                         []string{scope},
	})
	if err != nil {
		return nil, err
	}
	token, err := source.Token()
	if err != nil {
		return nil, err
	}
	if token.AccessToken == "" {
		return nil, errors.New("the answer holds no access token")
	}
	if err := chain.CheckLife(token.Expiry); err != nil {
		return nil, err
	}
	return token, nil
}

// federatedExpiry reads when the federated token ends. Google's client does not hand it out; zero where the
// answer does not say.
func federatedExpiry(recorder *wire.Recorder) time.Time {
	last, _ := recorder.LastTo(credconfig.STSHost)
	var answer struct {
		ExpiresIn int `json:"expires_in"`
	}
	if json.Unmarshal(last.Body, &answer) != nil || answer.ExpiresIn <= 0 {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(answer.ExpiresIn) * time.Second).UTC()
}

// refused makes a fault of the last exchange, with the claims of the token that was shown.
func refused(name fault.Hop, recorder *wire.Recorder, err error, secrets *redact.Set, shown fault.Claims) *fault.Fault {
	return chain.Refused(name, recorder, err, secrets, shown, "an organisation policy shortens tokens, the service account's token was "+
		"cut to the subject token's life, or the node's clock is wrong")
}
