package awsapis_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/logs"
)

const (
	group  = "/waybill/acme"
	stream = "acme/server/1"
)

// newClient is a client whose role may write to the group.
func newClient(t *testing.T) (*Setting, *cloudwatchlogs.Client) {
	t.Helper()
	s := newSetting(t)
	require.NoError(t, s.Account(Customer).PutRolePolicy("acme-pull", "logs", Document(Allow(
		"arn:aws:logs:eu-central-1:444455556666:log-group:"+group+":*", "logs:CreateLogStream", "logs:PutLogEvents"))))
	_, err := s.Logs.Create(Home, logs.Settings{Name: group})
	require.NoError(t, err)
	return s, cloudwatchlogs.New(cloudwatchlogs.Options{
		Region: Region, HTTPClient: s.Network.Client(), Credentials: s.Become(PullRole), Retryer: aws.NopRetryer{},
	})
}

func create(t *testing.T, client *cloudwatchlogs.Client, group, stream string) error {
	t.Helper()
	_, err := client.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream})
	return err
}

func put(t *testing.T, client *cloudwatchlogs.Client, group, stream string, times ...int64) error {
	t.Helper()
	events := []types.InputLogEvent{}
	for _, at := range times {
		events = append(events, types.InputLogEvent{Message: aws.String("hello"), Timestamp: aws.Int64(at)})
	}
	_, err := client.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: events})
	return err
}

func TestEventsAreTakenForAStream(t *testing.T) {
	_, client := newClient(t)
	require.NoError(t, create(t, client, group, stream))
	require.NoError(t, put(t, client, group, stream, 1, 2))
}

func TestWhatCloudWatchLogsRefuses(t *testing.T) {
	_, client := newClient(t)
	require.NoError(t, create(t, client, group, stream))
	for name, test := range map[string]struct {
		err   error
		words string
	}{
		"a stream twice":          {create(t, client, group, stream), "ResourceAlreadyExistsException: The specified log stream already exists"},
		"a colon in a name":       {create(t, client, group, "a:b"), "InvalidParameterException"},
		"another group":           {create(t, client, "/waybill/globex", stream), "AccessDeniedException: User: arn:aws:sts::444455556666:assumed-role/acme-pull/i-0123456789abcdef0 is not authorized to perform: logs:CreateLogStream on resource: arn:aws:logs:eu-central-1:444455556666:log-group:/waybill/globex:log-stream:acme/server/1 because no identity-based policy allows the logs:CreateLogStream action"},
		"a stream that is not":    {put(t, client, group, "acme/server/2", 1), "ResourceNotFoundException: The specified log stream does not exist."},
		"no events":               {put(t, client, group, stream), "InvalidParameterException: 1 validation error detected"},
		"events in another order": {put(t, client, group, stream, 2, 1), "InvalidParameterException: Log events in a single PutLogEvents request must be in chronological order."},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, test.err, test.words) })
	}
}

func TestAGroupThatIsDeletedIsNotFound(t *testing.T) {
	s, client := newClient(t)
	require.NoError(t, create(t, client, group, stream))
	require.NoError(t, s.Logs.Delete(Home, group))
	require.ErrorContains(t, create(t, client, group, stream), "ResourceNotFoundException: The specified log group does not exist.")
	require.ErrorContains(t, put(t, client, group, stream, 1), "ResourceNotFoundException: The specified log group does not exist.")
}
