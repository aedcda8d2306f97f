package aws

import (
	"fmt"
	"regexp"

	"waybill.example/waybill/components/internal/eks"
)

// Partition is a part of AWS with accounts, ARNs and hosts of its own.
type Partition struct {
	// Name is what ARNs start with after "arn:".
	Name string
	// Suffix is the end of its hosts' names.
	Suffix string

	regions *regexp.Regexp
}

// The partitions, as the SDKs list them
// (https://github.com/aws/aws-sdk-go-v2/blob/main/internal/endpoints/awsrulesfn/partitions.json).
var partitions = []Partition{
	{Name: "aws", Suffix: "amazonaws.com", regions: regexp.MustCompile(`^(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-[0-9]+$`)},
	{Name: "aws-us-gov", Suffix: "amazonaws.com", regions: regexp.MustCompile(`^us-gov-[a-z]+-[0-9]+$`)},
	{Name: "aws-cn", Suffix: "amazonaws.com.cn", regions: regexp.MustCompile(`^cn-[a-z]+-[0-9]+$`)},
}

// PartitionOf is the partition of a Region. It refuses what is no Region of
// the three partitions that waybill knows.
func PartitionOf(region string) (Partition, error) {
	for _, partition := range partitions {
		if partition.regions.MatchString(region) {
			return partition, nil
		}
	}
	return Partition{}, fmt.Errorf("%q: want an AWS Region such as eu-central-1, us-gov-west-1 or cn-north-1", region)
}

// The names by which services are trusted, and the audience of EKS tokens: the
// same in every partition, unlike hosts.
const (
	ecsTasks    = "ecs-tasks.amazonaws.com"
	podIdentity = eks.PodIdentityAudience
	// TokenAudience is the audience that ServiceAccount tokens need for IAM
	// (docs/facts.md §4).
	TokenAudience = eks.IRSAAudience
)
