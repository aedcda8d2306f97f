package aws_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws"
	"waybill.example/waybill/sandbox/aws/ecs"
	"waybill.example/waybill/sandbox/provider/providertest"
)

const containers = `[{"name":"server","image":"111111111111.dkr.ecr.eu-central-1.amazonaws.com/acme/server:1.4.2","essential":true,` +
	`"portMappings":[{"containerPort":8080,"hostPort":8080,"protocol":"tcp"}],` +
	`"healthCheck":{"command":["CMD-SHELL","curl -f http://localhost:8080/health || exit 1"],"interval":30,"timeout":5,"retries":3,"startPeriod":60},` +
	`"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"/ecs/acme","awslogs-region":"eu-central-1","awslogs-stream-prefix":"acme"}}}]`

func taskDefinition(changes map[string]any) map[string]any {
	return changed(map[string]any{
		"family": "acme", "cpu": "512", "memory": "1024", "networkMode": "awsvpc", "requiresCompatibilities": []any{"FARGATE"},
		"executionRoleArn": nodeRole, "taskRoleArn": nodeRole, "containerDefinitions": containers,
		"runtimePlatform": map[string]any{"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
	}, changes)
}

func service(changes map[string]any) map[string]any {
	return changed(map[string]any{
		"name": "acme", "cluster": "apps", "taskDefinition": "acme", "launchType": "FARGATE", "desiredCount": 2,
		"networkConfiguration":     network([]any{"subnet-1a", "subnet-1b"}, []any{"sg-1"}),
		"deploymentCircuitBreaker": map[string]any{"enable": true, "rollback": true},
		"enableEcsManagedTags":     true, "propagateTags": "SERVICE",
	}, changes)
}

func network(subnets, groups []any) map[string]any {
	return map[string]any{"subnets": subnets, "securityGroups": groups, "assignPublicIp": true}
}

func registered(t *testing.T, _ *aws.Cloud, engine *providertest.Engine) {
	t.Helper()
	engine.MustCreate(taskDefinitionToken, "acme", taskDefinition(nil))
}

func TestEveryChangeOfATaskDefinitionIsTheNextRevision(t *testing.T) {
	cloud, engine := as(t, customer)
	first := engine.MustCreate(taskDefinitionToken, "acme", taskDefinition(nil))
	assert.Equal(t, "acme", string(first.ID))
	assert.Equal(t, "arn:aws:ecs:eu-central-1:222222222222:task-definition/acme:1", first.Text(t, "arn"))
	assert.Equal(t, "arn:aws:ecs:eu-central-1:222222222222:task-definition/acme", first.Text(t, "arnWithoutRevision"))
	assert.InDelta(t, 1, first.Outputs["revision"].NumberValue(), 0)

	spaced := taskDefinition(map[string]any{"containerDefinitions": strings.ReplaceAll(containers, `,"`, `, "`)})
	assert.Empty(t, engine.Diff(first, spaced).ChangedKeys, "the same JSON is no change")
	larger := taskDefinition(map[string]any{"memory": "2048"})
	changed := engine.Diff(first, larger)
	assert.True(t, changed.Replace())
	assert.False(t, changed.DeleteBeforeReplace)
	second := engine.MustCreate(taskDefinitionToken, "acme", larger)
	assert.Equal(t, "arn:aws:ecs:eu-central-1:222222222222:task-definition/acme:2", second.Text(t, "arn"))

	require.NoError(t, engine.Delete(first))
	assert.Empty(t, engine.Refresh(first).ID)
	assert.NotEmpty(t, engine.Refresh(second).ID, "only the old revision goes")
	newest, err := cloud.ECS.TaskDefinition(customerPlace, "acme")
	require.NoError(t, err)
	assert.Equal(t, 2, newest.Revision)
	require.Len(t, newest.Containers, 1)
	assert.Equal(t, "acme", newest.Containers[0].LogConfiguration.Options["awslogs-stream-prefix"])
	require.NoError(t, engine.Delete(second))
	third := engine.MustCreate(taskDefinitionToken, "acme", larger)
	assert.InDelta(t, 3, third.Outputs["revision"].NumberValue(), 0, "a number is never used again")
}

func TestTagsOfATaskDefinitionChangeInPlace(t *testing.T) {
	cloud, engine := as(t, customer)
	created := engine.MustCreate(taskDefinitionToken, "acme", taskDefinition(nil))
	tagged := taskDefinition(map[string]any{"tags": map[string]any{"customer": "acme"}})
	assert.False(t, engine.Diff(created, tagged).Replace())
	updated, err := engine.Update(created, tagged)
	require.NoError(t, err)
	assert.InDelta(t, 1, updated.Outputs["revision"].NumberValue(), 0)
	found, err := cloud.ECS.TaskDefinition(customerPlace, "acme:1")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"customer": "acme"}, found.Tags)
}

func TestFargateOffersCertainSizesOnly(t *testing.T) {
	_, engine := as(t, customer)
	sizes := map[string][2]int{"256": {512, 2048}, "512": {1024, 4096}, "1024": {2048, 8192}, "2048": {4096, 16384}, "4096": {8192, 30720}, "8192": {16384, 61440}, "16384": {32768, 122880}}
	for cpu, ends := range sizes {
		for _, memory := range ends {
			_, err := engine.Create(taskDefinitionToken, "x", taskDefinition(map[string]any{"cpu": cpu, "memory": fmt.Sprint(memory)}))
			require.NoError(t, err, "%s with %d", cpu, memory)
		}
		for _, memory := range []int{ends[0] - 512, ends[1] + 512, ends[1] + 8192} {
			_, err := engine.Create(taskDefinitionToken, "x", taskDefinition(map[string]any{"cpu": cpu, "memory": fmt.Sprint(memory)}))
			require.ErrorContains(t, err, fmt.Sprintf("ClientException: No Fargate configuration exists for given values: %s CPU, %d memory.", cpu, memory))
		}
	}
	_, err := engine.Create(taskDefinitionToken, "x", taskDefinition(map[string]any{"cpu": "256", "memory": "1536"}))
	require.ErrorContains(t, err, "No Fargate configuration exists")
	_, err = engine.Create(taskDefinitionToken, "x", taskDefinition(map[string]any{"cpu": "8192", "memory": "17408"}))
	require.ErrorContains(t, err, "No Fargate configuration exists")
	_, err = engine.Create(taskDefinitionToken, "x", taskDefinition(map[string]any{"cpu": ".5 vCPU", "memory": "2 GB"}))
	require.ErrorContains(t, err, "a size with a unit (.5 vCPU CPU, 2 GB memory): the sandbox does not model it")
}

func TestTaskDefinitionsThatECSRefuses(t *testing.T) {
	without := func(old, new string) map[string]any {
		return taskDefinition(map[string]any{"containerDefinitions": strings.Replace(containers, old, new, 1)})
	}
	unnamed := taskDefinition(map[string]any{"executionRoleArn": nil, "taskRoleArn": nil, "containerDefinitions": strings.Replace(
		strings.Replace(containers, "111111111111.dkr.ecr.eu-central-1.amazonaws.com/acme/server:1.4.2", "public.example.com/server:1", 1),
		`"essential":true`, `"essential":true,"secrets":[{"name":"KEY","valueFrom":"arn:aws:ssm:eu-central-1:222222222222:parameter/key"}]`, 1)})
	logging := taskDefinition(map[string]any{"executionRoleArn": nil, "containerDefinitions": strings.Replace(containers, "111111111111.dkr.ecr.eu-central-1.amazonaws.com", "public.example.com", 1)})
	refusals(t, customer, taskDefinitionToken, map[string]refusal{
		"no execution role for ECR":     {inputs: taskDefinition(map[string]any{"executionRoleArn": nil}), want: "creating ECS Task Definition (acme): operation error ECS: RegisterTaskDefinition, https response error StatusCode: 400, ClientException: Fargate requires task definition to have execution role ARN to support ECR images."},
		"no execution role for logs":    {inputs: logging, want: "Fargate requires task definition to have execution role ARN to support log driver awslogs."},
		"no execution role for secrets": {inputs: unnamed, want: "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."},
		"another account's execution":   {inputs: taskDefinition(map[string]any{"executionRoleArn": "arn:aws:iam::111111111111:role/acme"}), want: "ClientException: Role is not valid"},
		"another account's task role":   {inputs: taskDefinition(map[string]any{"taskRoleArn": "arn:aws:iam::111111111111:role/acme"}), want: "ClientException: Role is not valid"},
		"a role's name":                 {inputs: taskDefinition(map[string]any{"executionRoleArn": "nodes"}), want: "ClientException: Role is not valid"},
		"no cpu":                        {inputs: taskDefinition(map[string]any{"cpu": nil}), want: "Fargate requires that 'cpu' be defined at the task level."},
		"no memory":                     {inputs: taskDefinition(map[string]any{"memory": nil}), want: "Fargate requires that 'memory' be defined at the task level."},
		"network mode":                  {inputs: taskDefinition(map[string]any{"networkMode": "bridge"}), want: "Fargate only supports network mode 'awsvpc'."},
		"family":                        {inputs: taskDefinition(map[string]any{"family": "a/b"}), want: "Invalid family 'a/b'"},
		"architecture":                  {inputs: taskDefinition(map[string]any{"runtimePlatform": map[string]any{"cpuArchitecture": "SPARC"}}), want: `Invalid 'cpuArchitecture' setting "SPARC"`},
		"system":                        {inputs: taskDefinition(map[string]any{"runtimePlatform": map[string]any{"operatingSystemFamily": "BEOS"}}), want: `Invalid 'operatingSystemFamily' setting "BEOS"`},
		"Windows on ARM":                {inputs: taskDefinition(map[string]any{"runtimePlatform": map[string]any{"cpuArchitecture": "ARM64", "operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}), want: "Windows on X86_64 only"},
		"storage":                       {inputs: taskDefinition(map[string]any{"ephemeralStorage": map[string]any{"sizeInGib": 20}}), want: "ephemeralStorage: the sandbox does not model it"},
		"no containers":                 {inputs: taskDefinition(map[string]any{"containerDefinitions": "[]"}), want: "Container list cannot be empty."},
		"no JSON":                       {inputs: taskDefinition(map[string]any{"containerDefinitions": "{"}), want: "ECS Task Definition container_definitions is invalid"},
		"an unknown property":           {inputs: without(`"essential"`, `"required"`), want: `unknown field "required"`},
		"no name":                       {inputs: without(`"name":"server",`, ""), want: "Container.name should not be null or empty."},
		"no image":                      {inputs: without(`111111111111.dkr.ecr.eu-central-1.amazonaws.com/acme/server:1.4.2`, ""), want: "Container.image should not be null or empty."},
		"a name twice":                  {inputs: without(`[{`, `[{"name":"server","image":"a"},{`), want: "Container name 'server' is used twice."},
		"nothing essential":             {inputs: without(`"essential":true`, `"essential":false`), want: "at least one essential container"},
		"another host port":             {inputs: without(`"hostPort":8080`, `"hostPort":80`), want: "When networkMode=awsvpc, the host ports and container ports in port mappings must match."},
		"no port":                       {inputs: without(`"containerPort":8080,"hostPort":8080`, `"containerPort":0`), want: "Invalid 'containerPort' setting for container 'server'"},
		"cpu of containers":             {inputs: without(`"essential"`, `"cpu":1024,"essential"`), want: "The sum of all container cpu values cannot be greater than the value of the task cpu."},
		"memory of containers":          {inputs: without(`"essential"`, `"memory":2048,"essential"`), want: "The sum of all container memory values"},
		"health check's command":        {inputs: without(`"CMD-SHELL",`, ""), want: "the command must begin with CMD or CMD-SHELL"},
		"health check's interval":       {inputs: without(`"interval":30`, `"interval":1`), want: "interval 1 must be from 5 to 300"},
		"log driver":                    {inputs: without(`"logDriver":"awslogs"`, `"logDriver":"syslog"`), want: `the log driver "syslog" is not one of`},
		"stream prefix":                 {inputs: without(`,"awslogs-stream-prefix":"acme"`, ""), want: "the option awslogs-stream-prefix is required"},
		"volumes":                       {inputs: taskDefinition(map[string]any{"volumes": []any{map[string]any{"name": "data"}}}), want: "volumes: the sandbox does not model it"},
	})
}

func TestARoleThatDoesNotExistIsFoundWhenATaskStarts(t *testing.T) {
	_, engine := as(t, customer)
	engine.MustCreate(taskDefinitionToken, "x", taskDefinition(map[string]any{"executionRoleArn": "arn:aws:iam::222222222222:role/later"}))
}

func TestAServiceChangesInPlaceAndDrainsWhenItIsDeleted(t *testing.T) {
	cloud, engine := as(t, customer)
	registered(t, cloud, engine)
	created := engine.MustCreate(serviceToken, "acme", service(nil))
	assert.Equal(t, "arn:aws:ecs:eu-central-1:222222222222:service/apps/acme", string(created.ID))
	assert.Equal(t, "apps", created.Text(t, "cluster"))
	assert.Equal(t, created.Inputs, engine.Refresh(created).Inputs)
	assert.Equal(t, created.Outputs, engine.Refresh(created).Outputs)

	engine.MustCreate(taskDefinitionToken, "acme", taskDefinition(map[string]any{"memory": "2048"}))
	newer := service(map[string]any{"taskDefinition": "acme:2", "desiredCount": 3})
	assert.False(t, engine.Diff(created, newer).Replace())
	created, err := engine.Update(created, newer)
	require.NoError(t, err)
	found, err := cloud.ECS.Service(string(created.ID))
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:ecs:eu-central-1:222222222222:task-definition/acme:2", found.TaskDefinition)
	assert.Equal(t, 3, found.DesiredCount)
	assert.Equal(t, ecs.Active, found.Status)
	assert.Len(t, cloud.ECS.Services(), 1)

	moved := engine.Diff(created, service(map[string]any{"name": "other"}))
	assert.True(t, moved.Replace())
	require.NoError(t, engine.Delete(created))
	assert.Empty(t, engine.Refresh(created).ID)
	assert.Empty(t, cloud.ECS.Services())
	engine.MustCreate(serviceToken, "acme", service(nil))
}

func TestTheNameOfADrainingServiceIsTaken(t *testing.T) {
	now := time.Now()
	cloud, err := aws.Open(t.TempDir(), accounts(), func() time.Time { return now }, 0)
	require.NoError(t, err)
	engine := configured(t, cloud, customer)
	registered(t, cloud, engine)
	created := engine.MustCreate(serviceToken, "acme", service(nil))
	require.NoError(t, cloud.ECS.DeleteService(string(created.ID)))
	_, err = engine.Create(serviceToken, "acme", service(nil))
	require.ErrorContains(t, err, "Unable to Start a service that is still Draining.")
	_, err = engine.Update(created, service(nil))
	require.ErrorContains(t, err, "ServiceNotActiveException: Service was not ACTIVE.")
	now = now.Add(aws.Drain)
	engine.MustCreate(serviceToken, "acme", service(nil))
}

func TestServicesThatECSRefuses(t *testing.T) {
	placed := func(subnets, groups []any) map[string]any {
		return service(map[string]any{"networkConfiguration": network(subnets, groups)})
	}
	cases := map[string]refusal{
		"unknown cluster":         {inputs: service(map[string]any{"cluster": "nothing"}), want: "creating ECS Service (acme): operation error ECS: CreateService, https response error StatusCode: 400, ClusterNotFoundException: Cluster not found."},
		"another account's":       {inputs: service(map[string]any{"cluster": "arn:aws:ecs:eu-central-1:111111111111:cluster/apps"}), want: "ClusterNotFoundException"},
		"the default cluster":     {inputs: service(map[string]any{"cluster": nil}), want: "ClusterNotFoundException"},
		"unknown task definition": {inputs: service(map[string]any{"taskDefinition": "other"}), want: "ClientException: TaskDefinition not found."},
		"unknown subnet":          {inputs: placed([]any{"subnet-1a", "subnet-9"}, []any{"sg-1"}), want: "InvalidParameterException: Error retrieving subnet information for [subnet-1a, subnet-9]: The subnet ID 'subnet-9' does not exist (ErrorCode: InvalidSubnetID.NotFound)"},
		"unknown security group":  {inputs: placed([]any{"subnet-1a"}, []any{"sg-9"}), want: "The security group 'sg-9' does not exist (ErrorCode: InvalidGroup.NotFound)"},
		"two VPCs":                {inputs: placed([]any{"subnet-1a", "subnet-2a"}, nil), want: "subnets must belong to the same VPC"},
		"another VPC's group":     {inputs: placed([]any{"subnet-1a"}, []any{"sg-2"}), want: "Security group sg-2 does not appear to belong to the same VPC as the input subnets."},
		"no network":              {inputs: service(map[string]any{"networkConfiguration": nil}), want: "Network Configuration must be provided when networkMode 'awsvpc' is specified."},
		"name":                    {inputs: service(map[string]any{"name": "a/b"}), want: "Invalid service name 'a/b'"},
		"counts":                  {inputs: service(map[string]any{"desiredCount": -1}), want: "must be from 0 to 5000"},
		"EC2":                     {inputs: service(map[string]any{"launchType": "EC2"}), want: `launchType: want one of ["FARGATE"], got "EC2"`},
		"no launch type":          {inputs: service(map[string]any{"launchType": nil}), want: `missing required property "launchType"`},
		"load balancers":          {inputs: service(map[string]any{"loadBalancers": []any{map[string]any{"containerName": "server", "containerPort": 8080}}}), want: "does not have an associated load balancer"},
		"CodeDeploy":              {inputs: service(map[string]any{"deploymentController": map[string]any{"type": "CODE_DEPLOY"}}), want: "deploymentController: the sandbox does not model it"},
		"twice":                   {inputs: service(nil), want: "InvalidParameterException: Creation of service was not idempotent."},
	}
	for name, refused := range cases {
		refused.before = registered
		cases[name] = refused
	}
	twice := cases["twice"]
	twice.before = func(t *testing.T, cloud *aws.Cloud, engine *providertest.Engine) {
		registered(t, cloud, engine)
		engine.MustCreate(serviceToken, "first", service(nil))
	}
	cases["twice"] = twice
	cases["an inactive revision"] = refusal{
		inputs: service(map[string]any{"taskDefinition": "acme:1"}), want: "ClientException: TaskDefinition is inactive",
		before: func(t *testing.T, _ *aws.Cloud, engine *providertest.Engine) {
			require.NoError(t, engine.Delete(engine.MustCreate(taskDefinitionToken, "acme", taskDefinition(nil))))
		},
	}
	cases["a task for EC2"] = refusal{
		inputs: service(nil), want: "Task definition does not support launch_type FARGATE.",
		before: func(_ *testing.T, _ *aws.Cloud, engine *providertest.Engine) {
			engine.MustCreate(taskDefinitionToken, "acme", taskDefinition(map[string]any{"requiresCompatibilities": nil}))
		},
	}
	refusals(t, customer, serviceToken, cases)
}

func TestAProgramThatWaitsIsToldWhyTasksDoNotStart(t *testing.T) {
	cloud, engine := as(t, customer)
	registered(t, cloud, engine)
	var started []string
	broken := errors.New("CannotPullContainerError: denied")
	var fails error
	cloud.StartTasks(func(_ context.Context, service ecs.Service) error {
		started = append(started, service.TaskDefinition)
		return fails
	})
	engine.MustCreate(serviceToken, "unwaited", service(map[string]any{"name": "unwaited"}))
	assert.Empty(t, started)

	waiting := service(map[string]any{"waitForSteadyState": true})
	fails = broken
	created, err := engine.Create(serviceToken, "acme", waiting)
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "creating ECS Service (acme): timeout while waiting for state to become 'tfSTABLE'")
	assert.NotEmpty(t, created.ID, "it is in the state")
	started = nil
	created, err = engine.Update(created, waiting)
	require.NoError(t, err, "the engine updates it at its next run, and nothing differs")
	assert.Empty(t, started, "nothing is waited for, and nothing is repaired")

	engine.MustCreate(taskDefinitionToken, "acme", taskDefinition(map[string]any{"memory": "2048"}))
	newer := func(rollback bool) map[string]any {
		return service(map[string]any{
			"waitForSteadyState": true, "taskDefinition": "arn:aws:ecs:eu-central-1:222222222222:task-definition/acme:2",
			"deploymentCircuitBreaker": map[string]any{"enable": true, "rollback": rollback},
		})
	}
	updated, err := engine.Update(created, newer(true))
	require.NoError(t, err, "a service that was rolled back is stable")
	assert.Equal(t, "arn:aws:ecs:eu-central-1:222222222222:task-definition/acme:1", updated.Text(t, "taskDefinition"))
	assert.Equal(t, []resource.PropertyKey{"taskDefinition"}, engine.Diff(updated, newer(true)).ChangedKeys, "the next update tries again")
	_, err = engine.Update(updated, newer(false))
	require.ErrorIs(t, err, broken, "without a rollback it is waited for in vain")
}
