// Package arn names what lies in AWS: partitions, accounts, Regions and the
// Amazon Resource Names made of them.
//
// Partitions and their host suffixes:
// https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
// The form of ARNs:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
package arn

import (
	"fmt"
	"strings"
)

// Partition is a group of Regions with identities of their own.
type Partition struct {
	// Name is aws, aws-us-gov, aws-cn or aws-eusc.
	Name string
	// Suffix ends the host names of its services, for example amazonaws.com.
	Suffix string
}

// partitions by the beginning of their Regions' names; the last one has the rest.
var partitions = []struct {
	prefix string
	Partition
}{
	{"us-gov-", Partition{Name: "aws-us-gov", Suffix: "amazonaws.com"}},
	{"cn-", Partition{Name: "aws-cn", Suffix: "amazonaws.com.cn"}},
	{"eusc-", Partition{Name: "aws-eusc", Suffix: "amazonaws.eu"}},
	{"", Partition{Name: "aws", Suffix: "amazonaws.com"}},
}

// PartitionOf is the partition that a Region belongs to. A name that no Region
// has belongs to aws.
func PartitionOf(region string) Partition {
	for _, each := range partitions {
		if strings.HasPrefix(region, each.prefix) {
			return each.Partition
		}
	}
	return partitions[len(partitions)-1].Partition
}

// Place is one account in one Region: where regional resources lie.
type Place struct {
	// Account has twelve digits.
	Account string `json:"account"`
	Region  string `json:"region"`
}

// Partition is the partition of the Region.
func (p Place) Partition() Partition { return PartitionOf(p.Region) }

// ARN names a regional resource, for example
// arn:aws:ecr:eu-central-1:111122223333:repository/acme.
func (p Place) ARN(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", p.Partition().Name, service, p.Region, p.Account, resource)
}

// Global names a resource that no Region holds, for example
// arn:aws:iam::111122223333:role/acme.
func (p Place) Global(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s::%s:%s", p.Partition().Name, service, p.Account, resource)
}

// String is ACCOUNT/REGION, under which stores keep what lies there.
func (p Place) String() string { return p.Account + "/" + p.Region }

// Name is an ARN in parts.
type Name struct{ Partition, Service, Region, Account, Resource string }

// Parse reads an ARN; it reports false for what has not its six parts.
func Parse(text string) (Name, bool) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] == "" || parts[2] == "" || parts[5] == "" {
		return Name{}, false
	}
	return Name{Partition: parts[1], Service: parts[2], Region: parts[3], Account: parts[4], Resource: parts[5]}, true
}

// Place is the account and Region of the name.
func (n Name) Place() Place { return Place{Account: n.Account, Region: n.Region} }

// IsRoleOf says whether the name is that of an IAM role of an account.
func (n Name) IsRoleOf(p Place) bool {
	return n.Service == "iam" && n.Region == "" && n.Account == p.Account &&
		n.Partition == p.Partition().Name && strings.HasPrefix(n.Resource, "role/")
}
