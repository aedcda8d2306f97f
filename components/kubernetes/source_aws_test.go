package kubernetes_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/kubernetes"
)

func ecrRole() kubernetes.ECRRole {
	return kubernetes.ECRRole{RoleARN: pulumi.String("arn:aws:iam::111122223333:role/waybill/shop-pull"), Region: "eu-central-1"}
}

// The refresher's environment names every credential, so that nothing is left
// to a default chain, which could end at the node's role.
func TestWithECRTheRefresherNamesItsRole(t *testing.T) {
	for name, c := range map[string]struct {
		source   kubernetes.TokenSource
		audience string
		want     map[string]string
	}{
		"IRSA": {kubernetes.IRSASource{ECRRole: ecrRole()}, "sts.amazonaws.com", map[string]string{
			"WAYBILL_TRUST":               "irsa",
			"AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/waybill/subject/token",
		}},
		"Pod Identity": {kubernetes.PodIdentitySource{ECRRole: ecrRole()}, "pods.eks.amazonaws.com", map[string]string{
			"WAYBILL_TRUST": "pod-identity", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
			"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/var/run/secrets/waybill/subject/token",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			args := pullSecret()
			args.Source = c.source
			r := register(t, args, false)
			assert.Len(t, r.Of("ConfigMap"), 1, "the images, and no credential configuration")
			assert.Equal(t, "9-59/30 * * * *", r.Named("pull-refresh").Text("spec.schedule"))
			for pod, template := range pods(r) {
				environment := map[string]string{}
				for _, variable := range at(template, "spec.containers[0].env").ArrayValue() {
					if value := variable.ObjectValue()["value"]; value.IsString() {
						environment[variable.ObjectValue()["name"].StringValue()] = value.StringValue()
					}
				}
				for key, value := range c.want {
					assert.Equal(t, value, environment[key], "%s of %s", key, pod)
				}
				assert.Equal(t, "true", environment["AWS_EC2_METADATA_DISABLED"])
				assert.Equal(t, "arn:aws:iam::111122223333:role/waybill/shop-pull", environment["AWS_ROLE_ARN"])
				assert.Equal(t, "eu-central-1", environment["AWS_REGION"])
				for key := range environment {
					assert.NotContains(t, key, "GOOGLE")
				}
				token := volume(t, template, "subject-token")["projected"].(map[string]any)["sources"].([]any)[0].(map[string]any)["serviceAccountToken"].(map[string]any)
				assert.Equal(t, c.audience, token["audience"])
				assert.Len(t, at(template, "spec.volumes").ArrayValue(), 2)
			}
		})
	}
}

func TestWithPodIdentityTheAgentAndNothingElseOfTheNodeIsReached(t *testing.T) {
	args := pullSecret()
	args.Source = kubernetes.PodIdentitySource{ECRRole: ecrRole()}
	egress := register(t, args, false).Named("pull-egress").Value("spec.egress").ArrayValue()
	require.Len(t, egress, 3)
	assert.Equal(t, map[string]any{
		"ports": []any{map[string]any{"protocol": "TCP", "port": 80.0}},
		"to":    []any{map[string]any{"ipBlock": map[string]any{"cidr": "169.254.170.23/32"}}},
	}, egress[2].Mappable())
}

func TestAnECRSourceWithoutItsRoleIsRefused(t *testing.T) {
	args := pullSecret()
	args.Source = kubernetes.IRSASource{}
	err := args.Validate()
	require.ErrorContains(t, err, "source.roleArn is missing")
	require.ErrorContains(t, err, `source.region "": want the cluster's Region`)
}
