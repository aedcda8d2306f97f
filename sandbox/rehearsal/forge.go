package rehearsal

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"waybill.example/waybill/sandbox/oidc"
)

// parse reads a token that a cluster or Entra signed.
func parse(text string) (*oidc.Token, error) { return oidc.Parse(text, jose.RS256) }

// sign signs a token's claims with a key under the token's own key ID.
func sign(t *oidc.Token, algorithm jose.SignatureAlgorithm, key any) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", t.KeyID).WithType("JWT"))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(map[string]any(t.Claims)).Serialize()
}

// anotherKey signs the token anew with a key of its own, under the same ID.
func anotherKey(text string) (string, error) { return foreign(text, nil) }

// anotherIssuer is what another cluster's API server would sign.
func anotherIssuer(text string) (string, error) {
	return foreign(text, map[string]any{"iss": "https://another-cluster.example/"})
}

// foreign is the token with some claims changed, signed with a key that nobody
// published.
func foreign(text string, changes map[string]any) (string, error) {
	t, err := parse(text)
	if err != nil {
		return "", err
	}
	maps.Copy(t.Claims, changes)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	return sign(t, jose.RS256, key)
}

// unsigned is the token with algorithm none and no signature.
func unsigned(text string) (string, error) {
	t, err := parse(text)
	if err != nil {
		return "", err
	}
	var parts [2]string
	for i, part := range []map[string]any{{"alg": "none", "kid": t.KeyID}, t.Claims} {
		raw, err := json.Marshal(part)
		if err != nil {
			return "", err
		}
		parts[i] = base64.RawURLEncoding.EncodeToString(raw)
	}
	return parts[0] + "." + parts[1] + ".", nil
}

// symmetric signs with HS256 and the cluster's public key as the secret: what
// a verifier falls for that lets the token choose the algorithm.
func (c *cluster) symmetric(text string) (string, error) {
	t, err := parse(text)
	if err != nil {
		return "", err
	}
	key, err := c.signingKey()
	if err != nil {
		return "", err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", err
	}
	return sign(t, jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
}

// resigned is the token with other claims, signed with the cluster's own key.
func (c *cluster) resigned(text string, change func(claims map[string]any)) (string, error) {
	t, err := parse(text)
	if err != nil {
		return "", err
	}
	change(t.Claims)
	key, err := c.signingKey()
	if err != nil {
		return "", err
	}
	return sign(t, jose.RS256, key)
}

// expired is the token as the cluster signed it two days ago.
func (c *cluster) expired(text string) (string, error) {
	return c.resigned(text, func(claims map[string]any) {
		issued := time.Now().Add(-48 * time.Hour)
		claims["iat"], claims["nbf"], claims["exp"] = issued.Unix(), issued.Unix(), issued.Add(time.Hour).Unix()
	})
}

// forged is a token of the audience for a ServiceAccount that need not exist,
// as the cluster's administrator can make one: its API server's, with other
// claims, and signed with its key.
func (c *cluster) forged(ctx context.Context, namespace, account, audience string) (string, error) {
	text, err := c.accountToken(ctx, metav1.NamespaceDefault, "default", audience)
	if err != nil {
		return "", err
	}
	return c.resigned(text, func(claims map[string]any) {
		claims["sub"] = serviceAccount(namespace, account)
		claims["kubernetes.io"] = map[string]any{
			"namespace": namespace, "serviceaccount": map[string]any{"name": account, "uid": "0e6a3b52-93f7-4a0e-8f0d-6c1d2f7e9b41"},
		}
	})
}

// serviceAccount is the subject of a ServiceAccount's tokens.
func serviceAccount(namespace, account string) string {
	return "system:serviceaccount:" + namespace + ":" + account
}

// boundToPod is the token as the cluster gives it for a pod, signed anew.
func (c *cluster) boundToPod(text string) (string, error) {
	return c.resigned(text, func(claims map[string]any) {
		private, _ := claims["kubernetes.io"].(map[string]any)
		private["pod"] = map[string]any{"name": "rehearsal", "uid": "5f0b6f0a-5d0c-4c8e-9f57-6b1f1d2d7a10"}
	})
}
