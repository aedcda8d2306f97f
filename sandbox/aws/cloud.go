package aws

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	pulumiaws "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"

	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/aws/ecs"
	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/logs"
	"waybill.example/waybill/sandbox/provider"
	"waybill.example/waybill/sandbox/state"
	"waybill.example/waybill/sandbox/world"
)

// Drain is how long a deleted ECS service keeps its name.
const Drain = 100 * time.Millisecond

// Cloud is everything that the accounts of one world hold.
type Cloud struct {
	IAM  *iam.Cloud
	ECR  *ecr.Store
	EKS  *eks.Store
	ECS  *ecs.Store
	Logs *logs.Store

	world world.AWS
	now   func() time.Time
	// fresh are roles, by ARN.
	fresh *state.Fresh
	start func(context.Context, ecs.Service) error
}

// Open reads the cloud's files in the folder dir, or starts them with what the
// world has. The first request for another resource that names a new role meets it
// as missing, while it is settling.
func Open(dir string, existing world.AWS, now func() time.Time, settling time.Duration) (*Cloud, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("aws: %w", err)
	}
	c := &Cloud{world: existing, now: now, fresh: &state.Fresh{For: settling}}
	if err := c.open(dir); err != nil {
		return nil, fmt.Errorf("aws: %w", err)
	}
	return c, nil
}

func (c *Cloud) open(dir string) (err error) {
	accounts := c.world.Accounts
	if c.IAM, err = iam.Open(filepath.Join(dir, "iam.json"), c.world, c.now); err != nil {
		return err
	}
	if c.ECR, err = ecr.Open(filepath.Join(dir, "ecr.json"), accounts, c.IAM, c.now); err != nil {
		return err
	}
	if c.EKS, err = eks.Open(filepath.Join(dir, "eks.json"), accounts, c.roleExists); err != nil {
		return err
	}
	if c.ECS, err = ecs.Open(filepath.Join(dir, "ecs.json"), accounts, Drain, c.now); err != nil {
		return err
	}
	c.Logs, err = logs.Open(filepath.Join(dir, "logs.json"))
	return err
}

// roleExists is asked by EKS of the roles of associations. ECS meets a new role as
// missing when it launches tasks, which it does again by itself.
func (c *Cloud) roleExists(arn string) bool {
	_, found := c.IAM.Role(arn)
	return found && !c.fresh.Missing(arn, "association", c.now())
}

// StartTasks says how the tasks of a service are started, for services that
// programs wait for; an error is why they do not run. Without it, nothing is
// waited for. It is called before the cloud is used.
func (c *Cloud) StartTasks(start func(ctx context.Context, service ecs.Service) error) {
	c.start = start
}

// Package is the Pulumi package that stands in front of this cloud.
const Package = "aws"

// version is that of the SDK in go.mod.
const version = "6.83.2"

// Provider returns the package aws in front of the cloud, as far as the sandbox
// knows it.
func (c *Cloud) Provider() *provider.Definition[*Client] {
	return &provider.Definition[*Client]{
		Name:      Package,
		Version:   version,
		Config:    pulumiaws.ProviderArgs{}.ElementType(),
		Configure: c.configure,
		Stateful:  true,
		Types: []provider.Type[*Client]{
			roleType(), rolePolicyType(), rolePolicyAttachmentType(), policyType(), oidcProviderType(),
			repositoryType(), repositoryPolicyType(), lifecyclePolicyType(),
			associationType(), taskDefinitionType(), serviceType(), logGroupType(),
		},
		Functions: []provider.Function[*Client]{
			getCallerIdentity(), getOIDCProvider(), getRole(), getCluster(), getRepository(), getImage(), getService(), getResource(),
		},
	}
}
