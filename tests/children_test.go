package tests_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/azure"
	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/child"
	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/tests/recorder"
)

// family is a component with arguments that make it register certain children.
type family struct {
	// children are their names without the component's, and their types. They
	// are API: a program names them in a component's Children, and a renamed
	// child is another resource.
	children map[string]string
	validate func(options map[string]child.Options) error
	register func(ctx *pulumi.Context, options map[string]child.Options) error
}

const (
	readerType     = "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember"
	providerType   = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
	memberType     = "gcp:serviceaccount/iAMMember:IAMMember"
	policyType     = "aws:iam/policy:Policy"
	attachmentType = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	roleType       = "aws:iam/role:Role"
)

func families() map[string]family {
	no := false
	upstream := imageGrant("acme")
	upstream.Repository.Upstream = "projects/vendor-releases/locations/europe-west1/repositories/releases"
	several := imageGrant("acme")
	trust := several.Readers[0].Trust
	several.Repository = gcp.Repository{Name: "by-hand", Existing: true}
	several.Readers = []gcp.Reader{{Name: "prod", Trust: trust}, {Name: "dev", Trust: trust}, {Name: "test", Trust: trust, Waiting: true}}
	nodes := imageGrant("acme")
	nodes.Readers, nodes.Nodes = nil, []string{"shop-nodes@acme-platform.iam.gserviceaccount.com"}
	kept := amazonGrant("acme")
	kept.Repository.Lifecycle.Expire = &no
	kept.RoleARNs, kept.Waiting = nil, true
	irsa := amazonRole("acme")
	irsa.Trust = aws.IRSA{Issuer: "https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF", Existing: &no}
	irsa.Role.Inline = true
	irsa.Policies = []aws.Policy{{Name: "queue", Document: `{"Statement": []}`}}
	service := amazonService("acme")
	service.TaskPolicies = []aws.Policy{{Name: "queue", Document: `{"Statement": []}`}}
	application := workloadIdentity("acme")
	application.Name = ""
	application.Application = &azure.Application{ClientID: recorder.GUID("client"), PrincipalID: recorder.GUID("principal")}
	waiting := pullSecret("acme")
	waiting.Waiting = true
	amazon := pullSecret("acme")
	amazon.Source = kubernetes.IRSASource{ECRRole: kubernetes.ECRRole{RoleARN: pulumi.String("arn:aws:iam::1:role/r"), Region: recorder.AmazonRegion}}
	bare := workload("acme")
	bare.Config, bare.ConfigPath, bare.MaxUnavailable = nil, "", "none"

	grant := func(args *gcp.ImageGrantArgs, children map[string]string) family {
		return family{children,
			func(options map[string]child.Options) error { args.Children = options; return args.Validate() },
			func(ctx *pulumi.Context, options map[string]child.Options) error {
				args.Children = options
				_, err := gcp.NewImageGrant(ctx, "one", args)
				return err
			}}
	}
	ecr := func(args *aws.ImageGrantArgs, children map[string]string) family {
		return family{children,
			func(options map[string]child.Options) error { args.Children = options; return args.Validate() },
			func(ctx *pulumi.Context, options map[string]child.Options) error {
				args.Children = options
				_, err := aws.NewImageGrant(ctx, "one", args)
				return err
			}}
	}
	role := func(args *aws.ServiceAccountRoleArgs, children map[string]string) family {
		return family{children,
			func(options map[string]child.Options) error { args.Children = options; return args.Validate() },
			func(ctx *pulumi.Context, options map[string]child.Options) error {
				args.Children = options
				_, err := aws.NewServiceAccountRole(ctx, "one", args)
				return err
			}}
	}
	identity := func(args *azure.WorkloadIdentityArgs, children map[string]string) family {
		return family{children,
			func(options map[string]child.Options) error { args.Children = options; return args.Validate() },
			func(ctx *pulumi.Context, options map[string]child.Options) error {
				args.Children = options
				_, err := azure.NewWorkloadIdentity(ctx, "one", args)
				return err
			}}
	}
	pull := func(args *kubernetes.PullSecretArgs, children map[string]string) family {
		return family{children,
			func(options map[string]child.Options) error { args.Children = options; return args.Validate() },
			func(ctx *pulumi.Context, options map[string]child.Options) error {
				args.Children = options
				_, err := kubernetes.NewPullSecret(ctx, "one", args)
				return err
			}}
	}
	product := func(args *kubernetes.WorkloadArgs, children map[string]string) family {
		return family{children,
			func(options map[string]child.Options) error { args.Children = options; return args.Validate() },
			func(ctx *pulumi.Context, options map[string]child.Options) error {
				args.Children = options
				_, err := kubernetes.NewWorkload(ctx, "one", args)
				return err
			}}
	}
	namespace := &kubernetes.NamespaceArgs{Customer: "acme", Product: "app", Name: "app"}
	inCluster := map[string]string{
		"namespace": "kubernetes:core/v1:Namespace", "secret": "kubernetes:core/v1:Secret", "account": "kubernetes:core/v1:ServiceAccount",
		"role": "kubernetes:rbac.authorization.k8s.io/v1:Role", "binding": "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
		"egress": "kubernetes:networking.k8s.io/v1:NetworkPolicy",
	}
	refreshed := with(inCluster, map[string]string{"images": "kubernetes:core/v1:ConfigMap", "refresh": "kubernetes:batch/v1:CronJob", "first-refresh": "kubernetes:batch/v1:Job"})
	running := map[string]string{
		"account": "kubernetes:core/v1:ServiceAccount", "deployment": "kubernetes:apps/v1:Deployment",
		"replicas": "kubernetes:apps/v1:DeploymentPatch", "service": "kubernetes:core/v1:Service",
	}
	oneReader := map[string]string{
		"account": "gcp:serviceaccount/account:Account", "pool": "gcp:iam/workloadIdentityPool:WorkloadIdentityPool", "reader": readerType,
	}
	alone := with(oneReader, map[string]string{
		"repository": "gcp:artifactregistry/repository:Repository", "provider": providerType, "impersonation": memberType,
	})
	return map[string]family{
		"gcp.ImageGrant": grant(imageGrant("acme"), alone),
		"gcp.ImageGrant over another project's repository": grant(upstream, with(alone, map[string]string{"upstream-reader": readerType})),
		"gcp.ImageGrant for several": grant(several, with(oneReader, map[string]string{
			"provider-prod": providerType, "impersonation-prod": memberType, "provider-dev": providerType, "impersonation-dev": memberType,
		})),
		"gcp.ImageGrant for nodes": grant(nodes, map[string]string{
			"repository": "gcp:artifactregistry/repository:Repository", "reader-shop-nodes": readerType,
		}),
		"aws.ImageGrant": ecr(amazonGrant("acme"), map[string]string{
			"repository": "aws:ecr/repository:Repository", "lifecycle": "aws:ecr/lifecyclePolicy:LifecyclePolicy",
			"readers": "aws:ecr/repositoryPolicy:RepositoryPolicy",
		}),
		"aws.ImageGrant that waits": ecr(kept, map[string]string{"repository": "aws:ecr/repository:Repository"}),
		"aws.ServiceAccountRole": role(amazonRole("acme"), map[string]string{
			"role": roleType, "role-policy": policyType, "role-policy-attachment": attachmentType,
			"association": "aws:eks/podIdentityAssociation:PodIdentityAssociation",
		}),
		"aws.ServiceAccountRole with a provider": role(irsa, map[string]string{
			"role": roleType, "role-policy": "aws:iam/rolePolicy:RolePolicy", "role-policy-queue": "aws:iam/rolePolicy:RolePolicy",
			"provider": "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
		}),
		"aws.Service": {map[string]string{
			"logs": "aws:cloudwatch/logGroup:LogGroup", "definition": "aws:ecs/taskDefinition:TaskDefinition", "service": "aws:ecs/service:Service",
			"execution": roleType, "execution-policy": policyType, "execution-policy-attachment": attachmentType,
			"task": roleType, "task-policy-queue": policyType, "task-policy-queue-attachment": attachmentType,
		},
			func(options map[string]child.Options) error { service.Children = options; return service.Validate() },
			func(ctx *pulumi.Context, options map[string]child.Options) error {
				service.Children = options
				_, err := aws.NewService(ctx, "one", service)
				return err
			}},
		"azure.WorkloadIdentity": identity(workloadIdentity("acme"), map[string]string{
			"identity": "azure-native:managedidentity:UserAssignedIdentity", "pull": "azure-native:managedidentity:FederatedIdentityCredential",
		}),
		"azure.WorkloadIdentity of an application": identity(application, map[string]string{}),
		"kubernetes.Namespace": {map[string]string{"namespace": "kubernetes:core/v1:Namespace"},
			func(options map[string]child.Options) error {
				namespace.Children = options
				return namespace.Validate()
			},
			func(ctx *pulumi.Context, options map[string]child.Options) error {
				namespace.Children = options
				_, err := kubernetes.NewNamespace(ctx, "one", namespace)
				return err
			}},
		"kubernetes.PullSecret":             pull(pullSecret("acme"), with(refreshed, map[string]string{"config": "kubernetes:core/v1:ConfigMap"})),
		"kubernetes.PullSecret that waits":  pull(waiting, inCluster),
		"kubernetes.PullSecret of Amazon's": pull(amazon, refreshed),
		"kubernetes.Workload": product(workload("acme"), with(running, map[string]string{
			"config": "kubernetes:core/v1:Secret", "budget": "kubernetes:policy/v1:PodDisruptionBudget",
		})),
		"kubernetes.Workload with little": product(bare, running),
	}
}

func with(children, more map[string]string) map[string]string {
	all := map[string]string{}
	for _, some := range []map[string]string{children, more} {
		for name, kind := range some {
			all[name] = kind
		}
	}
	return all
}

func newFamilyRecorder() *recorder.Recorder {
	return &recorder.Recorder{Functions: map[string]func(resource.PropertyMap) (resource.PropertyMap, error){
		"gcp:organizations/getProject:getProject": func(resource.PropertyMap) (resource.PropertyMap, error) {
			return resource.NewPropertyMapFromMap(map[string]any{"number": recorder.ProjectNumber}), nil
		},
	}}
}

// A renamed or retyped child is a deletion in somebody's account.
func TestChildrenKeepTheirNamesAndTypes(t *testing.T) {
	for name, f := range families() {
		t.Run(name, func(t *testing.T) {
			r := newFamilyRecorder()
			require.NoError(t, r.Run(func(ctx *pulumi.Context) error { return f.register(ctx, nil) }))
			got := map[string]string{}
			for _, registration := range r.All() {
				if registration.Parent == "one" {
					got[strings.TrimPrefix(registration.Name, "one-")] = registration.Type
				}
			}
			assert.Equal(t, f.children, got)
		})
	}
}

func TestOptionsReachEachChildAndNoOther(t *testing.T) {
	yes := true
	for name, f := range families() {
		for of := range f.children {
			t.Run(name+" "+of, func(t *testing.T) {
				r := newFamilyRecorder()
				require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
					return f.register(ctx, map[string]child.Options{of: {
						Import: "there-already", Aliases: []pulumi.Alias{{Name: pulumi.String("before")}}, Protect: &yes,
					}})
				}))
				for _, registration := range r.All() {
					if registration.Parent != "one" {
						continue
					}
					this := registration.Name == "one-"+of
					assert.Equal(t, this, registration.RPC.GetImportId() == "there-already", registration.Name)
					assert.Equal(t, this, strings.Contains(fmt.Sprint(registration.RPC.GetAliases()), `"before"`), registration.Name) // beside the SDK's own
					if this {
						assert.True(t, registration.RPC.GetProtect(), registration.Name)
					}
				}
			})
		}
	}
}

// What is protected by default stays so unless its own option says otherwise.
func TestAChildsOwnProtectionWins(t *testing.T) {
	no := false
	const of = "repository"
	for _, name := range []string{"gcp.ImageGrant", "aws.ImageGrant"} {
		f := families()[name]
		for _, options := range []map[string]child.Options{nil, {of: {Protect: &no}}} {
			r := newFamilyRecorder()
			require.NoError(t, r.Run(func(ctx *pulumi.Context) error { return f.register(ctx, options) }))
			assert.Equal(t, options == nil, r.Named("one-"+of).RPC.GetProtect(), name)
		}
	}
}

func TestAnUnknownChildIsRefusedWithThoseThatAre(t *testing.T) {
	for name, f := range families() {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, f.validate(nil))
			problems := check.List(f.validate(map[string]child.Options{"stranger": {Import: "x"}}))
			require.Len(t, problems, 1)
			assert.Equal(t, `children["stranger"]`, problems[0].Key)
			var known []string
			for of := range f.children {
				known = append(known, of)
			}
			slices.Sort(known)
			assert.Equal(t, "is no child here: want one of "+strings.Join(known, ", "), problems[0].Text)
		})
	}
}
