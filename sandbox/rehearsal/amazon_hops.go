package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

func (a *amazon) walk(ctx context.Context, report func(Hop)) error {
	switch {
	case a.onECS():
		return a.walkTask(ctx, report)
	case a.refreshes():
		return a.walkRefresher(ctx, report, hopSTS, hopECR)
	default:
		return a.walkNode(ctx, report)
	}
}

// walkNode asks ECR as the cluster's node does, and lets the kubelet pull.
func (a *amazon) walkNode(ctx context.Context, report func(Hop)) error {
	hop, err := a.nodeLogin(ctx)
	if err != nil {
		return err
	}
	report(hop)
	if !hop.OK {
		return nil
	}
	since := a.Record.mark()
	if hop, err = a.pull(ctx, nil); err != nil {
		return err
	}
	report(a.pulledBy(hop, since, func(pulled answer) bool {
		_, own := a.Record.find(since, hopECR, func(given answer) bool { return given.given == pulled.shown })
		return own // the node's provider asked for it, and nobody else's
	}))
	return nil
}

// nodeLogin is what the kubelet's credential provider does before a pull.
func (a *amazon) nodeLogin(ctx context.Context) (Hop, error) {
	session, err := a.asNode()
	var until time.Time
	if err == nil {
		_, until, err = ecrLogin(ctx, a.Client, session, a.vendor.Region)
	}
	var by *refused
	switch {
	case errors.As(err, &by):
		return Hop{Name: hopECR, Detail: by.words}, nil
	case err != nil:
		return Hop{}, err
	}
	return Hop{Name: hopECR, OK: true, Detail: describe([2]string{"subject", a.roleARN}, [2]string{"audience", a.registry},
		[2]string{"until", until.UTC().Format(time.RFC3339)})}, nil
}

// walkTask lets ECS start a task of the service.
func (a *amazon) walkTask(ctx context.Context, report func(Hop)) error {
	hops, err := a.Tasks.RunTask(ctx, a.service)
	if err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	for _, hop := range hops {
		report(Hop{Name: hop.Name, OK: hop.OK, Detail: firstLine(hop.Detail)})
	}
	return nil
}

// attempt goes the chain as it is gone in production, but for what the cloud was
// told for the moment; nil if nobody refuses.
func (a *amazon) attempt(ctx context.Context) (refusal error) {
	if !a.onECS() {
		return a.try(ctx, amazonVariation{})
	}
	err := a.walkTask(ctx, func(hop Hop) { refusal = refusedAt(hop, nil) })
	return errors.Join(err, refusal)
}
