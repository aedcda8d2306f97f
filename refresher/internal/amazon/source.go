// Package amazon is the token source of chains that end at AWS's Elastic Container Registry: the cluster's
// ServiceAccount token becomes a role of the customer's account, either at AWS's Security Token Service (IAM
// roles for service accounts, IRSA) or through EKS's Pod Identity agent on the node, and the role asks the
// vendor registry's Region for a registry credential.
//
// The credential providers of Amazon's SDK are built explicitly. There is no default chain, whose last link
// is the node's role (docs/facts.md §4), and no endpoint, profile or key of the environment is read; what STS
// then says about the caller must be the role. It stands on docs/facts.md §4 and §9.
package amazon

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"

	"waybill.example/waybill/refresher/internal/awsname"
	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/redact"
	"waybill.example/waybill/refresher/internal/retry"
	"waybill.example/waybill/refresher/internal/subject"
	"waybill.example/waybill/refresher/internal/wire"
)

// Source obtains the role's registry credential. It implements chain.Source.
type Source struct {
	Identifiers awsname.Identifiers
	Subject     subject.File
	Retry       retry.Policy
	Transport   http.RoundTripper // under the recorders; http.DefaultTransport's behaviour towards proxies is expected
	Agent       http.RoundTripper // to the Pod Identity agent; must know no proxy
	Secrets     *redact.Set
}

// retryer leaves attempts to retry.Policy: a client's own would multiply with them, and know nothing of the
// deadline.
var retryer aws.NopRetryer

var _ chain.Source = (*Source)(nil)

// Hops lists the hops of the trust. They are the same with STS and with the Pod Identity agent.
func (*Source) Hops() []fault.Hop {
	return []fault.Hop{fault.HopKubernetes, fault.HopSTS, fault.HopECR}
}

// Obtain walks from the token file to the registry credential.
func (s *Source) Obtain(ctx context.Context, report chain.Report) (chain.Credential, *fault.Fault) {
	if f := s.Subject.Begin(report); f != nil {
		return chain.Credential{}, f
	}
	role, f := s.becomeRole(ctx, report)
	if f != nil {
		return chain.Credential{}, f
	}
	return s.authorize(ctx, role, report)
}

// refused makes a fault of the last exchange, with the claims of the token that was shown, if one was.
func refused(name fault.Hop, recorder *wire.Recorder, err error, secrets *redact.Set, shown fault.Claims) *fault.Fault {
	return chain.Refused(name, recorder, err, secrets, shown, "ECR documents twelve hours: the node's clock is wrong")
}
