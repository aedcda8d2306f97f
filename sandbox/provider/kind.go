package provider

import (
	"context"
	"errors"
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Kind makes the handlers of a resource type from functions that work with its
// inputs as a struct, I, and with what the cloud holds, R. Every type reads,
// refuses, previews and imports in the same way.
type Kind[C, I, R any] struct {
	// Type is everything but the handlers.
	Type[C]
	// Noun names the type in messages, for example IAM Role.
	Noun string
	// Word words a failure as the real provider does. The subject is the name of
	// a new resource, and the ID of one that exists.
	Word func(doing, noun, subject string, err error) error
	// Gone says whether a failure is that the resource does not exist.
	Gone func(err error) bool
	// Subject names a new resource in messages; nil where the provider does not.
	Subject func(inputs I) string

	// Make creates the resource. An error leaves nothing behind, but for an Unsettled
	// one: what was made ends in the state.
	Make func(ctx context.Context, client C, inputs I) (id string, made R, err error)
	// Find looks the resource up. Known is zero when the resource is imported.
	Find func(client C, id string, known I) (R, error)
	// Change updates the resource in place; nil where every change replaces it.
	// Errors are as Make's.
	Change func(ctx context.Context, client C, id string, inputs I) (R, error)
	// Remove deletes the resource.
	Remove func(ctx context.Context, client C, id string, known I) error
	// Show returns the outputs of a resource that a program gave these inputs.
	Show func(client C, held R, inputs I) map[string]any
}

// Resource returns the type with its handlers.
func (k Kind[C, I, R]) Resource() Type[C] {
	result := k.Type
	result.Create = func(ctx context.Context, client C, properties resource.PropertyMap) (string, map[string]any, error) {
		var inputs I
		if err := Decode(properties, &inputs); err != nil {
			return "", nil, err
		}
		id, made, err := k.Make(ctx, client, inputs)
		if err != nil {
			subject := ""
			if k.Subject != nil {
				subject = k.Subject(inputs)
			}
			var unsettled *Unsettled
			if err = k.Word("creating", k.Noun, subject, err); !errors.As(err, &unsettled) {
				return "", nil, err
			}
		}
		return id, k.Show(client, made, inputs), err
	}
	result.Read = func(_ context.Context, client C, id string, state resource.PropertyMap) (map[string]any, error) {
		var known I
		if err := Decode(state, &known); err != nil {
			return nil, err
		}
		found, err := k.Find(client, id, known)
		switch {
		case err == nil:
			return k.Show(client, found, known), nil
		case k.Gone(err):
			return nil, nil
		}
		return nil, k.Word("reading", k.Noun, id, err)
	}
	if k.Change != nil {
		result.Update = func(ctx context.Context, client C, id string, properties resource.PropertyMap) (map[string]any, error) {
			var inputs I
			if err := Decode(properties, &inputs); err != nil {
				return nil, err
			}
			changed, err := k.Change(ctx, client, id, inputs)
			if err != nil {
				var unsettled *Unsettled
				if err = k.Word("updating", k.Noun, id, err); !errors.As(err, &unsettled) {
					return nil, err
				}
			}
			return k.Show(client, changed, inputs), err
		}
	}
	result.Delete = func(ctx context.Context, client C, id string, state resource.PropertyMap) error {
		var known I
		if err := Decode(state, &known); err != nil {
			return err
		}
		if err := k.Remove(ctx, client, id, known); err != nil && !k.Gone(err) {
			return k.Word("deleting", k.Noun, id, err)
		}
		return nil
	}
	return result
}

// LookUp makes a function whose arguments are a struct, A, and in the SDK's form shape.
func LookUp[C, A any](token string, shape reflect.Type, run func(client C, args A) (map[string]any, error)) Function[C] {
	return Function[C]{Tok: token, Args: shape, Run: func(_ context.Context, client C, properties resource.PropertyMap) (map[string]any, error) {
		var args A
		if err := Decode(properties, &args); err != nil {
			return nil, err
		}
		return run(client, args)
	}}
}

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
