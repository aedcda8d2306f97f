// Package reference reads what stacks exported. It is a package of its own, and imports
// nothing of the program, so that it is compiled once and not after each changed line: a
// package that uses the SDK's StackReference compiles to 30 MB.
package reference

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// Outputs gives outputs of a stack, called as the backend calls it, by their names. One
// that the stack does not have has neither a value nor a secret one; a stack that is not
// there is an error. The reference is registered as name.
func Outputs(ctx *pulumi.Context, name, stack string, outputs ...string) (map[string]*pulumi.StackReferenceOutputDetails, error) {
	reference, err := pulumi.NewStackReference(ctx, name, &pulumi.StackReferenceArgs{Name: pulumi.String(stack)})
	if err != nil {
		return nil, err
	}
	all := map[string]*pulumi.StackReferenceOutputDetails{}
	for _, output := range outputs {
		if all[output], err = reference.GetOutputDetails(output); err != nil {
			return nil, err
		}
	}
	return all, nil
}
