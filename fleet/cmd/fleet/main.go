// Command fleet works on many customers' stacks side by side, with the program
// built once and built in: it lists, validates, previews and updates them,
// looks for drift, and recovers a stack whose update was killed. docs/fleet.md
// has the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"waybill.example/waybill/fleet/report"
)

// kubeconfigKey is kept from the program and given to the providers. The SDK
// would write the path into the state of every stack, as an input of its
// Kubernetes provider; a refresh, a deletion or another runner would then look
// for a file of this machine. The provider's own process reads the variable.
const kubeconfigKey = "KUBECONFIG"

func main() {
	environment := map[string]string{}
	if kubeconfig, set := os.LookupEnv(kubeconfigKey); set {
		environment[kubeconfigKey] = kubeconfig
	}
	if err := os.Unsetenv(kubeconfigKey); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(report.ExitFailed)
	}
	ctx, abort := interrupts(os.Stderr)
	f := &fleet{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environment: environment, abort: abort}
	err := newCommand(f).ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	os.Exit(f.status(err))
}

// status is the exit status of a command that ended so.
func (f *fleet) status(err error) int {
	switch {
	case errors.Is(err, errInterrupted):
		return report.ExitInterrupted
	case err != nil:
		return report.ExitFailed
	}
	return f.exit
}

// interrupts gives a context that the first interrupt ends, and a channel that
// the second one closes.
func interrupts(stderr *os.File) (context.Context, <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	abort := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		fmt.Fprintln(stderr, "· interrupted: no other stack starts; what is in flight is finished and recorded (interrupt again not to wait for it)")
		cancel()
		<-signals
		fmt.Fprintln(stderr, "· interrupted again: what is in flight is given up; `fleet recover STACK` mends a stack that is left with pending operations")
		close(abort)
	}()
	return ctx, abort
}
