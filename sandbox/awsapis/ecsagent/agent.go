package ecsagent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/google/uuid"

	"waybill.example/waybill/sandbox/aws/ecs"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/sts"
	"waybill.example/waybill/sandbox/awsapis/access"
	"waybill.example/waybill/sandbox/awsapis/ecrlogin"
	"waybill.example/waybill/sandbox/world"
)

// The hops of a task, in their order.
const (
	HopExecutionRole = "execution-role"
	HopECR           = "ecr"
	HopSecrets       = "secrets"
	HopRegistry      = "registry"
	HopLogs          = "logs"
)

// principal is the service that roles trust.
const principal = "ecs-tasks.amazonaws.com"

// Hop is one step of a task's start.
type Hop struct {
	// Name is one of the constants above.
	Name string
	OK   bool
	// Detail says who became what or, where the hop failed, why, as AWS says it.
	Detail string
}

// Agent starts tasks.
type Agent struct {
	Gate *access.Gate
	// Secrets are those of every account.
	Secrets []world.AWSSecret
	// Services are those of every account, with their task definitions.
	Services *ecs.Store
}

// task is one task on its way.
type task struct {
	*Agent
	service    ecs.Service
	id         string
	definition ecs.TaskDefinition
	role       sts.Credentials
	// logins by registry host.
	logins map[string]ecrlogin.Login
	hops   []Hop
}

// RunTask starts one task of an active service, by the service's ARN, whatever
// count the service desires. It returns the hops as they happened; a refusal is a
// hop, and an error is that the sandbox itself could not go on, or that there is
// no such service.
func (a *Agent) RunTask(ctx context.Context, service string) ([]Hop, error) {
	found, err := a.Services.Service(service)
	if err != nil {
		return nil, err
	}
	if found.Status != ecs.Active {
		return nil, fmt.Errorf("ecsagent: service %s: status %s: want %s", service, found.Status, ecs.Active)
	}
	definition, err := a.Services.TaskDefinition(found.Place, found.TaskDefinition)
	if err != nil {
		return nil, err
	}
	t := &task{
		Agent: a, service: found, definition: definition, logins: map[string]ecrlogin.Login{},
		id: strings.ReplaceAll(uuid.NewString(), "-", ""),
	}
	for _, step := range []func(context.Context) error{t.assumeRoles, t.reach, t.authorize, t.readSecrets, t.pull, t.openLogs} {
		if err := step(ctx); err != nil {
			var stopped *stop
			if errors.As(err, &stopped) {
				return append(t.hops, Hop{Name: stopped.hop, Detail: stopped.reason}), nil
			}
			return t.hops, err
		}
	}
	return t.hops, nil
}

// Start starts one task of a service that wants any. The error is why it stopped,
// as the service's events say it
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html).
func (a *Agent) Start(ctx context.Context, service ecs.Service) error {
	if service.DesiredCount == 0 {
		return nil
	}
	hops, err := a.RunTask(ctx, service.ARN())
	if err != nil {
		return err
	}
	for _, hop := range hops {
		if !hop.OK {
			return fmt.Errorf("(service %s) failed to launch a task with (error %s)", service.Name, hop.Detail)
		}
	}
	return nil
}

// stop ends a task at a hop.
type stop struct{ hop, reason string }

// Error implements error.
func (s *stop) Error() string { return s.hop + ": " + s.reason }

func (t *task) done(hop, format string, args ...any) {
	t.hops = append(t.hops, Hop{Name: hop, OK: true, Detail: fmt.Sprintf(format, args...)})
}

// assumeRoles becomes the execution role, and makes sure that the task could
// become its own.
func (t *task) assumeRoles(context.Context) error {
	if t.definition.ExecutionRoleARN == "" {
		// ECS registers such a definition only where nothing here needs the role.
		return nil
	}
	for _, role := range []string{t.definition.TaskRoleARN, t.definition.ExecutionRoleARN} {
		if role == "" {
			continue
		}
		credentials, err := t.Gate.STS.Assume(sts.Assumption{
			Service: principal, RoleARN: role, Session: t.id, SourceARN: t.service.Place.ARN("ecs", "task/"+t.id),
		})
		switch {
		case fault.Has(err, sts.AccessDenied):
			// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
			return &stop{HopExecutionRole, fmt.Sprintf("ECS was unable to assume the role '%s' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.", role)}
		case err != nil:
			return fmt.Errorf("ecsagent: role %s: %w", role, err)
		}
		t.role = credentials
	}
	t.done(HopExecutionRole, "%s became %s", principal, t.role.Session.ARN())
	return nil
}

// Retrieve implements aws.CredentialsProvider with the execution role.
func (t *task) Retrieve(context.Context) (aws.Credentials, error) {
	return access.Keys(t.role), nil
}

// openLogs makes the log stream of every container with the driver awslogs, and
// writes into it what became of the container.
func (t *task) openLogs(ctx context.Context) error {
	for _, container := range t.definition.Containers {
		if container.LogConfiguration == nil || container.LogConfiguration.LogDriver != "awslogs" {
			continue
		}
		if err := t.openLog(ctx, container); err != nil {
			return err
		}
	}
	return nil
}

// openLog uses the options of
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
func (t *task) openLog(ctx context.Context, container ecs.Container) error {
	options := container.LogConfiguration.Options
	group := options["awslogs-group"]
	stream := options["awslogs-stream-prefix"] + "/" + container.Name + "/" + t.id
	client := cloudwatchlogs.New(cloudwatchlogs.Options{
		Region: options["awslogs-region"], HTTPClient: t.Gate.Client, Credentials: t, Retryer: aws.NopRetryer{},
	})
	if _, err := client.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream}); err != nil {
		return t.refused(HopLogs, "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ", err)
	}
	_, err := client.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: []types.InputLogEvent{{
		Message:   aws.String(container.Image + " was pulled. It stands for the product, and the sandbox does not run it."),
		Timestamp: aws.Int64(time.Now().UnixMilli()),
	}}})
	if err != nil {
		// A task whose output cannot be written runs on without it:
		// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
		// Nobody would read why, so here it counts.
		return t.refused(HopLogs, "failed to put events into "+group+": ", err)
	}
	t.done(HopLogs, "%s in %s; the image is a placeholder and is not run", stream, group)
	return nil
}
