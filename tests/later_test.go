package tests_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/tests/recorder"
)

// An argument that another resource or a look-up gives later is missing under
// its own key and no other, so that a program can check everything else early.
func TestAMissingArgumentIsAProblemOfItsOwnKeyAlone(t *testing.T) {
	identity := workloadIdentity("acme")
	identity.Subjects[0].Issuer = ""
	entra := imageGrant("acme")
	trust := entra.Readers[0].Trust.(gcp.EntraTrust)
	trust.PrincipalID, trust.ClientID = nil, nil
	entra.Readers[0].Trust = trust
	cluster := imageGrant("acme")
	cluster.Readers = []gcp.Reader{
		{Name: "prod", Trust: gcp.ClusterTrust{Namespace: "app", ServiceAccount: "app-refresher"}},
		{Name: "dev", Trust: gcp.ClusterTrust{Namespace: "app", ServiceAccount: "app-refresher"}},
	}
	role := amazonRole("acme")
	role.Trust = aws.IRSA{}
	service := amazonService("acme")
	service.Repository.Name = ""
	pull := pullSecret("acme")
	source := pull.Source.(kubernetes.EntraSource)
	source.GoogleIdentifiers, source.ClientID = kubernetes.GoogleIdentifiers{}, nil
	pull.Source = source
	amazon := pullSecret("acme")
	amazon.Source = kubernetes.IRSASource{ECRRole: kubernetes.ECRRole{Region: recorder.AmazonRegion}}
	product := workload("acme")
	product.Namespace, product.Image = nil, nil

	for name, c := range map[string]struct {
		validate func(later ...string) error
		keys     []string
	}{
		"an issuer that Entra trusts":    {identity.Validate, []string{"subjects[0].issuer"}},
		"an identity that Google trusts": {entra.Validate, []string{"readers[0].trust.principalId", "readers[0].trust.clientId"}},
		"issuers that Google trusts":     {cluster.Validate, []string{"readers[0].trust.issuer", "readers[1].trust.issuer"}},
		"an issuer that IAM trusts":      {role.Validate, []string{"trust.issuer"}},
		"a repository":                   {service.Validate, []string{"repository.name"}},
		"a grant of Google's":            {pull.Validate, []string{"source.projectNumber", "source.pool", "source.provider", "source.serviceAccount", "source.clientId"}},
		"a role":                         {amazon.Validate, []string{"source.roleArn"}},
		"a namespace and an image":       {product.Validate, []string{"namespace", "image"}},
	} {
		t.Run(name, func(t *testing.T) {
			var keys []string
			for _, problem := range check.List(c.validate()) {
				keys = append(keys, problem.Key)
			}
			assert.Equal(t, c.keys, keys)
			require.NoError(t, c.validate(c.keys...))
		})
	}
}
