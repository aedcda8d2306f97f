// Package errorhook tells a component about its resources' errors.
package errorhook

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

// Option has a function hear of a resource's errors. The hook's name is the stack's own,
// and lost says what is missing where the hook cannot be registered.
func Option(ctx *pulumi.Context, name, lost string, hear pulumi.ErrorHookFunction) pulumi.ResourceOption {
	hook, err := ctx.RegisterErrorHook(name, hear)
	if err != nil { // the cloud's words stand alone
		_ = ctx.Log.Warn(lost+": "+err.Error(), nil)
		return pulumi.Composite()
	}
	return pulumi.ResourceHooks(&pulumi.ResourceHookBinding{OnError: []*pulumi.ErrorHook{hook}})
}
