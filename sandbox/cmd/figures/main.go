// Command figures measures how reliable the whole is, on sandboxes of its own:
// refusals, survived faults, interrupted updates, random configurations, and pulls
// during refreshes. It fails unless every figure is perfect. `make figures` calls
// it; it is apart from the command sandbox, which is not built anew for each
// change of the program: the random configurations meet the program in process.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"waybill.example/waybill/sandbox/figures"
)

func main() {
	root := flag.String("root", ".", "the project's `folder`")
	asJSON := flag.Bool("json", false, "print one JSON document on stdout and nothing else")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	perfect, err := measure(ctx, *root, *asJSON)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	if err != nil || !perfect {
		os.Exit(1)
	}
}

func measure(ctx context.Context, folder string, asJSON bool) (perfect bool, err error) {
	// The SDK would give the program's Kubernetes provider the kubeconfig of whoever
	// runs this.
	if err := os.Unsetenv("KUBECONFIG"); err != nil {
		return false, err
	}
	started := time.Now()
	root, err := filepath.Abs(folder)
	if err != nil {
		return false, err
	}
	report, err := figures.Measure(ctx, figures.Options{
		Root:     root,
		Progress: func(message string) { fmt.Fprintln(os.Stderr, "·", message) },
	})
	if err != nil {
		return false, err
	}
	fmt.Fprintf(os.Stderr, "· measured in %s\n", time.Since(started).Round(time.Second))
	if asJSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return report.Perfect(), encoder.Encode(report)
	}
	return report.Perfect(), report.Write(os.Stdout)
}
