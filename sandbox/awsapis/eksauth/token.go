package eksauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"waybill.example/waybill/sandbox/oidc"
)

// pod is what a ServiceAccount token says about the pod that it is bound to:
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#schema-for-service-account-private-claims
type pod struct {
	Namespace      string
	ServiceAccount string
	Name           string
	UID            string
}

// verify checks a token of a cluster. EKS publishes the codes of its refusals
// and what they mean, but no words.
func (s *Server) verify(ctx context.Context, issuer, text string) (pod, error) {
	claims, err := s.verifier.Verify(ctx, issuer, text)
	if err != nil {
		var refusal *oidc.Error
		if errors.As(err, &refusal) && refusal.Kind == oidc.Unreachable {
			return pod{}, refuse(http.StatusServiceUnavailable, "ServiceUnavailableException", err.Error())
		}
		return pod{}, invalidToken(err.Error())
	}
	now := s.gate.Now()
	expiry, hasExpiry := claims.Time("exp")
	begin, hasBegin := claims.Time("nbf")
	switch {
	case !hasExpiry:
		return pod{}, invalidToken("the token has no expiry")
	case !now.Before(expiry):
		return pod{}, refuse(http.StatusBadRequest, "ExpiredTokenException", "The specified Kubernetes service account token is expired.")
	case hasBegin && now.Before(begin):
		return pod{}, invalidToken("the token is not valid yet")
	case !slices.Contains(claims.Audiences(), Service):
		return pod{}, invalidToken("the token is not for the audience " + Service)
	}
	return boundPod(claims)
}

// boundPod reads the private claims of Kubernetes.
func boundPod(claims oidc.Claims) (pod, error) {
	type reference struct {
		Name string `json:"name"`
		UID  string `json:"uid"`
	}
	var private struct {
		Namespace      string    `json:"namespace"`
		ServiceAccount reference `json:"serviceaccount"`
		Pod            reference `json:"pod"`
	}
	text, err := json.Marshal(claims["kubernetes.io"])
	if err == nil {
		err = json.Unmarshal(text, &private)
	}
	bound := pod{Namespace: private.Namespace, ServiceAccount: private.ServiceAccount.Name, Name: private.Pod.Name, UID: private.Pod.UID}
	switch {
	case err != nil, bound.Namespace == "", bound.ServiceAccount == "":
		return pod{}, invalidToken("the token is of no ServiceAccount")
	case bound.Name == "", bound.UID == "":
		return pod{}, invalidToken("the token is bound to no pod")
	}
	return bound, nil
}

// invalidToken words a refusal with what is wrong, for the sandbox's sake.
func invalidToken(reason string) error {
	return refuse(http.StatusBadRequest, "InvalidTokenException", "The specified Kubernetes service account token is invalid: "+reason)
}
