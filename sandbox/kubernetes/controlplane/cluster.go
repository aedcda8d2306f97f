package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"waybill.example/waybill/sandbox/child"
	"waybill.example/waybill/sandbox/world"
)

const (
	// startTimeout bounds a start whose context has no deadline. A start takes
	// seconds (docs/building.md); the rest is for a busy machine.
	startTimeout = 2 * time.Minute
	// portAttempts is how often a start is tried again with other ports when
	// another process took one between its choice and its use.
	portAttempts = 5
)

// Config says which cluster to run, from what, and where it keeps its state.
type Config struct {
	// Binary is the path of the control plane binary. Required.
	Binary string
	// Dir holds the cluster's state and logs. It is created if it is missing
	// and belongs to one running cluster at a time: the caller locks it
	// (package state). Required.
	Dir string
	// Context is the kubeconfig context that reaches the cluster. Required.
	Context string
	// Issuer is the issuer of the cluster's ServiceAccount tokens, an https
	// URL, with its trailing slash where the cloud has one. Required.
	Issuer string
	// Namespaces exist from the first start on, with their labels. One that
	// exists already is left as it is.
	Namespaces []world.Namespace
	// Objects are manifests, created in this order after the namespaces, each once:
	// one that was deleted since does not come back, and one that exists already is
	// left as it is. Fields that the API server does not know are an error.
	Objects []json.RawMessage
	// Controllers also runs kube-controller-manager. Without it no namespace
	// gets its default ServiceAccount, and no deletion that cascades ends.
	Controllers bool
}

// Cluster is a running control plane.
type Cluster struct {
	config    Config
	files     files
	token     string
	server    string
	authority []byte

	processes []*child.Process // in the order of their start
	stopOnce  sync.Once
	stopErr   error
}

// Start starts the processes one after another, each when the one before is
// ready, and creates what the world says was there. It returns when the API
// server is ready and, with Controllers, when every namespace of the world has
// its default ServiceAccount. ctx bounds the start, not the cluster's life.
//
// The error of a process that ended early carries the end of its log.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	if _, err := exec.LookPath(config.Binary); err != nil {
		return nil, fmt.Errorf("control plane: %w: run `make tools`", err)
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, startTimeout)
		defer cancel()
	}
	cluster, err := start(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("control plane of context %s: %w", config.Context, err)
	}
	return cluster, nil
}

func start(ctx context.Context, config Config) (*Cluster, error) {
	files, err := prepare(config.Dir)
	if err != nil {
		return nil, err
	}
	token, err := files.adminToken()
	if err != nil {
		return nil, err
	}
	c := &Cluster{config: config, files: files, token: token}
	if err := c.startProcesses(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) startProcesses(ctx context.Context) error {
	etcd, err := c.startEtcd(ctx)
	if err != nil {
		return err
	}
	if err := c.startAPIServer(ctx, etcd); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(c.RESTConfig())
	if err != nil {
		return err
	}
	if err := furnish(ctx, client, c.config.Namespaces); err != nil {
		return err
	}
	if err := c.apply(ctx, client.Discovery()); err != nil {
		return err
	}
	if c.config.Controllers {
		if err := c.startControllerManager(ctx, client); err != nil {
			return err
		}
	}
	// etcd's port may have gone to another etcd, which then answered for ours:
	// ours has ended by now, and nothing of this start may stand.
	return c.Err()
}

// startEtcd returns etcd's client URL.
func (c *Cluster) startEtcd(ctx context.Context) (string, error) {
	var listen string
	err := c.launch(ctx, "etcd", func() ([]string, error) {
		ports, err := freePorts(2)
		if err != nil {
			return nil, err
		}
		listen = "http://" + ports[0]
		return []string{
			"--data-dir", c.files.etcd,
			"--listen", listen,
			"--peer", "http://" + ports[1],
		}, nil
	}, func(ctx context.Context) error { return healthy(ctx, &rest.Config{Host: listen}, "/health") })
	return listen, err
}

func (c *Cluster) startAPIServer(ctx context.Context, etcd string) error {
	if err := c.files.dropExpiredCertificate(time.Now()); err != nil {
		return err
	}
	return c.launch(ctx, "kube-apiserver", func() ([]string, error) {
		ports, err := freePorts(1)
		if err != nil {
			return nil, err
		}
		c.server = "https://" + ports[0]
		return apiServerFlags(c.config, c.files, etcd, ports[0])
	}, func(ctx context.Context) error {
		// The server writes its certificate while it starts.
		var err error
		if c.authority, err = os.ReadFile(c.files.certificate); err != nil {
			return err
		}
		return healthy(ctx, c.RESTConfig(), "/readyz")
	})
}

// healthy asks for a path and wants a 200.
func healthy(ctx context.Context, config *rest.Config, path string) error {
	config.Timeout = 5 * time.Second
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return client.Discovery().RESTClient().Get().AbsPath(path).Do(ctx).Error()
}

func (c *Cluster) startControllerManager(ctx context.Context, client kubernetes.Interface) error {
	if err := WriteKubeconfig(c.files.kubeconfig, c); err != nil {
		return err
	}
	return c.launch(ctx, "kube-controller-manager",
		func() ([]string, error) { return controllerManagerFlags(c.files), nil },
		// It serves no port of its own: what it is there for shows that it works.
		func(ctx context.Context) error { return haveDefaultServiceAccounts(ctx, client, c.config.Namespaces) })
}

// launch starts a role and waits until it is ready; when its port was taken it
// asks for other flags and starts again.
func (c *Cluster) launch(ctx context.Context, role string, flags func() ([]string, error), ready func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		args, err := flags()
		if err != nil {
			return fmt.Errorf("%s: %w", role, err)
		}
		p, err := child.Start(child.Spec{
			Name: role, Path: c.config.Binary, Args: append([]string{role}, args...), Log: filepath.Join(c.config.Dir, role+".log"),
		})
		if err != nil {
			return err
		}
		err = p.Await(ctx, ready)
		if err == nil {
			c.processes = append(c.processes, p)
			return nil
		}
		err = errors.Join(err, p.Stop())
		portWasTaken := strings.Contains(p.Tail(), "address already in use")
		if attempt == portAttempts || !portWasTaken {
			return err
		}
	}
}

// Context is the kubeconfig context that reaches the cluster.
func (c *Cluster) Context() string { return c.config.Context }

// Issuer is the issuer of the cluster's ServiceAccount tokens.
func (c *Cluster) Issuer() string { return c.config.Issuer }

// RESTConfig returns a new configuration for clients that act as the cluster's
// administrator (group system:masters). The port changes with every start.
func (c *Cluster) RESTConfig() *rest.Config {
	return &rest.Config{
		Host:            c.server,
		BearerToken:     c.token,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.authority},
		// One process drives the cluster: client-side throttling (5 requests a
		// second by default) would only slow it down.
		QPS:   200,
		Burst: 400,
	}
}

// SigningKeyFile is the PEM file of the key that signs ServiceAccount tokens
// (RS256). It is made at the first start and never changes.
func (c *Cluster) SigningKeyFile() string { return c.files.signingKey }

// Err names the processes that ended by themselves, with the ends of their
// logs. It is nil while all run and after an orderly Stop.
func (c *Cluster) Err() error {
	var problems []error
	for _, p := range c.processes {
		problems = append(problems, p.Failure())
	}
	return errors.Join(problems...)
}

// Stop ends the processes in the reverse order of their start: SIGTERM, then
// SIGKILL after a grace period, which is an error. Calls after the first return
// its result.
func (c *Cluster) Stop() error {
	c.stopOnce.Do(func() {
		var problems []error
		for i := len(c.processes) - 1; i >= 0; i-- {
			problems = append(problems, c.processes[i].Stop())
		}
		c.stopErr = errors.Join(problems...)
	})
	return c.stopErr
}

// freePorts asks the system for loopback addresses with free ports. Another
// process may take one before it is used: launch then asks again.
func freePorts(count int) ([]string, error) {
	var addresses []string
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		// Kept open until all are chosen, so that they differ.
		defer func() { _ = listener.Close() }()
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}
