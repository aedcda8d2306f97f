package awsapis_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/awsapis/ecrapi"
)

func TestAnAuthorizationTokenNamesTheCallersOwnRegistryAndLivesTwelveHours(t *testing.T) {
	s := newSetting(t)
	answer, err := s.ECRClient(s.Become(PullRole), Region).GetAuthorizationToken(t.Context(), &awsecr.GetAuthorizationTokenInput{})
	require.NoError(t, err)
	require.Len(t, answer.AuthorizationData, 1)
	data := answer.AuthorizationData[0]
	assert.Equal(t, "https://"+Customer+".dkr.ecr."+Region+".amazonaws.com", aws.ToString(data.ProxyEndpoint))
	assert.WithinDuration(t, time.Now().Add(ecrapi.Lifetime), aws.ToTime(data.ExpiresAt), time.Minute)
	assert.NotEmpty(t, Password(t, aws.ToString(data.AuthorizationToken)))
}

func TestNamedRegistriesChangeTheEndpointAlone(t *testing.T) {
	s := newSetting(t)
	//nolint:staticcheck // deprecated, and still sent by older clients
	answer, err := s.ECRClient(s.Become(PullRole), Region).GetAuthorizationToken(t.Context(), &awsecr.GetAuthorizationTokenInput{RegistryIds: []string{Vendor, Another}})
	require.NoError(t, err)
	require.Len(t, answer.AuthorizationData, 2)
	assert.Equal(t, "https://"+Registry, aws.ToString(answer.AuthorizationData[0].ProxyEndpoint))
	_, err = s.Pull(Image, Password(t, aws.ToString(answer.AuthorizationData[1].AuthorizationToken)))
	require.NoError(t, err)
}

func TestATokenIsRefusedToWhoeverMayNotAskForOne(t *testing.T) {
	s := newSetting(t)
	nobody := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret"}, nil
	})
	forged := aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		credentials, err := s.Become(PullRole).Retrieve(ctx)
		credentials.SecretAccessKey += "x"
		return credentials, err
	})
	for name, test := range map[string]struct {
		credentials aws.CredentialsProvider
		registries  []string
		code, words string
	}{
		"no permission": {
			credentials: s.Become(NodeRole), code: "AccessDeniedException",
			words: "User: arn:aws:sts::444455556666:assumed-role/eks-nodes/i-0123456789abcdef0 is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action",
		},
		"unknown keys":             {credentials: nobody, code: "UnrecognizedClientException", words: "The security token included in the request is invalid."},
		"another signature":        {credentials: forged, code: "InvalidSignatureException", words: "signature"},
		"no registry":              {credentials: s.Become(PullRole), registries: []string{"vendor"}, code: "InvalidParameterException", words: "registryIds"},
		"more than ten registries": {credentials: s.Become(PullRole), registries: make([]string, 11), code: "InvalidParameterException", words: "at most 10"},
	} {
		t.Run(name, func(t *testing.T) {
			//nolint:staticcheck // deprecated, and still sent by older clients
			_, err := s.ECRClient(test.credentials, Region).GetAuthorizationToken(t.Context(), &awsecr.GetAuthorizationTokenInput{RegistryIds: test.registries})
			var refused smithy.APIError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, test.code, refused.ErrorCode())
			assert.Contains(t, refused.ErrorMessage(), test.words)
		})
	}
}

func TestOperationsThatTheSandboxDoesNotHaveAreRefused(t *testing.T) {
	s := newSetting(t)
	_, err := s.ECRClient(s.Become(PullRole), Region).DescribeRepositories(t.Context(), &awsecr.DescribeRepositoriesInput{})
	require.ErrorContains(t, err, "UnknownOperationException")
}
