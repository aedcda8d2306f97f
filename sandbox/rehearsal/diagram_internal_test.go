package rehearsal

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"waybill.example/waybill/sandbox/oidc"
)

func TestLabelsHoldNothingThatMermaidReadsAsItsOwn(t *testing.T) {
	assert.Equal(t, `"a #quot;b#quot;<br/>#lt;c#gt; #35;1 #amp; #96;d#96; e"`, label(`a "b"`, "<c> #1 & `d`\ne"))
}

func TestSeveralAudiencesAreAllShown(t *testing.T) {
	several := &oidc.Token{Claims: oidc.Claims{"aud": []any{"one", "two"}, "iss": "https://issuer.example/"}}
	assert.Equal(t, []string{"issuer https://issuer.example/", "subject ", "audience one two"}, tokenLines(several))
}
