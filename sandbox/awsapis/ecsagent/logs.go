package ecsagent

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"waybill.example/waybill/sandbox/aws/ecs"
)

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
		Region: options["awslogs-region"], HTTPClient: t.config.Client, Credentials: t, Retryer: aws.NopRetryer{},
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
