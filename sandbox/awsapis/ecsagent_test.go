package awsapis_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/ecs"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/logs"
	"waybill.example/waybill/sandbox/awsapis/ecsagent"
)

const (
	executionRole = "arn:aws:iam::" + Customer + ":role/acme-execution"
	taskRole      = "arn:aws:iam::" + Customer + ":role/acme-task"
)

// trustTasks is the trust policy of docs/facts.md §4 for ECS.
func trustTasks(account, source string) string {
	return TrustService("ecs-tasks.amazonaws.com", map[string]any{
		"StringEquals": map[string]string{"aws:SourceAccount": account},
		"ArnLike":      map[string]string{"aws:SourceArn": source},
	}, "sts:AssumeRole")
}

// taskSetting has a service with all that its task needs.
type taskSetting struct {
	*Setting
	account    *iam.Account
	definition ecs.TaskDefinitionSettings
	service    ecs.ServiceSettings
}

func newTask(t *testing.T) *taskSetting {
	t.Helper()
	s := &taskSetting{Setting: newSetting(t)}
	s.account = s.Account(Customer)
	for _, name := range []string{"acme-execution", "acme-task"} {
		_, err := s.account.CreateRole(iam.RoleSettings{Name: name, TrustPolicy: trustTasks(Customer, "arn:aws:ecs:eu-central-1:444455556666:*")})
		require.NoError(t, err)
	}
	require.NoError(t, s.account.PutRolePolicy("acme-execution", "pull", Puller("acme/server")))
	require.NoError(t, s.account.PutRolePolicy("acme-execution", "logs", logsPolicy(group+":*")))
	_, err := s.ECR.SetPolicy(vendor, "acme/server", RepositoryPolicy(Customer, executionRole))
	require.NoError(t, err)
	_, err = s.Logs.Create(Home, logs.Settings{Name: group})
	require.NoError(t, err)
	s.definition = ecs.TaskDefinitionSettings{
		Family: "acme", CPU: "512", Memory: "1024", NetworkMode: "awsvpc", Compatibilities: []string{"FARGATE"},
		ExecutionRoleARN: executionRole, TaskRoleARN: taskRole,
		Containers: []ecs.Container{{Name: "server", Image: Image, LogConfiguration: &ecs.LogConfiguration{
			LogDriver: "awslogs",
			Options:   map[string]string{"awslogs-group": group, "awslogs-region": Region, "awslogs-stream-prefix": "acme"},
		}}},
	}
	s.service = ecs.ServiceSettings{
		Cluster: "acme", Name: "acme", DesiredCount: 2,
		Network: ecs.Network{Subnets: []string{"subnet-0123456789abcdef0"}, SecurityGroups: []string{"sg-0123456789abcdef0"}},
	}
	return s
}

func logsPolicy(groups string) string {
	return Document(Allow("arn:aws:logs:eu-central-1:444455556666:log-group:"+groups, "logs:CreateLogStream", "logs:PutLogEvents"))
}

// run deploys the service and starts a task of it.
func (s *taskSetting) run() []ecsagent.Hop {
	s.Helper()
	registered, err := s.ECS.Register(Home, s.definition)
	require.NoError(s, err)
	s.service.TaskDefinition = registered.ARN()
	service, err := s.ECS.CreateService(Home, s.service)
	require.NoError(s, err)
	hops, err := s.APIs.ECS.RunTask(s.Context(), service.ARN())
	require.NoError(s, err)
	return hops
}

func names(hops []ecsagent.Hop) []string {
	var names []string
	for _, hop := range hops {
		names = append(names, hop.Name)
	}
	return names
}

func TestATaskPullsAndLogs(t *testing.T) {
	s := newTask(t)
	hops := s.run()
	require.Equal(t, []string{"execution-role", "ecr", "registry", "logs"}, names(hops))
	for _, hop := range hops {
		assert.True(t, hop.OK, hop)
	}
	assert.Contains(t, hops[0].Detail, "ecs-tasks.amazonaws.com became arn:aws:sts::444455556666:assumed-role/acme-execution/")
	assert.Contains(t, hops[2].Detail, Image+" was pulled (sha256:")
	held, found := s.Logs.Group(Home, group)
	require.True(t, found)
	require.Len(t, held.Streams, 1)
	for name := range held.Streams {
		assert.Regexp(t, `^acme/server/[0-9a-f]{32}$`, name)
	}
}

func TestEveryContainerIsPulledForTheTasksPlatform(t *testing.T) {
	s := newTask(t)
	s.definition.RuntimePlatform = &ecs.RuntimePlatform{CPUArchitecture: "ARM64", OperatingSystemFamily: "LINUX"}
	s.definition.Containers = append(s.definition.Containers, ecs.Container{Name: "proxy", Image: Own})
	require.NoError(t, s.account.PutRolePolicy("acme-execution", "own", Document(Allow("*", PullActions...))))
	hops := s.run()
	assert.Equal(t, []string{"execution-role", "ecr", "ecr", "registry", "registry", "logs"}, names(hops), "one token per registry")
	assert.Contains(t, hops[4].Detail, Own)
	assert.True(t, hops[5].OK)
}

func TestARefusedTaskStopsAtTheHopWithAWSsWords(t *testing.T) {
	const unable = "ECS was unable to assume the role '%' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role."
	trust := func(name, document string) func(*testing.T, *taskSetting) {
		return func(t *testing.T, s *taskSetting) {
			_, err := s.account.UpdateTrustPolicy(name, document)
			require.NoError(t, err)
		}
	}
	for name, test := range map[string]struct {
		change func(t *testing.T, s *taskSetting)
		hop    string
		words  string
	}{
		"the execution role trusts another account's tasks": {
			trust("acme-execution", trustTasks(Another, "arn:aws:ecs:eu-central-1:444455556666:*")),
			"execution-role", strings.Replace(unable, "%", executionRole, 1),
		},
		"the execution role trusts another Region's tasks": {
			trust("acme-execution", trustTasks(Customer, "arn:aws:ecs:us-east-1:444455556666:*")),
			"execution-role", strings.Replace(unable, "%", executionRole, 1),
		},
		"the execution role pins a cluster": {
			trust("acme-execution", trustTasks(Customer, "arn:aws:ecs:eu-central-1:444455556666:task/acme/*")),
			"execution-role", strings.Replace(unable, "%", executionRole, 1),
		},
		"the execution role trusts another service": {
			trust("acme-execution", TrustService("ecs.amazonaws.com", nil, "sts:AssumeRole")),
			"execution-role", strings.Replace(unable, "%", executionRole, 1),
		},
		"the task role trusts another service": {
			trust("acme-task", TrustService("ec2.amazonaws.com", nil, "sts:AssumeRole")),
			"execution-role", strings.Replace(unable, "%", taskRole, 1),
		},
		"the execution role does not exist": {
			func(_ *testing.T, s *taskSetting) { s.definition.ExecutionRoleARN += "-2" },
			"execution-role", strings.Replace(unable, "%", executionRole+"-2", 1),
		},
		"a public subnet without a public address": {
			func(_ *testing.T, s *taskSetting) { s.service.Subnets = append(s.service.Subnets, PublicSubnet) },
			"ecr", "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR",
		},
		"no authorization token": {
			func(t *testing.T, s *taskSetting) {
				require.NoError(t, s.account.PutRolePolicy("acme-execution", "pull", Document(Allow("*", PullActions...))))
			},
			"ecr", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): AccessDeniedException: User: arn:aws:sts::444455556666:assumed-role/acme-execution/",
		},
		"the vendor's policy is missing": {
			func(t *testing.T, s *taskSetting) { require.NoError(t, s.ECR.DeletePolicy(vendor, "acme/server")) },
			"registry", "because no resource-based policy allows the ecr:BatchGetImage action)",
		},
		"the identity policy is missing": {
			func(t *testing.T, s *taskSetting) {
				require.NoError(t, s.account.PutRolePolicy("acme-execution", "pull", Document(Allow("*", "ecr:GetAuthorizationToken"))))
			},
			"registry", "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref " + Image + ": unexpected status from HEAD request to https://" + Registry + "/v2/acme/server/manifests/1.4.2: 403 Forbidden (the registry: denied: User: arn:aws:sts::444455556666:assumed-role/acme-execution/",
		},
		"layers are not allowed": {
			func(t *testing.T, s *taskSetting) {
				require.NoError(t, s.account.PutRolePolicy("acme-execution", "layers", Document(Statement{"Effect": "Deny", "Action": "ecr:GetDownloadUrlForLayer", "Resource": "*"})))
			},
			"registry", "CannotPullContainerError: ref pull has been retried 1 time(s): failed to copy: httpReadSeeker: failed open: unexpected status from GET request to https://" + Registry + "/v2/acme/server/blobs/sha256:",
		},
		"another tag": {
			func(_ *testing.T, s *taskSetting) {
				s.definition.Containers[0].Image = Registry + "/acme/server:9.9.9"
			},
			"registry", "failed to resolve ref " + Registry + "/acme/server:9.9.9: " + Registry + "/acme/server:9.9.9: not found (the registry: manifest unknown: Requested image not found)",
		},
		"another customer's repository": {
			func(_ *testing.T, s *taskSetting) { s.definition.Containers[0].Image = Foreign },
			"registry", "because no identity-based policy allows the ecr:BatchGetImage action)",
		},
		"the log group is missing": {
			func(t *testing.T, s *taskSetting) { require.NoError(t, s.Logs.Delete(Home, group)) },
			"logs", "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.",
		},
		"another log group": {
			func(_ *testing.T, s *taskSetting) {
				s.definition.Containers[0].LogConfiguration.Options["awslogs-group"] = "/waybill/globex"
			},
			"logs", "failed to create Cloudwatch log stream: AccessDeniedException: User: arn:aws:sts::444455556666:assumed-role/acme-execution/",
		},
		"a statement without the streams": {
			func(t *testing.T, s *taskSetting) {
				require.NoError(t, s.account.PutRolePolicy("acme-execution", "logs", logsPolicy(group)))
			},
			"logs", "is not authorized to perform: logs:CreateLogStream on resource: arn:aws:logs:eu-central-1:444455556666:log-group:/waybill/acme:log-stream:acme/server/",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTask(t)
			test.change(t, s)
			hops := s.run()
			last := hops[len(hops)-1]
			assert.False(t, last.OK)
			assert.Equal(t, test.hop, last.Name)
			assert.Contains(t, last.Detail, test.words)
			for _, hop := range hops[:len(hops)-1] {
				assert.True(t, hop.OK, hop)
			}
		})
	}
}

func TestATaskWithAPublicAddressPullsFromAPublicSubnet(t *testing.T) {
	s := newTask(t)
	s.service.Subnets, s.service.AssignPublicIP = []string{PublicSubnet}, true
	hops := s.run()
	assert.True(t, hops[len(hops)-1].OK, hops)
}

func TestAServiceThatIsStartedSaysWhyItsTasksStop(t *testing.T) {
	s := newTask(t)
	s.run()
	service, err := s.ECS.Service(Home.ARN("ecs", "service/acme/acme"))
	require.NoError(t, err)
	require.NoError(t, s.APIs.ECS.Start(t.Context(), service))
	require.NoError(t, s.ECR.DeletePolicy(vendor, "acme/server"))
	require.ErrorContains(t, s.APIs.ECS.Start(t.Context(), service), "(service acme) failed to launch a task with (error CannotPullContainerError: ")
	service.DesiredCount = 0
	require.NoError(t, s.APIs.ECS.Start(t.Context(), service), "a service that wants no tasks starts none")
}

func TestOnlyActiveServicesRunTasks(t *testing.T) {
	s := newTask(t)
	_, err := s.APIs.ECS.RunTask(t.Context(), Home.ARN("ecs", "service/acme/nothing"))
	require.ErrorContains(t, err, "Service not found.")
}

func TestARoleOfAnotherAccountIsRefusedBeforeAnyTask(t *testing.T) {
	s := newTask(t)
	s.definition.ExecutionRoleARN = "arn:aws:iam::" + Another + ":role/acme-pull"
	_, err := s.ECS.Register(Home, s.definition)
	require.ErrorContains(t, err, "Role is not valid")
}

// secretARN and parameterARN are those of the world; the key encrypts the secret.
const (
	secretARN    = "arn:aws:secretsmanager:eu-central-1:444455556666:secret:acme/db-secret-Ab3dE6"
	parameterARN = "arn:aws:ssm:eu-central-1:444455556666:parameter/acme/licence"
	secretKey    = "arn:aws:kms:eu-central-1:444455556666:key/11112222-3333-4444-5555-666677778888"
)

func TestATasksSecretsAreReadByItsExecutionRole(t *testing.T) {
	const unable = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
	right := func(action, resource string) Statement { return Allow(resource, action) }
	all := []Statement{
		right("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-central-1:444455556666:secret:acme/db-secret-??????"),
		right("ssm:GetParameters", parameterARN), right("kms:Decrypt", secretKey),
	}
	for name, test := range map[string]struct {
		from   string
		rights []Statement
		words  string
	}{
		"its full ARN":                {secretARN, all, ""},
		"its ARN without the ending":  {strings.TrimSuffix(secretARN, "-Ab3dE6"), all, ""},
		"one JSON key of it":          {secretARN + ":password::", all, ""},
		"a parameter":                 {parameterARN, all, ""},
		"a parameter's name":          {"/acme/licence", all, ""},
		"part of a name":              {"arn:aws:secretsmanager:eu-central-1:444455556666:secret:acme/db", all, unable + "unable to retrieve secret from asm: service call has been retried 1 time(s): ResourceNotFoundException: Secrets Manager can't find the specified secret."},
		"part of a parameter's name":  {strings.TrimSuffix(parameterARN, "ence"), all, unable + "unable to retrieve secrets from ssm: "},
		"no right to read it":         {secretARN, all[1:], "secretsmanager:GetSecretValue: AccessDeniedException: "},
		"no right to the parameter":   {parameterARN, all[:1], "ssm:GetParameters: AccessDeniedException: "},
		"no right to decrypt with it": {secretARN, all[:2], "kms:Decrypt: AccessDeniedException: "},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTask(t)
			if test.rights != nil {
				require.NoError(t, s.account.PutRolePolicy("acme-execution", "secrets", Document(test.rights...)))
			}
			s.definition.Containers[0].Secrets = []ecs.Secret{{Name: "PASSWORD", ValueFrom: test.from}}
			hops := s.run()
			last := hops[len(hops)-1]
			if test.words == "" {
				assert.Equal(t, []string{"execution-role", "ecr", "secrets", "registry", "logs"}, names(hops), last.Detail)
				return
			}
			assert.Equal(t, "secrets", last.Name)
			assert.Contains(t, last.Detail, test.words)
		})
	}
}
