package main

import (
	"fmt"
	"io"
	"strings"
)

// sideVendor is the side of a stack that builds the vendor's half alone.
const sideVendor = "vendor"

// waiting is one thing that a half of the chain waits for, as the output
// waitingFor says it.
type waiting struct {
	document, from, command string
}

func (w waiting) String() string {
	return fmt.Sprintf("the %s of the %s, which comes with: %s", w.document, w.from, w.command)
}

// waitingFor reads what a stack waits for; nothing where it is complete.
func waitingFor(outputs map[string]any) []waiting {
	entries, _ := outputs["waitingFor"].([]any)
	var all []waiting
	for _, entry := range entries {
		object, _ := entry.(map[string]any)
		text := func(key string) string {
			value, _ := object[key].(string)
			return value
		}
		all = append(all, waiting{text("document"), text("from"), text("command")})
	}
	return all
}

// walker names the stack that walks the chain to which a vendor's half belongs.
func walker(stack string) string {
	if customer, found := strings.CutSuffix(stack, "-vendor"); found {
		return "stack " + customer + "-customer"
	}
	return "the customer's stack"
}

// incomplete shows what a stack has in place of a walk, and whether that is so:
// it waits for the other party, or it is the vendor's half, which nobody walks
// from.
func (r *report) incomplete(out io.Writer) bool {
	missing := waitingFor(r.Outputs)
	if len(missing) > 0 {
		fmt.Fprintln(out, "\nNothing to walk yet. This half waits for")
		for _, one := range missing {
			fmt.Fprintln(out, " ", one)
		}
		return true
	}
	if r.Side == sideVendor {
		fmt.Fprintf(out, "\nThe vendor's half is complete; %s walks the chain\n", walker(r.Stack))
		return true
	}
	return false
}
