package sts

import (
	"encoding/xml"
	"net/http"

	"github.com/google/uuid"
)

type callerIdentityResponse struct {
	XMLName  xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	ARN      string   `xml:"GetCallerIdentityResult>Arn"`
	UserID   string   `xml:"GetCallerIdentityResult>UserId"`
	Account  string   `xml:"GetCallerIdentityResult>Account"`
	Metadata metadata `xml:"ResponseMetadata"`
}

// getCallerIdentity needs no permission:
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (s *Server) getCallerIdentity(r *http.Request, body []byte, region string) (any, error) {
	held, err := s.Sessions.verify(r, body, service, region)
	if err != nil {
		return nil, err
	}
	return callerIdentityResponse{
		ARN: held.Session.ARN(), UserID: held.Session.UserID(), Account: held.Session.Account,
		Metadata: metadata{RequestID: uuid.NewString()},
	}, nil
}
