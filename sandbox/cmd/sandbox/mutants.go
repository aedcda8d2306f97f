package main

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"waybill.example/waybill/sandbox/mutants"
)

// mutantsCommand breaks the program one line at a time.
func (r *runner) mutantsCommand() *cobra.Command {
	var only string
	// A run waits for Kubernetes half of its time.
	o := mutants.Options{Jobs: 2 * runtime.NumCPU()}
	command := &cobra.Command{
		Use: "mutants", Short: "Break the program one line at a time, and show what noticed", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Only, err = regexp.Compile(only); err != nil {
				return fmt.Errorf("--only: %w", err)
			}
			if o.Jobs < 1 {
				return fmt.Errorf("--jobs %d: want at least 1", o.Jobs)
			}
			return r.mutants(cmd.Context(), o)
		},
	}
	command.Flags().StringVar(&only, "only", "", "only mutants whose name matches the `regexp`; default: all")
	command.Flags().IntVar(&o.Jobs, "jobs", o.Jobs, "how many to try at a time")
	command.Flags().BoolVar(&o.SandboxOnly, "sandbox-only", false, "leave the component tests and the goldens out")
	return command
}

// mutants fails if the sandbox does not refuse each of them.
func (r *runner) mutants(ctx context.Context, o mutants.Options) (err error) {
	started := time.Now()
	if o.Root, err = filepath.Abs(r.options.Root); err != nil {
		return err
	}
	var mutex sync.Mutex
	o.Progress = func(line string) {
		mutex.Lock()
		defer mutex.Unlock()
		fmt.Fprintln(r.stderr, line)
	}
	report, err := mutants.Run(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.stderr, "· tried in %s\n", time.Since(started).Round(time.Second))
	if r.json {
		err = r.printJSON(report)
	} else {
		err = report.Write(r.stdout)
	}
	if err == nil && !report.OK {
		return errFailed
	}
	return err
}
