package tests_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks"
	"waybill.example/waybill/tests/recorder"
)

// Suspending takes the right to read and nothing else: no input of another
// resource changes, nor what replaces the first refresh.
func TestExampleASuspendedCustomerLosesTheRightToReadAlone(t *testing.T) {
	for stack, rights := range map[string][]string{
		"initech": {"ecr-readers"}, "umbrella": {"ecr-readers"}, "hooli": {"ecr-readers"}, "stark": {"ecr-readers"},
		"nakatomi": {"role-role-policy-attachment"},
		"dev":      {"gcp-reader"}, "wayne": {"gcp-reader"}, "cyberdyne": {"gcp-reader"}, "hanso": {"gcp-reader-gke-nodes"},
	} {
		t.Run(stack, func(t *testing.T) {
			run := func(edits ...func(map[string]any)) (*recorder.Recorder, map[string]pulumi.Input) {
				values, secrets := loadStack(t, stack, edits...)
				r := newRecorder(values, secrets)
				var exports map[string]pulumi.Input
				require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
					err := stacks.In(t.TempDir())(ctx)
					exports = ctx.GetCurrentExportMap()
					return err
				}))
				return r, exports
			}
			granted, before := run()
			suspended, after := run(set("suspended", true))
			still := map[string]recorder.Registration{}
			for _, registration := range suspended.All() {
				still[registration.Type+registration.Name] = registration
			}
			var gone []string
			for _, registration := range granted.All() {
				kept, found := still[registration.Type+registration.Name]
				if !found {
					gone = append(gone, registration.Name)
					continue
				}
				assert.Equal(t, registration.Inputs, kept.Inputs, registration.Name)
				assert.Equal(t, registration.RPC.GetReplacementTrigger(), kept.RPC.GetReplacementTrigger(), registration.Name)
			}
			assert.Equal(t, rights, gone)
			assert.NotContains(t, before, "suspended")
			assert.Equal(t, pulumi.Bool(true), after["suspended"])
			delete(after, "suspended")
			for output := range before {
				assert.Contains(t, after, output)
			}
			assert.Len(t, after, len(before))
		})
	}
}

// A role of the repository's own account reads by its own policy.
func TestExampleNobodyIsSuspendedInTheVendorsOwnAccount(t *testing.T) {
	values, secrets := loadStack(t, "initech", set("aws.customer.account", "210987654321"), set("suspended", true))
	assert.Contains(t, refused(t, values, secrets)[0], "suspended true: and customerAccount is the repository's own")
}

func TestExampleACustomersHalfIsNotSuspended(t *testing.T) {
	values, secrets := loadStack(t, "oscorp-customer", set("suspended", true))
	assert.Contains(t, refused(t, values, secrets)[0], "suspended belongs to another platform, chain or side: want none here; a stack of side vendor reads it")
}
