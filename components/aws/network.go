package aws

import (
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
)

// Limits of a task's network
// (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html).
const (
	maxSubnets        = 16
	maxSecurityGroups = 5
)

var (
	subnetPattern        = regexp.MustCompile(`^subnet-[0-9a-f]{8}([0-9a-f]{9})?$`)
	securityGroupPattern = regexp.MustCompile(`^sg-[0-9a-f]{8}([0-9a-f]{9})?$`)
)

// Network is where the tasks run. A subnet must reach ecr.api, ecr.dkr, logs
// and S3: over a public address, a NAT gateway, or endpoints (docs/facts.md §4).
type Network struct {
	// Subnets are the IDs of 1 to 16 subnets of one VPC. Required.
	Subnets pulumi.StringArrayInput
	// SecurityGroups are the IDs of 1 to 5 groups of that VPC. Required: the
	// VPC's default group is nobody's choice.
	SecurityGroups pulumi.StringArrayInput
	// PublicIP gives each task a public address, which a public subnet needs to
	// reach the registry.
	PublicIP bool
}

func (n Network) validate(p *check.Problems) {
	checkIDs(p, "network.subnets", n.Subnets, subnetPattern, maxSubnets, "subnet-0123456789abcdef0")
	checkIDs(p, "network.securityGroups", n.SecurityGroups, securityGroupPattern, maxSecurityGroups, "sg-0123456789abcdef0")
}

// checkIDs checks what is known of a list already; another resource may
// produce it, or some of it, later.
func checkIDs(p *check.Problems, key string, list pulumi.StringArrayInput, pattern *regexp.Regexp, most int, example string) {
	items, known := list.(pulumi.StringArray)
	if list == nil || known && (len(items) == 0 || len(items) > most) {
		p.Add(key, "%d given: want 1 to %d", len(items), most)
		return
	}
	for i, item := range items {
		if id, known := item.(pulumi.String); known && !pattern.MatchString(string(id)) {
			p.Add(fmt.Sprintf("%s[%d]", key, i), "%q: want an ID such as %s", string(id), example)
		}
	}
}
