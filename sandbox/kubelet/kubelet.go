package kubelet

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/network/policy"
)

// The label of an image's configuration, and its value, that say that the image
// stands for the product: it is pulled and not run.
const (
	PlaceholderLabel = "waybill.example/sandbox"
	PlaceholderValue = "placeholder"
)

// Config says which cluster's pods to run, where, and how they reach the world.
type Config struct {
	// REST reaches the cluster as its administrator. Its Host, an IP address
	// and port, is what pods get as the address of the API server. Required.
	REST *rest.Config
	// Dir holds root directories and logs. It is created if it
	// is missing and belongs to one running kubelet at a time. Required.
	Dir string
	// Node is the node's name, a DNS subdomain. It must stay the same over
	// restarts: only pods bound to it are taken over. Required.
	Node string
	// Labels are the node's besides those that every node has, Taints what pods have
	// to tolerate.
	Labels map[string]string
	Taints []corev1.Taint
	// Network is started; images are pulled and containers reach the world through
	// its proxy (HTTPS_PROXY, SSL_CERT_FILE). With Egress nodes alone do. Required.
	Network *network.Network
	// Egress is the proxy that stands between the cluster and Network; nil means that
	// pods reach its proxy directly.
	Egress *network.Egress
	// Policies say what of it, and of the cluster, a pod may reach. Required.
	Policies *policy.Cluster
	// Credentials are the node's own for an image, by its full reference: what a
	// credential provider of a real kubelet gives, for example EKS's with the
	// node's role
	// (https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/).
	// They are tried after whatever the pod's pull secrets hold for the image,
	// as there. ok is false where the node has none, an error is why it gets none; nil
	// means that it never has. It is called from several goroutines.
	Credentials func(ctx context.Context, image string) (username, password string, ok bool, err error)
	// Progress is told what is worth knowing, from several goroutines. Required.
	Progress func(message string)
}

// Kubelet runs the pods of one cluster.
type Kubelet struct {
	config    Config
	apiServer *url.URL
	authority []byte // of the network
	client    kubernetes.Interface
	events    *events
	logServer *logServer

	ctx       context.Context // ends with Stop
	cancel    context.CancelCauseFunc
	informers informers.SharedInformerFactory
	running   sync.WaitGroup

	mu      sync.Mutex
	workers map[types.UID]*worker
	binding map[types.UID]bool
}

// Start registers the node and runs the cluster's pods until Stop. It returns
// when the pods that exist are known; ctx bounds the start, not the kubelet.
func Start(ctx context.Context, config Config) (*Kubelet, error) {
	k, err := open(config)
	if err != nil {
		return nil, fmt.Errorf("kubelet %s: %w", config.Node, err)
	}
	if err := k.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("kubelet %s: %w", config.Node, err), k.Stop())
	}
	return k, nil
}

func open(config Config) (*Kubelet, error) {
	// A container's root is its process' whole world: links in a relative path
	// would change with the working directory.
	dir, err := filepath.Abs(config.Dir)
	if err != nil {
		return nil, err
	}
	config.Dir = dir
	k := &Kubelet{
		config:  config,
		workers: map[types.UID]*worker{},
		binding: map[types.UID]bool{},
	}
	k.ctx, k.cancel = context.WithCancelCause(context.Background())
	if k.apiServer, err = url.Parse(config.REST.Host); err != nil {
		return nil, err
	}
	if k.client, err = kubernetes.NewForConfig(config.REST); err != nil {
		return nil, err
	}
	if k.authority, err = os.ReadFile(config.Network.CAFile()); err != nil {
		return nil, err
	}
	return k, nil
}

func (k *Kubelet) start(ctx context.Context) error {
	k.events = newEvents(k.client, k.config.Node)
	var err error
	if k.logServer, err = serveLogs(k); err != nil {
		return err
	}
	if err := k.registerNode(ctx); err != nil {
		return fmt.Errorf("register the node: %w", err)
	}
	k.informers = informers.NewSharedInformerFactory(k.client, 0)
	pods := k.informers.Core().V1().Pods().Informer()
	if err := pods.SetWatchErrorHandler(func(_ *cache.Reflector, err error) {
		if k.ctx.Err() == nil {
			k.config.Progress(fmt.Sprintf("kubelet %s: watching pods: %v", k.config.Node, err))
		}
	}); err != nil {
		return err
	}
	registration, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { k.see(object.(*corev1.Pod)) },
		UpdateFunc: func(_, object any) { k.see(object.(*corev1.Pod)) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			k.forget(object.(*corev1.Pod))
		},
	})
	if err != nil {
		return err
	}
	if err := k.prepareDirectories(ctx); err != nil {
		return err
	}
	k.informers.Start(k.ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return fmt.Errorf("list the pods: %w", context.Cause(ctx))
	}
	return nil
}

// errStopped is why containers end when the kubelet stops.
var errStopped = errors.New("the sandbox was stopped")

// Stop kills the containers and returns when they are gone. Pods keep the
// status that they had: a later kubelet under the same name takes them over.
// Calls after the first do nothing.
func (k *Kubelet) Stop() error {
	k.cancel(errStopped)
	if k.informers != nil {
		k.informers.Shutdown()
	}
	k.running.Wait()
	if k.events != nil {
		k.events.stop()
	}
	if k.logServer != nil {
		return k.logServer.server.Close()
	}
	return nil
}

// goes runs f until it returns by itself; Stop waits for it. Under mu, or
// before the informers run, so that none starts after Stop waited.
func (k *Kubelet) goes(f func()) {
	k.running.Add(1)
	go func() {
		defer k.running.Done()
		f()
	}()
}

// see acts on a pod as the API server has it.
func (k *Kubelet) see(pod *corev1.Pod) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ctx.Err() != nil {
		return
	}
	if pod.Spec.NodeName == "" {
		k.schedule(pod)
		return
	}
	if pod.Spec.NodeName != k.config.Node {
		return
	}
	w := k.workers[pod.UID]
	if w == nil {
		w = newWorker(k, pod)
		k.workers[pod.UID] = w
		k.goes(w.run)
	}
	if pod.DeletionTimestamp != nil {
		w.end(deletion(pod))
	}
}

// forget ends what is left of a pod that is gone.
func (k *Kubelet) forget(pod *corev1.Pod) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.workers[pod.UID]
	if w == nil {
		return
	}
	w.end(errGone)
	if w.forgotten = true; w.over {
		delete(k.workers, pod.UID)
	}
}

// dismiss is a worker's last word. The worker is kept until its pod is known to
// be gone: what the API server had to say of it before is still on its way, and
// must not make another.
func (k *Kubelet) dismiss(w *worker) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if w.over = true; w.forgotten {
		delete(k.workers, w.pod.UID)
	}
}

// schedule binds a pod unless it waits for something, asks for another
// scheduler or node, or is being bound. Under mu.
func (k *Kubelet) schedule(pod *corev1.Pod) {
	if pod.DeletionTimestamp != nil || len(pod.Spec.SchedulingGates) > 0 ||
		pod.Spec.SchedulerName != corev1.DefaultSchedulerName || k.binding[pod.UID] {
		return
	}
	k.binding[pod.UID] = true
	k.goes(func() {
		defer func() {
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.binding, pod.UID)
		}()
		assign := k.bind
		if why := k.unfit(pod); why != "" {
			assign = func(pod *corev1.Pod) bool { return k.leavePending(pod, why) }
		}
		for !assign(pod) && pause(k.ctx, time.Second) == nil {
			continue
		}
	})
}

// worker is that of a pod that has not been removed.
func (k *Kubelet) worker(namespace, pod string) *worker {
	k.mu.Lock()
	defer k.mu.Unlock()
	var found *worker
	for _, w := range k.workers {
		if w.over || w.pod.Namespace != namespace || w.pod.Name != pod {
			continue
		}
		// A name can be taken again while its last holder is on its way out.
		if found == nil || found.pod.CreationTimestamp.Before(&w.pod.CreationTimestamp) {
			found = w
		}
	}
	return found
}

// pause waits, or returns why ctx ended.
func pause(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
