package aws

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/family"
)

// sdkVersion is that of the AWS SDK in go.mod: without it the engine would give
// the log group a default provider of its own. A test compares it with what the
// SDK's own resources register.
const sdkVersion = "6.83.2"

const defaultRetentionDays = 30

// retentionDays are the retentions that CloudWatch Logs takes
// (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html).
var retentionDays = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

var (
	logGroupPattern = regexp.MustCompile(`^[A-Za-z0-9._/#-]{1,512}$`)
	// The prefix is a part of the stream's name, where : and * are refused.
	streamPrefixPattern = regexp.MustCompile(`^[^:*]{0,256}$`)
)

// Logs says where the product's output goes.
type Logs struct {
	// Group is the log group to create: 1 to 512 letters, digits and ._/#-;
	// empty means /ecs/CUSTOMER/PRODUCT.
	Group string
	// RetentionDays is how long logs are kept, one of the numbers that
	// CloudWatch Logs takes from 1 to 3653; 0 means 30. None are kept for ever.
	RetentionDays int
	// KMSKey is the ARN of the key that encrypts the logs, whose policy lets
	// CloudWatch Logs use it; empty means a key of CloudWatch's.
	KMSKey string
	// StreamPrefix starts the streams' names; empty means the product's name.
	StreamPrefix string
}

func (l Logs) group(customer, product string) string {
	return cmp.Or(l.Group, fmt.Sprintf("/ecs/%s/%s", customer, product))
}

func (l Logs) retention() int { return cmp.Or(l.RetentionDays, defaultRetentionDays) }

func (l Logs) validate(p *check.Problems, s site) {
	if l.Group != "" && !logGroupPattern.MatchString(l.Group) {
		p.Add("logs.group", "%q: want 1 to 512 letters, digits and ._/#-", l.Group)
	}
	if !slices.Contains(retentionDays, l.retention()) {
		p.Add("logs.retentionDays", "%d: want one of %v", l.RetentionDays, retentionDays)
	}
	if !streamPrefixPattern.MatchString(l.StreamPrefix) {
		p.Add("logs.streamPrefix", "%q: want at most 256 characters without : and *", l.StreamPrefix)
	}
	if l.KMSKey != "" {
		checkKey(p, "logs.kmsKey", l.KMSKey, s)
	}
}

// logGroup is aws.cloudwatch.LogGroup with the one output that is needed. The
// SDK's package would cost every build as much as ECS and ECR together
// (docs/building.md).
type logGroup struct {
	pulumi.CustomResourceState

	Name pulumi.StringOutput `pulumi:"name"`
}

func newLogGroup(ctx *pulumi.Context, children *family.Family, args *ServiceArgs) (*logGroup, error) {
	inputs := pulumi.Map{
		"name":            pulumi.String(args.logGroup()),
		"retentionInDays": pulumi.Int(args.Logs.retention()),
		"tags":            pulumi.ToStringMap(args.tags()),
	}
	if args.Logs.KMSKey != "" {
		inputs["kmsKeyId"] = pulumi.String(args.Logs.KMSKey)
	}
	registered := &logGroup{}
	err := ctx.RegisterResource("aws:cloudwatch/logGroup:LogGroup", children.Name(childLogs), inputs, registered,
		children.Options(childLogs, pulumi.Version(sdkVersion))...)
	return registered, err
}
