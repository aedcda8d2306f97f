package googleapis_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/googleapis"
)

func opens(t *testing.T, s *setting, token string) bool {
	t.Helper()
	_, err := s.server.Tokens.Open(token)
	if err == nil {
		return true
	}
	var refusal *googleapis.Error
	require.True(t, errors.As(err, &refusal), err)
	require.Equal(t, http.StatusUnauthorized, refusal.Code)
	return false
}

func (s *setting) accountToken() string {
	s.Helper()
	token, err := s.walk(nil)
	require.NoError(s, err)
	return token.AccessToken
}

func TestADisabledPoolBlocksTokensThatWereExchangedAlready(t *testing.T) {
	s := newSetting(t)
	federated, account := s.federated(), s.accountToken()
	s.update(s.pool, poolInputs(map[string]any{"disabled": true}))
	assert.False(t, opens(t, s, federated))
	assert.Equal(t, http.StatusUnauthorized, s.impersonate(impersonateURL, federated, nil).status)
	assert.True(t, opens(t, s, account), "the account is not the pool's")
	s.update(s.pool, poolInputs(nil))
	assert.True(t, opens(t, s, federated))
	require.NoError(t, s.engine.Delete(s.pool))
	assert.False(t, opens(t, s, federated))
}

func TestADisabledOrDeletedProviderLeavesExchangedTokensWorking(t *testing.T) {
	s := newSetting(t)
	federated := s.federated()
	s.update(s.provider, providerInputs(map[string]any{"disabled": true}))
	assert.Equal(t, http.StatusOK, s.impersonate(impersonateURL, federated, nil).status)
	require.NoError(t, s.engine.Delete(s.provider))
	assert.Equal(t, http.StatusOK, s.impersonate(impersonateURL, federated, nil).status)
}

func TestTheTokensOfAnAccountEndWithIt(t *testing.T) {
	s := newSetting(t)
	token := s.accountToken()
	s.update(s.account, accountInputs(map[string]any{"disabled": true}))
	assert.False(t, opens(t, s, token))
	s.update(s.account, accountInputs(nil))
	assert.True(t, opens(t, s, token))
	require.NoError(t, s.engine.Delete(s.account))
	assert.False(t, opens(t, s, token))
	s.engine.MustCreate("gcp:serviceaccount/account:Account", "account", accountInputs(nil))
	assert.False(t, opens(t, s, token), "the account that has the email now is another one")
}

func TestTokensOutliveTheProcessAndEndOnTime(t *testing.T) {
	s := newSetting(t)
	token := s.accountToken()
	s.serve()
	assert.True(t, opens(t, s, token))
	s.clock.pass(time.Hour - time.Second)
	assert.True(t, opens(t, s, token))
	s.clock.pass(time.Second)
	assert.False(t, opens(t, s, token))
}

func TestTokensOfAnotherKeyDoNotCount(t *testing.T) {
	s := newSetting(t)
	other, err := googleapis.OpenTokens(filepath.Join(t.TempDir(), "key"), s.cloud, s.clock.Now)
	require.NoError(t, err)
	token, err := other.MintAccount(email, []string{googleapis.CloudPlatform}, time.Hour)
	require.NoError(t, err)
	assert.False(t, opens(t, s, token))
	_, err = other.MintAccount("nobody@"+project+".iam.gserviceaccount.com", nil, time.Hour)
	require.ErrorContains(t, err, `there is no service account "nobody@`)
}

func TestAKeyThatIsNoKeyIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("short"), 0o600))
	_, err := googleapis.OpenTokens(path, nil, nil)
	require.ErrorContains(t, err, path)
}

func TestOneOfATokensBytesIsEnoughToEndIt(t *testing.T) {
	s := newSetting(t)
	token := []byte(s.federated())
	for _, at := range []int{0, len("ya29."), len(token) / 2, len(token) - 2} {
		changed := append([]byte{}, token...)
		changed[at] = map[bool]byte{true: 'A', false: 'B'}[changed[at] != 'A']
		assert.False(t, opens(t, s, string(changed)), at)
	}
	assert.False(t, opens(t, s, ""))
	assert.False(t, opens(t, s, "ya29."))
	assert.False(t, opens(t, s, "ya29.?"))
}
