package awsapis_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/awsapis/ecrapi"
)

var vendor = arn.Place{Account: Vendor, Region: Region}

// denial is ECR's answer to the pull role.
func denial(action, repository, because string) string {
	return "DENIED: User: arn:aws:sts::444455556666:assumed-role/acme-pull/i-0123456789abcdef0 is not authorized to perform: " + action +
		" on resource: arn:aws:ecr:eu-central-1:111122223333:repository/" + repository + " because " + because + " the " + action + " action"
}

func TestARolePullsFromAnotherAccountByTagAndByDigest(t *testing.T) {
	s := newSetting(t)
	token := s.Token(PullRole, Region)
	byTag, err := s.Pull(Image, token)
	require.NoError(t, err)
	index, err := byTag.ImageIndex()
	require.NoError(t, err)
	require.NoError(t, validate.Index(index), "every manifest and layer can be pulled")
	byDigest, err := s.Pull(Registry+"/acme/server@"+byTag.Digest.String(), token)
	require.NoError(t, err)
	assert.Equal(t, byTag.Digest, byDigest.Digest)
	head, err := remote.Head(Reference(t, Image), s.As("AWS", token)...)
	require.NoError(t, err)
	assert.Equal(t, byTag.Digest, head.Digest)
}

func TestATokenSurvivesARestart(t *testing.T) {
	s := newSetting(t)
	token := s.Token(PullRole, Region)
	before, err := s.Pull(Image, token)
	require.NoError(t, err)
	s.Start()
	after, err := s.Pull(Image, token)
	require.NoError(t, err)
	assert.Equal(t, before.Digest, after.Digest)
}

func TestOneTokenWorksOnEveryRegistryThatItsPrincipalMayRead(t *testing.T) {
	s := newSetting(t)
	require.NoError(t, s.Account(Customer).PutRolePolicy("acme-pull", "own", Document(Allow("*", PullActions...))))
	token := s.Token(PullRole, Region)
	for _, image := range []string{Image, Own} {
		_, err := s.Pull(image, token)
		require.NoError(t, err, image)
	}
}

func TestAPullIsRefusedToEverybodyElse(t *testing.T) {
	s := newSetting(t)
	token := s.Token(PullRole, Region)
	everything := Document(Allow("*", "ecr:*"))
	require.NoError(t, s.Account(Customer).PutRolePolicy("acme-twin", "everything", everything))
	for name, test := range map[string]struct{ image, token, words string }{
		"another role of the account": {
			Image, s.Token("arn:aws:iam::"+Customer+":role/acme-twin", Region),
			"assumed-role/acme-twin/i-0123456789abcdef0 is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:eu-central-1:111122223333:repository/acme/server because no resource-based policy allows the ecr:BatchGetImage action",
		},
		"a role of another account":     {Image, s.Token("arn:aws:iam::"+Another+":role/acme-pull", Region), "because no resource-based policy allows"},
		"another customer's repository": {Foreign, token, denial("ecr:BatchGetImage", "globex/server", "no identity-based policy allows")},
		"a repository that is not":      {Registry + "/acme/nothing:1", token, denial("ecr:BatchGetImage", "acme/nothing", "no identity-based policy allows")},
		"another tag":                   {Registry + "/acme/server:9.9.9", token, "MANIFEST_UNKNOWN: Requested image not found"},
		"a token of another Region":     {Image, s.Token(PullRole, OtherRegion), "DENIED: Your Authorization Token is invalid."},
		"no token":                      {Image, "", "UNAUTHORIZED: Not Authorized"},
		"no token of ECR":               {Image, "password", "DENIED: Your Authorization Token is invalid."},
		"a changed token":               {Image, token[:len(token)-4] + "AAAA", "DENIED: Your Authorization Token is invalid."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Pull(test.image, test.token)
			require.ErrorContains(t, err, test.words)
		})
	}
}

func TestOwnersLearnWhichRepositoryDoesNotExist(t *testing.T) {
	s := newSetting(t)
	token := s.Token("arn:aws:iam::"+Vendor+":role/release", Region)
	_, err := s.Pull(Registry+"/nothing/here:1", token)
	require.ErrorContains(t, err, "NAME_UNKNOWN: The repository with name 'nothing/here' does not exist in the registry with id '111122223333'")
}

func TestPoliciesActOnTokensThatAreThere(t *testing.T) {
	const twelveThree = "no resource-based policy allows"
	for name, test := range map[string]struct {
		change func(t *testing.T, s *Setting)
		words  string
	}{
		"the repository's policy is gone": {
			change: func(t *testing.T, s *Setting) {
				require.NoError(t, s.ECR.DeletePolicy(vendor, "acme/server"))
			},
			words: denial("ecr:BatchGetImage", "acme/server", twelveThree),
		},
		"the role's policy is gone": {
			change: func(t *testing.T, s *Setting) {
				require.NoError(t, s.Account(Customer).DeleteRolePolicy("acme-pull", "pull"))
			},
			words: denial("ecr:BatchGetImage", "acme/server", "no identity-based policy allows"),
		},
		"a boundary forbids": {
			change: func(t *testing.T, s *Setting) {
				account := s.Account(Customer)
				boundary, err := account.CreatePolicy(iam.PolicySettings{Name: "boundary", Document: Document(Allow("*", "s3:*"))})
				require.NoError(t, err)
				_, err = account.SetBoundary("acme-pull", boundary.ARN)
				require.NoError(t, err)
			},
			words: denial("ecr:BatchGetImage", "acme/server", "no permissions boundary allows"),
		},
		"the role has another path": {
			change: func(t *testing.T, s *Setting) { recreate(t, s, "/") },
			words:  denial("ecr:BatchGetImage", "acme/server", "no identity-based policy allows"),
		},
		"the token is old": {
			change: func(_ *testing.T, s *Setting) { s.Clock.Pass(ecrapi.Lifetime) },
			words:  "DENIED: Your authorization token has expired. Reauthenticate and try again.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetting(t)
			token := s.Token(PullRole, Region)
			_, err := s.Pull(Image, token)
			require.NoError(t, err)
			test.change(t, s)
			_, err = s.Pull(Image, token)
			require.ErrorContains(t, err, test.words)
		})
	}
}

// recreate deletes the pull role and makes it again.
func recreate(t *testing.T, s *Setting, path string) {
	t.Helper()
	account := s.Account(Customer)
	require.NoError(t, account.DeleteRolePolicy("acme-pull", "pull"))
	require.NoError(t, account.DeleteRole("acme-pull"))
	_, err := account.CreateRole(iam.RoleSettings{Name: "acme-pull", Path: path, TrustPolicy: TrustService("ec2.amazonaws.com", nil, "sts:AssumeRole")})
	require.NoError(t, err)
	require.NoError(t, account.PutRolePolicy("acme-pull", "pull", Puller("acme/server")))
}

func TestTheRepositorysPolicySurvivesTheRolesRecreationAndNotAnotherPath(t *testing.T) {
	s := newSetting(t)
	recreate(t, s, "/images/")
	_, err := s.Pull(Image, s.Token(PullRole, Region))
	require.NoError(t, err)
	recreate(t, s, "/")
	_, err = s.Pull(Image, s.Token("arn:aws:iam::"+Customer+":role/acme-pull", Region))
	require.ErrorContains(t, err, denial("ecr:BatchGetImage", "acme/server", "no resource-based policy allows"))
}

func TestEveryRequestOfAPullHasItsOwnAction(t *testing.T) {
	for _, action := range PullActions {
		t.Run(action, func(t *testing.T) {
			s := newSetting(t)
			token := s.Token(PullRole, Region)
			descriptor, err := s.Pull(Image, token)
			require.NoError(t, err)
			image, err := descriptor.Image()
			require.NoError(t, err)
			layers, err := image.Layers()
			require.NoError(t, err)
			layer, err := layers[0].Digest()
			require.NoError(t, err)
			blob := "https://" + Registry + "/v2/acme/server/blobs/" + layer.String()
			requests := map[string]struct{ method, address string }{
				"ecr:BatchGetImage":               {http.MethodGet, "https://" + Registry + "/v2/acme/server/manifests/1.4.2"},
				"ecr:GetDownloadUrlForLayer":      {http.MethodGet, blob},
				"ecr:BatchCheckLayerAvailability": {http.MethodHead, blob},
			}
			require.NoError(t, s.Account(Customer).PutRolePolicy("acme-pull", "deny", Document(Statement{"Effect": "Deny", "Action": action, "Resource": "*"})))
			for name, request := range requests {
				want := http.StatusOK
				if name == action {
					want = http.StatusForbidden
				}
				assert.Equal(t, want, status(t, s, request.method, request.address, token), name)
			}
		})
	}
}

func status(t *testing.T, s *Setting, method, address, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	require.NoError(t, err)
	request.SetBasicAuth("AWS", token)
	response, err := s.Network.Client().Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func TestAChallengeAsksForBasic(t *testing.T) {
	s := newSetting(t)
	response, err := s.Network.Client().Get("https://" + Registry + "/v2/")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
	assert.Equal(t, `Basic realm="https://`+Registry+`/",service="ecr.amazonaws.com"`, response.Header.Get("WWW-Authenticate"))
	_, err = remote.Get(Reference(t, Image), s.As("oauth2accesstoken", s.Token(PullRole, Region))...)
	require.ErrorContains(t, err, "UNAUTHORIZED: Not Authorized")
}

func TestAReaderDoesNotPushAndTheVendorDoes(t *testing.T) {
	s := newSetting(t)
	image, err := random.Image(64, 1)
	require.NoError(t, err)
	target := Reference(t, Registry+"/acme/server:2.0.0")
	err = remote.Write(target, image, s.As("AWS", s.Token(PullRole, Region))...)
	require.ErrorContains(t, err, denial("ecr:InitiateLayerUpload", "acme/server", "no identity-based policy allows"))

	require.NoError(t, remote.Write(target, image, s.As("AWS", s.Token("arn:aws:iam::"+Vendor+":role/release", Region))...))
	pulled, err := s.Pull(target.String(), s.Token(PullRole, Region))
	require.NoError(t, err)
	want, err := image.Digest()
	require.NoError(t, err)
	assert.Equal(t, want, pulled.Digest)
}

func TestAnImmutableTagIsNotMoved(t *testing.T) {
	s := newSetting(t)
	_, err := s.ECR.Update(vendor, ecr.Settings{Name: "acme/server", Mutability: ecr.Immutable})
	require.NoError(t, err)
	image, err := random.Image(64, 1)
	require.NoError(t, err)
	vendorToken := s.Token("arn:aws:iam::"+Vendor+":role/release", Region)
	err = remote.Write(Reference(t, Image), image, s.As("AWS", vendorToken)...)
	require.ErrorContains(t, err, "TAG_INVALID: The image tag '1.4.2' already exists in the 'acme/server' repository and cannot be overwritten because the repository is immutable.")
	_, err = s.ECR.Update(vendor, ecr.Settings{Name: "acme/server", Mutability: ecr.Mutable})
	require.NoError(t, err)
	require.NoError(t, remote.Write(Reference(t, Image), image, s.As("AWS", vendorToken)...))
}

func TestARepositoryThatIsMadeAgainStartsEmpty(t *testing.T) {
	s := newSetting(t)
	release := s.Token("arn:aws:iam::"+Vendor+":role/release", Region)
	image, err := random.Image(64, 1)
	require.NoError(t, err)
	pushed := Registry + "/acme/server:own"
	require.NoError(t, remote.Write(Reference(t, pushed), image, s.As("AWS", release)...))
	tags, err := remote.List(Reference(t, pushed).Context(), s.As("AWS", release)...)
	require.NoError(t, err)
	assert.Equal(t, []string{"1.4.2", "own"}, tags)

	require.ErrorContains(t, s.ECR.Delete(vendor, "acme/server", false), ecr.NotEmpty)
	require.NoError(t, s.ECR.Delete(vendor, "acme/server", true))
	s.Clock.Pass(time.Second)
	_, err = s.ECR.Create(vendor, ecr.Settings{Name: "acme/server"})
	require.NoError(t, err)
	for _, image := range []string{pushed, Image} {
		_, err = s.Pull(image, release)
		require.ErrorContains(t, err, "MANIFEST_UNKNOWN")
	}
}

func TestOnlyTheWorldsRegistriesHaveAHost(t *testing.T) {
	s := newSetting(t)
	for host, exists := range map[string]bool{
		Registry:                                             true,
		"api.ecr.eu-central-1.amazonaws.com":                 true,
		"api.ecr.ap-south-1.amazonaws.com":                   false,
		"api.ecr.eu-central-1.amazonaws.com.cn":              false,
		strings.Replace(Registry, Vendor, "999999999999", 1): false,
		"dkr.ecr.eu-central-1.amazonaws.com":                 false,
		"logs.eu-central-1.amazonaws.com":                    true,
		"eks-auth.eu-central-1.api.aws":                      true,
		"eks-auth.eu-central-1.amazonaws.com":                false,
		"eks-auth.ap-south-1.api.aws":                        false,
		"logs.ap-south-1.amazonaws.com":                      false,
		"s3.eu-central-1.amazonaws.com":                      false,
	} {
		assert.Equal(t, exists, s.APIs.Handler(host) != nil, host)
	}
}
