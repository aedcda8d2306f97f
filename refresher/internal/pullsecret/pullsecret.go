// Package pullsecret writes the new credential into the one Secret that the refresher may patch.
//
// It uses server-side apply, because with the verb patch alone an apply updates a present object and cannot
// create an absent one (docs/facts.md §8). The apply is forced, since Pulumi's field manager owns the data
// first, and holds only the refresher's own keys: type, labels and everything else stay with whoever owns
// them.
package pullsecret

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/redact"
)

// FieldManager owns what the refresher applies.
const FieldManager = "waybill-refresher"

// The annotations that say what the secret holds. Times are RFC 3339 in UTC.
const (
	AnnotationExpires     = "waybill.example/expires"      // when the credential in the secret ends
	AnnotationLastSuccess = "waybill.example/last-success" // when it was written
	AnnotationImage       = "waybill.example/image"        // the reference that it opened just before
)

// dataKey is the one key of a Secret of type kubernetes.io/dockerconfigjson.
const dataKey = ".dockerconfigjson"

// causeGone is the answer to a secret that is not there. The refresher may not create it, and must not: an
// object without Pulumi's record of it would outlive the stack.
const causeGone = "the pull secret is gone; run `pulumi up --refresh`"

// Secret is the pull secret of one product.
type Secret struct {
	Name, Namespace string
	RegistryHost    string // keys the credential: the vendor's registry, nothing shorter
	Image           string // as annotated
	DryRun          bool   // only ask the API server whether the patch would be admitted
	Kubernetes      func() (*rest.Config, error)
	Secrets         *redact.Set
}

// Apply patches the secret with the credential. It implements chain.Stage.
func (s Secret) Apply(ctx context.Context, credential chain.Credential, step *chain.Step) *fault.Fault {
	body, err := s.body(credential, time.Now())
	if err != nil {
		return fault.FromError(fault.HopSecret, err, s.Secrets)
	}
	client, host, err := s.client()
	if err != nil {
		f := fault.FromError(fault.HopSecret, err, s.Secrets)
		f.Kind, f.Cause = fault.Lasting, "the pod has no credentials for the API server: its projected volume at "+
			"/var/run/secrets/kubernetes.io/serviceaccount"
		return f
	}
	request := client.Patch(types.ApplyPatchType).
		Namespace(s.Namespace).Resource("secrets").Name(s.Name).
		Param("fieldManager", FieldManager).Param("force", "true").
		MaxRetries(0).Body(body)
	if s.DryRun {
		request = request.Param("dryRun", metav1.DryRunAll)
	}
	if err := request.Do(ctx).Error(); err != nil {
		return s.refused(err)
	}
	step.Issuer, step.Subject, step.Audience, step.Expires = host, s.Namespace+"/"+s.Name, s.RegistryHost, credential.Expires
	return nil
}

// client is a REST client for core/v1 alone: the typed clients would bring every API group of Kubernetes into
// the binary.
func (s Secret) client() (*rest.RESTClient, string, error) {
	config, err := s.Kubernetes()
	if err != nil {
		return nil, "", err
	}
	config = rest.CopyConfig(config)
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	config.APIPath = "/api"
	config.GroupVersion = &schema.GroupVersion{Version: "v1"}
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.ContentType = runtime.ContentTypeJSON
	config.UserAgent = FieldManager
	config.QPS = -1
	config.WarningHandlerWithContext = rest.NoWarnings{}
	client, err := rest.RESTClientFor(config)
	return client, config.Host, err
}

func (s Secret) body(credential chain.Credential, now time.Time) ([]byte, error) {
	auth := base64.StdEncoding.EncodeToString([]byte(credential.Username + ":" + credential.Password))
	s.Secrets.Add(credential.Password)
	s.Secrets.Add(auth)
	config, err := json.Marshal(map[string]any{"auths": map[string]any{
		s.RegistryHost: map[string]string{"username": credential.Username, "password": credential.Password, "auth": auth},
	}})
	if err != nil {
		return nil, err
	}
	s.Secrets.Add(base64.StdEncoding.EncodeToString(config))
	return json.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "Secret",
		"metadata": map[string]any{
			"name":      s.Name,
			"namespace": s.Namespace,
			"annotations": map[string]string{
				AnnotationExpires:     credential.Expires.UTC().Format(time.RFC3339),
				AnnotationLastSuccess: now.UTC().Format(time.RFC3339),
				AnnotationImage:       s.Image,
			},
		},
		"data": map[string][]byte{dataKey: config},
	})
}

// refused reads the API server's refusal.
func (s Secret) refused(err error) *fault.Fault {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return fault.FromError(fault.HopSecret, err, s.Secrets)
	}
	f := fault.FromError(fault.HopSecret, err, s.Secrets)
	f.Status = int(status.Status().Code)
	f.Kind = fault.Lasting
	if seconds, asked := apierrors.SuggestsClientDelay(err); asked {
		f.RetryAfter = time.Duration(seconds) * time.Second
	}
	gone := fmt.Sprintf("cannot create resource %q", "secrets")
	switch {
	case f.Status == http.StatusNotFound, f.Status == http.StatusForbidden && strings.Contains(err.Error(), gone):
		f.Cause = causeGone
	case f.Status == http.StatusForbidden:
		f.Cause = "the refresher's Role or RoleBinding no longer allows patch on this one secret; run `pulumi up " +
			"--refresh`"
	case f.Status == http.StatusUnauthorized:
		f.Cause = "the API server refused the pod's own token: its projected volume, or the ServiceAccount was " +
			"deleted and made again"
	case f.Status == http.StatusUnprocessableEntity:
		f.Cause = "the secret was marked immutable, or is not of type kubernetes.io/dockerconfigjson; replace it " +
			"with `pulumi up --replace`"
	case f.Status >= http.StatusInternalServerError, f.Status == http.StatusTooManyRequests, f.Status == http.StatusConflict:
		f.Kind, f.Cause = fault.Passing, "the API server is busy, failing or starting"
	default:
		f.Cause = "the API server, or an admission webhook, refused the patch"
	}
	return f
}
