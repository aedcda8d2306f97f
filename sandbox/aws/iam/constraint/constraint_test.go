package constraint_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"waybill.example/waybill/sandbox/aws/iam/constraint"
)

func TestEveryConstraintIsReportedAtOnce(t *testing.T) {
	var c constraint.Checker
	c.Text("good", "äöü", 3, 3, nil)
	c.Number("good", 5, 5, 5)
	assert.Empty(t, c.Message())
	c.Text("roleName", "a b", 1, 64, regexp.MustCompile(`^[a-z]+$`))
	assert.Equal(t, "1 validation error detected: Value 'a b' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+", c.Message())
	c.Text("token", strings.Repeat("t", 300), 0, 256, nil)
	c.Number("durationSeconds", 60, 900, 43200)
	assert.Contains(t, c.Message(), "3 validation errors detected: ")
	assert.Contains(t, c.Message(), "Value '60' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900")
	assert.NotContains(t, c.Message(), strings.Repeat("t", 257), "long values are cut")
}
