package sandbox_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"waybill.example/waybill/sandbox"
)

// broken are the hops of a walk that fail.
func broken(t *testing.T, s *sandbox.Sandbox, outputs map[string]any) []string {
	t.Helper()
	var names []string
	for _, hop := range walk(t, s, outputs) {
		if !hop.OK {
			names = append(names, hop.Name)
		}
	}
	return names
}

// Suspending takes the repository's policy, and resuming brings it back: no
// first refresh runs, which would fail.
func TestExampleACustomerOnAWSIsSuspendedAndResumed(t *testing.T) {
	t.Parallel()
	for stack, hop := range map[string]string{"initech": "secret", "stark": "registry"} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, stack)
			s := p.start(nil)
			up(t, s)
			p.set("suspended", true)
			suspended := up(t, s)
			assert.Equal(t, []string{"delete ecr-readers"}, changes(suspended))
			assert.Equal(t, true, suspended.Outputs["suspended"])
			assert.NotEmpty(t, suspended.Outputs["accessGrant"], "no document says that something was taken back")
			assert.Equal(t, []string{hop}, broken(t, s, suspended.Outputs), "the role gets its token, which opens nothing")
			assert.Empty(t, changes(up(t, s)))

			p.set("suspended", nil)
			resumed := up(t, s)
			assert.Equal(t, []string{"create ecr-readers"}, changes(resumed))
			assert.NotContains(t, resumed.Outputs, "suspended")
			assert.Empty(t, broken(t, s, resumed.Outputs))
		})
	}
}
