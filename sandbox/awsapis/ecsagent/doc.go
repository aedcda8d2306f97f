// Package ecsagent starts a task of a service as AWS Fargate does, as far as the
// rehearsal of a pull needs it: it assumes the execution role (and the task role,
// where there is one) as ecs-tasks.amazonaws.com, gets an authorization token from
// the ECR API in the registry's Region, reads the secrets of variables, pulls every
// container's image, and opens its log stream (docs/facts.md §4). Each step is a hop, and the first that fails
// ends the task, with the words of the stopped task:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
//
// It is a client like any other: what it asks goes over the sandbox's network to
// the hosts of ECR and CloudWatch Logs, with AWS's own client library.
//
// No container runs: an image of the sandbox is a placeholder, and the log stream
// says so. The confused-deputy keys of the roles' trust are aws:SourceAccount, the
// service's account, and aws:SourceArn, an ARN of ECS in that account and Region:
// AWS documents arn:PARTITION:ecs:REGION:ACCOUNT:* alone, and that no cluster can
// be pinned, so that the ARN here names a task without its cluster
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html).
//
// Whether a role may read a secret, or decrypt with its key, IAM is asked directly:
// neither service has a host here.
//
// Not modelled, and not asked for: environment files, registries with credentials of
// their own, other log drivers than awslogs, awslogs-create-group, health checks and
// networks.
package ecsagent
