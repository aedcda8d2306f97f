package aws

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

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
	{Name: "aws-eusc", Suffix: "amazonaws.eu", regions: regexp.MustCompile(`^eusc-de-[a-z]+-[0-9]+$`)},
}

// ErrIsolated is the error for a Region of a partition that is not supported.
var ErrIsolated = errors.New("is of an isolated partition, which is not supported")

// isolated are the Regions of partitions that no network but their own reaches.
var isolated = regexp.MustCompile(`^(us-iso[a-z]?|eu-isoe)-[a-z]+-[0-9]+$`)

// PartitionOf is the partition of a Region. It refuses what is no Region of
// the partitions that waybill knows.
func PartitionOf(region string) (Partition, error) {
	for _, partition := range partitions {
		if partition.regions.MatchString(region) {
			return partition, nil
		}
	}
	if isolated.MatchString(region) {
		return Partition{}, fmt.Errorf("%q: %w: want one of %s", region, ErrIsolated, partitionNames())
	}
	return Partition{}, fmt.Errorf("%q: want an AWS Region such as eu-central-1, us-gov-west-1 or cn-north-1", region)
}

func partitionNames() string {
	var names []string
	for _, partition := range partitions {
		names = append(names, partition.Name)
	}
	return strings.Join(names, ", ")
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
