package settle

import (
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asked is what a hook answers to errors, the newest first, and how long it slept.
func asked(t *testing.T, cloud Cloud, errors ...string) (retry bool, slept time.Duration) {
	t.Helper()
	retry, err := cloud.retry(func(d time.Duration) { slept += d })(&pulumi.ErrorHookArgs{Errors: errors})
	require.NoError(t, err, "an error of the hook's would hide the cloud's")
	return retry, slept
}

// The texts are as the providers print them.
func TestWhatSettlesIsTriedAgainAndNothingElse(t *testing.T) {
	const policy = "Error setting IAM policy for artifactregistry repository 'r': googleapi: "
	for text, c := range map[string]struct {
		cloud Cloud
		again bool
	}{
		policy + "Error 400: Service account a@p.iam.gserviceaccount.com does not exist., badRequest":                                     {Google, true},
		"googleapi: Error 400: Identity Pool does not exist (projects/1/locations/global/workloadIdentityPools/p). Please check":          {Google, true},
		"Error retrieving IAM policy for service account 'a': googleapi: Error 404: Unknown service account":                              {Google, true},
		"googleapi: Error 403: Permission 'iam.serviceAccounts.getIamPolicy' denied on resource (or it may not exist)., forbidden":        {Google, true},
		"googleapi: Error 403: Permission iam.serviceAccounts.get is required to perform this operation on service account a., forbidden": {Google, true},
		"Error creating WorkloadIdentityPoolProvider: googleapi: Error 404: Requested entity was not found.":                              {Google, true},
		"Error creating WorkloadIdentityPoolProvider: googleapi: Error 409: Requested entity already exists":                              {Google, false},
		"Error retrieving IAM policy for artifactregistry repository \"r\": googleapi: Error 404: Requested entity was not found.":        {Google, false},
		"googleapi: Error 403: Permission 'artifactregistry.repositories.setIamPolicy' denied on resource 'r'":                            {Google, false},
		"Status=404 Code=\"ParentResourceNotFound\" Message=\"Failed to perform 'write' on resource(s) of type 't'\"":                     {Azure, true},
		"Status=409 Code=\"ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity\"":                                        {Azure, true},
		"Status=404 Code=\"ResourceGroupNotFound\" Message=\"Resource group 'g' could not be found.\"":                                    {Azure, false},
		"operation error ECR: SetRepositoryPolicy, InvalidParameterException: failed to satisfy constraint: 'Principal not found'":        {AWS, true},
		"operation error IAM: CreateRole, MalformedPolicyDocument: Invalid principal in policy: \"AWS\":\"arn:aws:iam::1:role/r\"":        {AWS, true},
		"operation error EKS: CreatePodIdentityAssociation, InvalidParameterException: Role provided in the request does not exist.":      {AWS, true},
		"operation error ECS: CreateService, InvalidParameterException: ECS was unable to assume the role 'arn' that was provided":        {AWS, true},
		"operation error IAM: CreateRole, MalformedPolicyDocument: Syntax errors in policy.":                                              {AWS, false},
		"operation error ECS: CreateService, InvalidParameterException: No Fargate configuration exists for given values.":                {AWS, false},
	} {
		again, slept := asked(t, c.cloud, text)
		assert.Equal(t, c.again, again, text)
		assert.Equal(t, c.again, slept > 0, text)
		again, _ = asked(t, c.cloud, "the quota is used up", text)
		assert.False(t, again, "the newest error counts, which stands first")
	}
	again, _ := asked(t, Google)
	assert.False(t, again)
}

func TestWhatIsNotTriedAgainIsExplained(t *testing.T) {
	for text, want := range map[string][]string{
		"Principal not found":     nil,
		"last state: 'tfPENDING'": {"last state: 'tfPENDING'"},
	} {
		var explained []string
		_, err := AWS.retry(func(time.Duration) {}, func(text string) { explained = append(explained, text) })(&pulumi.ErrorHookArgs{Errors: []string{text}})
		require.NoError(t, err)
		assert.Equal(t, want, explained)
	}
}

// The engine gives up after 100 errors with words of its own.
func TestTheLimitIsBelowTheEnginesAndTheCloudsWordsAreKept(t *testing.T) {
	for _, cloud := range []Cloud{Google, Azure, AWS} {
		for _, refusal := range cloud {
			text, total := strings.Join(refusal.texts, " "), time.Duration(0)
			for n := 1; ; n++ {
				errors := make([]string, n)
				for i := range errors {
					errors[i] = text
				}
				again, slept := asked(t, cloud, errors...)
				if total += slept; !again {
					assert.Less(t, n, 100, text)
					break
				}
				assert.GreaterOrEqual(t, slept, refusal.first, text)
				assert.LessOrEqual(t, slept, refusal.longest*3/2, text)
			}
			assert.Greater(t, total, time.Minute, text)
			assert.Less(t, total, 5*time.Minute, text)
		}
	}
}
