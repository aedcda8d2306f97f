// Package logs holds the log groups of Amazon CloudWatch Logs with their
// streams, per account and Region, in a file that outlives the process.
//
// It refuses what CloudWatch Logs refuses: names out of form, a name twice,
// retention values that it does not offer, and streams of groups that do not
// exist. Retention is kept and nothing expires. Events are taken and not kept.
package logs

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/state"
)

const api = fault.API("CloudWatch Logs")

// NotFound is the code for a group or a stream that does not exist.
const NotFound = "ResourceNotFoundException"

// Retentions are the numbers of days that a group can keep its events; 0 means for ever:
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var Retentions = []int{0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// Settings are what a caller sets.
type Settings struct {
	Name string `json:"name"`
	// RetentionInDays is one of Retentions.
	RetentionInDays int `json:"retentionInDays"`
	// KMSKey is the ARN of the key that encrypts the events; may be empty.
	KMSKey string            `json:"kmsKeyId,omitempty"`
	Tags   map[string]string `json:"tags,omitempty"`
}

// Group is a log group.
type Group struct {
	arn.Place
	Settings
	// Streams by name.
	Streams map[string]bool `json:"streams,omitempty"`
}

// ARN names the group, without the :* that stands for its streams.
func (g Group) ARN() string { return g.Place.ARN("logs", "log-group:"+g.Name) }

// Store holds the log groups of every account.
type Store struct{ store *state.Store[contents] }

// contents is what the file keeps, by ARN.
type contents struct {
	Groups map[string]Group `json:"groups"`
}

func (held contents) groups() map[string]Group { return held.Groups }

// Open reads the file at path, or starts it.
func Open(path string) (*Store, error) {
	store, err := state.OpenStore[contents](path)
	if err != nil {
		return nil, fmt.Errorf("logs: %w", err)
	}
	return &Store{store}, nil
}

// Group finds a log group.
func (s *Store) Group(place arn.Place, name string) (Group, bool) {
	group, found := s.store.Read().Groups[key(place, name)]
	return group, found
}

// Get is DescribeLogGroups for one group.
func (s *Store) Get(place arn.Place, name string) (Group, error) {
	group, found := s.Group(place, name)
	if !found {
		return Group{}, noGroup("DescribeLogGroups")
	}
	return group, nil
}

func key(place arn.Place, name string) string {
	return Group{Place: place, Settings: Settings{Name: name}}.ARN()
}

func noGroup(operation string) error {
	return api.Refuse(operation, http.StatusBadRequest, NotFound, "The specified log group does not exist.")
}

// Forms of names:
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html
var (
	groupForm  = regexp.MustCompile(`^[._/#A-Za-z0-9-]{1,512}$`)
	streamForm = regexp.MustCompile(`^[^:*]{1,512}$`)
)

func (s Settings) check(operation string, place arn.Place) error {
	invalid := func(format string, args ...any) error {
		return api.Refuse(operation, http.StatusBadRequest, "InvalidParameterException", format, args...)
	}
	key, isARN := arn.Parse(s.KMSKey)
	switch {
	case !groupForm.MatchString(s.Name):
		return invalid(`1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint: Member must have length between 1 and 512 and satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`, s.Name)
	case strings.HasPrefix(strings.ToLower(s.Name), "aws/"):
		return invalid("Log groups starting with AWS/ are reserved for AWS.")
	case !slices.Contains(Retentions, s.RetentionInDays):
		return invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %v", s.RetentionInDays, Retentions[1:])
	case s.KMSKey != "" && (!isARN || key.Service != "kms" || key.Region != place.Region):
		return invalid("The specified KMS key does not exist or is not allowed to be used with Arn '%s'", Group{Place: place, Settings: s}.ARN())
	}
	return nil
}

// Create is CreateLogGroup and PutRetentionPolicy.
func (s *Store) Create(place arn.Place, settings Settings) (Group, error) {
	const operation = "CreateLogGroup"
	if err := settings.check(operation, place); err != nil {
		return Group{}, err
	}
	group := Group{Place: place, Settings: settings}
	taken := api.Refuse(operation, http.StatusBadRequest, "ResourceAlreadyExistsException", "The specified log group already exists")
	return group, state.Add(s.store, contents.groups, group.ARN(), group, taken)
}

// Update changes retention, key and tags.
func (s *Store) Update(place arn.Place, settings Settings) (Group, error) {
	const operation = "PutRetentionPolicy"
	return s.change(operation, place, settings.Name, func(group *Group) error {
		group.RetentionInDays, group.KMSKey, group.Tags = settings.RetentionInDays, settings.KMSKey, settings.Tags
		return group.check(operation, place)
	})
}

// change applies an edit to a copy and keeps the copy where nothing is wrong with it.
func (s *Store) change(operation string, place arn.Place, name string, edit func(*Group) error) (Group, error) {
	return state.Edit(s.store, contents.groups, key(place, name), noGroup(operation),
		func(_ contents, group *Group) error { return edit(group) })
}

// Delete is DeleteLogGroup: the streams go, too.
func (s *Store) Delete(place arn.Place, name string) error {
	return state.Remove(s.store, contents.groups, key(place, name), noGroup("DeleteLogGroup"))
}

// CreateStream is CreateLogStream.
func (s *Store) CreateStream(place arn.Place, group, stream string) error {
	const operation = "CreateLogStream"
	_, err := s.change(operation, place, group, func(into *Group) error {
		if !streamForm.MatchString(stream) {
			return api.Refuse(operation, http.StatusBadRequest, "InvalidParameterException",
				"1 validation error detected: Value '%s' at 'logStreamName' failed to satisfy constraint: Member must have length between 1 and 512 and satisfy regular expression pattern: [^:*]*", stream)
		}
		if into.Streams[stream] {
			return api.Refuse(operation, http.StatusBadRequest, "ResourceAlreadyExistsException", "The specified log stream already exists")
		}
		if into.Streams == nil {
			into.Streams = map[string]bool{}
		}
		into.Streams[stream] = true
		return nil
	})
	return err
}

// Put is PutLogEvents. Nobody reads the events.
func (s *Store) Put(place arn.Place, name, stream string) error {
	const operation = "PutLogEvents"
	group, found := s.Group(place, name)
	if !found {
		return noGroup(operation)
	}
	if !group.Streams[stream] {
		return api.Refuse(operation, http.StatusBadRequest, NotFound, "The specified log stream does not exist.")
	}
	return nil
}
