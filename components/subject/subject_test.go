package subject_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"waybill.example/waybill/components/subject"
)

func TestASubjectIsReadAsItIsWritten(t *testing.T) {
	assert.Equal(t, "system:serviceaccount:shop:shop-refresher", subject.ServiceAccount{Namespace: "shop", Name: "shop-refresher"}.String())
	label := rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`)
	rapid.Check(t, func(t *rapid.T) {
		account := subject.ServiceAccount{Namespace: label.Draw(t, "namespace"), Name: label.Draw(t, "name")}
		parsed, err := subject.Parse(account.String())
		require.NoError(t, err)
		require.Equal(t, account, parsed)
	})
}

func TestWhatIsNoServiceAccountIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "shop:refresher", "system:serviceaccount:shop", "system:serviceaccount:shop:", "system:serviceaccount::refresher",
		"system:serviceaccount:shop:refresher:x", "system:serviceaccount:Shop:refresher", "system:serviceaccount:*:refresher",
		"system:serviceaccount:shop:a' || true", "System:serviceaccount:shop:refresher", " system:serviceaccount:shop:refresher",
		"system:serviceaccount:shop:" + strings.Repeat("a", 64),
	} {
		_, err := subject.Parse(text)
		assert.ErrorContains(t, err, "want system:serviceaccount:NAMESPACE:NAME", text)
	}
}
