package stacks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// adoption takes resources over that were made by hand: a resource with an entry
// is imported by its ID, and then set to the program's values in place. While
// the entry stands the engine refuses to replace it; what would have to be
// replaced cannot be taken over.
type adoption struct {
	ids   map[string]string
	mutex sync.Mutex
	// taken are the entries whose resource the program registered, known all
	// others that it registered.
	taken map[string]bool
	known []string
}

// adopt lets the resources with these names be imported by their IDs.
func adopt(ctx *pulumi.Context, ids map[string]string) (*adoption, error) {
	a := &adoption{ids: ids, taken: map[string]bool{}}
	if len(ids) == 0 {
		return a, nil
	}
	return a, ctx.RegisterStackTransformation(a.transform)
}

func (a *adoption) transform(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
	if strings.HasPrefix(args.Type, "waybill:") || strings.HasPrefix(args.Type, "pulumi:") {
		return nil
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	id, wanted := a.ids[args.Name]
	if !wanted {
		a.known = append(a.known, args.Name)
		return nil
	}
	a.taken[args.Name] = true
	return &pulumi.ResourceTransformationResult{Props: args.Props, Opts: append(args.Opts, pulumi.Import(pulumi.ID(id)))}
}

// check reports the entries that name no resource of the stack.
func (a *adoption) check(ctx *pulumi.Context) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(a.ids)) {
		if !a.taken[name] {
			slices.Sort(a.known)
			problems = append(problems, fmt.Errorf("  adopt.%s: is no resource of this stack: want one of %s", name, strings.Join(a.known, ", ")))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return refusedError{fmt.Sprintf("stack %s adopts what it does not have", ctx.Stack()), errors.Join(problems...)}
}
