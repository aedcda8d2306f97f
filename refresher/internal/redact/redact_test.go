package redact_test

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/assert"

	"waybill.example/waybill/refresher/internal/redact"
)

const secret = "s3cr3t-0p4que-v4lue-th4t-n0b0dy-m4y-s33"

func TestAKnownSecretIsRemovedHoweverItIsCut(t *testing.T) {
	var s redact.Set
	s.Add(secret + "\n")
	for _, text := range []string{
		secret,
		"before " + secret + " after",
		"cut " + secret[:12],
		"the middle " + secret[10:30] + "...",
		"the end:" + secret[len(secret)-12:],
		"https://host/path/" + secret + "?x=1",
		`{"token":"` + secret + `"}`,
	} {
		shown := s.Text(text)
		assert.Contains(t, shown, redact.Mark, text)
		for i := 0; i+12 <= len(secret); i++ {
			assert.NotContains(t, shown, secret[i:i+12])
		}
	}
	assert.Equal(t, "shown "+secret[:11], s.Text("shown "+secret[:11]), "eleven characters open nothing, and are left")
}

func TestWhatLooksLikeATokenIsRemovedUnknown(t *testing.T) {
	var s redact.Set
	jwt := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256"}`)) + ".eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
	for _, text := range []string{jwt, jwt[:20], "ya29.c.abcDEF-_", "Bearer abcdefghijklmnop", "client_assertion=abcdefghijklmnop&x=1", `"password": "abcdefghijklmnop"`,
		"<SessionToken>eyJabcdefghijklmnop", "x-amz-security-token:abcdefghijklmnop", "SignedHeaders=host, Signature=abcdefghijklmnop", "key ASIAIOSFODNN7EXAMPLE expired"} {
		shown := s.Text(text)
		assert.Contains(t, shown, redact.Mark, text)
		assert.NotContains(t, shown, "abcdefghijklmnop")
		assert.NotContains(t, shown, "eyJ")
		assert.NotContains(t, shown, "ASIA")
	}
}

func TestIdentifiersAreLeftAlone(t *testing.T) {
	var s redact.Set
	s.Add(secret)
	s.Add("short")
	for _, text := range []string{
		"AADSTS700213: No matching federated identity record found for presented assertion subject 'system:serviceaccount:product:refresher'.",
		"principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/acme-pool/subject/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
		"europe-west1-docker.pkg.dev/vendor-images/acme/product@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"User: arn:aws:sts::111122223333:assumed-role/puller/waybill-refresher is not authorized to perform: ecr:BatchGetImage",
		"SignatureDoesNotMatch: Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z",
		"a short word",
	} {
		assert.Equal(t, text, s.Text(text))
	}
}

func TestCutKeepsWholeCharacters(t *testing.T) {
	assert.Equal(t, "äöü", redact.Cut(" äöü\n", 3))
	assert.Equal(t, "äö…", redact.Cut("äöü", 2))
}
