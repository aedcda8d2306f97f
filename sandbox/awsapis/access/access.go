// Package access is what the service endpoints ask of IAM and STS: who sends a
// signed request, what it may do, and which role a service may assume.
package access

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/uuid"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/sts"
)

// Gate answers for the accounts of a world.
type Gate struct {
	IAM *iam.Cloud
	STS *sts.Server
	// Client reaches the hosts of the sandbox; Now is the clock.
	Client *http.Client
	Now    func() time.Time
}

// Authenticate checks the signature of a request whose body was read, for a
// service's signing name and a Region. It refuses with a *fault.Error as services
// with a JSON protocol do.
func (g *Gate) Authenticate(r *http.Request, body []byte, service, region string) (iam.Session, error) {
	session, err := g.STS.Sessions.Verify(r, body, service, region)
	var refused *fault.Error
	if errors.As(err, &refused) {
		return session, fault.Refuse(http.StatusBadRequest, cmp.Or(sts.Exceptions[refused.Code], refused.Code), "%s", refused.Message)
	}
	return session, err
}

// Authorize refuses what the policies do not allow, in IAM's words, as services with a
// JSON protocol do.
func (g *Gate) Authorize(session iam.Session, access iam.Access) error {
	decision, err := g.IAM.Authorize(session, access)
	if err == nil && !decision.Allowed {
		err = fault.Refuse(http.StatusBadRequest, Denied, "%s", decision.Reason())
	}
	return err
}

// Denied is the code of what the policies do not allow.
const Denied = "AccessDeniedException"

// Host is a service's endpoint in a Region, for example
// logs.eu-central-1.amazonaws.com.
func Host(service, region string) string {
	return fmt.Sprintf("%s.%s.%s", service, region, arn.PartitionOf(region).Suffix)
}

// Node are the credentials of a node of a cluster: a session of the cluster's
// node role, as the metadata service of an EC2 instance has it
// (https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html).
func (g *Gate) Node(cluster eks.Cluster) (aws.Credentials, error) {
	session, err := g.STS.Assume(sts.Assumption{
		Service: "ec2." + cluster.Partition().Suffix, RoleARN: cluster.NodeRole, Session: "i-" + uuid.NewString()[:8],
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
