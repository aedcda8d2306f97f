package rehearsal

import (
	"context"
)

// diagram is the deployed chain through AWS.
func (a *amazon) diagram(ctx context.Context) (string, error) {
	f := &flowchart{}
	customer := "Customer: account " + a.home.Account + ", " + a.home.Region
	switch {
	case a.refreshes():
		if err := a.drawRefresher(ctx, f, customer); err != nil {
			return "", err
		}
	case a.platform == platformECS:
		a.drawTask(f, customer)
	default:
		f.group("customer", customer)
		f.node("kubelet", "kubelet", "Deployment "+a.chain.namespace+"/"+a.chain.deployment.Name, "node's role "+a.roleARN)
		f.end()
		a.drawVendor(f, "kubelet")
	}
	return f.String(), nil
}

// drawVendor draws the vendor's side, and what the one who pulls asks of it.
func (a *amazon) drawVendor(f *flowchart, puller string) {
	f.group("vendor", "Vendor: account "+a.vendor.Account+", "+a.vendor.Region)
	if !a.refreshes() {
		f.node("ecr", "ECR", "api.ecr."+a.vendor.Region+"."+a.vendor.Partition().Suffix)
	}
	f.node("registry", "ECR repository", a.chain.registry+"/"+a.chain.repository)
	f.end()
	if !a.refreshes() {
		f.edge(puller, "ecr", hopECR, "principal "+a.roleARN)
	}
	f.edge(puller, "registry", hopRegistry, "pulls "+a.chain.image)
}

// drawTask draws the customer's side on ECS.
func (a *amazon) drawTask(f *flowchart, customer string) {
	f.group("customer", customer)
	f.node("service", "service", a.service)
	f.node("agent", "agent", "execution role "+a.roleARN)
	f.node("logs", "log group", a.logGroup)
	f.end()
	f.edge("service", "agent", hopExecution, "principal ecs-tasks.amazonaws.com")
	a.drawVendor(f, "agent")
	f.edge("agent", "logs", hopLogs, "principal "+a.roleARN)
}

// drawRefresher draws the customer's side where a refresher walks, with the
// issuer, subject and audience of a token that the cluster gives for this.
func (a *amazon) drawRefresher(ctx context.Context, f *flowchart, customer string) error {
	text, err := a.accountToken(ctx, a.chain.namespace, a.chain.account, a.chain.audience)
	if err != nil {
		return err
	}
	cluster, err := parse(text)
	if err != nil {
		return err
	}
	trust := []string{"AWS STS", "sts." + a.home.Region + "." + a.home.Partition().Suffix}
	if a.podIdentity() {
		trust = []string{"EKS Pod Identity", a.chain.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]}
	}
	f.group("customer", customer)
	f.node("refresher", "refresher", "ServiceAccount "+a.chain.namespace+"/"+a.chain.account)
	f.node("issuer", trust...)
	f.node("role", "IAM role", a.roleARN)
	f.node("secret", "pull secret", a.chain.namespace+"/"+a.chain.secret)
	f.node("kubelet", "kubelet", "Deployment "+a.chain.namespace+"/"+a.chain.deployment.Name)
	f.end()
	f.edge("refresher", "issuer", hopKubernetes, tokenLines(cluster)...)
	f.edge("issuer", "role", hopSTS, "principal "+a.roleARN)
	f.edge("role", "secret", hopECR, "authorization token of "+a.vendor.Region)
	f.edge("secret", "kubelet", hopSecret, "credentials for "+a.chain.registry)
	a.drawVendor(f, "kubelet")
	return nil
}
