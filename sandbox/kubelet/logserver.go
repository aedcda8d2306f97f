package kubelet

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"
)

// followInterval is the time between two looks at a log that grows.
const followInterval = 100 * time.Millisecond

// logServer serves containers' logs to the API server, which asks for them when
// kubectl logs asks it. It listens on loopback and asks nobody who they are, as
// the API server has no credential to show; an API server that was told of no
// authority for kubelets takes any certificate.
type logServer struct {
	k      *Kubelet
	server *http.Server
	port   int32
	done   chan error
}

func serveLogs(k *Kubelet) (*logServer, error) {
	certificate, err := k.config.Network.Certificate(k.config.Node)
	if err != nil {
		return nil, err
	}
	listener, err := tls.Listen("tcp", net.JoinHostPort(hostAddress, "0"), &tls.Config{
		Certificates: []tls.Certificate{*certificate},
		MinVersion:   tls.VersionTLS12,
	})
	if err != nil {
		return nil, err
	}
	s := &logServer{
		k:    k,
		port: int32(listener.Addr().(*net.TCPAddr).Port), //nolint:gosec // a port
		done: make(chan error, 1),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", s.containerLogs)
	s.server = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return k.ctx },
	}
	go func() { s.done <- s.server.Serve(listener) }()
	return s, nil
}

func (s *logServer) close() error {
	err := s.server.Close()
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// containerLogs answers as a kubelet does, for the options follow, tailLines and
// limitBytes; those about time are refused, as the log has no times, and so is
// previous, as no container is started again.
func (s *logServer) containerLogs(answer http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	for _, option := range []string{"timestamps", "sinceSeconds", "sinceTime"} {
		if query.Get(option) != "" {
			http.Error(answer, option+": the sandbox keeps no times of a log's lines", http.StatusBadRequest)
			return
		}
	}
	c, err := s.k.container(request.PathValue("namespace"), request.PathValue("pod"), request.PathValue("container"))
	if err != nil {
		http.Error(answer, err.Error(), http.StatusNotFound)
		return
	}
	if query.Get("previous") == "true" {
		http.Error(answer, fmt.Sprintf("previous terminated container %q in pod %q not found", c.spec.Name, c.w.pod.Name), http.StatusBadRequest)
		return
	}
	log, err := c.readLog()
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	read := int64(len(log))
	if lines, limited := number(query, "tailLines"); limited {
		log = lastLines(log, lines)
	}
	if limit, limited := number(query, "limitBytes"); limited {
		log = log[:min(len(log), limit)]
	}
	answer.Header().Set("Content-Type", "text/plain")
	_, err = answer.Write(log) //nolint:gosec // plain text, as its type says
	if err == nil && query.Get("follow") == "true" && query.Get("limitBytes") == "" {
		c.follow(request.Context(), answer, read)
	}
}

// number is an option's value; the API server has checked it.
func number(query url.Values, option string) (int, bool) {
	value, err := strconv.Atoi(query.Get(option))
	return max(value, 0), err == nil
}

// follow writes what the log grows by until the container has ended or nobody reads.
func (c *container) follow(ctx context.Context, answer http.ResponseWriter, from int64) {
	flush := http.NewResponseController(answer).Flush
	for {
		c.w.mu.Lock()
		runs := c.status.State.Running != nil
		c.w.mu.Unlock()
		// A container that stands for the product has none and goes on.
		log, err := os.ReadFile(c.logFile()) //nolint:gosec // of a container that is known
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
		if int64(len(log)) > from {
			if _, err := answer.Write(log[from:]); err != nil { //nolint:gosec // plain text, as its type says
				return
			}
			from = int64(len(log))
		}
		if flush() != nil || !runs || pause(ctx, followInterval) != nil {
			return
		}
	}
}

// Logs returns everything that the container has written to stdout
// and stderr, in this order; an empty container name stands for a pod's only
// container. A pod's logs are removed with the pod.
func (k *Kubelet) Logs(namespace, pod, container string) ([]byte, error) {
	c, err := k.container(namespace, pod, container)
	if err != nil {
		return nil, err
	}
	return c.readLog()
}

// container finds a container of a pod that has not been removed.
func (k *Kubelet) container(namespace, pod, name string) (*container, error) {
	w := k.worker(namespace, pod)
	if w == nil {
		return nil, fmt.Errorf("pod %s/%s: not found on node %s", namespace, pod, k.config.Node)
	}
	if name == "" && len(w.main) == 1 && len(w.init) == 0 {
		return w.main[0], nil
	}
	for _, c := range slices.Concat(w.init, w.main) {
		if c.spec.Name == name {
			return c, nil
		}
	}
	return nil, fmt.Errorf("pod %s/%s: container %q: not found", namespace, pod, name)
}

// readLog says in the kubelet's words why there is no log yet.
func (c *container) readLog() ([]byte, error) {
	log, err := os.ReadFile(c.logFile()) //nolint:gosec // below the kubelet's own directory
	if !errors.Is(err, fs.ErrNotExist) {
		return log, err
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if c.standsFor() {
		return []byte("The sandbox pulled the image " + c.spec.Image + " and does not run the product.\n"), nil
	}
	if waiting := c.status.State.Waiting; waiting != nil {
		return nil, fmt.Errorf("container %q in pod %q is waiting to start: %s", c.spec.Name, c.w.pod.Name, waiting.Reason)
	}
	return nil, fmt.Errorf("container %q in pod %q has no log", c.spec.Name, c.w.pod.Name)
}

// lastLines are the last count lines of text; the last one may lack its end.
func lastLines(text []byte, count int) []byte {
	at := len(text)
	for ; count > 0 && at > 0; count-- {
		at = bytes.LastIndexByte(text[:at-1], '\n') + 1
	}
	return text[at:]
}
