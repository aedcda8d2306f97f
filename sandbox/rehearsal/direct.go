package rehearsal

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"time"
)

// direct is a chain whose ServiceAccount token goes to Google itself: the
// provider trusts the cluster's issuer, whose keys it fetches or was given.
type direct struct {
	*google
	// issuer and subject are those of the access request.
	issuer, subject string
}

func readDirect(ctx context.Context, c *chain, e environment) (way, error) {
	d := &direct{google: newGoogle(c, e.grant), issuer: e.request.text("issuer"), subject: e.request.text("subject")}
	wanted := d.outputs()
	maps.Copy(wanted, map[string]string{"accessRequest.issuer": d.issuer, "accessRequest.subject": d.subject})
	if err := missing(wanted); err != nil {
		return nil, err
	}
	return d, c.findPullSecret(ctx, e.outputs)
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

func (d *direct) draw(ctx context.Context, f *flowchart) error {
	token, err := d.drawn(ctx)
	if err != nil {
		return err
	}
	subject, err := d.principal(ctx)
	if err != nil {
		return err
	}
	d.drawCustomer(f, "cluster "+d.cluster.Context, func() {})
	d.drawVendor(f)
	f.edge("refresher", "provider", hopKubernetes, token...)
	d.drawGrant(f, subject)
	return nil
}

// principal is the subject that the provider makes of the refresher's token.
func (d *direct) principal(ctx context.Context) (string, error) {
	text, err := d.subjectToken(ctx, start{})
	if err != nil {
		return "", err
	}
	t, err := parse(text)
	if err != nil {
		return "", err
	}
	provider, found := d.Google.Cloud.PoolProvider(d.projectNumber, d.pool, d.provider)
	if !found {
		return "", fmt.Errorf("rehearsal: the provider %s of the output accessGrant does not exist", d.provider)
	}
	attributes, err := provider.Attributes(t.Claims)
	if err != nil {
		return "", fmt.Errorf("rehearsal: %w", err)
	}
	return attributes.Subject, nil
}
