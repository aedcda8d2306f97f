package aws

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/image"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/naming"
)

var (
	// variablePattern is Kubernetes' for a variable's name, so that a product has the
	// same ones on both; ECS documents none.
	variablePattern = regexp.MustCompile(`^[A-Za-z_.-][A-Za-z0-9_.-]*$`)
	sourcePattern   = regexp.MustCompile(`^[A-Za-z0-9/*_-]+$`)
)

// Validate reports every problem of the arguments at once. later names the
// arguments that another resource or a look-up gives after this check.
func (args *ServiceArgs) Validate(later ...string) error {
	p := check.Of("aws.Service", later...)
	s := args.site()
	p.Error("customer", naming.CheckSlug(args.Customer))
	p.Error("product", naming.CheckProduct(args.Product))
	labels.AWS.Check(p, args.owner(), args.Tags)
	s.check(p, "", "the customer's AWS account")
	if args.Cluster == nil {
		p.Add("cluster", "is missing: want the ECS cluster's name or ARN")
	}
	if args.Name != "" {
		p.Error("name", naming.ECS.Check(args.Name))
	}
	args.Repository.validate(p, s)
	args.validateImage(p)
	p.Error("size", checkFargateSize(args.cpu(), args.memory()))
	if a := args.architecture(); a != X86 && a != Arm {
		p.Add("architecture", "%q: want %s or %s", a, X86, Arm)
	}
	p.Range("port", args.Port, 1, 65535)
	p.Range("replicas", args.replicas(), 0, 1000)
	if args.Autoscaled && args.Replicas != nil {
		p.Add("replicas", "%d: want none where an autoscaler sets their number", *args.Replicas)
	}
	args.validateTargetGroups(p)
	args.validateVariables(p)
	args.Health.validate(p)
	args.Logs.validate(p, s)
	args.Network.validate(p)
	if source := parseARN(args.SourceARN); args.SourceARN != "" && s.sound() {
		if !source.within(s, "ecs") || source.account != s.account || !sourcePattern.MatchString(source.resource) {
			p.Add("sourceArn", "%q: want one of ECS in the service's account and Region, %s", args.SourceARN, s.arn("ecs", "*"))
		}
	}
	family.Check(p, args.children(), args.Children)
	execution, task := args.executionPlan(), args.taskPlan()
	execution.validate(p)
	task.validate(p)
	if strings.EqualFold(execution.Name, task.Name) { // IAM minds no case
		p.Add("taskRole.name", "%q: is the execution role's: want two roles", task.Name)
	}
	return p.Err()
}

// targetGroupPattern is a target group in its ARN
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html).
var targetGroupPattern = regexp.MustCompile(`^targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-f]+$`)

func (args *ServiceArgs) validateTargetGroups(p *check.Problems) {
	const most = 5
	if len(args.TargetGroups) > most {
		p.Add("targetGroups", "%d given: want at most %d", len(args.TargetGroups), most)
	}
	s := args.site()
	for i, text := range args.TargetGroups {
		group, key := parseARN(text), fmt.Sprintf("targetGroups[%d]", i)
		if s.sound() && (!group.within(s, "elasticloadbalancing") || group.account != s.account || !targetGroupPattern.MatchString(group.resource)) {
			p.Add(key, "%q: want a target group of the service's account and Region, %s", text, s.arn("elasticloadbalancing", "targetgroup/NAME/ID"))
		}
		if first := slices.Index(args.TargetGroups, text); first < i {
			p.Add(key, "%q: repeats targetGroups[%d]", text, first)
		}
	}
	p.Range("healthGrace", args.HealthGrace, 0, math.MaxInt32)
	if args.HealthGrace > 0 && len(args.TargetGroups) == 0 {
		p.Add("healthGrace", "%d: want targetGroups beside it, whose checks it is about", args.HealthGrace)
	}
}

func (args *ServiceArgs) validateImage(p *check.Problems) {
	switch {
	case (args.Tag == "") == (args.Digest == ""):
		p.Add("tag", "%q and digest %q: want exactly one of them", args.Tag, args.Digest)
	case args.Digest != "":
		p.Error("digest", image.CheckDigest(args.Digest))
	default:
		p.Error("tag", image.CheckTag(args.Tag))
	}
}

func (args *ServiceArgs) validateVariables(p *check.Problems) {
	for _, variables := range []struct {
		key   string
		names iter.Seq[string]
	}{{"env", maps.Keys(args.Env)}, {"secrets", maps.Keys(args.Secrets)}} {
		for _, name := range slices.Sorted(variables.names) {
			if !variablePattern.MatchString(name) {
				p.Add(fmt.Sprintf("%s[%q]", variables.key, name), "is no variable's name: want letters, digits and _.-, first no digit")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(args.Secrets)) {
		if _, found := args.Env[name]; found {
			p.Add(fmt.Sprintf("secrets[%q]", name), "is in env too: want it once")
		}
	}
	checkSecrets(p, args.Secrets, args.site())
	checkSecretKeys(p, args.SecretKeys, args.site())
	if len(args.SecretKeys) > 0 && len(args.Secrets) == 0 {
		p.Add("secretKeys", "without secrets: want both or neither")
	}
}
