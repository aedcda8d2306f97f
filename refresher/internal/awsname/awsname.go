// Package awsname reads the names that a chain through AWS is made of: Regions and their partitions, roles,
// and registries. The hosts that the chain talks to follow from them; none is a setting.
//
// It refuses other partitions than those below, the dual-stack and FIPS forms of hosts, and wildcards.
package awsname

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// The Pod Identity agent's addresses on every node,
// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html. They are link-local, and the
// agent speaks plain HTTP there: what is sent does not leave the node.
const (
	AgentURL   = "http://169.254.170.23/v1/credentials"
	AgentURLv6 = "http://[fd00:ec2::23]/v1/credentials"
)

// The audiences of the ServiceAccount tokens that start a chain, docs/facts.md §4.
const (
	AudienceSTS   = "sts.amazonaws.com"
	AudienceAgent = "pods.eks.amazonaws.com"
)

// agentHosts are the hosts of the agent's URLs.
var agentHosts = []string{"169.254.170.23", "fd00:ec2::23"}

// Identifiers are what a chain through AWS is made of. None is secret.
type Identifiers struct {
	Role     Role     // of the customer; the chain speaks for it
	Region   Region   // of the cluster: its STS is asked
	Registry Registry // of the vendor
	AgentURL string   // AgentURL or AgentURLv6; empty where STS takes the ServiceAccount token itself (IRSA)
}

// Partition is a set of Regions with accounts, identities and host names of its own. Nothing of one is valid
// in another.
type Partition struct {
	ID     string // as in an ARN
	suffix string // of its hosts
}

var (
	commercial = Partition{"aws", "amazonaws.com"}
	government = Partition{"aws-us-gov", "amazonaws.com"}
	china      = Partition{"aws-cn", "amazonaws.com.cn"}
	sovereign  = Partition{"aws-eusc", "amazonaws.eu"}
)

// partitions are their IDs, as a part of a regular expression.
var partitions = strings.Join([]string{commercial.ID, government.ID, china.ID, sovereign.ID}, "|")

// Region is where a service is asked.
type Region struct {
	Name      string // such as eu-west-1
	Partition Partition
}

var regionName = regexp.MustCompile(`^([a-z]{2}|eusc)(-[a-z]+)+-[1-9][0-9]?$`)

// ParseRegion reads a Region's name. The error is the wish.
func ParseRegion(text string) (Region, error) {
	switch {
	// The secret partitions' Regions look like the others', and their hosts do not.
	case !regionName.MatchString(text), strings.HasPrefix(text, "us-iso"), strings.HasPrefix(text, "eu-iso"):
		return Region{}, errors.New("want a Region of aws, aws-cn, aws-eusc or aws-us-gov, such as eu-west-1")
	case strings.HasPrefix(text, "cn-"):
		return Region{text, china}, nil
	case strings.HasPrefix(text, "eusc-"):
		return Region{text, sovereign}, nil
	case strings.HasPrefix(text, "us-gov-"):
		return Region{text, government}, nil
	default:
		return Region{text, commercial}, nil
	}
}

// STSHost is the Region's Security Token Service.
func (r Region) STSHost() string {
	return "sts." + r.Name + "." + r.Partition.suffix
}

// ECRHost is the Region's API of Elastic Container Registry,
// https://docs.aws.amazon.com/general/latest/gr/ecr.html.
func (r Region) ECRHost() string {
	return "api.ecr." + r.Name + "." + r.Partition.suffix
}

// Registry is the private registry of an account in a Region.
type Registry struct {
	Account string // 12 digits
	Region  Region
}

var registryHost = regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.(amazonaws\.(?:com(?:\.cn)?|eu))$`)

// ParseRegistry reads a registry's host. The error is the wish.
func ParseRegistry(host string) (Registry, error) {
	wish := errors.New("want an Elastic Container Registry host, ACCOUNT.dkr.ecr.REGION.amazonaws.com (in China " +
		"amazonaws.com.cn, in the European sovereign cloud amazonaws.eu): no other host is shown the token")
	found := registryHost.FindStringSubmatch(host)
	if found == nil {
		return Registry{}, wish
	}
	region, err := ParseRegion(found[2])
	if err != nil || region.Partition.suffix != found[3] {
		return Registry{}, wish
	}
	return Registry{Account: found[1], Region: region}, nil
}

// Host is the registry's host, which keys the pull secret.
func (r Registry) Host() string {
	return r.Account + ".dkr.ecr." + r.Region.Name + "." + r.Region.Partition.suffix
}

// IsAgent reports whether host, without port and brackets, is the Pod Identity agent's.
func IsAgent(host string) bool {
	return slices.Contains(agentHosts, host)
}

// Answers reports whether what host says is in AWS's words: a service's, a registry's or the agent's.
func Answers(host string) bool {
	return IsAgent(host) || slices.ContainsFunc([]Partition{commercial, china, sovereign}, func(p Partition) bool {
		return strings.HasSuffix(host, "."+p.suffix)
	})
}
