package awsapis_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/awsapis/podidentity"
	"waybill.example/waybill/sandbox/world"
)

func ask(t *testing.T, s *Setting, url, authorization string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	recorder := httptest.NewRecorder()
	s.APIs.PodIdentity.ServeHTTP(recorder, request)
	return recorder
}

func TestAPodThatMayNotReachTheAgentGetsNoAnswer(t *testing.T) {
	s := newSetting(t)
	s.Associate()
	s.CutOff = map[string]bool{Issuer + " acme/refresh-28912345-x7k2p": true}
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { ask(t, s, podidentity.URL, s.PodToken(nil)) })
	s.CutOff = nil
	assert.Equal(t, http.StatusOK, ask(t, s, podidentity.URL, s.PodToken(nil)).Code)
}

func TestTheAgentPassesRefusalsOn(t *testing.T) {
	s := newSetting(t)
	s.Associate()
	for name, test := range map[string]struct {
		url, authorization string
		status             int
		words              string
	}{
		"another address":    {"http://127.0.0.1/v1/credentials", s.PodToken(nil), 403, "Access Denied. Called agent through invalid address, please use either 169.254.170.23 address not 127.0.0.1"},
		"another path":       {"http://169.254.170.23/v2/credentials", s.PodToken(nil), 404, "not found"},
		"no token":           {podidentity.URL, "", 400, "Service account token cannot be empty"},
		"a scheme before it": {podidentity.URL, "Bearer " + s.PodToken(nil), 400, "Service account token cannot be parsed"},
		"an expired token": {
			podidentity.URL, s.PodToken(map[string]any{"exp": time.Now().Add(-time.Second).Unix()}),
			400, "Service account token failed basic claim validations: token has invalid claims: token is expired",
		},
		"another cluster": {podidentity.URL, s.PodToken(map[string]any{"iss": "https://example.com"}), 400, `no cluster with the Pod Identity agent whose issuer is "https://example.com"`},
		"another audience": {
			podidentity.URL, s.PodToken(map[string]any{"aud": "sts.amazonaws.com"}),
			400, "(InvalidTokenException): The specified Kubernetes service account token is invalid: the token is not for the audience pods.eks.amazonaws.com, fault: client",
		},
		"no association": {
			podidentity.URL, s.PodToken(map[string]any{"kubernetes.io": Bound("acme", "default")}),
			404, "(ResourceNotFoundException): No association found for ServiceAccount acme/default in cluster acme, fault: client",
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer := ask(t, s, test.url, test.authorization)
			assert.Equal(t, test.status, answer.Code)
			assert.Contains(t, answer.Body.String(), test.words)
		})
	}
	assert.Equal(t, http.StatusOK, ask(t, s, podidentity.URL, s.PodToken(nil)).Code)
}

func TestANodeThatMayNotCallIsRefused(t *testing.T) {
	s := newSetting(t)
	s.Associate()
	require.NoError(t, s.Account(Customer).DeleteRolePolicy("eks-nodes", "node"))
	answer := ask(t, s, podidentity.URL, s.PodToken(nil))
	assert.Equal(t, http.StatusBadRequest, answer.Code)
	assert.Contains(t, answer.Body.String(), "(AccessDeniedException): User: arn:aws:sts::444455556666:assumed-role/eks-nodes/i-")

	require.NoError(t, s.Account(Customer).DeleteRole("eks-nodes"))
	answer = ask(t, s, podidentity.URL, s.PodToken(nil))
	assert.Equal(t, http.StatusInternalServerError, answer.Code)
	assert.Contains(t, answer.Body.String(), "node role of arn:aws:eks:eu-central-1:444455556666:cluster/acme")
}

func TestClustersWithTheAgentNeedANodeRole(t *testing.T) {
	clusters, err := eks.Open("", []world.AWSAccount{{ID: Customer, EKSClusters: []world.EKSCluster{
		{Name: "one", Region: Region, PodIdentityAgent: true},
		{Name: "two", Region: Region},
		{Name: "three", Region: Region, PodIdentityAgent: true},
	}}}, nil)
	require.NoError(t, err)
	_, err = podidentity.New(nil, clusters.Clusters(), nil)
	require.ErrorContains(t, err, "cluster/one: want a nodeRole")
	require.ErrorContains(t, err, "cluster/three: want a nodeRole")
	assert.NotContains(t, err.Error(), "cluster/two")
}

func TestAnAgentIsNeededWhereAClusterHasTheAddOn(t *testing.T) {
	assert.True(t, newSetting(t).APIs.PodIdentity.Needed())
	agent, err := podidentity.New(nil, nil, nil)
	require.NoError(t, err)
	assert.False(t, agent.Needed())
}
