package podidentity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/eksauth"
	"github.com/aws/smithy-go"
	"github.com/go-jose/go-jose/v4"

	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/awsapis/access"
	"waybill.example/waybill/sandbox/oidc"
)

const (
	// Address is where pods find the agent:
	// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-agent-config-ipv6.html
	Address = "169.254.170.23"
	// URL is what EKS puts into AWS_CONTAINER_CREDENTIALS_FULL_URI.
	URL = "http://" + Address + path

	path = "/v1/credentials"
	// callTime bounds one call of EKS Auth.
	callTime = 10 * time.Second
)

// Agent is the agent on the nodes of the world's clusters. It is the handler of
// [URL].
type Agent struct {
	gate *access.Gate
	// clusters by issuer.
	clusters map[string]eks.Cluster
	allow    Allow
}

// Allow says whether the network lets a pod reach the agent. The pod is that of the
// token, by its issuer.
type Allow func(ctx context.Context, issuer, namespace, pod string) error

// New makes the agent, which runs on the nodes of those clusters that have the add-on.
// It refuses one whose nodes have no role: they could not call the EKS Auth API.
// Without allow, every pod reaches it.
func New(gate *access.Gate, clusters []eks.Cluster, allow Allow) (*Agent, error) {
	a := &Agent{gate: gate, clusters: map[string]eks.Cluster{}, allow: allow}
	var problems []error
	for _, cluster := range clusters {
		if !cluster.PodIdentityAgent {
			continue
		}
		if cluster.NodeRole == "" {
			problems = append(problems, fmt.Errorf("podidentity: cluster %s: want a nodeRole, with which the agent calls the EKS Auth API", cluster.ARN()))
		}
		a.clusters[cluster.Issuer] = cluster
	}
	return a, errors.Join(problems...)
}

// Needed says whether any cluster has the add-on.
func (a *Agent) Needed() bool { return len(a.clusters) > 0 }

// refusal is an answer that is no credentials: plain text, as the real agent's.
type refusal struct {
	status int
	text   string
}

// Error returns the text of the answer.
func (r *refusal) Error() string { return r.text }

// ServeHTTP implements http.Handler.
func (a *Agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != path {
		http.NotFound(w, r)
		return
	}
	answer, err := a.answer(r)
	if err != nil {
		status := http.StatusInternalServerError
		var refused *refusal
		if errors.As(err, &refused) {
			status = refused.status
		}
		http.Error(w, err.Error(), status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// A client that has gone away is nobody to tell.
	_ = json.NewEncoder(w).Encode(answer)
}

func (a *Agent) answer(r *http.Request) (any, error) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host != Address {
		return nil, &refusal{http.StatusForbidden, fmt.Sprintf("Access Denied. Called agent through invalid address, please use either %s address not %s", Address, host)}
	}
	text := r.Header.Get("Authorization")
	if text == "" {
		return nil, &refusal{http.StatusBadRequest, "Service account token cannot be empty"}
	}
	token, err := oidc.Parse(text, jose.RS256)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "Service account token cannot be parsed: " + err.Error()}
	}
	if expiry, found := token.Claims.Time("exp"); found && !a.gate.Now().Before(expiry) {
		return nil, &refusal{http.StatusBadRequest, "Service account token failed basic claim validations: token has invalid claims: token is expired"}
	}
	cluster, known := a.clusters[token.Claims.Text("iss")]
	if !known {
		return nil, &refusal{http.StatusBadRequest, fmt.Sprintf("the sandbox has no cluster with the Pod Identity agent whose issuer is %q", token.Claims.Text("iss"))}
	}
	if !a.reachable(r.Context(), token.Claims) {
		panic(http.ErrAbortHandler) // The connection ends without an answer.
	}
	return a.ask(r.Context(), cluster, text)
}

// reachable says whether the network lets the token's pod reach the agent; a
// token that is bound to no pod says nothing about it.
func (a *Agent) reachable(ctx context.Context, claims oidc.Claims) bool {
	holder, _ := claims["kubernetes.io"].(map[string]any)
	pod, bound := holder["pod"].(map[string]any)
	return a.allow == nil || !bound ||
		a.allow(ctx, claims.Text("iss"), oidc.Claims(holder).Text("namespace"), oidc.Claims(pod).Text("name")) == nil
}

// ask calls the EKS Auth API as the node of a cluster.
func (a *Agent) ask(ctx context.Context, cluster eks.Cluster, token string) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	client := eksauth.New(eksauth.Options{
		Region: cluster.Region, HTTPClient: a.gate.Client, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return a.gate.Node(cluster)
		}),
		// The pod's client tries again.
		Retryer: aws.NopRetryer{},
	})
	answer, err := client.AssumeRoleForPodIdentity(ctx, &eksauth.AssumeRoleForPodIdentityInput{ClusterName: &cluster.Name, Token: &token})
	if err != nil {
		return nil, refusalOf(err)
	}
	// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
	return map[string]any{
		"AccessKeyId":     answer.Credentials.AccessKeyId,
		"SecretAccessKey": answer.Credentials.SecretAccessKey,
		"Token":           answer.Credentials.SessionToken,
		"AccountId":       cluster.Account,
		"Expiration":      answer.Credentials.Expiration,
	}, nil
}

// refusalOf passes a refusal of the EKS Auth API on as the real agent does.
func refusalOf(err error) error {
	passed := &refusal{http.StatusInternalServerError, err.Error()}
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() != 0 {
		passed.status = response.HTTPStatusCode()
	}
	var refused smithy.APIError
	if errors.As(err, &refused) {
		passed.text = fmt.Sprintf("(%s): %s, fault: %s", refused.ErrorCode(), refused.ErrorMessage(), refused.ErrorFault())
		if response != nil {
			passed.text = fmt.Sprintf("[%s]: %s", response.RequestID, passed.text)
		}
	}
	return passed
}

// headerTime bounds the reading of a request's header.
const headerTime = 10 * time.Second

// ErrPrivilege says that this process may not give the machine an address.
var ErrPrivilege = errors.New("the Pod Identity agent needs the link-local address " + Address + " on the loopback interface: run the sandbox as root, or with CAP_NET_ADMIN and CAP_NET_BIND_SERVICE")

// Listener is an agent that pods can reach.
type Listener struct {
	server *http.Server
	remove func() error
}

// Listen adds [Address] to the loopback interface and serves the agent on its
// port 80, until Close. It returns ErrPrivilege where this process may not do
// that, and another error where another agent has the address already.
func (a *Agent) Listen(ctx context.Context) (*Listener, error) {
	remove, err := addAddress()
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(Address, "80"))
	if err != nil {
		// An address that another agent listens on is that one's to take away.
		if !errors.Is(err, syscall.EADDRINUSE) {
			err = errors.Join(err, remove())
		}
		return nil, fmt.Errorf("podidentity: %w (is another sandbox with a Pod Identity agent running on this machine?)", err)
	}
	l := &Listener{server: &http.Server{Handler: a, ReadHeaderTimeout: headerTime}, remove: remove}
	go func() { _ = l.server.Serve(listener) }()
	return l, nil
}

// Close ends the agent and takes the address away.
func (l *Listener) Close() error { return errors.Join(l.server.Close(), l.remove()) }
