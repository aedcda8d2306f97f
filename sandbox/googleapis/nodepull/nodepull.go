// Package nodepull is the credential provider as nodes of Google Kubernetes Engine
// have it: for images of Artifact Registry, and for no others, the kubelet pulls
// with an access token of the nodes' service account, whichever project the
// repository is in
// (https://cloud.google.com/artifact-registry/docs/integrate-gke and
// https://github.com/kubernetes/cloud-provider-gcp/tree/master/cmd/auth-provider-gcp).
//
// What the account may read, the registry decides.
package nodepull

import (
	"context"
	"fmt"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/googleapis"
)

// user is the user whose password is an access token.
const user = "oauth2accesstoken"

// Provider is the credential provider on the nodes of one cluster.
type Provider struct {
	// Tokens mints what the metadata server of a node hands out.
	Tokens *googleapis.Tokens
	// Account is the email of the nodes' service account.
	Account string
}

// Login returns the user and the password for an image. ok is false for an image
// that is not in Artifact Registry; an error is why the node gets no token.
// Nothing is cached, so that a role that is taken away counts at the next pull.
func (p *Provider) Login(_ context.Context, image string) (username, password string, ok bool, err error) {
	host, _, _ := strings.Cut(image, "/")
	location, isArtifactRegistry := strings.CutSuffix(host, "-docker.pkg.dev")
	if !isArtifactRegistry || !gcp.IsLocation(location) {
		return "", "", false, nil
	}
	token, err := p.Tokens.MintAccount(p.Account, []string{googleapis.CloudPlatform}, time.Hour)
	if err != nil {
		return "", "", false, fmt.Errorf("nodepull: %w", err)
	}
	return user, token, true, nil
}
