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
