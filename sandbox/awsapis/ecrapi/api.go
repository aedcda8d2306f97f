package ecrapi

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"time"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/awsapis/internal/awsjson"
)

// user is the name that goes with every authorization token.
const user = "AWS"

// maxRegistries is how many registries one request may name.
const maxRegistries = 10

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)

// API is the ECR API of a Region.
func (s *Server) API(region string) http.Handler {
	return awsjson.Service{
		Gate: s.gate, Name: "ecr", Region: region, Target: "AmazonEC2ContainerRegistry_V20150921",
		Operations: map[string]awsjson.Operation{
			"GetAuthorizationToken": func(call awsjson.Call) (any, error) { return s.authorizationToken(call, region) },
		},
	}
}

// Lifetime is how long an authorization token lives:
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
const Lifetime = 12 * time.Hour

// grant is what a token holds.
type grant struct {
	Session iam.Session `json:"session"`
	// Region in which the token was asked for.
	Region  string    `json:"region"`
	Expires time.Time `json:"expires"`
}

// authorizationToken is GetAuthorizationToken. The registries that a request may
// name change the endpoint in the answer and nothing else: the parameter is
// deprecated.
func (s *Server) authorizationToken(call awsjson.Call, region string) (any, error) {
	var request struct {
		RegistryIDs []string `json:"registryIds"`
	}
	if err := awsjson.Decode(call.Body, &request); err != nil {
		return nil, err
	}
	if len(request.RegistryIDs) > maxRegistries {
		return nil, fault.Refuse(http.StatusBadRequest, "InvalidParameterException", "registryIds: want at most 10")
	}
	for _, id := range request.RegistryIDs {
		if !accountForm.MatchString(id) {
			return nil, fault.Refuse(http.StatusBadRequest, "InvalidParameterException", "Invalid parameter at 'registryIds' failed to satisfy constraint: 'Member must satisfy regular expression pattern: [0-9]{12}'")
		}
	}
	err := s.gate.Authorize(call.Caller, iam.Access{
		Action: "ecr:GetAuthorizationToken", Resource: "*", Region: region,
	})
	if err != nil {
		return nil, err
	}
	if len(request.RegistryIDs) == 0 {
		request.RegistryIDs = []string{call.Caller.Account}
	}
	// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_AuthorizationData.html
	var data []map[string]any
	for _, id := range request.RegistryIDs {
		expires := s.gate.Now().Add(Lifetime)
		token, err := s.seal.Close(grant{Session: call.Caller, Region: region, Expires: expires})
		if err != nil {
			return nil, err
		}
		data = append(data, map[string]any{
			"authorizationToken": base64.StdEncoding.EncodeToString([]byte(user + ":" + token)),
			"expiresAt":          float64(expires.UnixMilli()) / 1000, // in seconds since 1970
			"proxyEndpoint":      "https://" + ecr.Host(arn.Place{Account: id, Region: region}),
		})
	}
	return map[string]any{"authorizationData": data}, nil
}
