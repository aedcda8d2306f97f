package figures

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// pulls counts pulls that are tried all the time, each with what the secret
// then holds, while refreshes run back to back.
func (m *meter) pulls(ctx context.Context, d *deployment) error {
	p, err := newPuller(d)
	if err != nil {
		return err
	}
	m.say("pulling while %d refreshes run", m.options.Refreshes)
	pulling, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for pulling.Err() == nil {
			err := p.pull(ctx)
			m.report.Pulls.Tried++
			if err != nil {
				m.report.Pulls.Failed++
				m.failure("pull %d: %s", m.report.Pulls.Tried, err)
			}
		}
	}()
	for range m.options.Refreshes {
		if err = d.chain.Refresh(ctx); err != nil {
			break
		}
	}
	stop()
	<-ended
	if err != nil {
		return fmt.Errorf("figures: a refresh while pulls ran: %w", err)
	}
	return nil
}

// puller pulls the product's image as a kubelet does: with the pull secret as
// it is at that time.
type puller struct {
	client          kubernetes.Interface
	namespace, name string
	image           name.Reference
	transport       http.RoundTripper
}

func newPuller(d *deployment) (*puller, error) {
	client, err := kubernetes.NewForConfig(d.Clusters[0].RESTConfig())
	if err != nil {
		return nil, fmt.Errorf("figures: %w", err)
	}
	text, _ := d.up.Outputs["pullSecret"].(string)
	namespace, secret, found := strings.Cut(text, "/")
	if !found {
		return nil, fmt.Errorf("figures: the output pullSecret is %q: want NAMESPACE/NAME", text)
	}
	image, _ := d.up.Outputs["image"].(string)
	reference, err := name.ParseReference(image)
	if err != nil {
		return nil, fmt.Errorf("figures: the output image: %w", err)
	}
	return &puller{client: client, namespace: namespace, name: secret, image: reference, transport: d.Network.Client().Transport}, nil
}

func (p *puller) pull(ctx context.Context) error {
	secret, err := p.client.CoreV1().Secrets(p.namespace).Get(ctx, p.name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	var file struct {
		Auths map[string]authn.AuthConfig `json:"auths"`
	}
	if err := json.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &file); err != nil {
		return fmt.Errorf("the secret %s: %w", p.name, err)
	}
	auth := authn.FromConfig(file.Auths[p.image.Context().RegistryStr()])
	_, err = remote.Image(p.image, remote.WithContext(ctx), remote.WithAuth(auth), remote.WithTransport(p.transport))
	return err
}
