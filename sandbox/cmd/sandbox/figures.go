package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"waybill.example/waybill/sandbox/figures"
)

// figures measures how reliable the whole is, on sandboxes of its own. It
// fails if any figure is not perfect.
func (r *runner) figures(ctx context.Context) error {
	started := time.Now()
	root, err := filepath.Abs(r.options.Root)
	if err != nil {
		return err
	}
	report, err := figures.Measure(ctx, figures.Options{
		Root:     root,
		Progress: func(message string) { fmt.Fprintln(r.stderr, "·", message) },
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(r.stderr, "· measured in %s\n", time.Since(started).Round(time.Second))
	if r.json {
		err = r.printJSON(report)
	} else {
		err = report.Write(r.stdout)
	}
	if err != nil {
		return err
	}
	if !report.Perfect() {
		return errFailed
	}
	return nil
}
