package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"waybill.example/waybill/sandbox/child"
)

// startTimeout bounds the start of one process, which takes a second.
const startTimeout = time.Minute

// Config says which provider to run, and what it knows.
type Config struct {
	Plugin Plugin
	// Kubeconfig is the path of the sandbox's kubeconfig.
	Kubeconfig string
	// Proxy is the HTTPS_PROXY of the processes.
	Proxy string
	// DeleteUnreachable gives the processes PULUMI_K8S_DELETE_UNREACHABLE, as an
	// operator would.
	DeleteUnreachable bool
	// Dir holds the processes' home and logs. It is created if it is missing.
	Dir string
}

// Server is an address of the provider, with a process for each connection.
type Server struct {
	config   Config
	listener net.Listener
	// lifetime ends what still starts or talks when the server is closed.
	lifetime context.Context
	close    context.CancelFunc
	running  sync.WaitGroup

	mutex    sync.Mutex
	started  int
	problems []error
}

// Serve listens on 127.0.0.1 at a port of the system's choice. No process runs
// before an engine connects.
func Serve(config Config) (*Server, error) {
	if err := os.MkdirAll(filepath.Join(config.Dir, home), 0o700); err != nil {
		return nil, fmt.Errorf("kubernetes provider: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("kubernetes provider: %w", err)
	}
	s := &Server{config: config, listener: listener}
	s.lifetime, s.close = context.WithCancel(context.Background())
	s.running.Go(s.accept)
	return s, nil
}

// Attachment is the server's entry in PULUMI_DEBUG_PROVIDERS.
func (s *Server) Attachment() string {
	return "kubernetes:" + strconv.Itoa(s.listener.Addr().(*net.TCPAddr).Port)
}

// Close ends every connection with its process, and returns what went wrong
// with any of them.
func (s *Server) Close() error {
	s.close()
	err := s.listener.Close()
	s.running.Wait()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return errors.Join(append(s.problems, err)...)
}

func (s *Server) accept() {
	for {
		engine, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.running.Go(func() {
			if err := s.serve(engine); err != nil {
				s.mutex.Lock()
				defer s.mutex.Unlock()
				s.problems = append(s.problems, fmt.Errorf("kubernetes provider: %w", err))
			}
		})
	}
}

// serve gives an engine's connection to a process of its own.
func (s *Server) serve(engine net.Conn) (err error) {
	defer func() { _ = engine.Close() }()
	process, address, err := start(s.lifetime, s.config, s.nextLog())
	switch {
	case err != nil && s.lifetime.Err() != nil:
		return nil // closed meanwhile
	case err != nil:
		return err
	}
	// Failure first: after Stop an end is orderly.
	defer func() { err = errors.Join(err, process.Failure(), process.Stop()) }()
	provider, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = provider.Close() }()
	over := make(chan struct{}, 2)
	pass := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from) // Either end may go first.
		over <- struct{}{}
	}
	go pass(provider, engine)
	go pass(engine, provider)
	select {
	case <-over:
	case <-process.Ended():
	case <-s.lifetime.Done():
	}
	return nil
}

func (s *Server) nextLog() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.started++
	return fmt.Sprintf("%d.log", s.started)
}

// home is the processes' home, which stays empty.
const home = "home"

// start runs a process and reads its address: a provider prints its port first.
func start(ctx context.Context, config Config, log string) (*child.Process, string, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	environment := []string{
		"HOME=" + filepath.Join(config.Dir, home),
		"KUBECONFIG=" + config.Kubeconfig,
		"HTTPS_PROXY=" + config.Proxy,
	}
	if config.DeleteUnreachable {
		environment = append(environment, "PULUMI_K8S_DELETE_UNREACHABLE=true")
	}
	process, err := child.Start(child.Spec{
		Name: "kubernetes provider", Path: config.Plugin.Path, Log: filepath.Join(config.Dir, log), Env: environment,
	})
	if err != nil {
		return nil, "", err
	}
	var address string
	err = process.Await(ctx, func(context.Context) error {
		port, _, _ := strings.Cut(process.Tail(), "\n")
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return errors.New("it has printed no port")
		}
		address = net.JoinHostPort("127.0.0.1", port)
		return nil
	})
	if err != nil {
		return nil, "", errors.Join(err, process.Stop())
	}
	return process, address, nil
}
