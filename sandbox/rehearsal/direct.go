package rehearsal

import (
	"cmp"
	"context"
	"time"
)

// direct is a chain whose ServiceAccount token goes to Google itself: the
// provider trusts the cluster's issuer, whose keys it fetches or was given.
type direct struct {
	*google
	// issuer and subject are those of the access request.
	issuer, subject string
}

func readDirect(c *chain, e *environment) way {
	return &direct{google: newGoogle(c, e), issuer: e.text("accessRequest.issuer"), subject: e.text("accessRequest.subject")}
}

func (d *direct) find(ctx context.Context, outputs document) error {
	if err := d.chain.find(ctx, outputs); err != nil {
		return err
	}
	return d.requested(d.issuer, d.subject)
}

func (d *direct) walk(ctx context.Context, report func(Hop)) error {
	return d.walkRefresher(ctx, report, hopSTS, hopIAM)
}

// try goes hop by hop until one refuses; nil if none does.
func (d *direct) try(ctx context.Context, s start, what asked) error {
	token, err := d.subjectToken(ctx, s)
	if err != nil {
		return err
	}
	return d.redeem(ctx, token, what)
}

func (d *direct) cases() ([]testCase, error) {
	all := d.tokenCases(hopSTS, "https://wrong.example/",
		tokenWords{subject: stsCondition, issuer: stsIssuer, audience: stsAudience, time: stsTime, signature: stsSignature},
		func(ctx context.Context, s start) error { return d.try(ctx, s, asked{}) })
	all = append(all, d.tenantCases()...)
	all = append(all, d.grantCases(func(ctx context.Context, what asked) error { return d.try(ctx, start{}, what) })...)
	return append(all, d.hygieneCases()...), nil
}

// entraTenant begins the names of tenantCases.
const entraTenant = "an Entra token of tenant "

// tenantCases bring a token of each Entra tenant of the world, with all that the
// provider looks for but its issuer: the customer's tenant is not trusted.
func (d *direct) tenantCases() []testCase {
	var all []testCase
	for _, tenant := range d.World.Azure.Tenants {
		all = append(all, testCase{entraTenant + tenant.ID, hopSTS, stsIssuer, func(ctx context.Context) error {
			now := time.Now()
			token, err := d.Entra.MintUnchecked(tenant.ID, map[string]any{
				"iss": "https://login.microsoftonline.com/" + tenant.ID + "/v2.0", "tid": tenant.ID, "sub": d.subject, "aud": d.audience,
				"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
			})
			if err != nil {
				return err
			}
			return d.redeem(ctx, token, asked{})
		}})
	}
	return all
}

// intrusions are another environment's token at this provider, and what its
// administrator can sign: this environment's subject, for either provider. The
// clusters of one customer share a pool, so that the subject alone tells nobody
// apart (docs/facts.md §3).
func (d *direct) intrusions(other way) []testCase {
	o, ok := other.(*direct)
	if !ok {
		return nil
	}
	name := cmp.Or(o.environment, defaultEnvironment)
	whose := stsIssuer
	if o.cluster == d.cluster {
		whose = stsCondition
	}
	cases := []testCase{
		{"the ServiceAccount of environment " + name, hopSTS, whose, func(ctx context.Context) error {
			return d.try(ctx, start{of: o.chain, audience: &d.audience}, asked{})
		}},
	}
	if o.cluster == d.cluster {
		return cases
	}
	impostor := start{cluster: o.cluster, namespace: d.namespace, account: d.account}
	if d.subject != o.subject {
		cases = append(cases, testCase{"this subject by the cluster of environment " + name + ", at its own provider", hopSTS, stsCondition,
			func(ctx context.Context) error { return o.try(ctx, impostor, asked{}) }})
	}
	return append(cases, testCase{"this subject by the cluster of environment " + name, hopSTS, stsIssuer,
		func(ctx context.Context) error { return d.try(ctx, impostor, asked{}) }})
}
