package cli

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/refresher/internal/settings"
)

func lookup(file string) func(string) (string, bool) {
	return func(key string) (string, bool) { return file, key == settings.AuthorityKey }
}

func TestAPrivateAuthorityIsTrustedBesidesTheOthers(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "authority.crt")
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(file, bundle, 0o600))

	get := func(trust http.RoundTripper) error {
		response, err := (&http.Client{Transport: trust}).Get(server.URL)
		if err == nil {
			err = response.Body.Close()
		}
		return err
	}
	without, err := transport(lookup(""))
	require.NoError(t, err)
	require.ErrorContains(t, get(without), "certificate signed by unknown authority")
	with, err := transport(lookup(file))
	require.NoError(t, err)
	require.NoError(t, get(with))
}

func TestAnAuthorityThatCannotBeReadIsRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.crt")
	require.NoError(t, os.WriteFile(empty, []byte("no certificate"), 0o600))
	for file, want := range map[string]string{empty: "it holds no certificate", "/none/at/all": "no such file"} {
		var output strings.Builder
		p := Program{Lookup: lookup(file), Stdout: &output, Stderr: &output, TerminationLog: "/none"}
		assert.Equal(t, 2, p.Run(t.Context(), []string{"refresh"}))
		assert.Contains(t, output.String(), want)
		assert.Contains(t, output.String(), "WAYBILL_AUTHORITY_FILE")
	}
}
