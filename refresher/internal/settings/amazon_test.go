package settings_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/refresher/internal/settings"
)

const tokenFile = "/var/run/secrets/waybill/subject/token"

// amazonEnvironment is the pod of a trust of AWS, with changes; a change to "-" takes the variable away.
func amazonEnvironment(trust string, changes map[string]string) settings.Lookup {
	env := map[string]string{
		"WAYBILL_TRUST":              trust,
		"WAYBILL_SECRET":             "product-pull",
		"WAYBILL_NAMESPACE":          "product",
		"WAYBILL_IMAGE":              "444455556666.dkr.ecr.us-east-1.amazonaws.com/acme/product:1.10",
		"WAYBILL_SUBJECT_TOKEN_FILE": tokenFile,
		"WAYBILL_AWS_ROLE_ARN":       "arn:aws:iam::111122223333:role/team/puller",
		"WAYBILL_AWS_REGION":         "eu-west-1",
		"AWS_EC2_METADATA_DISABLED":  "true",
	}
	if trust == "irsa" {
		env["WAYBILL_SUBJECT_AUDIENCE"] = "sts.amazonaws.com"
		env["AWS_ROLE_ARN"] = env["WAYBILL_AWS_ROLE_ARN"]
		env["AWS_WEB_IDENTITY_TOKEN_FILE"] = tokenFile
	} else {
		env["WAYBILL_SUBJECT_AUDIENCE"] = "pods.eks.amazonaws.com"
		env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://169.254.170.23/v1/credentials"
		env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = tokenFile
	}
	maps.Copy(env, changes)

	maps.DeleteFunc(env, func(_, value string) bool { return value == "-" })

	return func(key string) (string, bool) { value, ok := env[key]; return value, ok }
}

func TestTheTrustsOfAWSNeedNothingOfGoogle(t *testing.T) {
	for trust, audience := range map[string]string{"irsa": "sts.amazonaws.com", "pod-identity": "pods.eks.amazonaws.com"} {
		for _, shown := range []string{audience, "-"} {
			s, err := settings.Load(amazonEnvironment(trust, map[string]string{"WAYBILL_SUBJECT_AUDIENCE": shown}))
			require.NoError(t, err)
			require.NoError(t, s.CheckCredentialConfig())
			assert.Nil(t, s.Entra)
			assert.Equal(t, []string{audience}, s.SubjectAudiences)
			assert.Equal(t, "arn:aws:iam::111122223333:role/team/puller", s.Amazon.Role.String())
			assert.Equal(t, "sts.eu-west-1.amazonaws.com", s.Amazon.Region.STSHost())
			assert.Equal(t, "444455556666.dkr.ecr.us-east-1.amazonaws.com", s.Amazon.Registry.Host())
		}
	}
}

func TestTheAgentIsAskedOnlyWhereTheTrustSaysSo(t *testing.T) {
	agent := "http://169.254.170.23/v1/credentials"
	s, err := settings.Load(amazonEnvironment("irsa", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent}))
	require.NoError(t, err)
	assert.Empty(t, s.Amazon.AgentURL)
	for _, url := range []string{agent, "http://[fd00:ec2::23]/v1/credentials"} {
		s, err = settings.Load(amazonEnvironment("pod-identity", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}))
		require.NoError(t, err)
		assert.Equal(t, url, s.Amazon.AgentURL)
	}
}

func TestEachWrongValueOfAWSIsNamedWithTheWish(t *testing.T) {
	cases := []struct{ trust, key, value, wish string }{
		{"irsa", "WAYBILL_AWS_ROLE_ARN", "-", "want a value"},
		{"irsa", "WAYBILL_AWS_REGION", "-", "want a value"},
		{"irsa", "WAYBILL_AWS_REGION", "eu-west", "want a Region"},
		{"irsa", "WAYBILL_AWS_REGION", "cn-north-1", "want a Region of the role's partition, aws"},
		{"irsa", "WAYBILL_IMAGE", "444455556666.dkr.ecr.us-gov-west-1.amazonaws.com/acme/product:1.10", "want a registry of the role's partition, aws"},
		{"irsa", "WAYBILL_IMAGE", "europe-west1-docker.pkg.dev/vendor/acme/product:1.10", "no other host is shown the token"},
		{"irsa", "WAYBILL_IMAGE", "public.ecr.aws/acme/product:1.10", "no other host is shown the token"},
		{"irsa", "WAYBILL_IMAGE", "444455556666.dkr.ecr.us-east-1.amazonaws.com/acme/product", "want HOST/PATH:TAG"},
		{"irsa", "WAYBILL_SUBJECT_AUDIENCE", "pods.eks.amazonaws.com", "want sts.amazonaws.com"},
		{"irsa", "AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/other", "want the value of WAYBILL_AWS_ROLE_ARN"},
		{"irsa", "AWS_ROLE_ARN", "-", "want the value of WAYBILL_AWS_ROLE_ARN"},
		{"irsa", "AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/eks.amazonaws.com/serviceaccount/token", "want the value of WAYBILL_SUBJECT_TOKEN_FILE"},
		{"irsa", "AWS_EC2_METADATA_DISABLED", "-", "want true"},
		{"pod-identity", "AWS_EC2_METADATA_DISABLED", "false", "want true"},
		{"pod-identity", "WAYBILL_SUBJECT_AUDIENCE", "sts.amazonaws.com", "want pods.eks.amazonaws.com"},
		{"pod-identity", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/etc/passwd", "want the value of WAYBILL_SUBJECT_TOKEN_FILE"},
		{"pod-identity", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "-", "want a value"},
		{"pod-identity", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.169.254/v1/credentials", "want http://169.254.170.23/v1/credentials"},
		{"pod-identity", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials/", "want http://169.254.170.23/v1/credentials"},
		{"pod-identity", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23.stranger.example/v1/credentials", "want http://169.254.170.23/v1/credentials"},
		{"pod-identity", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/v1/credentials", "want http://169.254.170.23/v1/credentials"},
	}
	for _, c := range cases {
		t.Run(c.trust+" "+c.key+"="+c.value, func(t *testing.T) {
			_, err := settings.Load(amazonEnvironment(c.trust, map[string]string{c.key: c.value}))
			require.Error(t, err)
			problems := settings.AsProblems(err)
			require.Len(t, problems, 1)
			assert.True(t, strings.HasPrefix(problems[0], c.key+" \""), problems[0])
			assert.Contains(t, problems[0], c.wish)
		})
	}
}

func TestAWrongRoleIsNamedOnceWithItsCopy(t *testing.T) {
	_, err := settings.Load(amazonEnvironment("irsa", map[string]string{
		"WAYBILL_AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/*", "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/*",
	}))
	problems := settings.AsProblems(err)
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0], "want a role's ARN")
}

func TestTheAgentsRefusedAddressIsShownWithoutItsSecrets(t *testing.T) {
	_, err := settings.Load(amazonEnvironment("pod-identity", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://user:hunter2@169.254.170.23/v1/credentials?key=hunter2"}))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestTheTrustsOfAWSHaveNoSubjectTokenToHandOut(t *testing.T) {
	for _, trust := range []string{"irsa", "pod-identity"} {
		_, err := settings.LoadSubject(amazonEnvironment(trust, nil))
		require.ErrorContains(t, err, "AWS takes the projected file itself")
	}
}
