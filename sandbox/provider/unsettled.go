package provider

import (
	"errors"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Unsettled is a failure after which the resource exists, not as it was to be:
// it ends in the state, and the engine updates it at the next run, changed or not.
type Unsettled struct{ Err error }

// Error implements error.
func (u *Unsettled) Error() string { return u.Err.Error() }

// Unwrap returns the cause.
func (u *Unsettled) Unwrap() error { return u.Err }

// initFailed is a failure with the state that it leaves, as engines read it.
type initFailed struct {
	error
	status *status.Status
}

// GRPCStatus is what the server sends.
func (i *initFailed) GRPCStatus() *status.Status { return i.status }

// Unwrap returns the cause.
func (i *initFailed) Unwrap() error { return i.error }

// withState adds the state to the failure where the resource exists.
func withState(err error, id resource.ID, inputs, outputs resource.PropertyMap) error {
	var unsettled *Unsettled
	if !errors.As(err, &unsettled) {
		return err
	}
	options := plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true}
	state, stateErr := plugin.MarshalProperties(outputs, options)
	given, givenErr := plugin.MarshalProperties(inputs, options)
	failed, statusErr := status.New(codes.Unknown, err.Error()).WithDetails(&pulumirpc.ErrorResourceInitFailed{
		Id: string(id), Properties: state, Inputs: given, Reasons: []string{err.Error()},
	})
	if problem := errors.Join(stateErr, givenErr, statusErr); problem != nil {
		return errors.Join(err, problem)
	}
	return &initFailed{error: err, status: failed}
}
