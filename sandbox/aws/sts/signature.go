package sts

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/iam"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	// timeForm is that of X-Amz-Date.
	timeForm = "20060102T150405Z"
	// skew is how far a signature's time may be from the clock:
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
	skew = 5 * time.Minute
)

// authorization is the Authorization header of a signed request, taken apart:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
type authorization struct {
	accessKeyID, date, region, service string
	signedHeaders                      []string
	signature                          string
}

// Verify checks the SigV4 signature of a request, whose body has been read, to a
// service by its signing name in a Region, and returns whose it is. It refuses
// with a *fault.Error: MissingAuthentication, IncompleteSignature,
// InvalidClientTokenID, ExpiredToken or SignatureDoesNotMatch; ExceptionOf has
// the names that services with a JSON protocol use.
//
// The signature is made again by the SDK's own signer, over the headers that the
// request says are signed. That signer leaves User-Agent and a few headers out,
// as every SDK does; a client that signs them is refused.
func (s *Sessions) Verify(r *http.Request, body []byte, service, region string) (iam.Session, error) {
	held, err := s.verify(r, body, service, region)
	if err != nil {
		return iam.Session{}, during("Authenticate", err)
	}
	return held.Session, nil
}

func (s *Sessions) verify(r *http.Request, body []byte, service, region string) (Credentials, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return Credentials{}, forbidden(MissingAuthentication, "Request is missing Authentication Token")
	}
	claimed, err := parseAuthorization(header)
	if err != nil {
		return Credentials{}, err
	}
	date := r.Header.Get("X-Amz-Date")
	at, err := time.Parse(timeForm, date)
	if err != nil {
		return Credentials{}, badRequest(IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", date)
	}
	held, err := s.open(claimed.accessKeyID, r.Header.Get("X-Amz-Security-Token"))
	if err != nil {
		return Credentials{}, err
	}
	// Credentials of one partition are unknown in the others.
	if held.Session.Partition != arn.PartitionOf(region).Name {
		return Credentials{}, errUnknown
	}
	if err := claimed.check(r, at, service, region); err != nil {
		return Credentials{}, err
	}
	if now := s.now().UTC(); at.Before(now.Add(-skew)) {
		return Credentials{}, forbidden(SignatureDoesNotMatch, "Signature expired: %s is now earlier than %s (%s - 5 min.)",
			date, now.Add(-skew).Format(timeForm), now.Format(timeForm))
	} else if at.After(now.Add(skew)) {
		return Credentials{}, forbidden(SignatureDoesNotMatch, "Signature not yet current: %s is still later than %s (%s + 5 min.)",
			date, now.Add(skew).Format(timeForm), now.Format(timeForm))
	}
	wanted, err := claimed.signAgain(r, body, held, at)
	if err != nil {
		return Credentials{}, err
	}
	if !slices.Equal(wanted.signedHeaders, claimed.signedHeaders) ||
		subtle.ConstantTimeCompare([]byte(wanted.signature), []byte(claimed.signature)) != 1 {
		return Credentials{}, forbidden(SignatureDoesNotMatch, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return held, nil
}

// parseAuthorization reads the header and names everything that it lacks.
func parseAuthorization(header string) (authorization, error) {
	name, rest, _ := strings.Cut(header, " ")
	if name != algorithm {
		return authorization{}, badRequest(IncompleteSignature, "Unsupported AWS 'algorithm': '%s' (want %s)", name, algorithm)
	}
	fields := map[string]string{}
	for field := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		fields[key] = value
	}
	var missing []string
	for _, key := range []string{"Credential", "Signature", "SignedHeaders"} {
		if fields[key] == "" {
			missing = append(missing, fmt.Sprintf("Authorization header requires '%s' parameter.", key))
		}
	}
	scope := strings.Split(fields["Credential"], "/")
	if fields["Credential"] != "" && len(scope) != 5 {
		missing = append(missing, fmt.Sprintf("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'.", fields["Credential"]))
	}
	if len(missing) > 0 {
		return authorization{}, badRequest(IncompleteSignature, "%s", strings.Join(missing, " "))
	}
	if scope[4] != "aws4_request" {
		return authorization{}, forbidden(SignatureDoesNotMatch, "Credential should be scoped with a valid terminator: 'aws4_request', not '%s'.", scope[4])
	}
	return authorization{
		accessKeyID: scope[0], date: scope[1], region: scope[2], service: scope[3],
		signedHeaders: strings.Split(fields["SignedHeaders"], ";"), signature: fields["Signature"],
	}, nil
}

// check compares the scope with the request, and wants everything signed that a
// signature must cover.
func (a authorization) check(r *http.Request, at time.Time, service, region string) error {
	var problems []string
	if a.date != at.Format("20060102") {
		problems = append(problems, fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s'.", a.date, at.Format("20060102")))
	}
	if a.region != region {
		problems = append(problems, fmt.Sprintf("Credential should be scoped to a valid region (want '%s', not '%s').", region, a.region))
	}
	if a.service != service {
		problems = append(problems, fmt.Sprintf("Credential should be scoped to correct service: '%s'.", service))
	}
	signed := func(name string) bool { return slices.Contains(a.signedHeaders, name) }
	if !signed("host") {
		problems = append(problems, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !signed(lower) {
			problems = append(problems, fmt.Sprintf("'%s' must be a 'SignedHeader' in the AWS Authorization.", lower))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	slices.Sort(problems)
	return forbidden(SignatureDoesNotMatch, "%s", strings.Join(problems, " "))
}

// signAgain makes the signature that the holder of the credentials would make.
func (a authorization) signAgain(r *http.Request, body []byte, held Credentials, at time.Time) (authorization, error) {
	again := &http.Request{
		Method: r.Method, Host: r.Host, Header: http.Header{},
		URL: &url.URL{Scheme: "https", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery},
	}
	for _, name := range a.signedHeaders {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = int64(len(body))
		default:
			for _, value := range r.Header.Values(name) {
				again.Header.Add(name, value)
			}
		}
	}
	hash := sha256.Sum256(body)
	credentials := aws.Credentials{
		AccessKeyID: held.AccessKeyID, SecretAccessKey: held.SecretAccessKey, SessionToken: r.Header.Get("X-Amz-Security-Token"),
	}
	if err := v4.NewSigner().SignHTTP(r.Context(), credentials, again, hex.EncodeToString(hash[:]), a.service, a.region, at); err != nil {
		return authorization{}, fmt.Errorf("sts: sign again: %w", err)
	}
	return parseAuthorization(again.Header.Get("Authorization"))
}
