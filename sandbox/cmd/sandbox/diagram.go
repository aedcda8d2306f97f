package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"waybill.example/waybill/sandbox/rehearsal"
)

// diagram walks the deployed chain, and prints it as a Mermaid flowchart.
func (r *runner) diagram(ctx context.Context) (err error) {
	s, err := r.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	e, err := s.Engine(ctx, nil)
	if err != nil {
		return err
	}
	outputs, err := e.Outputs()
	if err != nil {
		return err
	}
	if len(outputs) == 0 {
		return fmt.Errorf("stack %s is not deployed to its sandbox, and has no chain to draw: run `make up STACK=%s` first", r.options.Stack, r.options.Stack)
	}
	half, err := s.Half(ctx, outputs)
	if err != nil {
		return err
	}
	if half != "" {
		return fmt.Errorf("stack %s has no chain to draw. %s", r.options.Stack, strings.Join(strings.Fields(half), " "))
	}
	chain, err := s.Rehearsal(ctx, outputs)
	if err != nil {
		return err
	}
	var hops []rehearsal.Hop
	if err := chain.Walk(ctx, func(hop rehearsal.Hop) { hops = append(hops, hop) }); err != nil {
		return err
	}
	if at := slices.IndexFunc(hops, func(hop rehearsal.Hop) bool { return !hop.OK }); at >= 0 {
		return fmt.Errorf("stack %s: hop %s: %s", r.options.Stack, hops[at].Name, hops[at].Detail)
	}
	text := rehearsal.Diagram(hops)
	if r.json {
		return r.printJSON(map[string]string{"stack": r.options.Stack, "mermaid": text})
	}
	_, err = fmt.Fprint(r.stdout, text)
	return err
}
