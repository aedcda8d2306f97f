package rehearsal

import (
	"context"
)

func (a *amazon) draw(ctx context.Context, f *flowchart) error {
	customer := "account " + a.home.Account + ", " + a.home.Region
	if a.vendorRole() {
		customer = "cluster " + a.cluster.Context
	}
	switch {
	case a.refreshes():
		return a.drawRefresher(ctx, f, customer)
	case a.onECS():
		a.drawTask(f, customer)
	default:
		f.group("customer", "Customer", customer)
		f.node("kubelet", "kubelet", "Deployment "+a.namespace+"/"+a.deployment.Name, "node's role "+a.roleARN)
		f.end()
		a.drawVendor(f, "kubelet")
	}
	return nil
}

// drawVendor draws the vendor's side, and what the one who pulls asks of it.
func (a *amazon) drawVendor(f *flowchart, puller string) {
	f.group("vendor", "Vendor", "account "+a.vendor.Account+", "+a.vendor.Region)
	if !a.refreshes() {
		f.node("ecr", "ECR", "api.ecr."+a.vendor.Region+"."+a.vendor.Partition().Suffix)
	}
	if a.vendorRole() {
		a.drawRole(f)
	}
	f.node("registry", "ECR repository", a.registry+"/"+a.chain.repository)
	f.end()
	if !a.refreshes() {
		f.edge(puller, "ecr", hopECR, "principal "+a.roleARN)
	}
	f.edge(puller, "registry", hopRegistry, "pulls "+a.image)
}

// drawTask draws the customer's side on ECS.
func (a *amazon) drawTask(f *flowchart, customer string) {
	f.group("customer", "Customer", customer)
	f.node("service", "service", a.service)
	f.node("agent", "agent", "execution role "+a.roleARN)
	f.node("logs", "log group", a.logGroup)
	f.end()
	f.edge("service", "agent", hopExecution, "principal ecs-tasks.amazonaws.com")
	a.drawVendor(f, "agent")
	f.edge("agent", "logs", hopLogs, "principal "+a.roleARN)
}

// drawRole draws whom the refresher asks for the role, and the role, on the side of
// their account.
func (a *amazon) drawRole(f *flowchart) {
	trust := []string{"AWS STS", "sts." + a.home.Region + "." + a.home.Partition().Suffix}
	if a.podIdentity() {
		trust = []string{"EKS Pod Identity", a.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"]}
	}
	f.node("issuer", trust...)
	f.node("role", "IAM role", a.roleARN)
}

// drawRefresher draws the customer's side where a refresher walks, with the
// issuer, subject and audience of a token that the cluster gives for this.
func (a *amazon) drawRefresher(ctx context.Context, f *flowchart, customer string) error {
	token, err := a.drawn(ctx)
	if err != nil {
		return err
	}
	a.drawCustomer(f, customer, func() {
		if !a.vendorRole() {
			a.drawRole(f)
		}
	})
	f.edge("refresher", "issuer", hopKubernetes, token...)
	f.edge("issuer", "role", hopSTS, "principal "+a.roleARN)
	f.edge("role", "secret", hopECR, "authorization token of "+a.vendor.Region)
	f.edge("secret", "kubelet", hopSecret, "credentials for "+a.registry)
	a.drawVendor(f, "kubelet")
	return nil
}
