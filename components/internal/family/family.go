// Package family names a component's children and sets their options. A child's
// name is the component's name, a hyphen and a suffix; these names are API. Each
// component computes the suffixes of its children once, for its checks and for
// its registration.
package family

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/child"
)

// Check notes options of children that would not be registered.
func Check(p *check.Problems, children []string, options map[string]child.Options) {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(children, name) {
			p.Add(fmt.Sprintf("children[%q]", name), "is no child here: want one of %s", strings.Join(slices.Sorted(slices.Values(children)), ", "))
		}
	}
}

// Family is the children of one component.
type Family struct {
	component string
	parent    pulumi.Resource
	children  []string
	options   map[string]child.Options
}

// Of is the family of a registered component: its name, itself, the children
// that it declares, and the caller's options for them.
func Of(component string, parent pulumi.Resource, children []string, options map[string]child.Options) *Family {
	return &Family{component: component, parent: parent, children: children, options: options}
}

// Name is a child's name in the stack.
func (f *Family) Name(suffix string) string {
	if !slices.Contains(f.children, suffix) {
		panic(fmt.Sprintf("the child %q of %s is not declared", suffix, f.component)) // a mistake of the component's
	}
	return f.component + "-" + suffix
}

// Options are a child's: its parent, the component's own, and the caller's,
// which come last and win.
func (f *Family) Options(suffix string, own ...pulumi.ResourceOption) []pulumi.ResourceOption {
	all := append([]pulumi.ResourceOption{pulumi.Parent(f.parent)}, own...)
	given := f.options[suffix]
	if given.Import != "" {
		all = append(all, pulumi.Import(pulumi.ID(given.Import)))
	}
	if len(given.Aliases) > 0 {
		all = append(all, pulumi.Aliases(given.Aliases))
	}
	if given.Protect != nil {
		all = append(all, pulumi.Protect(*given.Protect))
	}
	return all
}
