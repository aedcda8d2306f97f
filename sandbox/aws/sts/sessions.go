package sts

import (
	"crypto/rand"
	"time"

	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/state"
)

// Credentials are temporary credentials of a role. Their token holds all the rest.
type Credentials struct {
	// AccessKeyID begins with ASIA.
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"-"`
	// Expiration is when they end, in whole seconds, UTC.
	Expiration time.Time `json:"expiration"`
	// Session is whom they stand for.
	Session iam.Session `json:"session"`
}

// Sessions makes temporary credentials and knows them again.
type Sessions struct {
	cloud *iam.Cloud
	now   func() time.Time
	seal  state.Seal
}

// Mint makes credentials of a session without asking whether anybody may have
// them. The server mints what it grants; tests and the cases that must be
// refused mint what they could not obtain.
func (s *Sessions) Mint(session iam.Session, lifetime time.Duration) (Credentials, error) {
	made := Credentials{
		AccessKeyID:     "ASIA" + rand.Text()[:16],
		SecretAccessKey: (rand.Text() + rand.Text())[:40],
		Expiration:      s.now().Add(lifetime).UTC().Truncate(time.Second),
		Session:         session,
	}
	var err error
	made.SessionToken, err = s.seal.Close(made)
	return made, err
}

// errUnknown is the answer to credentials that nobody gave out, or whose role is gone.
var errUnknown = forbidden(InvalidClientTokenID, "The security token included in the request is invalid.")

// open returns what a session token holds. The role that it is of must be there
// still, and be the same one.
func (s *Sessions) open(accessKeyID, token string) (held Credentials, err error) {
	if !s.seal.Open(token, &held) || held.AccessKeyID != accessKeyID {
		return held, errUnknown
	}
	if !s.now().Before(held.Expiration) {
		return Credentials{}, forbidden(ExpiredToken, "The security token included in the request is expired")
	}
	if role, exists := s.cloud.Role(held.Session.RoleARN); !exists || role.ID != held.Session.RoleID {
		return Credentials{}, errUnknown
	}
	return held, nil
}
