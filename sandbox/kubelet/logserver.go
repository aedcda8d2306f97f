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
	"os"
	"time"
)

// logServer serves containers' logs to the API server, which asks for them when
// kubectl logs asks it. It listens on loopback and asks nobody who they are, as
// the API server has no credential to show; an API server that was told of no
// authority for kubelets takes any certificate.
type logServer struct {
	k      *Kubelet
	server *http.Server
	port   int32
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
	s := &logServer{k: k, port: int32(listener.Addr().(*net.TCPAddr).Port)} //nolint:gosec // a port
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", s.containerLogs)
	s.server = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return k.ctx },
	}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

// containerLogs answers with the whole log; what would be a part of it, or of another
// container, is refused.
func (s *logServer) containerLogs(answer http.ResponseWriter, request *http.Request) {
	for _, option := range []string{"follow", "limitBytes", "previous", "sinceSeconds", "sinceTime", "tailLines", "timestamps"} {
		if request.URL.Query().Get(option) != "" {
			http.Error(answer, option+": want none: the sandbox serves a log as a whole", http.StatusBadRequest)
			return
		}
	}
	c, err := s.k.container(request.PathValue("namespace"), request.PathValue("pod"), request.PathValue("container"))
	if err != nil {
		http.Error(answer, err.Error(), http.StatusNotFound)
		return
	}
	log, err := c.readLog()
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	answer.Header().Set("Content-Type", "text/plain")
	_, _ = answer.Write(log) //nolint:gosec // plain text, as its type says
}

// container finds a container of a pod that has not been removed.
func (k *Kubelet) container(namespace, pod, name string) (*container, error) {
	w := k.worker(namespace, pod)
	if w == nil {
		return nil, fmt.Errorf("pod %s/%s: not found on node %s", namespace, pod, k.config.Node)
	}
	for _, c := range w.containers {
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
