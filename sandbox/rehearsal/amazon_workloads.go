package rehearsal

import (
	"cmp"
	"context"
	"regexp"

	"waybill.example/waybill/sandbox/aws/sts"
	"waybill.example/waybill/sandbox/awsapis/eksauth"
)

// The audiences of tokens for AWS (docs/facts.md §4).
const (
	audienceSTS = "sts.amazonaws.com"
	audiencePod = "pods.eks.amazonaws.com"
)

// tokensOf gives who issues the tokens of a ServiceAccount, and whether it becomes its
// role by EKS Pod Identity, and not by IRSA.
func (a *amazon) tokensOf(namespace, account string) (issuer string, byPod bool, err error) {
	if a.vendorRole() {
		return a.issuer, false, nil
	}
	cluster, err := a.eksCluster()
	if err != nil {
		return "", false, err
	}
	_, byPod = a.Cloud.EKS.AssociationOf(cluster.Place, cluster.Name, namespace, account)
	return cluster.Issuer, byPod, nil
}

// becomeRole becomes a role with a workload's token; nil if nobody refuses. By
// Pod Identity nobody asks for a role, so that for another than its own EKS is
// asked to give it.
func (a *amazon) becomeRole(ctx context.Context, w *workload, roleARN string) error {
	_, byPod, err := a.tokensOf(w.namespace, w.account)
	if err != nil {
		return err
	}
	if byPod && roleARN != w.roleARN {
		return a.giveToPod(a, w.namespace, w.account, roleARN)
	}
	s, audience := w.start(), audienceSTS
	if byPod {
		audience = audiencePod
	}
	s.audience = &audience
	_, err = a.become(ctx, s, byPod, roleARN)
	return err
}

// workloadCases are the workload trying to pull: as the refresher or the node,
// and as itself.
func (a *amazon) workloadCases(w *workload) []testCase {
	return []testCase{
		{"another, or no, key for the role of " + w.name, hopSTS, trustKeys, func(context.Context) error {
			trust, err := a.accountTrust(w.namespace, w.account, w.roleARN)
			if err != nil {
				return err
			}
			for key, as := range trust.keys {
				if len(as.others) == 0 {
					continue
				}
				if err = a.mistrust(trust, key); isAllowed(err) {
					return err
				}
			}
			return err
		}},
		{w.name + " as the one who pulls", hopSTS, roleOrService, func(ctx context.Context) error { return a.becomeRole(ctx, w, a.roleARN) }},
		{"the role of " + w.name + " at the vendor", hopECR, ecrToken, a.vary(amazonVariation{become: w.roleARN})},
	}
}

// roleOrService is a role's trust that refuses a token, or EKS on behalf of a pod.
var roleOrService = regexp.MustCompile(roleTrust.String() + "|" + roleService.String())

// intrusions are another environment's ServiceAccount asking for this role. By
// EKS Pod Identity nobody asks for a role: there it is the other's token at this
// cluster, and EKS asked to give the other's pod this role. Environments that
// share a role, as where the same nodes pull, are one to the vendor.
func (a *amazon) intrusions(other way) []testCase {
	o, ok := other.(*amazon)
	if !ok || !a.refreshes() || !o.refreshes() || o.roleARN == a.roleARN || o.podIdentity() != a.podIdentity() {
		return nil
	}
	whose := "the ServiceAccount of environment " + cmp.Or(o.environment, defaultEnvironment)
	intrude := func(ctx context.Context) error { return a.start(ctx, start{of: o.chain}) }
	if !a.podIdentity() {
		return []testCase{{whose, hopSTS, roleTrust, intrude}}
	}
	var cases []testCase
	if o.cluster != a.cluster {
		cases = append(cases, testCase{whose, hopSTS, podToken, intrude})
	}
	return append(cases, testCase{whose + ", with an association for this role", hopSTS, roleService, func(context.Context) error {
		return a.giveToPod(o, o.namespace, o.account, a.roleARN)
	}})
}

// giveToPod asks STS for a role as EKS does for a pod of a ServiceAccount on
// another chain's cluster that has an association for the role; nil if the role
// trusts it.
func (a *amazon) giveToPod(on *amazon, namespace, account, roleARN string) error {
	cluster, err := on.eksCluster()
	if err != nil {
		return err
	}
	_, err = a.STS.Assume(sts.Assumption{
		Service: eksauth.Service, RoleARN: roleARN, Session: sessionName, SourceARN: cluster.ARN(),
		Tags: map[string]string{
			"eks-cluster-arn": cluster.ARN(), "eks-cluster-name": cluster.Name,
			"kubernetes-namespace": namespace, "kubernetes-service-account": account,
		},
	})
	if err != nil {
		return refusedByStore(hopSTS, err)
	}
	return nil
}
