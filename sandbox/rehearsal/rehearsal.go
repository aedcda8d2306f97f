package rehearsal

import (
	"context"
	"fmt"
	"net/http"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"waybill.example/waybill/sandbox/entra"
	"waybill.example/waybill/sandbox/world"
)

// Config is what a rehearsal meets.
type Config struct {
	// REST reaches the customer's cluster as its administrator; nil where the
	// chain has no cluster, as on ECS.
	REST *rest.Config
	// SigningKeyFile is the key that signs the cluster's ServiceAccount tokens.
	SigningKeyFile string
	// Client reaches the clouds' host names through the proxy.
	Client *http.Client
	// Entra mints tokens that another caller or another time would get.
	Entra *entra.Server
	// Amazon is AWS; nil where the world has none of it.
	Amazon *Amazon
	// World has the neighbours: other tenants, identities and repositories.
	World *world.World
	// Outputs of the stack.
	Outputs map[string]any
	// Logs reads a container's log.
	Logs func(namespace, pod, container string) ([]byte, error)
}

// Hop is one step of the chain as it happened.
type Hop struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Refusal is a walk with one thing changed.
type Refusal struct {
	Case string `json:"case"`
	// Hop refused, in the words of Error. Both are empty where nobody refused.
	Hop   string `json:"hop"`
	Error string `json:"error"`

	// Want is the hop that must refuse; OK is true where it did, in words of
	// its cloud's family.
	Want string `json:"-"`
	OK   bool   `json:"-"`
}

// Rehearsal is a deployed chain, ready to be walked.
type Rehearsal struct {
	config Config
	admin  kubernetes.Interface
	chain  *chain
	// amazon is the chain's way through AWS; nil where it goes through Google.
	amazon *amazon
}

// New reads the deployed chain.
func New(ctx context.Context, config Config) (*Rehearsal, error) {
	r := &Rehearsal{config: config}
	if config.REST != nil {
		var err error
		if r.admin, err = kubernetes.NewForConfig(config.REST); err != nil {
			return nil, fmt.Errorf("rehearsal: %w", err)
		}
	}
	outputs := document(config.Outputs)
	read := r.readGoogle
	if platform := outputs.text("accessRequest", "platform"); platform == platformEKS || platform == platformECS {
		read = r.readAmazon
	}
	if err := read(ctx, outputs); err != nil {
		return nil, err
	}
	return r, nil
}
