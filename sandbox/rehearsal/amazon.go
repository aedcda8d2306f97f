package rehearsal

import (
	"context"
	"fmt"

	"waybill.example/waybill/sandbox/aws"
	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/iam/policy"
	"waybill.example/waybill/sandbox/aws/sts"
	"waybill.example/waybill/sandbox/awsapis/ecsagent"
	"waybill.example/waybill/sandbox/world"
)

// Amazon is AWS as a rehearsal meets it.
type Amazon struct {
	// Cloud holds what is deployed. Cases that need the cloud to be another for
	// a moment change it and put it back.
	Cloud *aws.Cloud
	// STS mints sessions of roles that no honest client could become.
	STS *sts.Server
	// Tasks starts tasks on ECS.
	Tasks *ecsagent.Agent
}

// amazon is a deployed chain's way through AWS.
type amazon struct {
	*chain
	Amazon

	// home is where the role is that pulls, the customer's side but with a role in the
	// vendor's account; vendor is where the registry is.
	home, vendor arn.Place
	// issuer is the cluster's and subject the refresher's, as the access request has
	// them; empty but with a role in the vendor's account.
	issuer, subject string
	// roleARN is the role that pulls: the refresher's, the node's or the task's
	// execution role.
	roleARN string
	// service is the ARN of the ECS service, logGroup its log group.
	service, logGroup string
}

// readAmazon reads what an environment's outputs say of a chain through AWS.
func readAmazon(c *chain, e *environment) way {
	a := &amazon{
		chain: c, Amazon: *c.Amazon,
		vendor: arn.Place{Account: e.text("accessGrant.account"), Region: e.text("accessGrant.region")},
	}
	if a.vendorRole() {
		a.home, a.roleARN = a.vendor, e.text("accessGrant.roleArn")
		a.issuer, a.subject = e.text("accessRequest.issuer"), e.text("accessRequest.subject")
	} else {
		a.home = arn.Place{Account: e.text("accessRequest.account"), Region: e.text("accessRequest.region")}
		a.roleARN = e.text("accessRequest.roleArns")
	}
	if a.onECS() {
		a.service, a.logGroup = e.text("service"), e.text("logGroup")
	}
	return a
}

// onECS says whether a task of ECS pulls.
func (a *amazon) onECS() bool { return a.World.Walk.Chain == world.ChainECS }

// find finds the Deployment whose image the nodes pull, with the role that the
// world's nodes have, or who writes and reads the pull secret.
func (a *amazon) find(ctx context.Context, outputs document) error {
	switch {
	case a.onECS():
		return nil
	case a.refreshes():
		err := a.chain.find(ctx, outputs)
		if err == nil && a.vendorRole() {
			err = a.requested(a.issuer, a.subject)
		}
		return err
	}
	cluster, err := a.eksCluster()
	if err != nil {
		return err
	}
	a.roleARN = cluster.NodeRole
	return a.findNodePulled(ctx)
}

// podIdentity says whether the refresher becomes the role by EKS Pod Identity,
// and not by IRSA.
func (a *amazon) podIdentity() bool { return a.World.Walk.Chain == world.ChainPodIdentity }

// vendorRole says whether the refresher becomes a role of the vendor's account, on a
// cluster that is not of AWS.
func (a *amazon) vendorRole() bool { return a.World.Walk.Chain == world.ChainVendorRole }

// refreshes says whether a refresher walks the chain, and not a node or ECS.
func (a *amazon) refreshes() bool {
	return a.podIdentity() || a.vendorRole() || a.World.Walk.Chain == world.ChainIRSA
}

// role is the role that pulls, as it is now.
func (a *amazon) role() (iam.Role, error) {
	role, exists := a.Cloud.IAM.Role(a.roleARN)
	if !exists {
		return iam.Role{}, fmt.Errorf("rehearsal: the role %s of the stack's outputs does not exist", a.roleARN)
	}
	return role, nil
}

// repository is the vendor's, as it is now.
func (a *amazon) repository() (ecr.Repository, error) {
	repository, exists := a.Cloud.ECR.Repository(a.vendor, a.chain.repository)
	if !exists {
		return ecr.Repository{}, fmt.Errorf("rehearsal: the repository %s of the output accessGrant does not exist in %s", a.chain.repository, a.vendor)
	}
	return repository, nil
}

// repositoryPolicy is the vendor's repository with its policy, nil where it has none.
func (a *amazon) repositoryPolicy() (ecr.Repository, *policy.Attached, error) {
	repository, err := a.repository()
	if err != nil {
		return repository, nil, err
	}
	attached, err := repository.Attached()
	return repository, attached, err
}

// eksCluster is the EKS cluster that the chain's control plane stands for.
func (a *amazon) eksCluster() (eks.Cluster, error) {
	for _, cluster := range a.Cloud.EKS.Clusters() {
		if cluster.Context == a.cluster.Context() && cluster.Place == a.home {
			return cluster, nil
		}
	}
	return eks.Cluster{}, fmt.Errorf("rehearsal: no EKS cluster of %s has the context %s of the chain's cluster", a.home, a.cluster.Context())
}
