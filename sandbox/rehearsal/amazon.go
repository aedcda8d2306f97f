package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"waybill.example/waybill/sandbox/aws"
	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/sts"
	"waybill.example/waybill/sandbox/awsapis/ecsagent"
)

// The platforms whose chain goes through AWS, as the output
// accessRequest.platform names them.
const (
	platformEKS = "eks"
	platformECS = "ecs"
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
	*Rehearsal
	Amazon

	platform string
	// home is where the customer's side is, vendor where the registry is.
	home, vendor arn.Place
	// roleARN is the role that pulls: the refresher's, the node's or the task's
	// execution role.
	roleARN string
	// service is the ARN of the ECS service, logGroup its log group.
	service, logGroup string
}

// readAmazon finds the chain through AWS that a stack's outputs describe.
func (r *Rehearsal) readAmazon(ctx context.Context, outputs document) error {
	if r.config.Amazon == nil {
		return errors.New("rehearsal: the chain goes through AWS, and the world has none of it (aws.accounts)")
	}
	a := &amazon{
		Rehearsal: r, Amazon: *r.config.Amazon,
		platform: outputs.text("accessRequest", "platform"),
		home:     arn.Place{Account: outputs.text("accessRequest", "account"), Region: outputs.text("accessRequest", "region")},
		vendor:   arn.Place{Account: outputs.text("accessGrant", "account"), Region: outputs.text("accessGrant", "region")},
		roleARN:  outputs.text("accessRequest", "roleArn"),
		service:  outputs.text("service"), logGroup: outputs.text("logGroup"),
	}
	r.chain, r.amazon = readChain(outputs), a
	if err := a.check(); err != nil {
		return err
	}
	switch {
	case a.platform == platformECS:
		return nil
	case outputs.text("pullSecret") != "":
		return r.findPullSecret(ctx, outputs)
	default:
		return a.findNodePulled(ctx)
	}
}

func (a *amazon) check() error {
	wanted := map[string]string{
		"accessRequest.account": a.home.Account, "accessRequest.region": a.home.Region, "accessRequest.roleArn": a.roleARN,
		"accessGrant.account": a.vendor.Account, "accessGrant.region": a.vendor.Region,
		"accessGrant.registry": a.chain.registry, "accessGrant.repository": a.chain.repository,
		"image": a.chain.image, "service": a.service,
	}
	if a.platform == platformECS {
		wanted["logGroup"] = a.logGroup
	}
	return missing(wanted)
}

// findNodePulled finds the Deployment whose image the node pulls by itself. Its
// namespace is that of the service, NAME.NAMESPACE.svc:PORT.
func (a *amazon) findNodePulled(ctx context.Context) error {
	if err := a.needCluster(); err != nil {
		return err
	}
	parts := strings.Split(a.service, ".")
	if len(parts) < 3 {
		return fmt.Errorf("rehearsal: the output service is %q: want NAME.NAMESPACE.svc:PORT", a.service)
	}
	a.chain.namespace = parts[1]
	return a.chain.findDeployment(ctx, a.admin, func(pod corev1.PodSpec) bool {
		return pod.Containers[0].Image == a.chain.image
	})
}

// refreshes says whether a refresher walks the chain, and not a node or ECS.
func (a *amazon) refreshes() bool { return a.chain.cronJob != nil }

// podIdentity says whether the refresher becomes the role by EKS Pod Identity,
// and not by IRSA.
func (a *amazon) podIdentity() bool {
	return a.refreshes() && a.chain.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] != ""
}

// role is the role that pulls, as it is now.
func (a *amazon) role() (iam.Role, error) {
	role, exists := a.Cloud.IAM.Role(a.roleARN)
	if !exists {
		return iam.Role{}, fmt.Errorf("rehearsal: the role %s of the output accessRequest.roleArn does not exist", a.roleARN)
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

// cluster is the EKS cluster that the world's first control plane stands for.
func (a *amazon) cluster() (eks.Cluster, error) {
	first := a.config.World.Kubernetes.Clusters[0].Context
	for _, cluster := range a.Cloud.EKS.Clusters() {
		if cluster.Context == first && cluster.Place == a.home {
			return cluster, nil
		}
	}
	return eks.Cluster{}, fmt.Errorf("rehearsal: no EKS cluster of %s has the context %s of the world's first cluster", a.home, first)
}
