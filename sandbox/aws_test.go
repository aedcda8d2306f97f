package sandbox_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/tests/programs"
)

// awsWorld is what existed before the programs on AWS came. The node may pull
// whatever is its own account's, as EKS's managed policy has it.
const awsWorld = `
aws:
  accounts:
    - id: "` + programs.AWSVendor + `"
      regions: [eu-central-1]
      repositories:
        - region: eu-central-1
          name: neighbour
          tags: ["1.0"]
      roles:
        - name: release-pipeline
          trust: {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "codebuild.amazonaws.com"}}]}
          policies:
            push: {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}]}
      pusher: release-pipeline
      releases:
        - eu-central-1/orchard/press:1.0
    - id: "` + programs.AWSCustomer + `"
      regions: [eu-central-1, us-east-1]
      roles:
        - name: orchard-nodes
          path: /eks/
          trust: {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]}
          managedPolicies: ["arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"]
          policies:
            pod-identity: {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "eks-auth:AssumeRoleForPodIdentity", "Resource": "*"}]}
      vpcs:
        - id: vpc-0123456789abcdef0
          region: eu-central-1
          subnets: [` + programs.AWSSubnet + `]
          securityGroups: [` + programs.AWSGroup + `]
`

const awsECS = `
      ecsClusters:
        - name: orchard
          region: eu-central-1
`

const awsEKS = `
      eksClusters:
        - name: orchard
          region: eu-central-1
          issuer: ` + programs.AWSIssuer + `
          context: orchard
          podIdentityAgent: POD_IDENTITY
          nodeRole: ` + programs.AWSNodeRole + `
`

// awsSecond is another EKS cluster, whose control plane is the world's second.
const awsSecond = `
        - name: orchard-two
          region: eu-central-1
          issuer: ` + awsIssuerTwo + `
          context: orchard-two
          podIdentityAgent: POD_IDENTITY
          nodeRole: ` + programs.AWSNodeRole + `
`

// awsProviders are the clusters' OIDC providers.
const awsProviders = `
      oidcProviders:
        - url: ` + programs.AWSIssuer + `
          clientIds: [sts.amazonaws.com]
        - url: ` + awsIssuerTwo + `
          clientIds: [sts.amazonaws.com]
`

const awsIssuerTwo = "https://oidc.eks." + programs.AWSRegion + ".amazonaws.com/id/FEDCBA9876543210FEDCBA9876543210"

// awsOthers ends the accounts: another customer's, with a role of the same name.
const awsOthers = `
    - id: "777788889999"
      regions: [eu-central-1]
      roles:
        - name: orchard--press-pull
          path: /images/
          trust: {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]}
`

const awsKubernetes = `
kubernetes:
  clusters:
    - context: orchard
      issuer: ` + programs.AWSIssuer + `
refresher: ` + programs.AWSRefresher + `
registries:
  - host: registry.waybill.example
`

// startAWS starts a program on a world of AWS alone.
func startAWS(t *testing.T, world string, program pulumi.RunFunc) *sandbox.Sandbox {
	t.Helper()
	return newAWSProject(t, world).start(program)
}

// newAWSProject is a project without a stack's configuration on a world of AWS alone.
func newAWSProject(t *testing.T, world string) *project {
	t.Helper()
	p := &project{t: t, root: t.TempDir(), stack: "aws"}
	p.copy("Pulumi.yaml")
	require.NoError(t, os.WriteFile(filepath.Join(p.root, "Pulumi.aws.yaml"), []byte(impatientStack), 0o600))
	p.setAWSWorld(world)
	return p
}

func (p *project) setAWSWorld(world string) {
	p.t.Helper()
	path := filepath.Join(p.root, "sandbox", "worlds", "aws.yaml")
	require.NoError(p.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(p.t, os.WriteFile(path, []byte(world), 0o600))
}

// walking is what a rehearsal of a world walks. The programs' product has no
// health check.
func walking(chain string, hop string, sites ...programs.Site) string {
	text := "walk:\n  chain: " + chain + "\n  product: {port: 8080}\n  environments:\n"
	var workloads []string
	for _, site := range sites {
		text += fmt.Sprintf("    %s: {context: %q, namespace: %q}\n", cmp.Or(site.Environment, "default"), site.Context, site.Namespace)
		workloads = site.Workloads
	}
	text += "  workloads:\n"
	for _, component := range workloads {
		text += "    - {account: press-" + component + ", hop: " + hop + "}\n"
	}
	return text
}

// environment is what the access request says of its first environment.
func environment(outputs map[string]any) map[string]any {
	return outputs["accessRequest"].(map[string]any)["environments"].([]any)[0].(map[string]any)
}

// Two environments on two clusters, where everything has the same name, each
// with a component that has a role of its own.
func TestEnvironmentsAndWorkloadsOnEKSCannotBecomeOneAnother(t *testing.T) {
	t.Parallel()
	two := []programs.Site{
		{Environment: "trial", Context: "orchard", Issuer: programs.AWSIssuer, Namespace: "press", Workloads: []string{"api"}},
		{Environment: "prod", Context: "orchard-two", Issuer: awsIssuerTwo, Namespace: "press", Workloads: []string{"api"}},
	}
	world := func(podIdentity, chain string) string {
		clusters := strings.ReplaceAll(strings.TrimRight(awsEKS, "\n")+awsSecond, "POD_IDENTITY", podIdentity)
		second := "  clusters:\n    - context: orchard-two\n      issuer: " + awsIssuerTwo + "\n"
		return awsWorld + clusters + awsProviders + awsOthers + strings.Replace(awsKubernetes, "  clusters:\n", second, 1) + walking(chain, "sts", two...)
	}
	hops := append(slices.Clone(viaAmazon), "sts")
	t.Run("by IRSA", func(t *testing.T) {
		t.Parallel()
		s := startAWS(t, world("false", "irsa"), programs.EKSWithIRSA(two...))
		rehearse(t, s, slices.Concat(hops, hops), 2*(60+5+1+4)+5+1)
		thePublishedGuideDoesNotPull(t, s)
	})
	t.Run("by Pod Identity", func(t *testing.T) {
		t.Parallel()
		s := startAWS(t, world("true", "podIdentity"), programs.EKSWithPodIdentity(two...))
		rehearse(t, s, slices.Concat(hops, hops), 2*(63+6+2+4)+5+1)
	})
}

func TestAWorldWithoutAWSHasNothingOfIt(t *testing.T) {
	t.Parallel()
	s := startAWS(t, "registries:\n  - host: registry.waybill.example\n", nil)
	assert.NotContains(t, s.Providers(), "aws:")
	assert.Nil(t, s.AWS)
	assert.Nil(t, s.AWSAPIs)
	_, err := s.Rehearsal(context.Background(), map[string]any{})
	require.ErrorContains(t, err, "the world does not say what is walked")
	hops, err := s.Diagnose(context.Background(), time.Now())
	require.NoError(t, err)
	assert.Empty(t, hops)
}

// Where nobody may ask the vendor's repository, a first deployment whose tasks never
// run is in the state; the update says where to read why, and the next one deploys it
// again.
func TestAFirstDeploymentThatCannotPullIsTriedAgain(t *testing.T) {
	t.Parallel()
	pushed := awsWorld + awsECS + awsOthers
	p := newAWSProject(t, strings.Replace(pushed, "press:1.0", "press:0.9", 1))
	s := p.start(programs.FirstECS)
	for range 2 { // nothing was mended, and no update says that all is well
		_, err := open(t, s).Up(context.Background())
		require.ErrorContains(t, err, "Requested image not found")
		require.ErrorContains(t, err, "aws.Service: the tasks of service orchard--press did not start: `aws ecs describe-services --region eu-central-1 --cluster orchard --services orchard--press` says why")
		require.ErrorContains(t, err, `Where they say CannotPullContainerError and "not found", the registry does not hold `+programs.AWSVendor+`.dkr.ecr.eu-central-1.amazonaws.com/orchard/press:1.0 yet: the vendor pushes it`)
	}
	require.NoError(t, s.Close())

	p.setAWSWorld(pushed)
	s = p.start(programs.FirstECS)
	assert.Equal(t, []string{"update service-service"}, changes(up(t, s)), "what was there is deployed again")
	require.NoError(t, s.Close())
	assert.Empty(t, changes(up(t, p.start(programs.ECS))))
}

// thePublishedGuideDoesNotPull gives the product's ServiceAccount the role that
// may pull, and no pull secret: the kubelet pulls as its node all the same
// (docs/facts.md §1 row 6).
func thePublishedGuideDoesNotPull(t *testing.T, s *sandbox.Sandbox) {
	ctx, c := context.Background(), client(t, s)
	outputs, err := open(t, s).Outputs()
	require.NoError(t, err)
	role := environment(outputs)["roleArns"].([]any)[0].(string)
	_, err = c.CoreV1().ServiceAccounts("default").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
		Name: "guide", Annotations: map[string]string{"eks.amazonaws.com/role-arn": role},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	labels := map[string]string{"app": "guide"}
	_, err = c.AppsV1().Deployments("default").Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "guide"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					ServiceAccountName: "guide",
					Containers:         []corev1.Container{{Name: "product", Image: outputs["environments"].(map[string]any)["prod"].(map[string]any)["image"].(string)}},
				},
			},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	var message string
	require.Eventually(t, func() bool {
		pods, err := c.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=guide"})
		if err != nil {
			return false
		}
		for _, pod := range pods.Items {
			for _, status := range pod.Status.ContainerStatuses {
				if waiting := status.State.Waiting; waiting != nil && waiting.Reason == "ImagePullBackOff" {
					message = waiting.Message
					return true
				}
			}
		}
		return false
	}, time.Minute, 100*time.Millisecond)
	assert.Contains(t, message, "assumed-role/orchard-nodes/", "the kubelet came as its node")
	assert.Contains(t, message, "no resource-based policy allows the ecr:BatchGetImage action")
}
