package exchange

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/stacks/reference"
)

// Outputs are what a stack exported when it was last updated, by name.
type Outputs map[string]any

// Read decodes an output into target; false where there is none.
func (o Outputs) Read(name string, target any) (bool, error) {
	value, found := o[name]
	if !found || value == nil {
		return false, nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(text, target)
}

// Last are what the stack exported when it was last updated; none where it never
// was. The engine answers a stack's reference to itself so.
func Last(ctx *pulumi.Context) (Outputs, error) {
	name := fmt.Sprintf("%s/%s/%s", ctx.Organization(), ctx.Project(), ctx.Stack())
	outputs, err := reference.Outputs(ctx, "self", name, remembered...)
	if err != nil {
		return nil, fmt.Errorf("the last outputs of %s: %w", name, err)
	}
	all := Outputs{}
	for output, details := range outputs {
		if details.Value != nil {
			all[output] = details.Value
		}
	}
	return all, nil
}

// remembered are the outputs that the next update is held to.
var remembered = []string{RequestName, GrantName, TrustsName, withdrawnName, ServiceName}

// TrustsName is the output that says which workload becomes what.
const TrustsName = "workloadTrusts"

// ServiceName is the output that says where the product runs. It is there once an
// update of the stack has succeeded.
const ServiceName = "service"

// WaitingName is the output that says what the stack waits for, a list of Waiting.
const WaitingName = "waitingFor"

// withdrawnName is the output that keeps a document that was taken back, so that
// its successor is compared with it.
const withdrawnName = "withdrawn"

// Keep exports again what the next update is held to. The SDK registers the
// outputs of a program that failed as well, so that a refusal would make the
// stack forget what it was built on, and the next update would believe the
// document that this one refused.
func Keep(ctx *pulumi.Context, last func() (Outputs, error)) error {
	kept, err := last()
	if err != nil {
		return err
	}
	for name, value := range kept {
		ctx.Export(name, pulumi.ToOutput(value))
	}
	return nil
}

// ExportWaiting tells what the stack waits for; nothing where it is complete.
func (r *Received) ExportWaiting(ctx *pulumi.Context) error {
	if len(r.waiting) == 0 {
		return nil
	}
	list := pulumi.Array{}
	for _, w := range r.waiting {
		output, err := AsOutput(w)
		if err != nil {
			return err
		}
		list = append(list, pulumi.ToOutput(output))
	}
	ctx.Export(WaitingName, list)
	return nil
}

// Export exports a document that is known as a whole. It calls ToOutput, and not Any,
// whose type would make this package compile to 30 MB.
func Export(ctx *pulumi.Context, name string, document any) error {
	output, err := AsOutput(document)
	if err != nil {
		return err
	}
	ctx.Export(name, pulumi.ToOutput(output))
	return nil
}
