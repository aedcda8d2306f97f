package rehearsal

import (
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/oidc"
)

func TestTheDiagramShowsEachHopWithWhatItsServerSaw(t *testing.T) {
	assert.Equal(t, `flowchart LR
  pod0["pod prod"]
  pod0 -->|"kubernetes<br/>issuer https://issuer.example/<br/>subject system:serviceaccount:press:press-refresher"| hop0["API server"]
  hop0 -->|"sts<br/>subject arn:aws:sts::111122223333:assumed-role/pull/refresher"| hop1["STS"]
  pod2["pod prod"]
  pod2 -->|"sts<br/>workload press_prod_api<br/>identity arn:aws:iam::111122223333:role/api"| hop2["STS"]
  pod3["pod trial"]
  pod3 -->|"registry<br/>the kubelet pulled press:1.0"| hop3["registry"]
`, Diagram([]Hop{
		{Name: hopKubernetes, Environment: "prod", OK: true, Detail: "issuer https://issuer.example/, subject system:serviceaccount:press:press-refresher"},
		{Name: hopSTS, Environment: "prod", OK: true, Detail: "subject arn:aws:sts::111122223333:assumed-role/pull/refresher"},
		{Name: hopSTS, Environment: "prod", OK: true, Detail: ofWorkload + "press_prod_api, identity arn:aws:iam::111122223333:role/api"},
		{Name: hopRegistry, Environment: "trial", OK: true, Detail: "the kubelet pulled press:1.0"},
	}))
}

func TestLabelsHoldNothingThatMermaidReadsAsItsOwn(t *testing.T) {
	assert.Equal(t, `"a #quot;b#quot;<br/>#lt;c#gt; #35;1 #amp; #96;d#96; e"`, label(`a "b"`, "<c> #1 & `d`\ne"))
}

func TestSeveralAudiencesAreAllShown(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	several := &oidc.Token{Claims: oidc.Claims{"aud": []any{"one", "two"}, "iss": "https://issuer.example/", "sub": "a"}}
	text, err := sign(several, jose.RS256, key)
	require.NoError(t, err)
	var given answer
	given.describe(text)
	assert.Equal(t, []string{"https://issuer.example/", "a", "one two"}, []string{given.issuer, given.subject, given.audience})
}
