package access

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/uuid"

	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/aws/sts"
)

// nodeLifetime is how long a session of a node lives: what every role allows.
const nodeLifetime = time.Hour

// Node are the credentials of a node of a cluster: a session of the cluster's
// node role, as the metadata service of an EC2 instance has it
// (https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html).
func (g *Gate) Node(cluster eks.Cluster) (aws.Credentials, error) {
	session, err := g.Assume(sts.Assumption{
		Service: "ec2." + cluster.Partition().Suffix, RoleARN: cluster.NodeRole, Session: "i-" + uuid.NewString()[:8], Lifetime: nodeLifetime,
	})
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("node role of %s: %w", cluster.ARN(), err)
	}
	return Keys(session), nil
}

// Keys are credentials as AWS's client library takes them.
func Keys(of sts.Credentials) aws.Credentials {
	return aws.Credentials{
		AccessKeyID: of.AccessKeyID, SecretAccessKey: of.SecretAccessKey, SessionToken: of.SessionToken,
		CanExpire: true, Expires: of.Expiration,
	}
}
