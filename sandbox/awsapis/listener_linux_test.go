package awsapis_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/awsapis/podidentity"
)

// addresses are the labels of the agent's address on the loopback interface.
func addresses(t *testing.T) []string {
	t.Helper()
	lo, err := netlink.LinkByName("lo")
	require.NoError(t, err)
	present, err := netlink.AddrList(lo, netlink.FAMILY_V4)
	require.NoError(t, err)
	var labels []string
	for _, address := range present {
		if address.IP.String() == podidentity.Address {
			labels = append(labels, address.Label)
		}
	}
	return labels
}

func add(t *testing.T, label string) {
	t.Helper()
	lo, err := netlink.LinkByName("lo")
	require.NoError(t, err)
	address, err := netlink.ParseAddr(podidentity.Address + "/32")
	require.NoError(t, err)
	address.Label = label
	require.NoError(t, netlink.AddrAdd(lo, address))
	t.Cleanup(func() {
		if err := netlink.AddrDel(lo, address); err != nil {
			require.Empty(t, addresses(t))
		}
	})
}

func listen(t *testing.T, s *Setting) *podidentity.Listener {
	t.Helper()
	listener, err := s.APIs.PodIdentity.Listen(t.Context())
	require.NoError(t, err)
	// For a test that failed: a second Close finds nothing to close.
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func TestAnUnmodifiedClientReachesTheAgentAtItsLinkLocalAddress(t *testing.T) {
	s := newSetting(t)
	s.Associate()
	_, err := s.ECR.SetPolicy(arn.Place{Account: Vendor, Region: Region}, "acme/server", RepositoryPolicy(Customer, PodRole))
	require.NoError(t, err)
	listener := listen(t, s)
	// As a pod's client does, whatever proxy there is for everything else.
	token := filepath.Join(t.TempDir(), "eks-pod-identity-token")
	require.NoError(t, os.WriteFile(token, []byte(s.PodToken(nil)), 0o600))
	provider := endpointcreds.New(podidentity.URL, func(o *endpointcreds.Options) {
		o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
			text, err := os.ReadFile(token)
			return string(text), err
		})
		o.Retryer = aws.NopRetryer{}
	})
	held, err := provider.Retrieve(t.Context())
	require.NoError(t, err)
	assert.Equal(t, Customer, held.AccountID)
	answer, err := s.ECRClient(provider, Region).GetAuthorizationToken(t.Context(), nil)
	require.NoError(t, err)
	_, err = s.Pull(Image, Password(t, aws.ToString(answer.AuthorizationData[0].AuthorizationToken)))
	require.NoError(t, err)

	require.NoError(t, listener.Close())
	assert.Empty(t, addresses(t), "the address goes with the agent")
}

func TestASecondAgentIsRefusedAndLeavesTheFirstAlone(t *testing.T) {
	s := newSetting(t)
	first := listen(t, s)
	_, err := s.APIs.PodIdentity.Listen(t.Context())
	require.ErrorContains(t, err, "is another sandbox with a Pod Identity agent running on this machine?")
	response, err := http.Get(podidentity.URL)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, errors.Join(err, response.Body.Close()))
	assert.Equal(t, "Service account token cannot be empty\n", string(text))
	require.NoError(t, first.Close())
	assert.Empty(t, addresses(t))
}

func TestAnAddressThatAKilledSandboxLeftIsUsedAndTakenAway(t *testing.T) {
	s := newSetting(t)
	add(t, "lo:waybill")
	require.NoError(t, listen(t, s).Close())
	assert.Empty(t, addresses(t))
}

func TestAnAddressOfSomebodyElseIsUsedAndStays(t *testing.T) {
	s := newSetting(t)
	add(t, "lo")
	require.NoError(t, listen(t, s).Close())
	assert.Equal(t, []string{"lo"}, addresses(t))
}

func TestWithoutPrivilegeTheErrorSaysWhatIsNeeded(t *testing.T) {
	s := newSetting(t)
	refused := make(chan error)
	go func() {
		// The thread ends with the goroutine, and takes its lack of capabilities along.
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			refused <- err
			return
		}
		_, err := s.APIs.PodIdentity.Listen(t.Context())
		refused <- err
	}()
	err := <-refused
	require.ErrorIs(t, err, podidentity.ErrPrivilege)
	assert.ErrorContains(t, err, "run the sandbox as root, or with CAP_NET_ADMIN")
	assert.Empty(t, addresses(t))
}
