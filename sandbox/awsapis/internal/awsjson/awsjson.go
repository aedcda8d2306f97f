// Package awsjson has what the JSON protocols of AWS's services share: reading
// requests, refusing them in a form that client libraries understand, and the
// operations of the JSON 1.1 protocol
// (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html).
package awsjson

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/awsapis/access"
)

// maxBody is the largest request, in bytes: that of PutLogEvents with room for
// its JSON (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html).
const maxBody = 2 << 20

// Read returns the body of a request. It refuses one that is too large.
func Read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, &fault.Error{Status: http.StatusRequestEntityTooLarge, Code: "RequestEntityTooLargeException", Message: err.Error()}
	}
	return body, nil
}

// Decode reads JSON. It refuses what is none.
func Decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return &fault.Error{Status: http.StatusBadRequest, Code: "SerializationException", Message: err.Error()}
	}
	return nil
}

// Refuse answers with an error: a *fault.Error as it is, and anything else as the
// service's own fault. The code is in the header and in the body, where one or the
// other protocol looks for it.
func Refuse(w http.ResponseWriter, err error) {
	refusal := &fault.Error{Status: http.StatusInternalServerError, Code: "InternalServerException", Message: err.Error()}
	errors.As(err, &refusal)
	w.Header().Set("X-Amzn-Errortype", refusal.Code)
	write(w, refusal.Status, map[string]string{"__type": refusal.Code, "message": refusal.Message})
}

// Answer answers with a result.
func Answer(w http.ResponseWriter, result any) { write(w, http.StatusOK, result) }

// write answers with JSON that no client may keep: it can hold credentials.
func write(w http.ResponseWriter, status int, content any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	w.WriteHeader(status)
	// A client that has gone away is nobody to tell.
	_ = json.NewEncoder(w).Encode(content)
}

// Call is a request whose signature is right.
type Call struct {
	Caller iam.Session
	Body   []byte
}

// Operation answers a call.
type Operation func(Call) (any, error)

// Service is an endpoint of the JSON 1.1 protocol.
type Service struct {
	Gate *access.Gate
	// Name is the signing name, for example ecr.
	Name   string
	Region string
	// Target comes before the operation's name in X-Amz-Target, without its dot.
	Target string
	// Operations by name.
	Operations map[string]Operation
}

// ServeHTTP checks the signature and runs the operation.
func (s Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := Read(w, r)
	if err != nil {
		Refuse(w, err)
		return
	}
	target, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	operation, known := s.Operations[name]
	if !known || target != s.Target || r.Method != http.MethodPost || r.URL.Path != "/" {
		Refuse(w, &fault.Error{Status: http.StatusBadRequest, Code: "UnknownOperationException", Message: "the sandbox has no operation " + r.Header.Get("X-Amz-Target")})
		return
	}
	caller, err := s.Gate.Authenticate(r, body, s.Name, s.Region)
	if err != nil {
		Refuse(w, err)
		return
	}
	result, err := operation(Call{Caller: caller, Body: body})
	if err != nil {
		Refuse(w, err)
		return
	}
	Answer(w, result)
}
