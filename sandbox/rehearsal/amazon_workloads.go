package rehearsal

import (
	"context"
	"regexp"
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
	s.audience = &audience
	if byPod {
		audience = audiencePod
		token, err := a.podToken(ctx, s)
		if err != nil {
			return err
		}
		_, err = a.askEKS(ctx, token)
		return err
	}
	token, err := a.subjectToken(ctx, s)
	if err != nil {
		return err
	}
	_, err = a.askSTS(ctx, token, roleARN)
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
