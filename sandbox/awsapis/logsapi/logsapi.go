// Package logsapi is logs.REGION.SUFFIX, Amazon CloudWatch Logs as far as the ECS
// agent meets it: CreateLogStream and PutLogEvents, over the groups of a
// [logs.Store].
//
// Both are allowed or not on the stream: a policy that names the group without
// :* allows neither
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html).
// A group that does not exist is a ResourceNotFoundException to whoever may write
// to it, and an AccessDeniedException to everybody else.
package logsapi

import (
	"net/http"
	"slices"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/logs"
	"waybill.example/waybill/sandbox/awsapis/access"
	"waybill.example/waybill/sandbox/awsapis/internal/awsjson"
)

// Server is CloudWatch Logs in every Region of the world's accounts.
type Server struct {
	// IAM decides who may write.
	Gate *access.Gate
	// Groups are those of every account.
	Groups *logs.Store
}

// Endpoint is the one of a Region.
func (s *Server) Endpoint(region string) http.Handler {
	return awsjson.Service{
		Gate: s.Gate, Name: "logs", Region: region, Target: "Logs_20140328",
		Operations: map[string]awsjson.Operation{
			"CreateLogStream": func(call awsjson.Call) (any, error) { return s.createStream(call, region) },
			"PutLogEvents":    func(call awsjson.Call) (any, error) { return s.putEvents(call, region) },
		},
	}
}

// request is what both operations have.
type request struct {
	Group  string `json:"logGroupName"`
	Stream string `json:"logStreamName"`
	// Events are of PutLogEvents.
	Events []event `json:"logEvents"`
}

type event struct {
	// Timestamp is in milliseconds since 1970.
	Timestamp int64 `json:"timestamp"`
}

// read reads a request and asks whether the caller may make it, in its own
// account: no other can be named.
func (s *Server) read(call awsjson.Call, operation, region string) (request, arn.Place, error) {
	var asked request
	if err := awsjson.Decode(call.Body, &asked); err != nil {
		return request{}, arn.Place{}, err
	}
	place := arn.Place{Account: call.Caller.Account, Region: region}
	if asked.Group == "" || asked.Stream == "" {
		return request{}, arn.Place{}, invalid("want a logGroupName and a logStreamName")
	}
	return asked, place, s.Gate.Authorize(call.Caller, iam.Access{
		Action:   "logs:" + operation,
		Resource: place.ARN("logs", "log-group:"+asked.Group+":log-stream:"+asked.Stream),
		Account:  place.Account, Region: region,
	})
}

func (s *Server) createStream(call awsjson.Call, region string) (any, error) {
	asked, place, err := s.read(call, "CreateLogStream", region)
	if err != nil {
		return nil, err
	}
	return struct{}{}, s.Groups.CreateStream(place, asked.Group, asked.Stream)
}

func (s *Server) putEvents(call awsjson.Call, region string) (any, error) {
	asked, place, err := s.read(call, "PutLogEvents", region)
	if err != nil {
		return nil, err
	}
	if len(asked.Events) == 0 {
		return nil, invalid("1 validation error detected: Value '[]' at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	if !slices.IsSortedFunc(asked.Events, func(a, b event) int { return int(a.Timestamp - b.Timestamp) }) {
		return nil, invalid("Log events in a single PutLogEvents request must be in chronological order.")
	}
	return struct{}{}, s.Groups.Put(place, asked.Group, asked.Stream)
}

func invalid(message string) error {
	return fault.Refuse(http.StatusBadRequest, "InvalidParameterException", "%s", message)
}
