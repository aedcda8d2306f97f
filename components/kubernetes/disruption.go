package kubernetes

import (
	"regexp"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

var disruptionPattern = regexp.MustCompile(`^([0-9]|[1-9][0-9]{0,3}|[1-9]?[0-9]%|100%)$`)

// numberOrPercentage is a number as a number and a percentage as text, as
// Kubernetes tells them apart.
func numberOrPercentage(text string) pulumi.Input {
	if number, err := strconv.Atoi(text); err == nil {
		return pulumi.Int(number)
	}
	return pulumi.String(text)
}
