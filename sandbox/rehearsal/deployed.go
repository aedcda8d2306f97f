package rehearsal

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// survivors are the types of what a world may say survives a mistake, by the word
// in walk.survives, with the hop that would be lost.
var survivors = map[string]struct {
	types []string
	hop   string
	// of is a part of the inputs that says which of the types are meant.
	of string
}{
	"repository":   {[]string{"gcp:artifactregistry/repository:Repository", typeECR}, hopRegistry, ""},
	"namespace":    {[]string{"kubernetes:core/v1:Namespace"}, hopKubernetes, ""},
	"oidcProvider": {[]string{"aws:iam/openIdConnectProvider:OpenIdConnectProvider"}, hopSTS, ""},
	// Google's own account, which reads for every virtual repository of the project.
	"upstreamReader": {[]string{typeReader}, hopRegistry, "@gcp-sa-artifactregistry."},
}

// RightsToRead are the types of what lets a customer read a repository.
var RightsToRead = []string{typeReader, "aws:ecr/repositoryPolicy:RepositoryPolicy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"}

// rights are the types of what opens a hop: whoever walks the chain has to wait
// for each that the stack makes.
var rights = append(slices.Clone(RightsToRead),
	"gcp:serviceaccount/iAMMember:IAMMember", "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
	"azure-native:managedidentity:FederatedIdentityCredential", "aws:iam/rolePolicy:RolePolicy",
	"aws:iam/openIdConnectProvider:OpenIdConnectProvider", "aws:eks/podIdentityAssociation:PodIdentityAssociation", "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
)

// Types of what walks a chain by itself as soon as it is there.
const (
	typeJob        = "kubernetes:batch/v1:Job"
	typeDeployment = "kubernetes:apps/v1:Deployment"
	typeService    = "aws:ecs/service:Service"
)

// typeReader is a member of the policy of a repository of Artifact Registry.
const typeReader = "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember"

// typeECR is a repository of Amazon ECR.
const typeECR = "aws:ecr/repository:Repository"

// deployedCases read from the engine's state what it will do on another day, or
// did in an order that mattered. None without a state.
func (s *setting) deployedCases() []testCase {
	if len(s.Resources) == 0 {
		return nil
	}
	compare := func(name, hop string, run func() error) testCase {
		return testCase{name, hop, anyWords, func(context.Context) error { return run() }}
	}
	var cases []testCase
	for _, word := range s.World.Walk.Survives {
		kept := survivors[word]
		cases = append(cases, compare("a destroy of the "+word, kept.hop, func() error { return s.survives(kept.types, kept.hop, kept.of) }))
	}
	cases = append(cases, compare("the product or the first refresh before a right that it needs", hopRegistry, s.beforeItsRights))
	if s.has(typeJob) {
		cases = append(cases, compare("another identity without another first refresh", hopSecret, s.refreshedOnce),
			compare("an update that gives up before the first refresh does", hopSecret, s.impatientUpdate))
	}
	if s.has(typeECR) {
		cases = append(cases, compare("a repository that nobody scans, or that goes with its images", hopRegistry, s.unscanned))
	}
	if s.has(typeDeployment) {
		cases = append(cases, compare("a later update that undoes what others did", hopKubernetes, s.laterUpdate))
	}
	if s.has("pulumi:providers:aws") {
		cases = append(cases, compare("an operator who is signed in to another account", hopSTS, s.otherAccount))
	}
	return cases
}

func (s *setting) has(kind string) bool {
	return slices.ContainsFunc(s.Resources, func(r apitype.ResourceV3) bool { return string(r.Type) == kind })
}

// survives wants every resource of the types protected or kept, and at least one.
func (s *setting) survives(types []string, hop, of string) error {
	found := false
	for _, r := range s.Resources {
		if !slices.Contains(types, string(r.Type)) || r.External || !strings.Contains(fmt.Sprint(r.Inputs), of) {
			continue
		}
		if found = true; !r.Protect && !r.RetainOnDelete {
			return allowed("the engine would delete " + r.URN.Name())
		}
	}
	if !found {
		return allowed("the stack has made none that the engine could keep")
	}
	return &refused{hop, "the engine deletes none that is protected"}
}

// beforeItsRights follows the dependencies of what walks a chain by itself.
func (s *setting) beforeItsRights() error {
	byURN := map[string]apitype.ResourceV3{}
	for _, r := range s.Resources {
		byURN[string(r.URN)] = r
	}
	awaited := map[string]bool{}
	var follow func(urn string)
	follow = func(urn string) {
		if r, known := byURN[urn]; known && !awaited[urn] {
			awaited[urn] = true
			for _, dependency := range r.Dependencies {
				follow(string(dependency))
			}
		}
	}
	walks := map[string]bool{} // the stacks: another party's rights are there before
	for _, r := range s.Resources {
		if slices.Contains([]string{typeJob, typeDeployment, typeService}, string(r.Type)) {
			follow(string(r.URN))
			walks[string(r.URN.Stack())] = true
		}
	}
	for _, r := range s.Resources {
		if slices.Contains(rights, string(r.Type)) && walks[string(r.URN.Stack())] && !awaited[string(r.URN)] {
			return allowed("nothing that walks the chain waits for " + r.URN.Name())
		}
	}
	return &refused{hopRegistry, "every right is there first"}
}

// unscanned wants ECR to scan what is pushed to a repository of the stack's own, and to
// keep a repository that holds images.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html
func (s *setting) unscanned() error {
	for _, r := range s.Resources {
		if string(r.Type) != typeECR || r.External {
			continue
		}
		if scanning, _ := r.Inputs["imageScanningConfiguration"].(map[string]any); scanning["scanOnPush"] != true {
			return allowed(r.URN.Name() + " is not scanned")
		}
		if r.Inputs["forceDelete"] == true && r.Protect {
			return allowed(r.URN.Name() + " is deleted with its images as soon as it is not protected")
		}
	}
	return &refused{hopRegistry, "each is scanned, and goes when it is empty"}
}

// impatientUpdate wants the engine to wait for each first refresh as long as that may run.
// https://www.pulumi.com/docs/iac/concepts/resources/options/customtimeouts/
func (s *setting) impatientUpdate() error {
	for _, r := range s.Resources {
		if string(r.Type) != typeJob {
			continue
		}
		spec, _ := r.Inputs["spec"].(map[string]any)
		runs, _ := spec["activeDeadlineSeconds"].(float64)
		if waits := r.CustomTimeouts; waits == nil || waits.Create < runs || waits.Update < runs {
			return allowed(fmt.Sprintf("%s may run for %g s, and the engine does not wait as long", r.URN.Name(), runs))
		}
	}
	return &refused{hopSecret, "the engine waits for it"}
}

// refreshedOnce wants each first refresh to run again for another secret, whose UID it
// has to know, or right, and where it failed: Pulumi awaits a failed Job again, unless
// an annotation says otherwise (https://github.com/pulumi/pulumi-kubernetes/issues/856).
func (s *setting) refreshedOnce() error {
	var uids []string
	for _, r := range s.Resources {
		if metadata, _ := r.Outputs["metadata"].(map[string]any); string(r.Type) == "kubernetes:core/v1:Secret" && r.Outputs["type"] == "kubernetes.io/dockerconfigjson" {
			uids = append(uids, fmt.Sprint(metadata["uid"]))
		}
	}
	triggers := ""
	for _, r := range s.Resources {
		if string(r.Type) != typeJob {
			continue
		}
		trigger, _ := r.ReplacementTrigger.([]any)
		if len(trigger) == 0 {
			return allowed(r.URN.Name() + " never runs again")
		}
		metadata, _ := r.Inputs["metadata"].(map[string]any)
		if annotations, _ := metadata["annotations"].(map[string]any); annotations["pulumi.com/replaceUnready"] != "true" {
			return allowed(r.URN.Name() + " is awaited in vain once it has failed")
		}
		triggers += fmt.Sprint(trigger...)
	}
	for _, uid := range uids {
		if !strings.Contains(triggers, uid) {
			return allowed("another pull secret stays empty until the CronJob runs")
		}
	}
	return &refused{hopSecret, "the first refresh runs again"}
}

// laterUpdate reads what the next update will do to the cluster: new contents of an
// immutable Secret need a new name, which rolls the Deployment; the number of pods stays
// where an autoscaler takes over; an object of somebody else's is a conflict, unless it
// was adopted.
// https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/
func (s *setting) laterUpdate() error {
	adopts := slices.ContainsFunc(s.Resources, func(r apitype.ResourceV3) bool { return r.ImportID != "" })
	for _, r := range s.Resources {
		metadata, _ := r.Inputs["metadata"].(map[string]any)
		annotations, _ := metadata["annotations"].(map[string]any)
		switch string(r.Type) {
		case "pulumi:providers:kubernetes":
			if fmt.Sprint(r.Inputs["enablePatchForce"]) == "true" && !adopts {
				return allowed(r.URN.Name() + " takes over what somebody else made")
			}
		case "kubernetes:core/v1:Secret":
			if r.Inputs["immutable"] == true && annotations["pulumi.com/autonamed"] != "true" {
				return allowed(r.URN.Name() + " is immutable and keeps its name: the product keeps what it has read")
			}
		case "kubernetes:apps/v1:DeploymentPatch":
			if !r.RetainOnDelete {
				return allowed(r.URN.Name() + " gives the number of pods up when an autoscaler takes over, and one is left")
			}
		}
	}
	return &refused{hopKubernetes, "an update changes what it is asked to"}
}

// otherAccount wants every provider of AWS to act in one account alone.
func (s *setting) otherAccount() error {
	for _, r := range s.Resources {
		if accounts := fmt.Sprint(r.Inputs["allowedAccountIds"]); string(r.Type) == "pulumi:providers:aws" && !strings.ContainsAny(accounts, "0123456789") {
			return allowed(r.URN.Name() + " acts in any account")
		}
	}
	return &refused{hopSTS, "every provider names its account"}
}
