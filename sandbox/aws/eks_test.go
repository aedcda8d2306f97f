package aws_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws"
	"waybill.example/waybill/sandbox/provider/providertest"
)

func association(changes map[string]any) map[string]any {
	return changed(map[string]any{"clusterName": "apps", "namespace": "acme", "serviceAccount": "acme-refresher", "roleArn": nodeRole}, changes)
}

func TestAnAssociationIsFoundByItsServiceAccount(t *testing.T) {
	cloud, engine := as(t, customer)
	created := engine.MustCreate(associationToken, "acme", association(map[string]any{"tags": map[string]any{"customer": "acme"}}))
	assert.Regexp(t, `^a-[a-z0-9]{17}$`, string(created.ID))
	assert.Equal(t, string(created.ID), created.Text(t, "associationId"))
	assert.Equal(t, "arn:aws:eks:eu-central-1:222222222222:podidentityassociation/apps/"+string(created.ID), created.Text(t, "associationArn"))
	found, ok := cloud.EKS.AssociationOf(customerPlace, "apps", "acme", "acme-refresher")
	require.True(t, ok)
	assert.Equal(t, nodeRole, found.RoleARN)
	_, ok = cloud.EKS.AssociationOf(customerPlace, "apps", "acme", "another")
	assert.False(t, ok)
	_, ok = cloud.EKS.AssociationOf(vendorPlace, "apps", "acme", "acme-refresher")
	assert.False(t, ok)
	assert.Equal(t, created.Outputs, engine.Refresh(created).Outputs)
	assert.Equal(t, created.Outputs, engine.Import(associationToken, "acme", "apps,"+string(created.ID)).Outputs)

	found, err := cloud.EKS.SetSessionTags(customerPlace, "apps", found.ID, true)
	require.NoError(t, err)
	assert.True(t, found.DisableSessionTags)
}

func TestAnAssociationChangesItsRoleInPlace(t *testing.T) {
	cloud, engine := as(t, customer)
	created := engine.MustCreate(associationToken, "acme", association(nil))
	role := engine.MustCreate(roleToken, "acme", map[string]any{"name": "acme", "path": "/apps/", "assumeRolePolicy": podsTrust})
	other := association(map[string]any{"roleArn": role.Text(t, "arn")})
	assert.False(t, engine.Diff(created, other).Replace())
	_, err := engine.Update(created, other)
	require.NoError(t, err)
	found, err := cloud.EKS.Association(customerPlace, "apps", string(created.ID))
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:iam::222222222222:role/apps/acme", found.RoleARN)
	for _, property := range []string{"clusterName", "namespace", "serviceAccount"} {
		assert.True(t, engine.Diff(created, association(map[string]any{property: "other"})).Replace(), property)
	}
}

func TestAssociationsThatEKSRefuses(t *testing.T) {
	refusals(t, customer, associationToken, map[string]refusal{
		"unknown cluster": {inputs: association(map[string]any{"clusterName": "nothing"}), want: "creating EKS Pod Identity Association: operation error EKS: CreatePodIdentityAssociation, https response error StatusCode: 404, ResourceNotFoundException: No cluster found for name: nothing."},
		"a second one": {
			inputs: association(nil), want: "https response error StatusCode: 409, ResourceInUseException: Association already exists: a-",
			before: func(_ *testing.T, _ *aws.Cloud, engine *providertest.Engine) {
				engine.MustCreate(associationToken, "first", association(nil))
			},
		},
		"another account's role":   {inputs: association(map[string]any{"roleArn": "arn:aws:iam::111111111111:role/nodes"}), want: "Cross-account pass role is not allowed."},
		"a role that is not there": {inputs: association(map[string]any{"roleArn": "arn:aws:iam::222222222222:role/apps/nodes"}), want: "InvalidParameterException: Role provided in the request does not exist."},
		"no ARN":                   {inputs: association(map[string]any{"roleArn": "nodes"}), want: `roleArn "nodes" is not the ARN of a role`},
		"a wildcard":               {inputs: association(map[string]any{"namespace": "*"}), want: `namespace "*" is not the name of a Kubernetes namespace`},
		"a wrong ServiceAccount":   {inputs: association(map[string]any{"serviceAccount": "Acme"}), want: `serviceAccount "Acme" is not the name of a Kubernetes ServiceAccount`},
	})
}

func TestGetClusterKnowsTheIssuer(t *testing.T) {
	const token = "aws:eks/getCluster:getCluster"
	_, engine := as(t, customer)
	found, err := engine.Invoke(token, map[string]any{"name": "apps"})
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:eks:eu-central-1:222222222222:cluster/apps", found["arn"].StringValue())
	oidc := found["identities"].ArrayValue()[0].ObjectValue()["oidcs"].ArrayValue()[0].ObjectValue()
	assert.Equal(t, issuer, oidc["issuer"].StringValue())
	assert.Equal(t, "1.34", found["version"].StringValue())
	_, err = engine.Invoke(token, map[string]any{"name": "nothing"})
	require.ErrorContains(t, err, "reading EKS Cluster (nothing): couldn't find resource")
	_, vendors := as(t, vendor)
	_, err = vendors.Invoke(token, map[string]any{"name": "apps"})
	require.ErrorContains(t, err, "couldn't find resource", "another account's cluster")
}
