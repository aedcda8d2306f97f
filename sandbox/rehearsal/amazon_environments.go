package rehearsal

import (
	"cmp"
	"context"

	"waybill.example/waybill/sandbox/aws/sts"
	"waybill.example/waybill/sandbox/awsapis/eksauth"
)

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
