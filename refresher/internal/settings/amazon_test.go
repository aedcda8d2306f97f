package settings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/refresher/internal/settings"
)

// amazonPod is the environment of a trust of AWS's, with changes; a change to "-" takes the variable away.
func amazonPod(trust string, changes map[string]string) settings.Lookup {
	env := map[string]string{
		"WAYBILL_TRUST":             trust,
		"WAYBILL_SECRET":            "product-pull",
		"WAYBILL_NAMESPACE":         "product",
		"WAYBILL_REGISTRY":          "444455556666.dkr.ecr.us-east-1.amazonaws.com",
		"WAYBILL_IMAGES":            "444455556666.dkr.ecr.us-east-1.amazonaws.com/acme/product:1.10",
		"AWS_ROLE_ARN":              "arn:aws:iam::111122223333:role/team/puller",
		"AWS_REGION":                "eu-west-1",
		"AWS_EC2_METADATA_DISABLED": "true",
	}
	if trust == "irsa" {
		env["AWS_WEB_IDENTITY_TOKEN_FILE"] = tokenFile
	} else {
		env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://169.254.170.23/v1/credentials"
		env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = tokenFile
	}
	return changed(env, changes)
}

func TestTheTrustsOfAWSNeedNothingOfGoogle(t *testing.T) {
	for trust, audience := range map[string]string{"irsa": "sts.amazonaws.com", "pod-identity": "pods.eks.amazonaws.com"} {
		s, err := settings.Load(amazonPod(trust, nil))
		require.NoError(t, err)
		assert.Nil(t, s.Entra)
		assert.Equal(t, audience, s.SubjectAudience)
		assert.Equal(t, tokenFile, s.SubjectTokenFile)
		assert.Equal(t, "arn:aws:iam::111122223333:role/team/puller", s.Amazon.Role.String())
		assert.Equal(t, "sts.eu-west-1.amazonaws.com", s.Amazon.Region.STSHost())
		assert.Equal(t, s.Registry, s.Amazon.Registry.Host())
	}
}

func TestTheAgentIsAskedOnlyWhereTheTrustSaysSo(t *testing.T) {
	agent := "http://169.254.170.23/v1/credentials"
	s, err := settings.Load(amazonPod("irsa", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent}))
	require.NoError(t, err)
	assert.Empty(t, s.Amazon.AgentURL)
	for _, url := range []string{agent, "http://[fd00:ec2::23]/v1/credentials"} {
		s, err = settings.Load(amazonPod("pod-identity", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}))
		require.NoError(t, err)
		assert.Equal(t, url, s.Amazon.AgentURL)
	}
}

func TestEachWrongValueOfAWSIsNamedWithTheWish(t *testing.T) {
	cases := []struct{ trust, key, value, wish string }{
		{"irsa", "AWS_ROLE_ARN", "-", "want a value"},
		{"irsa", "AWS_REGION", "-", "want a value"},
		{"irsa", "AWS_REGION", "eu-west", "want a Region"},
		{"irsa", "AWS_REGION", "cn-north-1", "want the role's partition, aws"},
		{"irsa", "AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/*", "want a role's ARN"},
		{"irsa", "AWS_WEB_IDENTITY_TOKEN_FILE", "-", "want a value"},
		{"pod-identity", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "-", "want a value"},
		{"irsa", "WAYBILL_IMAGES", "public.ecr.aws/acme/product:1.10", "its host is public.ecr.aws: want 444455556666.dkr.ecr.us-east-1.amazonaws.com"},
		{"irsa", "WAYBILL_IMAGES", "444455556666.dkr.ecr.us-east-1.amazonaws.com/acme/product", "want HOST/PATH:TAG"},
		{"irsa", "AWS_EC2_METADATA_DISABLED", "-", "want true"},
		{"pod-identity", "AWS_EC2_METADATA_DISABLED", "false", "want true"},
		{"pod-identity", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "-", "want a value"},
		{"pod-identity", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.169.254/v1/credentials", "want http://169.254.170.23/v1/credentials"},
		{"pod-identity", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials/", "want http://169.254.170.23/v1/credentials"},
		{"pod-identity", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23.stranger.example/v1/credentials", "want http://169.254.170.23/v1/credentials"},
		{"pod-identity", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/v1/credentials", "want http://169.254.170.23/v1/credentials"},
	}
	for _, c := range cases {
		t.Run(c.trust+" "+c.key+"="+c.value, func(t *testing.T) {
			_, err := settings.Load(amazonPod(c.trust, map[string]string{c.key: c.value}))
			require.Error(t, err)
			problems := settings.AsProblems(err)
			require.Len(t, problems, 1)
			assert.True(t, strings.HasPrefix(problems[0], c.key+" \""), problems[0])
			assert.Contains(t, problems[0], c.wish)
		})
	}
}

func TestARegistryThatIsNotOfTheChainIsRefused(t *testing.T) {
	for host, wish := range map[string]string{
		"444455556666.dkr.ecr.us-gov-west-1.amazonaws.com": "want the role's partition, aws",
		"europe-west1-docker.pkg.dev":                      "want an Elastic Container Registry host",
	} {
		_, err := settings.Load(amazonPod("irsa", map[string]string{"WAYBILL_REGISTRY": host, "WAYBILL_IMAGES": host + "/acme/product:1"}))
		problems := settings.AsProblems(err)
		require.Len(t, problems, 1)
		assert.Contains(t, problems[0], "WAYBILL_REGISTRY \""+host+"\"")
		assert.Contains(t, problems[0], wish)
	}
}

func TestTheAgentsRefusedAddressIsShownWithoutItsSecrets(t *testing.T) {
	_, err := settings.Load(amazonPod("pod-identity", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://user:hunter2@169.254.170.23/v1/credentials?key=hunter2"}))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestTheTrustsOfAWSHaveNoSubjectTokenToHandOut(t *testing.T) {
	for _, trust := range []string{"irsa", "pod-identity"} {
		_, err := settings.LoadSubject(amazonPod(trust, nil))
		require.ErrorContains(t, err, "the projected file itself is the subject token")
	}
}
