package fault

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are the parts of a JWT that explain a refusal. They identify; they open nothing.
type Claims struct {
	Issuer          string    // iss
	Subject         string    // sub
	Audience        []string  // aud, also where the token holds a single string
	AuthorizedParty string    // azp: the client ID in Entra's v2 tokens
	AppID           string    // appid: the client ID in Entra's v1 tokens
	TenantID        string    // tid
	Expires         time.Time // exp, UTC; zero where absent
}

// ParseClaims reads the claims of a token without verifying it: every decision about a token belongs to the cloud
// that it is shown to. The error says that the token is no JWT, and quotes nothing of it.
func ParseClaims(token string) (Claims, error) {
	var w struct {
		jwt.RegisteredClaims
		AuthorizedParty string `json:"azp"`
		AppID           string `json:"appid"`
		TenantID        string `json:"tid"`
	}
	if _, _, err := jwt.NewParser().ParseUnverified(token, &w); err != nil {
		return Claims{}, fmt.Errorf("a token of %d bytes that is not a signed JWT", len(token))
	}
	c := Claims{
		Issuer: w.Issuer, Subject: w.Subject, Audience: w.Audience,
		AuthorizedParty: w.AuthorizedParty, AppID: w.AppID, TenantID: w.TenantID,
	}
	if w.ExpiresAt != nil {
		c.Expires = w.ExpiresAt.UTC()
	}
	return c, nil
}

// Pairs lists the claims that are present, by their names in the token.
func (c Claims) Pairs() [][2]string {
	expires := ""
	if !c.Expires.IsZero() {
		expires = c.Expires.Format(time.RFC3339)
	}
	var present [][2]string
	for _, pair := range [][2]string{
		{"iss", c.Issuer}, {"sub", c.Subject}, {"aud", strings.Join(c.Audience, " ")},
		{"azp", c.AuthorizedParty}, {"appid", c.AppID}, {"tid", c.TenantID}, {"exp", expires},
	} {
		if pair[1] != "" {
			present = append(present, pair)
		}
	}
	return present
}

// LogValue groups the claims in a structured line.
func (c Claims) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, pair := range c.Pairs() {
		attrs = append(attrs, slog.String(pair[0], pair[1]))
	}
	return slog.GroupValue(attrs...)
}
