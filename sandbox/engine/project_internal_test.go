package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheCustomersObjectIsEditedAndNothingElse(t *testing.T) {
	text, err := edited([]byte("encryptionsalt: v1:abc\nconfig:\n  waybill:customer:\n    slug: acme\n    exchange: {grant: {stack: other}}\n"),
		func(customer map[string]any) {
			customer["suspended"] = true
			customer["exchange"].(map[string]any)["grant"] = map[string]any{"file": "/grant.json"}
		})
	require.NoError(t, err)
	assert.YAMLEq(t, "encryptionsalt: v1:abc\nconfig:\n  waybill:customer:\n    slug: acme\n    suspended: true\n    exchange: {grant: {file: /grant.json}}\n", string(text))
	_, err = edited([]byte("config: {}"), func(map[string]any) {})
	require.ErrorContains(t, err, "no object waybill:customer")
}
