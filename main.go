// Command waybill is the Pulumi program that lets one customer's clusters pull
// a vendor's private images without a password or key changing hands. One
// stack is one customer; package stacks has the rest.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/stacks"
)

func main() {
	pulumi.Run(stacks.Run)
}
