package sts

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/oidc"
	"waybill.example/waybill/sandbox/state"
)

// service is STS's signing name.
const service = "sts"

// globalHost serves the global endpoint, whose Region is us-east-1:
// https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html#sts-endpoints
const (
	globalHost   = "sts.amazonaws.com"
	globalRegion = "us-east-1"
)

// maxRequest bounds the body of a request, in bytes: a token of 20,000
// characters stays far below.
const maxRequest = 1 << 18

// Config says what the server decides from. Every field is required.
type Config struct {
	Cloud *iam.Cloud
	// Dir is an existing folder for the key of the session tokens.
	Dir string
	// Client fetches discovery documents and key sets of issuers.
	Client *http.Client
	// Now is the clock.
	Now func() time.Time
}

// Server is STS.
type Server struct {
	// Sessions knows the credentials that the server gave out.
	Sessions *Sessions

	cloud    *iam.Cloud
	verifier *oidc.Verifier
	now      func() time.Time
}

// New makes the server. Credentials that an earlier one gave out from the same
// Dir count until they expire.
func New(config Config) (*Server, error) {
	seal, err := state.OpenSeal(filepath.Join(config.Dir, "session-tokens.key"))
	if err != nil {
		return nil, fmt.Errorf("sts: session tokens: %w", err)
	}
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
	verifier := oidc.NewVerifier(config.Client, jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512)
	sessions := &Sessions{cloud: config.Cloud, now: config.Now, seal: seal}
	return &Server{Sessions: sessions, cloud: config.Cloud, verifier: verifier, now: config.Now}, nil
}

// Match returns the handler of an endpoint of STS, or nil for another host: it
// is made for network.Network.HandleFunc.
func (s *Server) Match(host string) http.Handler {
	if host == globalHost {
		return s.Handler(globalRegion)
	}
	region, isSTS := strings.CutPrefix(host, service+".")
	if !isSTS {
		return nil
	}
	region, suffix, _ := strings.Cut(region, ".")
	if region == "" || suffix != arn.PartitionOf(region).Suffix {
		return nil
	}
	return s.Handler(region)
}

// Handler is the endpoint of a Region.
func (s *Server) Handler(region string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			writeError(w, during("Request", fault.Refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Request is larger than %d bytes", maxRequest)))
			return
		}
		if err != nil {
			return // the client has gone away
		}
		answer, err := s.answer(r, body, region)
		if err != nil {
			writeError(w, err)
			return
		}
		writeXML(w, http.StatusOK, answer)
	})
}

// answer dispatches a request by its Action.
func (s *Server) answer(r *http.Request, body []byte, region string) (any, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, during("Request", badRequest("MalformedQueryString", "The query string contains a syntax error (%v)", err))
	}
	for key, values := range r.URL.Query() {
		form[key] = append(form[key], values...)
	}
	action := form.Get("Action")
	if given := form.Get("Version"); action != "" && given != version {
		return nil, during(action, badRequest(InvalidAction, "Could not find operation %s for version %s", action, given))
	}
	var answer any
	switch action {
	case "AssumeRoleWithWebIdentity":
		answer, err = s.assumeRoleWithWebIdentity(r.Context(), form, region)
	case "GetCallerIdentity":
		answer, err = s.getCallerIdentity(r, body, region)
	case "":
		action, err = "Request", badRequest("MissingAction", "No Action was given")
	default:
		err = badRequest(InvalidAction, "Could not find operation %s for version %s", action, version)
	}
	return answer, during(action, err)
}

// account finds the account of a role for an endpoint: one that the endpoint's
// Region is enabled for. Accounts that the world does not have are not told from
// roles that do not exist.
func (s *Server) account(id, region string) (*iam.Account, error) {
	account, err := s.cloud.Account(id)
	if err != nil {
		return nil, err
	}
	if arn.PartitionOf(region).Name == account.Partition && !account.Enabled(region) {
		return nil, forbidden(RegionDisabled, "STS is not activated in this region for account:%s. Your account administrator can activate STS in this region using the IAM Console.", id)
	}
	if arn.PartitionOf(region).Name != account.Partition {
		return nil, fmt.Errorf("account %s is of partition %s, and Region %s is not", id, account.Partition, region)
	}
	return account, nil
}

// The protocol of STS: forms in, XML out
// (https://docs.aws.amazon.com/STS/latest/APIReference/CommonParameters.html).
const (
	version = "2011-06-15"
)

type errorResponse struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// writeError answers with a refusal; any other error is STS's own failure.
func writeError(w http.ResponseWriter, err error) {
	var refused *fault.Error
	if !errors.As(err, &refused) {
		writeXML(w, http.StatusInternalServerError, errorResponse{
			Type: "Receiver", Code: "InternalFailure", Message: err.Error(), RequestID: uuid.NewString(),
		})
		return
	}
	writeXML(w, refused.Status, errorResponse{Type: "Sender", Code: refused.Code, Message: refused.Message, RequestID: uuid.NewString()})
}

// writeXML answers with what no client may keep: it can hold credentials.
func writeXML(w http.ResponseWriter, status int, content any) {
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that has gone away is nobody to tell.
	_ = xml.NewEncoder(w).Encode(content)
}

type callerIdentityResponse struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	ARN       string   `xml:"GetCallerIdentityResult>Arn"`
	UserID    string   `xml:"GetCallerIdentityResult>UserId"`
	Account   string   `xml:"GetCallerIdentityResult>Account"`
	RequestID string   `xml:"ResponseMetadata>RequestId"`
}

// getCallerIdentity needs no permission:
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (s *Server) getCallerIdentity(r *http.Request, body []byte, region string) (any, error) {
	session, err := s.Sessions.Verify(r, body, service, region)
	if err != nil {
		return nil, err
	}
	return callerIdentityResponse{
		ARN: session.ARN(), UserID: session.UserID(), Account: session.Account,
		RequestID: uuid.NewString(),
	}, nil
}
