package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	// awaitTimeout is v4.30's, for objects without a timeout of their own.
	awaitTimeout = 10 * time.Minute
	// awaitInterval is how often the API server, on loopback, is asked.
	awaitInterval = 200 * time.Millisecond
)

// verdict is what one look at an object tells.
type verdict struct {
	ready   bool
	failed  bool     // it will not become ready: waiting on is of no use
	reasons []string // why it is not ready, in the cluster's words
}

// awaiter knows when an object of one kind is ready.
type awaiter struct {
	goal  string // completes "did not wait for it to …"
	check func(ctx context.Context, s *session, live *unstructured.Unstructured) (verdict, error)
}

// awaiters are the kinds that are waited for.
// https://github.com/pulumi/pulumi-kubernetes provider/pkg/await
var awaiters = map[schema.GroupKind]awaiter{
	jobKind:                             {goal: "complete", check: checkJob},
	{Group: "apps", Kind: "Deployment"}: {goal: "become available", check: checkDeployment},
	{Kind: "Service"}:                   {goal: "have endpoints", check: checkService},
}

// unwaited are kinds that v4.30 waits for and this provider does not.
var unwaited = map[schema.GroupKind]bool{
	{Kind: "Pod"}:                                 true,
	{Kind: "PersistentVolumeClaim"}:               true,
	{Kind: "ReplicationController"}:               true,
	{Group: "apps", Kind: "DaemonSet"}:            true,
	{Group: "apps", Kind: "StatefulSet"}:          true,
	{Group: "networking.k8s.io", Kind: "Ingress"}: true,
}

// await waits until a written object is ready and returns it as it then is,
// also beside an error. What is not waited for, though v4.30 would, is logged.
func (p *Provider) await(ctx context.Context, s *session, urn resource.URN, done string, object, live *unstructured.Unstructured, custom float64) (*unstructured.Unstructured, error) {
	kind := live.GroupVersionKind()
	waiting, known := awaiters[kind.GroupKind()]
	switch {
	case annotated(object, skipAwaitAnnotation):
		return live, nil
	case unwaited[kind.GroupKind()]:
		p.options.Log(urn, fmt.Sprintf("%s; the sandbox does not wait for a %s, as the real provider does", done, kind.Kind))
		return live, nil
	case !known:
		return live, nil
	case !p.options.Await:
		p.options.Log(urn, fmt.Sprintf("%s; the sandbox runs no kubelet, so it did not wait for the %s to %s", done, kind.Kind, waiting.goal))
		return live, nil
	}
	client, err := s.client(kind, live.GetNamespace())
	if err != nil {
		return live, err
	}
	var last verdict
	limit := timeout(custom, object, awaitTimeout)
	err = poll(ctx, limit, func(ctx context.Context) (bool, error) {
		fresh, err := client.Get(ctx, live.GetName(), metav1.GetOptions{})
		if err == nil {
			live = fresh
			var now verdict
			if now, err = waiting.check(ctx, s, live); err == nil {
				last = now
			}
		}
		// A request that fails is tried again. What was seen last says more
		// than the error of a request that the timeout cut short.
		if err != nil && len(last.reasons) == 0 {
			last.reasons = []string{err.Error()}
		}
		return last.ready || last.failed, nil
	})
	switch {
	case last.failed:
		return live, errors.New(strings.Join(last.reasons, "; "))
	case err != nil:
		return live, fmt.Errorf("did not %s: %w: %s", waiting.goal, err, strings.Join(last.reasons, "; "))
	}
	return live, nil
}

// checkReady looks once, as a refresh does.
func (p *Provider) checkReady(ctx context.Context, s *session, object, live *unstructured.Unstructured) error {
	waiting, known := awaiters[live.GroupVersionKind().GroupKind()]
	if !known || !p.options.Await || annotated(object, skipAwaitAnnotation) {
		return nil
	}
	now, err := waiting.check(ctx, s, live)
	if err != nil || now.ready {
		return err
	}
	return fmt.Errorf("did not %s: %s", waiting.goal, strings.Join(now.reasons, "; "))
}

// poll calls look at once and then at intervals until it is done, fails, or the
// limit or the context ends.
func poll(ctx context.Context, limit time.Duration, look func(context.Context) (bool, error)) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(awaitInterval)
	defer ticker.Stop()
	for {
		done, err := look(bounded)
		// A cancellation ends the bounded context too, and a request that it cut
		// off: it is asked for first.
		if ctx.Err() != nil && (!done || err != nil) {
			return errors.New("the operation was cancelled")
		}
		if done || err != nil {
			return err
		}
		select {
		case <-bounded.Done():
			if ctx.Err() != nil {
				return errors.New("the operation was cancelled")
			}
			return fmt.Errorf("timed out after %s", limit)
		case <-ticker.C:
		}
	}
}

// notInitialized is the error of an object that exists but is not ready: the
// engine records it with its outputs and tries to update it the next time.
func notInitialized(err error, id string, outputs, inputs resource.PropertyMap) error {
	marshal := plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, SkipNulls: true}
	state, marshalErr := plugin.MarshalProperties(outputs, marshal)
	if marshalErr != nil {
		return errors.Join(err, marshalErr)
	}
	sent, marshalErr := plugin.MarshalProperties(inputs, marshal)
	if marshalErr != nil {
		return errors.Join(err, marshalErr)
	}
	return rpcerror.WithDetails(rpcerror.New(codes.Unknown, err.Error()), &pulumirpc.ErrorResourceInitFailed{
		Id: id, Properties: state, Inputs: sent, Reasons: []string{err.Error()},
	})
}
