// Package lookup lets a component look something up before it registers
// itself, so that a refusal leaves nothing behind.
package lookup

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// Options give a look-up the provider of type P that the component's children
// would inherit. The component is not registered yet and cannot be the
// look-up's parent.
func Options[P pulumi.ProviderResource](opts []pulumi.ResourceOption) ([]pulumi.InvokeOption, error) {
	given, err := pulumi.NewResourceOptions(opts...)
	if err != nil {
		return nil, err
	}
	var options []pulumi.InvokeOption
	if given.Parent != nil {
		options = append(options, pulumi.Parent(given.Parent))
	}
	for _, provider := range append(given.Providers, given.Provider) {
		if _, ours := provider.(P); ours {
			options = append(options, pulumi.Provider(provider))
		}
	}
	return options, nil
}

// Exists calls a function by its token and says whether it answered. The answer may
// still be empty, without an ID. A call that fails has found nothing: an operator who
// may not read may still create, and if not, the cloud says so then. Arguments and
// result are the caller's structs: one value is not worth compiling the SDK of a whole
// service (docs/building.md).
func Exists(ctx *pulumi.Context, token string, args, result any, options []pulumi.InvokeOption) bool {
	return ctx.Invoke(token, args, result, options...) == nil
}
