package sts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
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

// authorization is the Authorization header of a signed request, with the access
// key's ID, the scope, the signed headers and the signature:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
var authorization = regexp.MustCompile(
	`^` + algorithm + ` Credential=([^/,]+)/([^/,]+/[^/,]+/[^/,]+/[^/,]+), *SignedHeaders=([^,]+), *Signature=([^,]+)$`)

// Verify checks the SigV4 signature of a request, whose body has been read, to a
// service by its signing name in a Region, and returns whose it is. It refuses
// with a *fault.Error: MissingAuthentication, IncompleteSignature,
// InvalidClientTokenID, ExpiredToken or SignatureDoesNotMatch; Exceptions has
// the names that services with a JSON protocol use.
//
// The signature is made again by the SDK's own signer, over the headers that the
// request says are signed. That signer leaves User-Agent and a few headers out,
// as every SDK does; a client that signs them is refused.
func (s *Sessions) Verify(r *http.Request, body []byte, service, region string) (_ iam.Session, err error) {
	defer api.During("Authenticate", &err)
	header := r.Header.Get("Authorization")
	if header == "" {
		return iam.Session{}, forbidden(MissingAuthentication, "Request is missing Authentication Token")
	}
	parts := authorization.FindStringSubmatch(header)
	if parts == nil {
		return iam.Session{}, badRequest(IncompleteSignature, "Authorization header requires '%s' with 'Credential' of exactly 5 slash-delimited elements, 'SignedHeaders' and 'Signature' parameters.", algorithm)
	}
	keyID, scope, signedHeaders := parts[1], parts[2], strings.Split(parts[3], ";")
	date := r.Header.Get("X-Amz-Date")
	at, err := time.Parse(timeForm, date)
	if err != nil {
		return iam.Session{}, badRequest(IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", date)
	}
	held, err := s.open(keyID, r.Header.Get("X-Amz-Security-Token"))
	if err != nil {
		return iam.Session{}, err
	}
	// Credentials of one partition are unknown in the others.
	if held.Session.Partition != arn.PartitionOf(region).Name {
		return iam.Session{}, errUnknown
	}
	if wanted := strings.Join([]string{at.Format("20060102"), region, service, "aws4_request"}, "/"); scope != wanted {
		return iam.Session{}, forbidden(SignatureDoesNotMatch, "Credential should be scoped to %s, not %s.", wanted, scope)
	}
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(signedHeaders, name) {
			return iam.Session{}, forbidden(SignatureDoesNotMatch, "'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	if now := s.now().UTC(); at.Before(now.Add(-skew)) {
		return iam.Session{}, forbidden(SignatureDoesNotMatch, "Signature expired: %s is now earlier than %s (%s - 5 min.)",
			date, now.Add(-skew).Format(timeForm), now.Format(timeForm))
	} else if at.After(now.Add(skew)) {
		return iam.Session{}, forbidden(SignatureDoesNotMatch, "Signature not yet current: %s is still later than %s (%s + 5 min.)",
			date, now.Add(skew).Format(timeForm), now.Format(timeForm))
	}
	again := &http.Request{
		Method: r.Method, Host: r.Host, Header: http.Header{},
		URL: &url.URL{Scheme: "https", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery},
	}
	for _, name := range signedHeaders {
		switch name {
		case "host":
		case "content-length":
			again.ContentLength = int64(len(body))
		default:
			again.Header[http.CanonicalHeaderKey(name)] = slices.Clone(r.Header.Values(name))
		}
	}
	hash := sha256.Sum256(body)
	credentials := aws.Credentials{
		AccessKeyID: held.AccessKeyID, SecretAccessKey: held.SecretAccessKey, SessionToken: r.Header.Get("X-Amz-Security-Token"),
	}
	if err := v4.NewSigner().SignHTTP(r.Context(), credentials, again, hex.EncodeToString(hash[:]), service, region, at); err != nil {
		return iam.Session{}, fmt.Errorf("sts: sign again: %w", err)
	}
	wanted := authorization.FindStringSubmatch(again.Header.Get("Authorization"))
	if wanted == nil || !slices.Equal(wanted[1:], parts[1:]) {
		return iam.Session{}, forbidden(SignatureDoesNotMatch, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return held.Session, nil
}
