// Package child lets a program control the children that a component registers:
// adopt existing resources, rename without a replacement, and protect from
// deletion.
package child

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// Options are those of one child. A component's arguments hold them by the
// child's name without the component's: "pool" for the child NAME-pool.
type Options struct {
	// Import is the ID of a resource that is there already, and becomes the
	// child; empty means a new one. While it stands the engine refuses to replace
	// the child.
	Import string
	// Aliases are names that the child had before.
	Aliases []pulumi.Alias
	// Protect keeps an update from deleting the child; nil leaves that to the
	// component.
	Protect *bool
}
