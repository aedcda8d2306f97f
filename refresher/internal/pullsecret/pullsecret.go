// Package pullsecret writes the new credential into the one Secret that the refresher may patch in each namespace.
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
	"log/slog"
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
	"waybill.example/waybill/refresher/internal/wire"
)

// FieldManager owns what the refresher applies.
const FieldManager = "waybill-refresher"

// The annotations that say what the secret holds. Times are RFC 3339 in UTC.
const (
	AnnotationExpires     = "waybill.example/expires"      // when the credential in the secret ends
	AnnotationLastSuccess = "waybill.example/last-success" // when it was written
	AnnotationImages      = "waybill.example/images"       // the references that it was tried on, joined by ", "
	// Those that the registry does not hold, each as "IMAGE since TIME", joined by ", "; absent where none is missing.
	AnnotationMissing = "waybill.example/missing"
	// What ended the last run, as "TIME hop HOP, exit CODE: CAUSE"; absent after a success.
	AnnotationProblem = "waybill.example/problem"
)

// dataKey is the one key of a Secret of type kubernetes.io/dockerconfigjson.
const dataKey = ".dockerconfigjson"

// Secret is the pull secret of one product, in one namespace or several.
type Secret struct {
	Name         string
	Namespaces   []string // at least one
	Shown        string   // every NAMESPACE/NAME, for the report
	RegistryHost string   // keys the credential: the vendor's registry, nothing shorter
	Images       []string // as annotated
	DryRun       bool     // only ask the API server whether the patch would be admitted
	Kubernetes   func() (*rest.Config, error)
	Secrets      *redact.Set
	Logger       *slog.Logger // told what is not worth a failed run
}

// Apply patches the secret with the credential, and annotates which images are missing. A namespace that refuses it keeps
// no other from getting it. It implements chain.Writer.
func (s Secret) Apply(
	ctx context.Context, credential chain.Credential, missing []string, step *chain.Step,
) *fault.Fault {
	client, host, err := s.client()
	if err != nil {
		f := fault.FromError(fault.HopSecret, err, s.Secrets)
		f.Kind, f.Row, f.Do = fault.Lasting, "", ""
		f.Cause = "the pod has no credentials for the API server: its projected volume at " +
			"/var/run/secrets/kubernetes.io/serviceaccount"
		return f
	}
	var refused *fault.Fault
	for _, namespace := range s.Namespaces {
		if err := s.apply(ctx, client, namespace, credential, missing); err != nil && refused == nil {
			refused = s.refused(namespace, err)
		}
	}
	if refused == nil {
		step.Issuer, step.Subject, step.Audience, step.Expires = host, s.Shown, s.RegistryHost, credential.Expires
	}
	return refused
}

// apply patches the secret of one namespace.
func (s Secret) apply(
	ctx context.Context, client *rest.RESTClient, namespace string, credential chain.Credential, missing []string,
) error {
	var before map[string]string
	if len(missing) > 0 {
		// The verb patch alone reads nothing; the answer to a patch that changes nothing is the object.
		var err error
		if before, err = s.merge(ctx, client, namespace, struct{}{}, true); err != nil {
			return err
		}
	}
	now := time.Now().UTC()
	body, err := s.body(namespace, credential, now, since(missing, before[AnnotationMissing], now))
	if err != nil {
		return err
	}
	after, err := s.patch(ctx, client.Patch(types.ApplyPatchType).Param("force", "true"), namespace, body, s.DryRun)
	if err != nil {
		return err
	}
	if after[AnnotationProblem] != "" && !s.DryRun {
		if _, err := s.merge(ctx, client, namespace, problem(nil), false); err != nil {
			s.Logger.Warn("the annotation of the last failure stays", "error", err)
		}
	}
	return nil
}

// problemLimit bounds the annotation, in characters.
const problemLimit = 400

// Annotate writes on the secret what ended a run, and leaves its data alone. The next success removes it.
func (s Secret) Annotate(ctx context.Context, f *fault.Fault) error {
	client, _, err := s.client()
	if err != nil {
		return err
	}
	why := f.Cause
	if why == fault.Unknown {
		why = f.Words
	}
	at := time.Now().UTC().Format(time.RFC3339)
	text := redact.Cut(fmt.Sprintf("%s hop %s, exit %d: %s", at, f.Hop, f.ExitCode(), s.Secrets.Text(why)), problemLimit)
	var failed []error
	for _, namespace := range s.Namespaces {
		_, err := s.merge(ctx, client, namespace, problem(&text), false)
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// problem is the merge patch that sets the annotation, or with nil removes it.
func problem(text *string) any {
	return map[string]any{"metadata": map[string]any{"annotations": map[string]*string{AnnotationProblem: text}}}
}

func (s Secret) merge(ctx context.Context, client *rest.RESTClient, namespace string, patch any, dry bool) (map[string]string, error) {
	body, err := json.Marshal(patch)
	if err != nil {
		return nil, err
	}
	return s.patch(ctx, client.Patch(types.MergePatchType), namespace, body, dry)
}

// patch sends a patch of a namespace's secret and returns the annotations of the answer. The rest of the answer holds
// the credential and is not kept.
func (s Secret) patch(
	ctx context.Context, request *rest.Request, namespace string, body []byte, dry bool,
) (map[string]string, error) {
	request = request.Namespace(namespace).Resource("secrets").Name(s.Name).
		Param("fieldManager", FieldManager).MaxRetries(0).Body(body)
	if dry {
		request = request.Param("dryRun", metav1.DryRunAll)
	}
	result := request.Do(ctx)
	if err := result.Error(); err != nil {
		return nil, err
	}
	answer, err := result.Raw()
	if err != nil {
		return nil, err
	}
	var object struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(answer, &object); err != nil {
		return nil, errors.New("the API server's answer is no object") // the error may quote the answer
	}
	return object.Metadata.Annotations, nil
}

// since writes AnnotationMissing: an image keeps the time that it has in before.
func since(missing []string, before string, now time.Time) string {
	known := map[string]string{}
	for entry := range strings.SplitSeq(before, ", ") {
		image, at, _ := strings.Cut(entry, " since ")
		if _, err := time.Parse(time.RFC3339, at); err == nil {
			known[image] = at
		}
	}
	entries := make([]string, 0, len(missing))
	for _, image := range missing {
		at := known[image]
		if at == "" {
			at = now.Format(time.RFC3339)
		}
		entries = append(entries, image+" since "+at)
	}
	return strings.Join(entries, ", ")
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
	config.Wrap(wire.HearProxies)
	client, err := rest.RESTClientFor(config)
	return client, config.Host, err
}

func (s Secret) body(namespace string, credential chain.Credential, now time.Time, missing string) ([]byte, error) {
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
	annotations := map[string]string{
		AnnotationExpires:     credential.Expires.UTC().Format(time.RFC3339),
		AnnotationLastSuccess: now.Format(time.RFC3339),
		AnnotationImages:      strings.Join(s.Images, ", "),
	}
	if missing != "" {
		annotations[AnnotationMissing] = missing
	}
	return json.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "Secret",
		"metadata":   map[string]any{"name": s.Name, "namespace": namespace, "annotations": annotations},
		"data":       map[string][]byte{dataKey: config},
	})
}

// refused reads the API server's refusal, which does not always say in which namespace.
func (s Secret) refused(namespace string, err error) *fault.Fault {
	f := s.explained(err)
	if len(s.Namespaces) > 1 {
		f.Words = "namespace " + namespace + ": " + f.Words
	}
	return f
}

func (s Secret) explained(err error) *fault.Fault {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return fault.FromError(fault.HopSecret, err, s.Secrets)
	}
	e := wire.Exchange{Status: int(status.Status().Code), Body: []byte(status.Status().Message)}
	if seconds, asked := apierrors.SuggestsClientDelay(err); asked {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return fault.FromExchange(fault.HopSecret, e, err, s.Secrets)
}
