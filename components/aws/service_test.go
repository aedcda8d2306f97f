package aws_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	pulumiaws "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/tests/recorder"
)

func serviceArguments() *aws.ServiceArgs {
	return &aws.ServiceArgs{
		Customer: "acme", Product: "shop", Account: customer, Region: region,
		Cluster: pulumi.String("apps"), Repository: *repository(), Tag: "1.10.0", Port: 8080,
		Health: aws.Health{Path: "/health"},
		Network: aws.Network{
			Subnets:        pulumi.ToStringArray([]string{"subnet-0123456789abcdef0"}),
			SecurityGroups: pulumi.ToStringArray([]string{"sg-0123456789abcdef0"}),
		},
	}
}

func service(t *testing.T, args *aws.ServiceArgs, preview bool) (*recorder.Recorder, map[string]string) {
	t.Helper()
	r, outputs := &recorder.Recorder{Preview: preview}, map[string]string{}
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		service, err := aws.NewService(ctx, "one", args)
		if err != nil {
			return err
		}
		pulumi.All(service.ServiceARN, service.ServiceName, service.ExecutionRoleARN, service.TaskRoleARN, service.LogGroup).
			ApplyT(func(v []any) string {
				for i, key := range []string{"arn", "name", "execution", "task", "logs"} {
					outputs[key] = v[i].(string)
				}
				return ""
			})
		return nil
	}))
	return r, outputs
}

func TestTheExecutionRoleMayPullAndLogAndNothingElse(t *testing.T) {
	for _, preview := range []bool{false, true} {
		r, _ := service(t, serviceArguments(), preview)
		assert.Equal(t, `{"Version":"2012-10-17","Statement":[`+
			`{"Sid":"Token","Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},`+
			`{"Sid":"Pull","Effect":"Allow","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],`+
			`"Resource":"arn:aws:ecr:us-east-1:111122223333:repository/acme/shop"},`+
			`{"Sid":"Logs","Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],`+
			`"Resource":"arn:aws:logs:eu-central-1:222233334444:log-group:/ecs/acme/shop:*"}]}`,
			r.Named("one-execution-policy").Text("policy"))
		require.Len(t, r.Of("Policy"), 1, "the task role has none of its own accord")
		assert.Equal(t, "acme--shop-execution", r.Named("one-execution-policy-attachment").Text("role"))
	}
}

const targets = "arn:aws:elasticloadbalancing:eu-central-1:222233334444:targetgroup/shop/0a1b2c3d4e5f6071"

func TestTheTasksJoinTargetGroups(t *testing.T) {
	args := serviceArguments()
	args.TargetGroups, args.HealthGrace, args.Autoscaled = []string{targets}, 60, true
	r, _ := service(t, args, false)
	balanced := r.Named("one-service")
	assert.Equal(t, targets, balanced.Text("loadBalancers[0].targetGroupArn"))
	assert.Equal(t, "shop", balanced.Text("loadBalancers[0].containerName"))
	assert.InDelta(t, 8080, balanced.Value("loadBalancers[0].containerPort").NumberValue(), 0)
	assert.InDelta(t, 60, balanced.Value("healthCheckGracePeriodSeconds").NumberValue(), 0)
	assert.Contains(t, balanced.RPC.GetIgnoreChanges(), "desiredCount", "an autoscaler's number is no drift")

	r, _ = service(t, serviceArguments(), false)
	assert.True(t, r.Named("one-service").Value("loadBalancers").IsNull())
	assert.NotContains(t, r.Named("one-service").RPC.GetIgnoreChanges(), "desiredCount")
}

// Without the conditions, another account could have ECS use the roles.
func TestTheRolesAreAssumedForTheirOwnAccountOnly(t *testing.T) {
	for _, preview := range []bool{false, true} {
		r, _ := service(t, serviceArguments(), preview)
		for _, name := range []string{"one-execution", "one-task"} {
			assert.Equal(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},`+
				`"Action":"sts:AssumeRole","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:ecs:eu-central-1:222233334444:*"},`+
				`"StringEquals":{"aws:SourceAccount":"222233334444"}}}]}`, r.Named(name).Text("assumeRolePolicy"))
		}
	}
	args := serviceArguments()
	args.SourceARN = "arn:aws:ecs:eu-central-1:222233334444:task/apps/*"
	r, _ := service(t, args, false)
	assert.Contains(t, r.Named("one-task").Text("assumeRolePolicy"), `"aws:SourceArn":"arn:aws:ecs:eu-central-1:222233334444:task/apps/*"`)
}

func TestTheTaskRunsTheVendorsImageAsTheGuideSays(t *testing.T) {
	for _, preview := range []bool{false, true} {
		r, _ := service(t, serviceArguments(), preview)
		definition := r.Named("one-definition")
		assert.Equal(t, `[{"name":"shop","image":"111122223333.dkr.ecr.us-east-1.amazonaws.com/acme/shop:1.10.0","essential":true,`+
			`"portMappings":[{"containerPort":8080,"hostPort":8080,"protocol":"tcp"}],`+
			`"healthCheck":{"command":["CMD-SHELL","curl -f http://localhost:8080/health || exit 1"],"interval":30,"timeout":5,"retries":3,"startPeriod":60},`+
			`"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"/ecs/acme/shop","awslogs-region":"eu-central-1","awslogs-stream-prefix":"shop"}}}]`,
			definition.Text("containerDefinitions"))
		for path, want := range map[string]string{
			"family": "acme--shop", "cpu": "512", "memory": "1024", "networkMode": "awsvpc", "requiresCompatibilities[0]": "FARGATE",
			"runtimePlatform.cpuArchitecture": "X86_64", "runtimePlatform.operatingSystemFamily": "LINUX",
		} {
			assert.Equal(t, want, definition.Text(path), path)
		}
		if !preview {
			assert.Equal(t, "arn:aws:iam::222233334444:role/acme--shop-execution", definition.Text("executionRoleArn"))
			assert.Equal(t, "arn:aws:iam::222233334444:role/acme--shop-task", definition.Text("taskRoleArn"))
		}
	}
}

func TestTheContainerIsWhatItsSettingsSay(t *testing.T) {
	args := serviceArguments()
	args.Tag, args.Digest = "", "sha256:"+strings.Repeat("0a", 32)
	args.CPU, args.Memory, args.Architecture = 1024, 3072, aws.Arm
	args.Command, args.Arguments = []string{"/shop"}, []string{"--config", "a&b"}
	args.Env = map[string]string{"ZONE": "<a>", "ADDRESS": "0.0.0.0"}
	args.Secrets = map[string]string{
		"TOKEN":    "arn:aws:ssm:eu-central-1:222233334444:parameter/shop/token",
		"PASSWORD": "arn:aws:secretsmanager:eu-central-1:222233334444:secret:shop/db-a1b2c3:password::",
	}
	args.Health = aws.Health{Command: []string{"CMD", "/shop", "healthy"}, Interval: 10, Timeout: 2, Retries: 1, StartPeriod: 5}
	args.Logs = aws.Logs{Group: "/products/shop", StreamPrefix: "blue"}
	r, _ := service(t, args, false)
	definition := r.Named("one-definition")
	assert.Equal(t, `[{"name":"shop","image":"111122223333.dkr.ecr.us-east-1.amazonaws.com/acme/shop@sha256:`+strings.Repeat("0a", 32)+`","essential":true,`+
		`"entryPoint":["/shop"],"command":["--config","a&b"],"portMappings":[{"containerPort":8080,"hostPort":8080,"protocol":"tcp"}],`+
		`"environment":[{"name":"ADDRESS","value":"0.0.0.0"},{"name":"ZONE","value":"<a>"}],`+
		`"secrets":[{"name":"PASSWORD","valueFrom":"arn:aws:secretsmanager:eu-central-1:222233334444:secret:shop/db-a1b2c3:password::"},`+
		`{"name":"TOKEN","valueFrom":"arn:aws:ssm:eu-central-1:222233334444:parameter/shop/token"}],`+
		`"healthCheck":{"command":["CMD","/shop","healthy"],"interval":10,"timeout":2,"retries":1,"startPeriod":5},`+
		`"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"/products/shop","awslogs-region":"eu-central-1","awslogs-stream-prefix":"blue"}}}]`,
		definition.Text("containerDefinitions"))
	assert.Equal(t, "ARM64", definition.Text("runtimePlatform.cpuArchitecture"))
	assert.Equal(t, "3072", definition.Text("memory"))
}

func TestWithoutAHealthCheckNothingIsAsked(t *testing.T) {
	args := serviceArguments()
	args.Health = aws.Health{}
	r, _ := service(t, args, false)
	assert.NotContains(t, r.Named("one-definition").Text("containerDefinitions"), "healthCheck")
}

func TestSecretsAreReadByTheExecutionRoleAndByNameOnly(t *testing.T) {
	args := serviceArguments()
	args.Secrets = map[string]string{
		"USER":     "arn:aws:secretsmanager:eu-central-1:222233334444:secret:shop/db-a1b2c3:user::",
		"PASSWORD": "arn:aws:secretsmanager:eu-central-1:222233334444:secret:shop/db-a1b2c3:password::",
		"LICENCE":  "arn:aws:secretsmanager:eu-central-1:222233334444:secret:licence-d4e5f6",
		"TOKEN":    "arn:aws:ssm:eu-central-1:222233334444:parameter/shop/token",
	}
	args.SecretKeys = []string{"arn:aws:kms:eu-central-1:222233334444:key/mrk-0b6f3c1d"}
	r, _ := service(t, args, false)
	var document struct{ Statement []map[string]any }
	require.NoError(t, json.Unmarshal([]byte(r.Named("one-execution-policy").Text("policy")), &document))
	require.Len(t, document.Statement, 6)
	assert.Equal(t, []map[string]any{
		{"Sid": "Secrets", "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": []any{
			"arn:aws:secretsmanager:eu-central-1:222233334444:secret:licence-d4e5f6",
			"arn:aws:secretsmanager:eu-central-1:222233334444:secret:shop/db-a1b2c3",
		}},
		{"Sid": "Parameters", "Effect": "Allow", "Action": "ssm:GetParameters", "Resource": "arn:aws:ssm:eu-central-1:222233334444:parameter/shop/token"},
		{"Sid": "SecretKeys", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:eu-central-1:222233334444:key/mrk-0b6f3c1d"},
	}, document.Statement[3:])
}

func TestTheProductsOwnRightsAreOnTheTaskRole(t *testing.T) {
	args := serviceArguments()
	args.TaskPolicies = []aws.Policy{{Name: "files", Document: `{"Version":"2012-10-17","Statement":[]}`}}
	r, _ := service(t, args, false)
	assert.Equal(t, "acme--shop-task", r.Named("one-task-policy-files-attachment").Text("role"))
	assert.NotContains(t, r.Named("one-execution-policy").Text("policy"), "files")
}

// The managed execution policy has no CreateLogGroup: a group that nobody made
// keeps every task from starting.
func TestTheLogGroupIsMadeWithARetention(t *testing.T) {
	r, outputs := service(t, serviceArguments(), false)
	group := r.Named("one-logs")
	assert.Equal(t, "aws:cloudwatch/logGroup:LogGroup", group.Type)
	assert.Equal(t, "/ecs/acme/shop", group.Text("name"))
	assert.InDelta(t, 30, group.Value("retentionInDays").NumberValue(), 0)
	assert.Equal(t, "/ecs/acme/shop", outputs["logs"])

	args := serviceArguments()
	args.Logs = aws.Logs{RetentionDays: 365, KMSKey: "arn:aws:kms:eu-central-1:222233334444:key/0b6f3c1d"}
	r, _ = service(t, args, false)
	assert.InDelta(t, 365, r.Named("one-logs").Value("retentionInDays").NumberValue(), 0)
	assert.Equal(t, args.Logs.KMSKey, r.Named("one-logs").Text("kmsKeyId"))
}

// The log group is registered without the SDK's package, and has to end with
// the same default provider as everything else.
func TestTheLogGroupAsksForTheSDKsOwnVersion(t *testing.T) {
	r, _ := service(t, serviceArguments(), false)
	want := r.Named("one-task").RPC.GetVersion()
	require.NotEmpty(t, want)
	assert.Equal(t, want, r.Named("one-logs").RPC.GetVersion())
}

func TestTheServiceRollsBackAndWaitsForItsTasks(t *testing.T) {
	for _, preview := range []bool{false, true} {
		r, _ := service(t, serviceArguments(), preview)
		made := r.Named("one-service")
		assert.Equal(t, "acme--shop", made.Text("name"))
		assert.Equal(t, "apps", made.Text("cluster"))
		assert.Equal(t, "FARGATE", made.Text("launchType"))
		assert.InDelta(t, 2, made.Value("desiredCount").NumberValue(), 0)
		assert.True(t, made.Value("deploymentCircuitBreaker.enable").BoolValue())
		assert.True(t, made.Value("deploymentCircuitBreaker.rollback").BoolValue())
		assert.True(t, made.Value("waitForSteadyState").BoolValue())
		assert.Equal(t, "subnet-0123456789abcdef0", made.Text("networkConfiguration.subnets[0]"))
		assert.Equal(t, "sg-0123456789abcdef0", made.Text("networkConfiguration.securityGroups[0]"))
		assert.False(t, made.Value("networkConfiguration.assignPublicIp").BoolValue())
		dependencies := strings.Join(made.RPC.GetDependencies(), " ")
		for _, name := range []string{"one-logs", "one-execution-policy-attachment", "one-definition"} {
			assert.Contains(t, dependencies, "::"+name, "the first task starts once %s is there", name)
		}
	}
}

func TestTheServiceIsWhatItsSettingsSay(t *testing.T) {
	args, none := serviceArguments(), 0
	args.Name, args.Replicas, args.NoWait, args.Network.PublicIP = "blue", &none, true, true
	args.ExecutionRole = aws.Role{Name: "Pull", Path: "/ecs/"}
	args.TaskRole = aws.Role{Name: "Task"}
	r, outputs := service(t, args, false)
	made := r.Named("one-service")
	assert.Equal(t, "blue", made.Text("name"))
	assert.Equal(t, "blue", r.Named("one-definition").Text("family"))
	assert.InDelta(t, 0, made.Value("desiredCount").NumberValue(), 0)
	assert.False(t, made.Value("waitForSteadyState").BoolValue())
	assert.True(t, made.Value("networkConfiguration.assignPublicIp").BoolValue())
	assert.Equal(t, "arn:aws:iam::222233334444:role/ecs/Pull", outputs["execution"])
	assert.Equal(t, outputs["execution"], args.ExecutionRoleARN(), "what the vendor grants to before the role exists")
	assert.Equal(t, "arn:aws:iam::222233334444:role/Task", outputs["task"])
	assert.Equal(t, "one-service-id", outputs["arn"], "the provider's ID of a service is its ARN")
}

func TestTheServiceWaitsForTheVendorsGrant(t *testing.T) {
	for _, preview := range []bool{false, true} {
		r := &recorder.Recorder{Preview: preview}
		require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
			args := serviceArguments()
			granted := grantArguments()
			granted.RoleARNs = []string{args.ExecutionRoleARN()}
			grant, err := aws.NewImageGrant(ctx, "grant", granted)
			if err != nil {
				return err
			}
			args.Repository, args.After = granted.Reference(), grant.WaitFor
			_, err = aws.NewService(ctx, "one", args)
			return err
		}))
		assert.Contains(t, r.Named("grant-readers").Text("policy"), "arn:aws:iam::222233334444:role/acme--shop-execution")
		assert.Contains(t, strings.Join(r.Named("one-service").RPC.GetDependencies(), " "), "::grant-readers")
	}
}

// What the vendor has not pushed is said before ECS is asked to run it.
func TestNoServiceIsRegisteredWhoseImageIsMissing(t *testing.T) {
	const missing = "reading ECR Images: ImageNotFoundException: The image with imageId {imageDigest:'null', imageTag:'1.10.0'} does not exist"
	digest := "sha256:" + strings.Repeat("0a", 32)
	for name, c := range map[string]struct {
		answers []string // an error or, empty, that the image is there
		change  func(args *aws.ServiceArgs)
		want    string
	}{
		"there":                       {answers: []string{""}},
		"missing":                     {answers: []string{missing}, want: "aws.Service: the registry does not hold 111122223333.dkr.ecr.us-east-1.amazonaws.com/acme/shop:1.10.0 yet: the vendor pushes it, for example with \"crane copy YOUR-IMAGE 111122223333.dkr.ecr.us-east-1.amazonaws.com/acme/shop:1.10.0\"; then run `pulumi up -s test` again"},
		"a digest that is missing":    {answers: []string{missing}, change: func(args *aws.ServiceArgs) { args.Tag, args.Digest = "", digest }, want: "\"crane copy YOUR-IMAGE@" + digest + " 111122223333.dkr.ecr.us-east-1.amazonaws.com/acme/shop:ANY-TAG\""},
		"pushed a moment later":       {answers: []string{missing, ""}, change: func(args *aws.ServiceArgs) { args.First = true }},
		"nobody may look":             {answers: []string{"AccessDeniedException: not authorized to perform: ecr:DescribeImages"}},
		"nobody asks in a preview":    {},
		"no task runs, nobody asks":   {change: func(args *aws.ServiceArgs) { none := 0; args.Replicas = &none }},
		"no vendor here, nobody asks": {change: func(args *aws.ServiceArgs) { args.Vendor = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			r := &recorder.Recorder{Preview: strings.Contains(name, "preview"), Functions: map[string]func(resource.PropertyMap) (resource.PropertyMap, error){
				"aws:ecr/getImage:getImage": func(got resource.PropertyMap) (resource.PropertyMap, error) {
					require.Less(t, asked, len(c.answers), "asked too often")
					assert.Equal(t, "acme/shop", got["repositoryName"].StringValue())
					asked++
					if answer := c.answers[asked-1]; answer != "" {
						return nil, errors.New(answer)
					}
					return resource.PropertyMap{"imageDigest": resource.NewStringProperty(digest)}, nil
				},
			}}
			err := r.Run(func(ctx *pulumi.Context) error {
				vendor, err := pulumiaws.NewProvider(ctx, "vendor", nil)
				if err != nil {
					return err
				}
				args := serviceArguments()
				args.Vendor = vendor
				if c.change != nil {
					c.change(args)
				}
				_, err = aws.NewService(ctx, "one", args)
				return err
			})
			assert.Equal(t, len(c.answers), asked)
			if c.want == "" {
				require.NoError(t, err)
				assert.Len(t, r.Of("Service"), 2, "the component and ECS's")
				return
			}
			require.ErrorContains(t, err, c.want)
			assert.Len(t, r.Of("Service"), 1)
			assert.Len(t, r.Of("TaskDefinition"), 1, "the next update needs the service alone")
		})
	}
}

func TestNetworksOfOtherResourcesAreTaken(t *testing.T) {
	args := serviceArguments()
	args.Network.Subnets = pulumi.StringArray{pulumi.String("subnet-0123456789abcdef0").ToStringOutput()}
	args.Network.SecurityGroups = args.Network.SecurityGroups.ToStringArrayOutput()
	r, _ := service(t, args, false)
	assert.Equal(t, "subnet-0123456789abcdef0", r.Named("one-service").Text("networkConfiguration.subnets[0]"))
	assert.Equal(t, "sg-0123456789abcdef0", r.Named("one-service").Text("networkConfiguration.securityGroups[0]"))
}

func TestBadServicesAreNamed(t *testing.T) {
	many := -1
	for name, c := range map[string]struct {
		change func(*aws.ServiceArgs)
		want   string
	}{
		"another Region's targets": {func(a *aws.ServiceArgs) {
			a.TargetGroups = []string{"arn:aws:elasticloadbalancing:us-east-1:222233334444:targetgroup/shop/0a1b2c3d4e5f6071"}
		}, `targetGroups[0] "arn:aws:elasticloadbalancing:us-east-1:222233334444:targetgroup/shop/0a1b2c3d4e5f6071": want a target group of the service's account and Region, arn:aws:elasticloadbalancing:eu-central-1:222233334444:targetgroup/NAME/ID`},
		"a load balancer": {func(a *aws.ServiceArgs) {
			a.TargetGroups = []string{strings.Replace(targets, "targetgroup", "loadbalancer", 1)}
		}, "targetGroups[0] "},
		"targets twice":           {func(a *aws.ServiceArgs) { a.TargetGroups = []string{targets, targets} }, "repeats targetGroups[0]"},
		"a grace for nobody":      {func(a *aws.ServiceArgs) { a.HealthGrace = 60 }, "healthGrace 60: want targetGroups beside it"},
		"a number and autoscaled": {func(a *aws.ServiceArgs) { three := 3; a.Replicas, a.Autoscaled = &three, true }, "replicas 3: want none where an autoscaler sets their number"},
		"a bad slug":              {func(a *aws.ServiceArgs) { a.Customer = "Acme" }, `customer "Acme": want 3 to 40`},
		"a product with a space":  {func(a *aws.ServiceArgs) { a.Product, a.Name = "my shop", "shop" }, `product "my shop": want the product's name`},
		"no account":              {func(a *aws.ServiceArgs) { a.Account = "" }, `account "": want the customer's AWS account, 12 digits`},
		"no Region":               {func(a *aws.ServiceArgs) { a.Region = "" }, `region "": want an AWS Region`},
		"no cluster":              {func(a *aws.ServiceArgs) { a.Cluster = nil }, "cluster is missing: want the ECS cluster's name or ARN"},
		"a name with a dot":       {func(a *aws.ServiceArgs) { a.Name = "a.b" }, `name "a.b": want a service name`},
		"a bad vendor's account":  {func(a *aws.ServiceArgs) { a.Repository.Account = "1" }, `repository.account "1": want the vendor's AWS account`},
		"no tag":                  {func(a *aws.ServiceArgs) { a.Tag = "" }, `tag "" and digest "": want exactly one of them`},
		"tag and digest":          {func(a *aws.ServiceArgs) { a.Digest = "sha256:0" }, "want exactly one of them"},
		"a tag with a colon":      {func(a *aws.ServiceArgs) { a.Tag = "a:b" }, `tag "a:b": want a tag of at most 128`},
		"half a digest":           {func(a *aws.ServiceArgs) { a.Tag, a.Digest = "", "sha256:0a" }, `digest "sha256:0a": want a digest of the form sha256:`},
		"a size of nobody's":      {func(a *aws.ServiceArgs) { a.CPU, a.Memory = 4096, 1024 }, "size of cpu 4096 and memory 1024: want one of [8192 9216"},
		"an old processor":        {func(a *aws.ServiceArgs) { a.Architecture = "i386" }, `architecture "i386": want X86_64 or ARM64`},
		"no port":                 {func(a *aws.ServiceArgs) { a.Port = 0 }, "port 0: want 1 to 65535"},
		"fewer than no tasks":     {func(a *aws.ServiceArgs) { a.Replicas = &many }, "replicas -1: want 0 to 1000"},
		"a variable with a space": {func(a *aws.ServiceArgs) { a.Env = map[string]string{"A B": ""} }, `env["A B"] is no variable's name`},
		"a variable twice": {func(a *aws.ServiceArgs) {
			a.Env = map[string]string{"A": "b"}
			a.Secrets = map[string]string{"A": "arn:aws:ssm:eu-central-1:222233334444:parameter/a"}
		}, `secrets["A"] is in env too: want it once`},
		"a secret by value": {func(a *aws.ServiceArgs) { a.Secrets = map[string]string{"A": "hunter2"} }, `secrets["A"] is no source: want the ARN of a secret or a parameter of the partition aws, such as arn:aws:secretsmanager:eu-central-1:222233334444:secret:NAME`},
		"every secret": {func(a *aws.ServiceArgs) {
			a.Secrets = map[string]string{"A": "arn:aws:secretsmanager:eu-central-1:222233334444:secret:*"}
		}, "want the ARN of a secret"},
		"a secret of another partition": {func(a *aws.ServiceArgs) {
			a.Secrets = map[string]string{"A": "arn:aws-cn:ssm:cn-north-1:222233334444:parameter/a"}
		}, "want the ARN of a secret"},
		"a partial ARN elsewhere": {func(a *aws.ServiceArgs) {
			a.Secrets = map[string]string{"A": "arn:aws:secretsmanager:eu-west-1:222233334444:secret:a"}
		}, "want the secret's full ARN"},
		"keys of nothing":          {func(a *aws.ServiceArgs) { a.SecretKeys = []string{"arn:aws:kms:eu-central-1:222233334444:key/x"} }, "secretKeys without secrets: want both or neither"},
		"path and command":         {func(a *aws.ServiceArgs) { a.Health.Command = []string{"CMD", "x"} }, "health has a path and a command"},
		"a path for the shell":     {func(a *aws.ServiceArgs) { a.Health.Path = "/health;rm" }, `health.path "/health;rm": want a path that starts with /`},
		"a bare command":           {func(a *aws.ServiceArgs) { a.Health = aws.Health{Command: []string{"/shop"}} }, `health.command ["/shop"]: want CMD and a program`},
		"checks without a pause":   {func(a *aws.ServiceArgs) { a.Health.Interval = 1 }, "health.interval 1: want 5 to 300"},
		"a long timeout":           {func(a *aws.ServiceArgs) { a.Health.Timeout = 61 }, "health.timeout 61: want 2 to 60"},
		"many retries":             {func(a *aws.ServiceArgs) { a.Health.Retries = 11 }, "health.retries 11: want 1 to 10"},
		"a long start":             {func(a *aws.ServiceArgs) { a.Health.StartPeriod = 301 }, "health.startPeriod 301: want 0 to 300"},
		"a log group with a space": {func(a *aws.ServiceArgs) { a.Logs.Group = "my logs" }, `logs.group "my logs": want 1 to 512`},
		"a month of 31 days":       {func(a *aws.ServiceArgs) { a.Logs.RetentionDays = 31 }, "logs.retentionDays 31: want one of [1 3 5 7 14 30"},
		"a prefix with a colon":    {func(a *aws.ServiceArgs) { a.Logs.StreamPrefix = "a:b" }, `logs.streamPrefix "a:b": want at most 256`},
		"a key's alias":            {func(a *aws.ServiceArgs) { a.Logs.KMSKey = "alias/logs" }, `logs.kmsKey "alias/logs": want a KMS key's ARN`},
		"no subnet":                {func(a *aws.ServiceArgs) { a.Network.Subnets = nil }, "network.subnets 0 given: want 1 to 16"},
		"a VPC as subnet":          {func(a *aws.ServiceArgs) { a.Network.Subnets = pulumi.ToStringArray([]string{"vpc-01234567"}) }, `network.subnets[0] "vpc-01234567": want an ID such as subnet-0123456789abcdef0`},
		"six security groups": {func(a *aws.ServiceArgs) {
			a.Network.SecurityGroups = pulumi.ToStringArray(strings.Split("sg-1 sg-2 sg-3 sg-4 sg-5 sg-6", " "))
		}, "network.securityGroups 6 given: want 1 to 5"},
		"another's source":   {func(a *aws.ServiceArgs) { a.SourceARN = "arn:aws:ecs:eu-central-1:999900001111:*" }, `sourceArn "arn:aws:ecs:eu-central-1:999900001111:*": want one of ECS in the service's account and Region`},
		"everybody's source": {func(a *aws.ServiceArgs) { a.SourceARN = "*" }, "want one of ECS in the service's account and Region, arn:aws:ecs:eu-central-1:222233334444:*"},
		"one role for both": {func(a *aws.ServiceArgs) {
			a.ExecutionRole.Name, a.TaskRole.Name = "Both", "Both"
		}, `taskRole.name "Both": is the execution role's: want two roles`},
		"a long role name": {func(a *aws.ServiceArgs) { a.ExecutionRole.Name = strings.Repeat("r", 65) }, "executionRole.name"},
		"secrets of a hundred services": {func(a *aws.ServiceArgs) {
			a.Secrets = map[string]string{}
			for i := range 100 {
				name := strings.Repeat("A", i+1)
				a.Secrets[name] = "arn:aws:ssm:eu-central-1:222233334444:parameter/" + name
			}
		}, "want a managed policy of at most 6144"},
	} {
		t.Run(name, func(t *testing.T) {
			args := serviceArguments()
			c.change(args)
			err := args.Validate()
			require.ErrorContains(t, err, c.want)
			assert.Len(t, strings.Split(err.Error(), "\n"), 1, "one problem is one line: %s", err)
		})
	}
}

func TestASecretInPlaceOfItsARNIsNotRepeated(t *testing.T) {
	args := serviceArguments()
	args.Secrets = map[string]string{"PASSWORD": "hunter2"}
	err := args.Validate()
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	err := (&aws.ServiceArgs{}).Validate()
	require.Error(t, err)
	for _, key := range []string{"customer", "product", "account", "region", "cluster", "repository.account", "repository.name", "tag", "port", "network.subnets", "network.securityGroups"} {
		assert.Contains(t, err.Error(), "aws.Service: "+key+" ")
	}
}
