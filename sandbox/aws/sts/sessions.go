package sts

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/state"
)

// Credentials are temporary credentials of a role.
type Credentials struct {
	// AccessKeyID begins with ASIA.
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	// Expiration is when they end, in whole seconds, UTC.
	Expiration time.Time
	// Session is whom they stand for.
	Session iam.Session
}

// Sessions makes temporary credentials and knows them again.
type Sessions struct {
	cloud *iam.Cloud
	now   func() time.Time
	seal  cipher.AEAD
}

// sealed is what a session token holds.
type sealed struct {
	AccessKeyID     string      `json:"accessKeyId"`
	SecretAccessKey string      `json:"secretAccessKey"`
	Expiration      time.Time   `json:"expiration"`
	Session         iam.Session `json:"session"`
}

// OpenSessions reads the key at path, or makes it. Now is the clock; nil means
// time.Now.
func OpenSessions(path string, cloud *iam.Cloud, now func() time.Time) (*Sessions, error) {
	if now == nil {
		now = time.Now
	}
	seal, err := state.OpenSeal(path)
	if err != nil {
		return nil, fmt.Errorf("sts: session tokens: %w", err)
	}
	return &Sessions{cloud: cloud, now: now, seal: seal}, nil
}

// Mint makes credentials of a session without asking whether anybody may have
// them. The server mints what it grants; tests and the cases that must be
// refused mint what they could not obtain.
func (s *Sessions) Mint(session iam.Session, lifetime time.Duration) (Credentials, error) {
	secret := make([]byte, 30)
	if _, err := rand.Read(secret); err != nil {
		return Credentials{}, fmt.Errorf("sts: mint: %w", err)
	}
	made := Credentials{
		AccessKeyID:     "ASIA" + rand.Text()[:16],
		SecretAccessKey: base64.StdEncoding.EncodeToString(secret),
		Expiration:      s.now().Add(lifetime).UTC().Truncate(time.Second),
		Session:         session,
	}
	content, err := json.Marshal(sealed{
		AccessKeyID: made.AccessKeyID, SecretAccessKey: made.SecretAccessKey, Expiration: made.Expiration, Session: session,
	})
	if err != nil {
		return Credentials{}, fmt.Errorf("sts: mint: %w", err)
	}
	made.SessionToken = base64.StdEncoding.EncodeToString(s.seal.Seal(nil, nil, content, nil)) //nolint:gosec // this AEAD makes its own random nonce, and wants none
	return made, nil
}

// errUnknown is the answer to credentials that nobody gave out, or whose role is gone.
var errUnknown = forbidden(InvalidClientTokenID, "The security token included in the request is invalid.")

// open returns what a session token holds. The role that it is of must be there
// still, and be the same one.
func (s *Sessions) open(accessKeyID, token string) (sealed, error) {
	var held sealed
	box, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return sealed{}, errUnknown
	}
	content, err := s.seal.Open(nil, nil, box, nil)
	if err != nil || json.Unmarshal(content, &held) != nil || held.AccessKeyID != accessKeyID {
		return sealed{}, errUnknown
	}
	if !s.now().Before(held.Expiration) {
		return sealed{}, forbidden(ExpiredToken, "The security token included in the request is expired")
	}
	if !s.Current(held.Session) {
		return sealed{}, errUnknown
	}
	return held, nil
}

// Current says whether a session's role exists and is the one that it began with.
func (s *Sessions) Current(session iam.Session) bool {
	role, exists := s.cloud.Role(session.RoleARN)
	return exists && role.ID == session.RoleID
}
