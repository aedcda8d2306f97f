package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Names of the hops, as in the JSON document of `make up`.
const (
	hopKubernetes = "kubernetes"
	hopEntra      = "entra"
	hopSTS        = "sts"
	hopIAM        = "iam"
	hopECR        = "ecr"
	hopExecution  = "execution-role"
	hopLogs       = "logs"
	hopSecret     = "secret"
	hopRegistry   = "registry"
)

// refused is a walk's end at a hop, in the words of who refused.
type refused struct {
	hop, words string
}

func (r *refused) Error() string { return r.hop + ": " + r.words }

// variation is one walk: what it does not set is as deployed.
type variation struct {
	// namespace and account whose token starts the chain; audience that of the token.
	namespace, account string
	audience           *string
	// assertion changes the token before it goes to Entra.
	assertion func(token string) (string, error)
	// tenantID and clientID of the request to Entra.
	tenantID, clientID string
	// subjectToken stands in for Entra's token.
	subjectToken func() (string, error)
	// stsProject stands in for the project's number.
	stsProject string
	// skipImpersonation goes to the registry with the federated token.
	skipImpersonation bool
	// repository and push say what is asked of the registry; empty means the
	// product's image.
	repository string
	push       bool
}

// walk goes hop by hop until one refuses; nil if none does.
func (r *Rehearsal) walk(ctx context.Context, v variation) error {
	token, err := r.entraToken(ctx, v)
	if err != nil {
		return err
	}
	token, err = r.exchange(ctx, token, orElse(v.stsProject, r.chain.projectNumber))
	if err != nil {
		return err
	}
	if !v.skipImpersonation {
		if token, err = r.impersonate(ctx, token); err != nil {
			return err
		}
	}
	return r.registryRequest(ctx, &authn.Basic{Username: "oauth2accesstoken", Password: token}, v.repository, v.push)
}

func (r *Rehearsal) entraToken(ctx context.Context, v variation) (string, error) {
	if v.subjectToken != nil {
		return v.subjectToken()
	}
	audience := r.chain.audience
	if v.audience != nil {
		audience = *v.audience
	}
	assertion, err := r.accountToken(ctx, orElse(v.namespace, r.chain.namespace), orElse(v.account, r.chain.account), audience)
	if err != nil {
		return "", err
	}
	if v.assertion != nil {
		if assertion, err = v.assertion(assertion); err != nil {
			return "", err
		}
	}
	// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
	var answer struct {
		AccessToken string `json:"access_token"`
		Description string `json:"error_description"`
	}
	endpoint := r.chain.environment["AZURE_AUTHORITY_HOST"] + orElse(v.tenantID, r.chain.tenantID) + "/oauth2/v2.0/token"
	ok, err := r.post(ctx, endpoint, url.Values{
		"grant_type":            {"client_credentials"},
		"client_id":             {orElse(v.clientID, r.chain.clientID)},
		"scope":                 {r.chain.environment["WAYBILL_ENTRA_SCOPE"]},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}, &answer)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", &refused{hopEntra, firstLine(answer.Description)}
	}
	return answer.AccessToken, nil
}

// accountToken asks the cluster for a ServiceAccount's token, as a kubelet
// does; an empty audience is the API server's.
func (r *Rehearsal) accountToken(ctx context.Context, namespace, account, audience string) (string, error) {
	request := &authenticationv1.TokenRequest{}
	if audience != "" {
		request.Spec.Audiences = []string{audience}
	}
	answer, err := r.admin.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("rehearsal: token of %s/%s: %w", namespace, account, err)
	}
	return answer.Status.Token, nil
}

// exchange gives a subject token to Google's Security Token Service.
// https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
func (r *Rehearsal) exchange(ctx context.Context, token, project string) (string, error) {
	var answer struct {
		AccessToken string `json:"access_token"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	ok, err := r.post(ctx, "https://sts.googleapis.com/v1/token", url.Values{
		"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"subject_token_type":   {"urn:ietf:params:oauth:token-type:jwt"},
		"scope":                {"https://www.googleapis.com/auth/cloud-platform"},
		"audience": {fmt.Sprintf("//iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s/providers/%s",
			project, r.chain.pool, r.chain.provider)},
		"subject_token": {token},
	}, &answer)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", &refused{hopSTS, answer.Error + ": " + firstLine(answer.Description)}
	}
	return answer.AccessToken, nil
}

// impersonate asks for a token of the vendor's service account.
// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
func (r *Rehearsal) impersonate(ctx context.Context, token string) (string, error) {
	body, err := json.Marshal(map[string]any{"scope": []string{"https://www.googleapis.com/auth/cloud-platform"}})
	if err != nil {
		return "", err
	}
	endpoint := "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/" + r.chain.recipient + ":generateAccessToken"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	var answer struct {
		AccessToken string `json:"accessToken"`
		Error       struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	ok, err := r.do(request, &answer)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", &refused{hopIAM, firstLine(answer.Error.Message)}
	}
	return answer.AccessToken, nil
}

// registryRequest pulls an image, the product's where it is empty, or pushes
// beside it.
func (r *Rehearsal) registryRequest(ctx context.Context, login *authn.Basic, image string, push bool) error {
	reference, err := name.ParseReference(orElse(image, r.chain.image))
	if err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	options := []remote.Option{
		remote.WithContext(ctx), remote.WithTransport(r.config.Client.Transport), remote.WithAuth(login),
	}
	if push {
		err = remote.Write(reference.Context().Tag("rehearsal"), empty.Image, options...)
	} else {
		_, err = remote.Image(reference, options...)
	}
	if err != nil {
		return &refused{hopRegistry, firstLine(err.Error())}
	}
	return nil
}

// post sends a form; ok is false for an answer other than 200, which is
// decoded all the same.
func (r *Rehearsal) post(ctx context.Context, endpoint string, form url.Values, answer any) (ok bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r.do(request, answer)
}

func (r *Rehearsal) do(request *http.Request, answer any) (ok bool, err error) {
	response, err := r.config.Client.Do(request)
	if err != nil {
		return false, fmt.Errorf("rehearsal: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return false, fmt.Errorf("rehearsal: %w", err)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return false, fmt.Errorf("rehearsal: %s answered %d with something that is no JSON", request.URL.Host, response.StatusCode)
	}
	return response.StatusCode == http.StatusOK, nil
}

func orElse(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// firstLine shortens a cloud's answer to what a table can show.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	line = strings.TrimSpace(line)
	const most = 800 // a refusal of IAM with two ARNs, in a kubelet's words
	if shown := []rune(line); len(shown) > most {
		return string(shown[:most]) + "…"
	}
	return line
}
