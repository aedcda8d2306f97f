// Command waybill is the Pulumi program that lets one customer's clusters pull
// a vendor's private images without a password or key changing hands. One
// stack is one customer, or one of two parties; package stacks has the rest.
package main

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/stacks"
)

func main() {
	if len(os.Args) > 1 {
		os.Exit(stacks.Command(os.Args[1:], os.Stdout, os.Stderr))
	}
	if os.Getenv(pulumi.EnvMonitor) == "" {
		fmt.Fprintln(os.Stderr, "error: this is a Pulumi program, which \"pulumi up -s STACK\" starts.\nSee \"waybill help\" for what it does by itself.")
		os.Exit(2)
	}
	// The SDK would record its path in the state; the provider reads it from its
	// own environment, wherever it runs.
	if err := os.Unsetenv("KUBECONFIG"); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	pulumi.Run(stacks.Run)
}
