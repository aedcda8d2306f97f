package sandbox

import "waybill.example/waybill/sandbox/googleapis"

// AccountToken is an access token of a service account of Google Cloud.
func (s *Sandbox) AccountToken(email string) (string, error) {
	return s.google.Tokens.MintAccount(email, []string{googleapis.CloudPlatform}, googleapis.MaxLifetime)
}
