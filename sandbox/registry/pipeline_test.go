package registry_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/rehearsal"
	"waybill.example/waybill/sandbox/world"
)

// The vendor pushes what is released once its repository is there, with its own
// rights, and a refusal stays one.
func TestAReleaseIsPushedOnceItsRepositoryIsThere(t *testing.T) {
	const pusher = "serviceAccount:globex-pull@vendor-images.iam.gserviceaccount.com"
	newer := host + "/" + project + "/newer/server:1.5.0"
	for name, c := range map[string]struct {
		bindings []world.Binding
		refused  string
	}{
		"as a writer of the project": {[]world.Binding{{Role: writer, Members: []string{pusher}}}, ""},
		"as a reader of the project": {[]world.Binding{{Role: reader, Members: []string{pusher}}}, "uploadArtifacts"},
		"as nobody in particular":    {nil, "the vendor's push of " + newer + " was refused: "},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSettingOf(t, c.bindings)
			s.world.GCP.Projects[0].Releases, s.world.GCP.Projects[0].Pusher = []string{"europe-west1/newer/server:1.5.0"}, "globex-pull"
			var said []string
			pipeline := &rehearsal.Pipeline{
				World: s.world, Client: s.network.Client(), Google: &rehearsal.Google{Cloud: s.cloud, Tokens: s.tokens},
				Progress: func(message string) { said = append(said, message) },
			}
			require.NoError(t, pipeline.Release(t.Context()), "there is no repository yet")
			s.repository("newer", nil)
			s.grant("newer", reader, "serviceAccount:"+acmeAccount)
			for range 2 {
				err := pipeline.Release(t.Context())
				if c.refused != "" {
					require.ErrorContains(t, err, c.refused)
					continue
				}
				require.NoError(t, err)
				s.mustPull(newer, s.accountToken(acmeAccount))
				assert.Equal(t, []string{"pushing server:1.5.0 to " + host + "/" + project + "/newer/server as a vendor would"}, said)
			}
		})
	}
}
